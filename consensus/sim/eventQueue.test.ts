import { expect, test } from "vitest";
import { createEventQueue } from "./eventQueue.ts";
import { createRandom } from "./random.ts";

test("events come by time, those of one time in the order they were added, cancelled ones not at all", () => {
  const random = createRandom(1);
  const queue = createEventQueue();
  const expected: { atMs: number; order: number }[] = [];
  for (let order = 0; order < 500; order++) {
    const atMs = random.int(40);
    const event = queue.add(atMs, () => undefined);
    if (random.chance(0.3)) event.run = undefined;
    else expected.push({ atMs, order });
  }
  expected.sort((a, b) => a.atMs - b.atMs || a.order - b.order);
  const got: { atMs: number; order: number }[] = [];
  for (let event = queue.next(); event !== undefined; event = queue.next())
    got.push({ atMs: event.atMs, order: event.order });
  expect(got).toEqual(expected);
});

test("events added while others are taken find their place", () => {
  const queue = createEventQueue();
  queue.add(10, () => undefined);
  queue.add(5, () => undefined);
  expect(queue.next()?.atMs).toBe(5);
  queue.add(7, () => undefined);
  expect(queue.next()?.atMs).toBe(7);
  expect(queue.next()?.atMs).toBe(10);
  expect(queue.next()).toBeUndefined();
});
