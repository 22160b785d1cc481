import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { amendmentSaltKey, amendmentSeed, amendmentSumSalt, amendmentsOrigin } from "./amendment.ts";
import type { AmendmentVector } from "./amendmentVectors.ts";
import { IntervalError } from "./interval.ts";
import { readingSaltKey } from "./intervalSecrets.ts";
import { hex, hmac, rfc6962, sha256, uint } from "./testLayouts.ts";

const VECTORS = new URL("../testdata/fingerprint.json", import.meta.url);

interface Vectors {
  readonly ledgerId: string;
  readonly meterId: string;
  readonly secret: string;
  readonly periods: readonly {
    readonly seed: string;
    readonly intervals: readonly { readonly endMs: number; readonly fingerprint: string }[];
  }[];
  readonly amendments: readonly AmendmentVector[];
}

test("the vectors of amendments follow from the documented layouts alone, and begin at the fingerprints of their intervals", () => {
  const vectors: Vectors = JSON.parse(readFileSync(VECTORS, "utf8"));
  const secret = Buffer.from(vectors.secret, "hex");
  const name = Buffer.concat(
    [vectors.ledgerId, vectors.meterId].flatMap((text) => [uint(1, text.length), Buffer.from(text)]),
  );
  const period = vectors.periods[0];
  expect(vectors.amendments.map(({ amendment }) => amendment)).toEqual([1, 2, 1]);
  let [previous, clear, committed]: Buffer[] = [];
  for (const vector of vectors.amendments) {
    const bounds = Buffer.concat([uint(8, vector.startMs), uint(8, vector.endMs)]);
    if (vector.amendment === 1) {
      const interval = period?.intervals.find(({ endMs }) => endMs === vector.endMs);
      previous = Buffer.from(interval?.fingerprint ?? "", "hex");
      clear = committed = sha256(Buffer.of(0x1b), Buffer.from(vectors.meterId), bounds);
    }
    const position = Buffer.concat([bounds, uint(8, vector.amendment)]);
    const seed = hmac(Buffer.from(period?.seed ?? "", "hex"), Buffer.of(0x18), position, previous as Buffer);
    const saltKey = hmac(secret, Buffer.of(0x19), name, position);
    const salt = hmac(secret, Buffer.of(0x1a), name, position);
    let fingerprint: Buffer = seed;
    let sum = 0n;
    const leaves: Buffer[] = [];
    for (const [i, [value, timestampMs]] of vector.readings.entries()) {
      const measured = Buffer.concat([uint(8, value), uint(8, timestampMs)]);
      fingerprint = sha256(Buffer.of(0x10), measured, fingerprint);
      leaves.push(sha256(Buffer.of(0), hmac(saltKey, uint(4, i)), measured));
      sum += BigInt(value);
    }
    const count = uint(4, leaves.length);
    const commitment = sha256(Buffer.of(0x12), salt, uint(8, sum), count);
    clear = sha256(Buffer.of(0x11), fingerprint, uint(8, sum), count, clear as Buffer);
    committed = sha256(Buffer.of(0x13), fingerprint, commitment, count, committed as Buffer);
    expect(vector).toMatchObject({
      previousFingerprint: hex(previous as Buffer),
      seed: hex(seed),
      saltKey: hex(saltKey),
      fingerprint: hex(fingerprint),
      readingsRoot: hex(rfc6962(leaves)),
      sumSalt: hex(salt),
      sumCommitment: hex(commitment),
      amendmentsHashClear: hex(clear),
      amendmentsHashCommitted: hex(committed),
    });
    previous = fingerprint;
  }
});

const owner = { ledgerId: "ledger", meterId: "lcl:1", secret: new Uint8Array(32).fill(1) };
const position = { startMs: 0, endMs: 1000, amendment: 1 };
const hash = new Uint8Array(32).fill(2);

test("every number of the position, the previous fingerprint and the secrets make another seed, and salts are not the interval's", () => {
  const others = [{ startMs: 1 }, { endMs: 1001 }, { amendment: 2 }].map((other) => ({ ...position, ...other }));
  const seeds = [position, ...others].map((each) => hex(amendmentSeed(hash, each, hash)));
  seeds.push(hex(amendmentSeed(owner.secret, position, hash)), hex(amendmentSeed(hash, position, owner.secret)));
  const keys = [position, ...others].flatMap((each) => [amendmentSaltKey(owner, each), amendmentSumSalt(owner, each)]);
  const all = [...seeds, ...keys.map(hex), hex(readingSaltKey(owner, 0, 1000))];
  expect(new Set(all).size).toBe(all.length);
});

test.each<[string, string, () => unknown]>([
  ["a period seed of 31 bytes", "INTERVAL_BYTES_LENGTH", () => amendmentSeed(hash.subarray(1), position, hash)],
  ["a fingerprint of 33 bytes", "INTERVAL_BYTES_LENGTH", () => amendmentSeed(hash, position, new Uint8Array(33))],
  [
    "a negative number",
    "INTERVAL_NUMBER_OUT_OF_RANGE",
    () => amendmentSeed(hash, { ...position, amendment: -1 }, hash),
  ],
  ["a fraction", "INTERVAL_NUMBER_OUT_OF_RANGE", () => amendmentSaltKey(owner, { ...position, startMs: 0.5 })],
  ["a time that is no number", "INTERVAL_NUMBER_OUT_OF_RANGE", () => amendmentsOrigin("m", Number.NaN, 1)],
  ["a meter id with a space", "INTERVAL_NAME_INVALID", () => amendmentsOrigin("a b", 0, 1)],
])("%s is refused", (_name, code, derive) => {
  expect(derive).toThrow(IntervalError);
  expect(derive).toThrow(code);
});
