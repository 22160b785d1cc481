import { expect, test } from "vitest";
import { RateLimit } from "./rateLimit.ts";

test("a device has so many messages for one second; another second and another device have their own", () => {
  const rates = new RateLimit(2);
  const take = (device: string, ms: number): boolean => rates.take(device, ms);
  expect([take("a", 1000), take("a", 1999), take("a", 1500), take("a", 2000), take("b", 1000)]).toEqual([
    true,
    true,
    false,
    true,
    true,
  ]);
});

test("a backlog of a month comes at once and is no flood", () => {
  const rates = new RateLimit(1);
  for (let second = 0; second < 10_000; second += 1) expect(rates.take("a", second * 5000)).toBe(true);
});

test("going to and fro between seconds does not help", () => {
  const rates = new RateLimit(3);
  const taken = Array.from({ length: 100 }, (_, index) => rates.take("a", (index % 10) * 1000)).filter(Boolean);
  expect(taken).toHaveLength(30);
});
