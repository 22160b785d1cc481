import { secp256k1 } from "@noble/curves/secp256k1.js";
import fc from "fast-check";
import { expect, test } from "vitest";
import { sha256 } from "./hash.ts";
import { nobleSecp256k1, secp256k1Implementation } from "./secp256k1.ts";

const ORDER = secp256k1.Point.Fn.ORDER;
const FIELD_PRIME = secp256k1.Point.Fp.ORDER;
const hash = sha256(Buffer.from("a sealed interval"));

const bytesOf = (value: bigint) => Buffer.from(value.toString(16).padStart(64, "0"), "hex");
const numberOf = (bytes: Uint8Array) => BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
const scalarArbitrary = fc.bigInt({ min: 1n, max: ORDER - 1n }).map(bytesOf);

/** The verdict of both implementations, which must be one. */
function verdictOf(publicKey: Uint8Array, digest: Uint8Array, signature: Uint8Array): boolean {
  const native = secp256k1Implementation().verify(publicKey, digest, signature);
  const facts = [publicKey, digest, signature].map((bytes) => Buffer.from(bytes).toString("hex")).join(" ");
  expect(nobleSecp256k1.verify(publicKey, digest, signature), facts).toBe(native);
  return native;
}

test("native and pure-JavaScript secp256k1 give the same keys and signatures, with a low s", () => {
  fc.assert(
    fc.property(scalarArbitrary, fc.uint8Array({ minLength: 32, maxLength: 32 }), (scalar, digest) => {
      const publicKey = secp256k1Implementation().publicKey(scalar);
      const signature = secp256k1Implementation().sign(scalar, digest);
      expect(Buffer.from(nobleSecp256k1.publicKey(scalar))).toEqual(Buffer.from(publicKey));
      expect(Buffer.from(nobleSecp256k1.sign(scalar, digest))).toEqual(Buffer.from(signature));
      expect(numberOf(signature.subarray(32)) <= ORDER / 2n).toBe(true);
      expect(verdictOf(publicKey, digest, signature)).toBe(true);
    }),
    { numRuns: 30 },
  );
});

test("a signature with the other s, which anybody can compute, is refused", () => {
  const scalar = bytesOf(7n);
  const publicKey = secp256k1Implementation().publicKey(scalar);
  const signature = secp256k1Implementation().sign(scalar, hash);
  const high = Buffer.concat([signature.subarray(0, 32), bytesOf(ORDER - numberOf(signature.subarray(32)))]);
  expect(verdictOf(publicKey, hash, high)).toBe(false);
});

test("r and s at the ends of their range are judged alike", () => {
  const publicKey = secp256k1Implementation().publicKey(bytesOf(7n));
  const ends = [0n, 1n, ORDER / 2n, ORDER / 2n + 1n, ORDER - 1n, ORDER, ORDER + 1n, 2n ** 256n - 1n];
  for (const r of ends)
    for (const s of ends) expect(verdictOf(publicKey, hash, Buffer.concat([bytesOf(r), bytesOf(s)]))).toBe(false);
});

test("a zero hash and one above the order are judged alike", () => {
  for (const digest of [Buffer.alloc(32), bytesOf(ORDER), bytesOf(ORDER + 5n), Buffer.alloc(32, 0xff)]) {
    // The nonces of the two differ for a hash above the order (RFC 6979 §2.3.4 reduces it, libsecp256k1 does not); both signatures hold.
    for (const implementation of [secp256k1Implementation(), nobleSecp256k1]) {
      const signature = implementation.sign(bytesOf(9n), digest);
      expect(verdictOf(secp256k1Implementation().publicKey(bytesOf(9n)), digest, signature)).toBe(true);
    }
  }
});

test("keys of other forms, and points that are not on the curve, are refused", () => {
  const publicKey = Buffer.from(secp256k1Implementation().publicKey(bytesOf(7n)));
  const signature = secp256k1Implementation().sign(bytesOf(7n), hash);
  for (const prefix of [0x00, 0x01, 0x04, 0x05, 0x06, 0x07, 0xff]) {
    const other = Buffer.from(publicKey);
    other[0] = prefix;
    expect(verdictOf(other, hash, signature)).toBe(false);
  }
  const withX = (x: bigint) => Buffer.concat([publicKey.subarray(0, 1), bytesOf(x)]);
  for (const x of [0n, 5n, FIELD_PRIME, FIELD_PRIME + (numberOf(publicKey.subarray(1)) % 900n), 2n ** 256n - 1n])
    expect(verdictOf(withX(x), hash, signature)).toBe(false);
});

test("a flipped bit of key, hash or signature is refused alike", () => {
  fc.assert(
    fc.property(scalarArbitrary, fc.nat((33 + 32 + 64) * 8 - 1), (scalar, bit) => {
      const parts = [secp256k1Implementation().publicKey(scalar), hash, secp256k1Implementation().sign(scalar, hash)];
      const all = Buffer.concat(parts);
      all[bit >> 3] = (all[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(verdictOf(all.subarray(0, 33), all.subarray(33, 65), all.subarray(65))).toBe(false);
    }),
    { numRuns: 60 },
  );
});

test("a private key is a scalar from 1 to the order less 1", () => {
  const cases: readonly [bigint, boolean][] = [
    [0n, false],
    [1n, true],
    [ORDER - 1n, true],
    [ORDER, false],
    [2n ** 256n - 1n, false],
  ];
  for (const [scalar, valid] of cases)
    for (const implementation of [secp256k1Implementation(), nobleSecp256k1])
      expect(implementation.isPrivateKey(bytesOf(scalar))).toBe(valid);
});
