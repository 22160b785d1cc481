import { expect, test } from "vitest";
import { clientKey, createRateLimiter } from "./rateLimit.ts";

test("a burst of twice the rate is allowed, then one request per refilled token", () => {
  let nowMs = 0;
  const limiter = createRateLimiter({ perSecond: 10, nowMs: () => nowMs });
  for (let i = 0; i < 20; i++) expect(limiter.take("a")).toBe(0);
  expect(limiter.take("a")).toBe(100);
  expect(limiter.take("b")).toBe(0);
  nowMs = 99;
  expect(limiter.take("a")).toBe(1);
  nowMs = 100;
  expect(limiter.take("a")).toBe(0);
  expect(limiter.take("a")).toBeGreaterThan(0);
});

test("remembered addresses are bounded, the longest unused is forgotten first", () => {
  const limiter = createRateLimiter({ perSecond: 1, nowMs: () => 0, maxAddresses: 2 });
  for (const address of ["a", "a", "b", "b"]) expect(limiter.take(address)).toBe(0);
  expect(limiter.take("a")).toBeGreaterThan(0);
  expect(limiter.take("c")).toBe(0);
  expect(limiter.take("a")).toBeGreaterThan(0);
  expect(limiter.take("b")).toBe(0);
});

test.each([
  ["192.0.2.1", "192.0.2.1"],
  ["::ffff:192.0.2.1", "192.0.2.1"],
  ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
  ["2001:db8::6", "2001:db8:0:0::/64"],
  ["::1", "0:0:0:0::/64"],
])("the client of %s is %s", (address, key) => {
  expect(clientKey(address)).toBe(key);
});
