import { expect, test } from "vitest";
import { IntervalError } from "./interval.ts";
import { commitSum, periodHashClear, periodHashCommitted, verifySumOpening } from "./intervalHash.ts";

const A = new Uint8Array(32).fill(1);
const B = new Uint8Array(32).fill(2);
const C = new Uint8Array(32).fill(3);

function codeOf(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    if (error instanceof IntervalError) return error.code;
    throw error;
  }
  return undefined;
}

test("the opening of a commitment is accepted and any other is not", () => {
  const opening = { sum: -5n, count: 60, salt: A };
  const commitment = commitSum(opening);
  expect(verifySumOpening(commitment, opening)).toStrictEqual({ accepted: true });
  for (const other of [{ sum: 5n }, { sum: -6n }, { count: 61 }, { salt: B }])
    expect(verifySumOpening(commitment, { ...opening, ...other })).toMatchObject({ code: "SUM_OPENING_MISMATCH" });
  expect(verifySumOpening(commitment.subarray(1), opening)).toMatchObject({ code: "SUM_OPENING_MISMATCH" });
});

test("an opening out of shape is refused before it is hashed", () => {
  const opening = { sum: 1n, count: 1, salt: A };
  const commitment = commitSum(opening);
  for (const other of [
    { sum: 2n ** 63n },
    { sum: -(2n ** 63n) - 1n },
    { count: 2 ** 32 },
    { count: -1 },
    { count: 0.5 },
    { salt: A.subarray(1) },
  ])
    expect(verifySumOpening(commitment, { ...opening, ...other })).toMatchObject({ code: "SUM_OPENING_MALFORMED" });
});

test("the extremes of int64 and uint32 can be committed", () => {
  for (const sum of [2n ** 63n - 1n, -(2n ** 63n)]) {
    const opening = { sum, count: 2 ** 32 - 1, salt: A };
    expect(verifySumOpening(commitSum(opening), opening)).toStrictEqual({ accepted: true });
  }
});

test("the period hash depends on each of its parts, and the clear form is never the committed one", () => {
  const hashes = [
    periodHashClear(A, 1n, 2, B),
    periodHashClear(C, 1n, 2, B),
    periodHashClear(A, 2n, 2, B),
    periodHashClear(A, 1n, 3, B),
    periodHashClear(A, 1n, 2, C),
    periodHashCommitted(A, commitSum({ sum: 1n, count: 2, salt: C }), 2, B),
    periodHashCommitted(A, C, 2, B),
    periodHashCommitted(B, C, 2, B),
    periodHashCommitted(A, C, 3, B),
    periodHashCommitted(A, C, 2, A),
  ].map((bytes) => Buffer.from(bytes).toString("hex"));
  expect(new Set(hashes).size).toBe(hashes.length);
});

test("parts of the wrong size are refused with a code", () => {
  const short = A.subarray(1);
  for (const act of [
    () => periodHashClear(short, 1n, 1, A),
    () => periodHashClear(A, 1n, 1, short),
    () => periodHashCommitted(short, A, 1, A),
    () => periodHashCommitted(A, short, 1, A),
    () => periodHashCommitted(A, A, 1, short),
    () => commitSum({ sum: 1n, count: 1, salt: short }),
  ])
    expect(codeOf(act)).toBe("INTERVAL_BYTES_LENGTH");
  for (const act of [
    () => periodHashClear(A, 2n ** 63n, 1, A),
    () => periodHashClear(A, 1n, 2 ** 32, A),
    () => periodHashCommitted(A, A, -1, A),
    () => commitSum({ sum: -(2n ** 63n) - 1n, count: 1, salt: A }),
  ])
    expect(codeOf(act)).toBe("INTERVAL_NUMBER_OUT_OF_RANGE");
});
