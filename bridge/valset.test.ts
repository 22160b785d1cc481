import { expect, test } from "vitest";
import { decodeValset, encodeValset, isQuorum, MAX_VALSET_MEMBERS } from "./valset.ts";

const member = (n: number, power = 1n) => ({ address: `0x${n.toString(16).padStart(40, "0")}`, power });
const codeOf = (body: () => unknown) => {
  try {
    body();
  } catch (error) {
    return (error as { code: string }).code;
  }
  return "none";
};

test("a set that the contract would refuse is not encoded", () => {
  const many = (count: number) => Array.from({ length: count }, (_, i) => member(i + 1));
  expect(encodeValset(many(MAX_VALSET_MEMBERS)).length).toBe(28 * 256);
  expect(codeOf(() => encodeValset(many(MAX_VALSET_MEMBERS + 1)))).toBe("BRIDGE_VALSET_MEMBERS");
  expect(codeOf(() => encodeValset([]))).toBe("BRIDGE_VALSET_MEMBERS");
  expect(codeOf(() => encodeValset([member(0)]))).toBe("BRIDGE_VALSET_ORDER");
  expect(codeOf(() => encodeValset([member(1), member(1)]))).toBe("BRIDGE_VALSET_ORDER");
  expect(codeOf(() => encodeValset([member(1, 0n)]))).toBe("BRIDGE_VALSET_POWER");
  expect(codeOf(() => encodeValset([member(1, 2n ** 64n)]))).toBe("BRIDGE_VALSET_POWER");
});

test("bytes of a set are read in the one order, and nothing else is", () => {
  const bytes = encodeValset([member(2, 5n), member(1, 2n ** 64n - 1n)]);
  expect(decodeValset(bytes)).toEqual([member(1, 2n ** 64n - 1n), member(2, 5n)]);
  expect(codeOf(() => decodeValset(bytes.subarray(1)))).toBe("BRIDGE_VALSET_LENGTH");
  expect(codeOf(() => decodeValset(new Uint8Array(0)))).toBe("BRIDGE_VALSET_MEMBERS");
  expect(codeOf(() => decodeValset(new Uint8Array(28)))).toBe("BRIDGE_VALSET_ORDER");
  expect(codeOf(() => decodeValset(Buffer.concat([bytes.subarray(28), bytes.subarray(0, 28)])))).toBe(
    "BRIDGE_VALSET_ORDER",
  );
  const powerless = Uint8Array.from(bytes).fill(0, 20, 28);
  expect(codeOf(() => decodeValset(powerless))).toBe("BRIDGE_VALSET_POWER");
});

test("two thirds are no quorum, one unit more is", () => {
  expect([isQuorum(20n, 30n), isQuorum(21n, 30n), isQuorum(66n, 100n), isQuorum(67n, 100n)]).toEqual([
    false,
    true,
    false,
    true,
  ]);
});
