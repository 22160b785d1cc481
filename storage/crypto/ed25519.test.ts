import { ed25519 } from "@noble/curves/ed25519.js";
import { sha512 } from "@noble/hashes/sha2.js";
import fc from "fast-check";
import { expect, test } from "vitest";
import { ed25519Implementation, nobleEd25519, verifyZip215 } from "./ed25519.ts";
import { sha256 } from "./hash.ts";

const { Point } = ed25519;
type CurvePoint = InstanceType<typeof Point>;

const ORDER = Point.Fn.ORDER;
/** 2^255 - 19. */
const PRIME = 2n ** 255n - 19n;
const seedArbitrary = fc.uint8Array({ minLength: 32, maxLength: 32 });
const message = Buffer.from("a sealed interval");
const secret = ed25519.utils.getExtendedPublicKey(sha256(Buffer.from("edge"))).scalar;

/** All eight points of small order; the generator has order 8. */
const TORSION: readonly CurvePoint[] = (() => {
  const generator = Point.fromBytes(
    Buffer.from("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", "hex"),
  );
  const points = [Point.ZERO];
  for (let i = 1; i < 8; i++) points.push((points[i - 1] as CurvePoint).add(generator));
  return points;
})();

function littleEndian(value: bigint): Buffer {
  return Buffer.from(value.toString(16).padStart(64, "0"), "hex").reverse();
}

