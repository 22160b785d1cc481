/** Something that happens at a time of the virtual clock. */
export interface TimedEvent {
  readonly atMs: number;
  readonly order: number;
  run: (() => void) | undefined;
}

/** What is still to happen, by time, then by order of scheduling: a binary heap. */
export interface EventQueue {
  add(atMs: number, run: () => void): TimedEvent;
  /** Takes out the next event that was not cancelled (`run` set to undefined cancels). */
  next(): TimedEvent | undefined;
}

export function createEventQueue(): EventQueue {
  const heap: TimedEvent[] = [];
  let order = 0;
  const isBefore = (a: TimedEvent, b: TimedEvent) => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);

  function sink(moved: TimedEvent): void {
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as TimedEvent, heap[child] as TimedEvent)) child++;
      if (!isBefore(heap[child] as TimedEvent, moved)) break;
      heap[at] = heap[child] as TimedEvent;
      at = child;
    }
    heap[at] = moved;
  }

  return {
    add(atMs, run) {
      const event = { atMs, order: order++, run };
      let at = heap.length;
      heap.push(event);
      while (at > 0) {
        const parent = (at - 1) >> 1;
        if (!isBefore(event, heap[parent] as TimedEvent)) break;
        heap[at] = heap[parent] as TimedEvent;
        at = parent;
      }
      heap[at] = event;
      return event;
    },
    next() {
      for (;;) {
        const first = heap[0];
        const last = heap.pop();
        if (first === undefined || last === undefined) return undefined;
        if (heap.length > 0) sink(last);
        if (first.run !== undefined) return first;
      }
    },
  };
}
