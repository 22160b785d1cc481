import type { QueueItem } from "./tip.ts";

/**
 * The engine's inputs in order. A peer's messages are bounded in bytes: what it sends beyond that is dropped, and the status exchange
 * brings it again if it mattered. Our own items are few and never dropped.
 */
export interface InputQueue {
  /** False when the item was dropped. */
  push(item: QueueItem): boolean;
  pushFirst(items: readonly QueueItem[]): void;
  shift(): QueueItem | undefined;
}

/** What a message takes beside its bytes. Without it empty ones would cost nothing, and there could be any number of them. */
export const MESSAGE_OVERHEAD_BYTES = 256;

function sizeOf(message: Extract<QueueItem, { type: "message" }>): number {
  return message.bytes.length + MESSAGE_OVERHEAD_BYTES;
}

export function createInputQueue(maxBytesPerPeer: number): InputQueue {
  let items: (QueueItem | undefined)[] = [];
  let head = 0;
  const bytesOfPeer = new Map<string, number>();

  return {
    push(item) {
      if (item.type === "message") {
        const bytes = (bytesOfPeer.get(item.peer) ?? 0) + sizeOf(item);
        if (bytes > maxBytesPerPeer) return false;
        bytesOfPeer.set(item.peer, bytes);
      }
      items.push(item);
      return true;
    },

    pushFirst(first) {
      for (const item of first)
        if (item.type === "message") bytesOfPeer.set(item.peer, (bytesOfPeer.get(item.peer) ?? 0) + sizeOf(item));
      items = [...first, ...items.slice(head)];
      head = 0;
    },

    shift() {
      const item = items[head];
      if (item === undefined) return undefined;
      items[head++] = undefined;
      if (head === items.length) {
        items = [];
        head = 0;
      }
      if (item.type === "message") {
        const left = (bytesOfPeer.get(item.peer) ?? 0) - sizeOf(item);
        if (left > 0) bytesOfPeer.set(item.peer, left);
        else bytesOfPeer.delete(item.peer);
      }
      return item;
    },
  };
}
