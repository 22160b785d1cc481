import type { NetworkClock } from "./clock.ts";

/** A clock that stands still until it is told to go on; its chance is a fixed number. For tests. */
export interface ManualClock extends NetworkClock {
  /** Goes on by `ms` and runs what is due, in order of time. */
  advance(ms: number): void;
  readonly scheduled: number;
}

export function createManualClock(chance = 0.5): ManualClock {
  let now = 0;
  const timers = new Set<{ readonly atMs: number; readonly run: () => void }>();
  return {
    get scheduled() {
      return timers.size;
    },
    nowMs: () => now,
    random: () => chance,
    schedule(ms, run) {
      const timer = { atMs: now + ms, run };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    advance(ms) {
      const end = now + ms;
      for (;;) {
        const due = [...timers].filter(({ atMs }) => atMs <= end).sort((a, b) => a.atMs - b.atMs)[0];
        if (due === undefined) break;
        timers.delete(due);
        now = Math.max(now, due.atMs);
        due.run();
      }
      now = end;
    },
  };
}