function scalarOf(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString("hex")}`);
}

function timesBase(scalar: bigint): CurvePoint {
  return scalar === 0n ? Point.ZERO : Point.BASE.multiply(scalar);
}

function challengeOf(publicKey: Uint8Array, encodedR: Uint8Array, text: Uint8Array): bigint {
  return scalarOf(sha512(Buffer.concat([encodedR, publicKey, text]))) % ORDER;
}

/** Signs with S = r + k · scalar for any encodings of the key and R, which need not be the honest ones. */
function signAs(publicKey: Uint8Array, encodedR: Uint8Array, r: bigint, scalar: bigint, text: Uint8Array): Buffer {
  const challenge = challengeOf(publicKey, encodedR, text);
  return Buffer.concat([encodedR, littleEndian((r + challenge * scalar) % ORDER)]);
}

/** The verdict of both implementations of the transaction rule, which must be one. */
function verdictOf(publicKey: Uint8Array, text: Uint8Array, signature: Uint8Array): boolean {
  const native = ed25519Implementation.verify(publicKey, text, signature);
  const facts = [publicKey, text, signature].map((bytes) => Buffer.from(bytes).toString("hex")).join(" ");
  expect(nobleEd25519.verify(publicKey, text, signature), facts).toBe(native);
  return native;
}

test("RFC 8032 test 1", () => {
  const seed = Buffer.from("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60", "hex");
  const publicKey = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
  const signature =
    "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b";
  for (const implementation of [ed25519Implementation, nobleEd25519]) {
    expect(Buffer.from(implementation.publicKey(seed)).toString("hex")).toBe(publicKey);
    expect(Buffer.from(implementation.sign(seed, Buffer.alloc(0))).toString("hex")).toBe(signature);
    expect(implementation.verify(Buffer.from(publicKey, "hex"), Buffer.alloc(0), Buffer.from(signature, "hex"))).toBe(
      true,
    );
  }
});

test("native and pure-JavaScript Ed25519 give the same keys, signatures and verdicts", () => {
  fc.assert(
    fc.property(seedArbitrary, fc.uint8Array({ maxLength: 99 }), fc.nat(511), (seed, text, bit) => {
      const publicKey = ed25519Implementation.publicKey(seed);
      const signature = ed25519Implementation.sign(seed, text);
      expect(Buffer.from(nobleEd25519.publicKey(seed))).toEqual(Buffer.from(publicKey));
      expect(Buffer.from(nobleEd25519.sign(seed, text))).toEqual(Buffer.from(signature));
      expect(verdictOf(publicKey, text, signature)).toBe(true);
      const broken = Uint8Array.from(signature);
      broken[bit >> 3] = (broken[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(verdictOf(publicKey, text, broken)).toBe(false);
    }),
    { numRuns: 30 },
  );
});

test("a seed overwritten in place signs as the key it now is", () => {
  const seed = Uint8Array.from(sha256(Buffer.from("first")));
  const first = ed25519Implementation.publicKey(seed);
  expect(verdictOf(first, message, ed25519Implementation.sign(seed, message))).toBe(true);
  seed.set(sha256(Buffer.from("second")));
  const signature = ed25519Implementation.sign(seed, message);
  expect(verdictOf(first, message, signature)).toBe(false);
  expect(verdictOf(nobleEd25519.publicKey(seed), message, signature)).toBe(true);
});

/** The signature with the smallest nonce whose challenge is as wanted. */
function signWithChallenge(publicKey: Uint8Array, wanted: (challenge: bigint) => boolean): Buffer {
  for (let nonce = 1n; ; nonce++) {
    const encodedR = timesBase(nonce).toBytes();
    if (wanted(challengeOf(publicKey, encodedR, message))) return signAs(publicKey, encodedR, nonce, secret, message);
  }
}

// The corners where Ed25519 libraries disagree; a validator set that mixed rules would fork on each of them.
interface EdgeCase {
  readonly name: string;
  readonly publicKey: Uint8Array;
  readonly signature: Uint8Array;
  /** The rule of transactions (libsodium's) and of votes (ZIP-215). */
  readonly transaction: boolean;
  readonly vote: boolean;
}

const torsion = TORSION[1] as CurvePoint;
const identity = Point.ZERO.toBytes();
const honestKey = timesBase(secret).toBytes();
const r = 12345n;
const honestR = timesBase(r).toBytes();

const edgeCases: readonly EdgeCase[] = (() => {
  const honest = signAs(honestKey, honestR, r, secret, message);
  const mixedKey = timesBase(secret).add(torsion).toBytes();
  const mixedR = timesBase(r).add(torsion).toBytes();
  const identityAgain = littleEndian(PRIME + 1n);
  const identityWithSign = littleEndian(1n + 2n ** 255n);
  const overS = (extra: bigint) =>
    Buffer.concat([honest.subarray(0, 32), littleEndian(scalarOf(honest.subarray(32)) + extra)]);
  const withZeroS = (encodedR: Uint8Array) => Buffer.concat([encodedR, Buffer.alloc(32)]);
  return [
    { name: "honest", publicKey: honestKey, signature: honest, transaction: true, vote: true },
    { name: "S + L", publicKey: honestKey, signature: overS(ORDER), transaction: false, vote: false },
    { name: "S + 2 L", publicKey: honestKey, signature: overS(2n * ORDER), transaction: false, vote: false },
    {
      name: "small-order key, R identity, S 0",
      publicKey: identity,
      signature: withZeroS(identity),
      transaction: false,
      vote: true,
    },
    {
      name: "non-canonical key",
      publicKey: identityAgain,
      signature: withZeroS(identity),
      transaction: false,
      vote: true,
    },
    {
      name: "key 0 with the sign bit",
      publicKey: identityWithSign,
      signature: withZeroS(identity),
      transaction: false,
      vote: true,
    },
    {
      name: "non-canonical R",
      publicKey: honestKey,
      signature: signAs(honestKey, identityAgain, 0n, secret, message),
      transaction: false,
      vote: true,
    },
    {
      name: "R identity",
      publicKey: honestKey,
      signature: signAs(honestKey, identity, 0n, secret, message),
      transaction: false,
      vote: true,
    },
    {
      name: "R of order 8",
      publicKey: honestKey,
      signature: signAs(honestKey, torsion.toBytes(), 0n, secret, message),
      transaction: false,
      vote: true,
    },
    {
      name: "key with a torsion part",
      publicKey: mixedKey,
      signature: signWithChallenge(mixedKey, (k) => k % 8n !== 0n),
      transaction: false,
      vote: true,
    },
    {
      name: "key with a torsion part that the challenge cancels",
      publicKey: mixedKey,
      signature: signWithChallenge(mixedKey, (k) => k % 8n === 0n),
      transaction: true,
      vote: true,
    },
    {
      name: "R with a torsion part",
      publicKey: honestKey,
      signature: signAs(honestKey, mixedR, r, secret, message),
      transaction: false,
      vote: true,
    },
    {
      name: "key that is no point",
      publicKey: littleEndian(2n),
      signature: withZeroS(identity),
      transaction: false,
      vote: false,
    },
  ];
})();

test.each(edgeCases)("Ed25519 edge case: $name", ({ publicKey, signature, transaction, vote }) => {
  expect(verdictOf(publicKey, message, signature)).toBe(transaction);
  expect(verifyZip215(publicKey, message, signature)).toBe(vote);
});

test("every pair of torsion parts in key and R is judged alike, and votes accept them all", () => {
  const accepted: string[] = [];
  for (const [i, keyPart] of TORSION.entries())
    for (const [j, partR] of TORSION.entries())
      for (const scalar of [0n, secret])
        for (const nonce of [0n, r]) {
          const text = Buffer.from(`${i} ${j}`);
          const publicKey = timesBase(scalar).add(keyPart).toBytes();
          const encodedR = timesBase(nonce).add(partR).toBytes();
          const signature = signAs(publicKey, encodedR, nonce, scalar, text);
          if (verdictOf(publicKey, text, signature)) accepted.push(`${scalar === 0n}${nonce === 0n}`);
          expect(verifyZip215(publicKey, text, signature)).toBe(true);
        }
  // Only keys and Rs that are no torsion points alone can pass, those where the parts cancel: one in eight, on average.
  expect(new Set(accepted)).toEqual(new Set(["falsefalse"]));
  expect(accepted.length).toBeLessThan(20);
});

test("no encoding of a field element beyond the prime is accepted as key or R of a transaction", () => {
  for (let excess = 0n; excess < 19n; excess++)
    for (const sign of [0n, 2n ** 255n]) {
      const odd = littleEndian(PRIME + excess + sign);
      expect(verdictOf(odd, message, Buffer.concat([identity, Buffer.alloc(32)]))).toBe(false);
      expect(verdictOf(odd, message, signAs(odd, honestR, r, 0n, message))).toBe(false);
      expect(verdictOf(honestKey, message, signAs(honestKey, odd, 0n, secret, message))).toBe(false);
    }
});

test("random keys, Rs and scalars are judged alike, and what a transaction may carry a vote may carry too", () => {
  const scalar = fc.bigInt({ min: 0n, max: ORDER - 1n });
  const part = fc.constantFrom(...TORSION);
  const mutation = fc.option(fc.nat(767), { nil: undefined, freq: 3 });
  fc.assert(
    fc.property(
      scalar,
      scalar,
      part,
      part,
      fc.uint8Array({ maxLength: 30 }),
      mutation,
      (a, nonce, keyPart, partR, text, bit) => {
        const publicKey = timesBase(a).add(keyPart).toBytes();
        const signature = signAs(publicKey, timesBase(nonce).add(partR).toBytes(), nonce, a, text);
        const all = Buffer.concat([publicKey, signature]);
        if (bit !== undefined) all[bit >> 3] = (all[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        const accepted = verdictOf(all.subarray(0, 32), text, all.subarray(32));
        if (accepted) expect(ed25519.verify(all.subarray(32), text, all.subarray(0, 32), { zip215: true })).toBe(true);
        if (bit === undefined) expect(verifyZip215(publicKey, text, signature)).toBe(true);
      },
    ),
    { numRuns: 80 },
  );
});

test("random bytes are judged alike", () => {
  const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
  fc.assert(
    fc.property(bytes(32), bytes(64), (publicKey, signature) => {
      expect(verdictOf(publicKey, message, signature)).toBe(false);
      expect(verifyZip215(publicKey, message, signature)).toBe(false);
    }),
    { numRuns: 60 },
  );
});
