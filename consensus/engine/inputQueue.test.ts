import { expect, test } from "vitest";
import { createInputQueue, MESSAGE_OVERHEAD_BYTES } from "./inputQueue.ts";
import type { QueueItem } from "./tip.ts";

const message = (peer: string, bytes: number): QueueItem => ({ type: "message", peer, bytes: new Uint8Array(bytes) });

function pushedOf(maxBytes: number, peer: string, bytes: number): number {
  const queue = createInputQueue(maxBytes);
  let pushed = 0;
  while (pushed < 100_000 && queue.push(message(peer, bytes))) pushed += 1;
  return pushed;
}

test("messages of a peer are bounded in number too: an empty one is not free", () => {
  expect(pushedOf(64 * 1024, "a", 0)).toBe((64 * 1024) / MESSAGE_OVERHEAD_BYTES);
  expect(pushedOf(64 * 1024, "a", 1024)).toBe(Math.floor((64 * 1024) / (1024 + MESSAGE_OVERHEAD_BYTES)));
});

test("what was taken out makes room again, one peer's flood leaves room for the other, and items keep their order", () => {
  const queue = createInputQueue(2 * MESSAGE_OVERHEAD_BYTES);
  const items = [message("a", 0), message("a", 0), message("b", 0)];
  for (const item of items) expect(queue.push(item)).toBe(true);
  expect(queue.push(message("a", 0))).toBe(false);
  expect(queue.shift()).toBe(items[0]);
  expect(queue.push(message("a", 0))).toBe(true);
  expect([queue.shift(), queue.shift()]).toEqual(items.slice(1));
  queue.pushFirst([message("b", 5)]);
  expect(queue.shift()).toEqual(message("b", 5));
  expect(queue.shift()).toEqual(message("a", 0));
  expect(queue.shift()).toBeUndefined();
  expect(queue.push(message("a", MESSAGE_OVERHEAD_BYTES))).toBe(true);
});
