import fc from "fast-check";
import { expect, test } from "vitest";
import { divideHalfEven, scaledRatio, thousandths } from "./ratio.ts";

test("scaled ratios are exact, whatever the size of the numbers", () => {
  const integers = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
  fc.assert(
    fc.property(
      integers,
      fc.integer({ min: 1, max: 10_000_000 }),
      fc.integer({ min: 1, max: 2 ** 53 - 1 }),
      (a, factor, b) => {
        const floor = (BigInt(a) * BigInt(factor)) / BigInt(b);
        const max = 2 ** 32 - 1;
        expect(BigInt(scaledRatio(a, factor, b, max))).toBe(floor > BigInt(max) ? BigInt(max) : floor);
      },
    ),
  );
});

test("halves go to the even neighbour", () => {
  expect([5n, 15n, 25n, -5n, -15n, 14n, 16n].map((a) => divideHalfEven(a, 10n))).toEqual([0n, 2n, 2n, 0n, -2n, 1n, 2n]);
  expect([thousandths(1n, 8n), thousandths(-1n, 16n), thousandths(1n, -3n), thousandths(1n, 0n)]).toEqual([
    125,
    -62,
    -333,
    undefined,
  ]);
});
