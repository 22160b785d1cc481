import fc from "fast-check";
import { expect, test } from "vitest";
import { merkleRoot } from "../crypto/merkle.ts";
import { IntervalError } from "./interval.ts";
import { readingSalt } from "./intervalSecrets.ts";
import { proveReading, ReadingsRootStream, readingLeafHash, verifyReading } from "./readingsRoot.ts";

const KEY = new Uint8Array(32).fill(5);

interface Salted {
  readonly salt: Uint8Array;
  readonly value: number;
  readonly timestampMs: number;
}

function saltedReadings(count: number): readonly Salted[] {
  return Array.from({ length: count }, (_, i) => ({
    salt: readingSalt(KEY, i),
    value: i % 3 === 0 ? -i : i * 1000,
    timestampMs: 1_700_000_000_000 + i * 60_000,
  }));
}

function rootOf(readings: readonly Salted[]): Uint8Array {
  const stream = new ReadingsRootStream();
  for (const { salt, value, timestampMs } of readings) stream.append(salt, value, timestampMs);
  return stream.root();
}

function leafHashesOf(readings: readonly Salted[]): Uint8Array[] {
  return readings.map(({ salt, value, timestampMs }) => readingLeafHash(salt, value, timestampMs));
}

test("the streamed root is the Merkle root of the salted readings, for every count from 0 to 300", () => {
  const readings = saltedReadings(300);
  const items = readings.map(({ salt, value, timestampMs }) => {
    const item = Buffer.alloc(48);
    item.set(salt);
    item.writeBigInt64BE(BigInt(value), 32);
    item.writeBigUInt64BE(BigInt(timestampMs), 40);
    return item;
  });
  const stream = new ReadingsRootStream();
  for (let count = 0; count <= 300; count++) {
    expect(Buffer.compare(stream.root(), merkleRoot(items.slice(0, count)))).toBe(0);
    expect(stream.heldHashes).toBeLessThanOrEqual(Math.floor(Math.log2(Math.max(count, 1))) + 1);
    const next = readings[count];
    if (next !== undefined) stream.append(next.salt, next.value, next.timestampMs);
  }
});

test("the root of no readings is SHA256 of nothing", () => {
  expect(Buffer.from(rootOf([])).toString("hex")).toBe(
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  );
});

test("a hundred thousand readings are rooted with at most 17 hashes held", () => {
  const stream = new ReadingsRootStream();
  const leaf = readingLeafHash(KEY, 1, 2);
  let held = 0;
  for (let i = 0; i < 100_000; i++) {
    stream.appendLeafHash(leaf);
    held = Math.max(held, stream.heldHashes);
  }
  expect(held).toBeLessThanOrEqual(17);
});

test("every reading of every small interval is proved, and only by its own proof", () => {
  for (let total = 1; total <= 33; total++) {
    const readings = saltedReadings(total);
    const root = { root: rootOf(readings), count: total };
    const leafHashes = leafHashesOf(readings);
    for (const [index, reading] of readings.entries()) {
      const proof = proveReading(leafHashes, index, reading);
      expect(verifyReading(root, proof)).toStrictEqual({ accepted: true });
      expect(verifyReading(root, { ...proof, value: reading.value + 1 })).toMatchObject({
        code: "READING_PROOF_MISMATCH",
      });
      expect(verifyReading(root, { ...proof, timestampMs: 1 })).toMatchObject({ code: "READING_PROOF_MISMATCH" });
      expect(verifyReading(root, { ...proof, salt: KEY })).toMatchObject({ code: "READING_PROOF_MISMATCH" });
      expect(verifyReading(root, { ...proof, index: (index + 1) % (total + 1) }).accepted).toBe(false);
    }
  }
});

test("a reading cannot be shown at another's place with a count that was not sealed", () => {
  const readings = saltedReadings(5);
  const root = rootOf(readings);
  // The last of five stands alone on the right: of two leaves it would be the second.
  const last = proveReading(leafHashesOf(readings), 4, readings[4]!);
  const moved = { ...last, index: 1, total: 2 };
  expect(verifyReading({ root, count: 5 }, last)).toStrictEqual({ accepted: true });
  expect(verifyReading({ root, count: 2 }, moved)).toStrictEqual({ accepted: true });
  expect(verifyReading({ root, count: 5 }, moved)).toMatchObject({ code: "READING_PROOF_MALFORMED" });
});

test("a flipped bit in root, salt or any aunt is refused", () => {
  const readings = saltedReadings(21);
  const root = { root: rootOf(readings), count: readings.length };
  const proof = proveReading(leafHashesOf(readings), 13, readings[13]!);
  const flip = (bytes: Uint8Array, bit: number): Uint8Array => {
    const flipped = Uint8Array.from(bytes);
    flipped[bit >> 3]! ^= 1 << (bit & 7);
    return flipped;
  };
  fc.assert(
    fc.property(fc.nat({ max: 255 }), fc.nat({ max: proof.aunts.length - 1 }), (bit, at) => {
      expect(verifyReading({ ...root, root: flip(root.root, bit) }, proof)).toMatchObject({
        code: "READING_PROOF_MISMATCH",
      });
      expect(verifyReading(root, { ...proof, salt: flip(proof.salt, bit) }).accepted).toBe(false);
      const aunts = proof.aunts.map((aunt, i) => (i === at ? flip(aunt, bit) : aunt));
      expect(verifyReading(root, { ...proof, aunts })).toMatchObject({ code: "READING_PROOF_MISMATCH" });
    }),
  );
});

test("a proof out of shape is refused before anything is hashed", () => {
  const readings = saltedReadings(5);
  const root = rootOf(readings);
  const proof = proveReading(leafHashesOf(readings), 2, readings[2]!);
  // Counts as sealed too, so that the shape alone is at fault.
  for (const change of [
    { index: -1 },
    { index: 5 },
    { index: 0.5 },
    { total: 0 },
    { total: 2 ** 60 },
    { total: 9 },
    { salt: new Uint8Array(31) },
    { value: 0.5 },
    { timestampMs: -1 },
    { aunts: proof.aunts.slice(1) },
    { aunts: [...proof.aunts, KEY] },
    { aunts: proof.aunts.map((aunt) => aunt.subarray(1)) },
    { aunts: Array.from({ length: 101 }, () => KEY) },
  ])
    expect(verifyReading({ root, count: { ...proof, ...change }.total }, { ...proof, ...change })).toMatchObject({
      code: "READING_PROOF_MALFORMED",
    });
  expect(verifyReading({ root: root.subarray(1), count: 5 }, proof)).toMatchObject({ code: "READING_PROOF_MALFORMED" });
});

test("erasing a reading's value and salt leaves the root and the proofs of its neighbours valid", () => {
  const readings = saltedReadings(60);
  const root = rootOf(readings);
  const erased = 30;
  const leafHashes = leafHashesOf(readings);
  const left = readings.map((reading, i) => (i === erased ? undefined : reading));
  const stream = new ReadingsRootStream();
  for (const [i, reading] of left.entries()) {
    if (reading === undefined) stream.appendLeafHash(leafHashes[i]!);
    else stream.append(reading.salt, reading.value, reading.timestampMs);
  }
  expect(stream.root()).toStrictEqual(root);
  for (const [i, reading] of left.entries())
    if (reading !== undefined)
      expect(verifyReading({ root, count: 60 }, proveReading(leafHashes, i, reading)).accepted).toBe(true);
});

test("an index outside the interval, a short leaf hash and a short salt are refused with a code", () => {
  const codeOf = (act: () => unknown): unknown => {
    try {
      act();
    } catch (error) {
      if (error instanceof IntervalError) return error.code;
      throw error;
    }
    return undefined;
  };
  const [reading] = saltedReadings(1);
  expect(codeOf(() => proveReading([KEY], 1, reading!))).toBe("INTERVAL_INDEX_OUT_OF_RANGE");
  expect(codeOf(() => proveReading([], 0, reading!))).toBe("INTERVAL_INDEX_OUT_OF_RANGE");
  expect(codeOf(() => new ReadingsRootStream().appendLeafHash(KEY.subarray(1)))).toBe("INTERVAL_BYTES_LENGTH");
  expect(codeOf(() => readingLeafHash(KEY.subarray(1), 0, 0))).toBe("INTERVAL_BYTES_LENGTH");
  expect(codeOf(() => readingLeafHash(KEY, 0.5, 0))).toBe("INTERVAL_NUMBER_OUT_OF_RANGE");
});

test("a stream that keeps its leaves has them all, in order, for every count", () => {
  const readings = saltedReadings(100);
  const stream = new ReadingsRootStream({ keepLeaves: true });
  const expected = leafHashesOf(readings);
  for (const [index, { salt, value, timestampMs }] of readings.entries()) {
    expect(stream.leaves()).toEqual(new Uint8Array(Buffer.concat(expected.slice(0, index))));
    if (index % 2 === 0) stream.append(salt, value, timestampMs);
    else stream.appendLeafHash(expected[index] as Uint8Array);
  }
  expect(stream.leaves()).toEqual(new Uint8Array(Buffer.concat(expected)));
  expect(new ReadingsRootStream().leaves()).toBeUndefined();
});
