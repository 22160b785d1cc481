import { ed25519 } from "@noble/curves/ed25519.js";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { sha512 } from "@noble/hashes/sha2.js";
import fc from "fast-check";
import { expect, test } from "vitest";
import { ed25519Implementation, nobleEd25519 } from "./ed25519.ts";
import { sha256 } from "./hash.ts";
import {
  addressOf,
  generatePrivateKey,
  nativeCrypto,
  publicKeyOf,
  sign,
  verifySignature,
  verifyVoteSignature,
} from "./keys.ts";
import { nobleSecp256k1, secp256k1Implementation } from "./secp256k1.ts";

const ORDER = ed25519.Point.Fn.ORDER;
const seedArbitrary = fc.uint8Array({ minLength: 32, maxLength: 32 });
const message = Buffer.from("a sealed interval");

function scalarBytes(scalar: bigint): Uint8Array {
  return Buffer.from(scalar.toString(16).padStart(64, "0"), "hex").reverse();
}

function scalarOf(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString("hex")}`);
}

test("this machine uses the native libraries", () => {
  expect(nativeCrypto()).toEqual({ ed25519: "sodium-native", secp256k1: "native" });
});

test("native and pure-JavaScript Ed25519 give the same keys, signatures and verdicts", () => {
  fc.assert(
    fc.property(seedArbitrary, fc.uint8Array({ maxLength: 99 }), fc.nat(511), (seed, text, bit) => {
      const publicKey = ed25519Implementation.publicKey(seed);
      const signature = ed25519Implementation.sign(seed, text);
      expect(Buffer.from(nobleEd25519.publicKey(seed))).toEqual(Buffer.from(publicKey));
      expect(Buffer.from(nobleEd25519.sign(seed, text))).toEqual(Buffer.from(signature));
      expect(nobleEd25519.verify(publicKey, text, signature)).toBe(true);
      const broken = Uint8Array.from(signature);
      broken[bit >> 3] = (broken[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(ed25519Implementation.verify(publicKey, text, broken)).toBe(false);
      expect(nobleEd25519.verify(publicKey, text, broken)).toBe(false);
    }),
    { numRuns: 30 },
  );
});

// The corners where Ed25519 libraries disagree; a validator set that mixed rules would fork on each of them.
const torsion = ed25519.Point.fromBytes(
  Buffer.from("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", "hex"),
);

function edgeCases(): { name: string; publicKey: Uint8Array; signature: Uint8Array; zip215: boolean }[] {
  const seed = sha256(Buffer.from("edge"));
  const publicKey = ed25519.getPublicKey(seed);
  const good = ed25519.sign(message, seed);
  const identity = ed25519.Point.ZERO.toBytes();
  const secret = ed25519.utils.getExtendedPublicKey(seed).scalar;
  const mixedKey = ed25519.Point.BASE.multiply(secret).add(torsion);
  const r = 12345n;
  const sign = (key: Uint8Array, pointR: Uint8Array) => {
    const k = scalarOf(sha512(Buffer.concat([pointR, key, message]))) % ORDER;
    return Buffer.concat([pointR, scalarBytes((r + k * secret) % ORDER)]);
  };
  const plainR = ed25519.Point.BASE.multiply(r);
  const nonCanonicalIdentity = Buffer.from(identity);
  nonCanonicalIdentity.set(Buffer.from("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", "hex"));
  return [
    { name: "plain signature", publicKey, signature: good, zip215: true },
    {
      name: "S + L",
      publicKey,
      signature: Buffer.concat([good.subarray(0, 32), scalarBytes(scalarOf(good.subarray(32)) + ORDER)]),
      zip215: false,
    },
    {
      name: "small-order key, R identity, S 0",
      publicKey: identity,
      signature: Buffer.concat([identity, new Uint8Array(32)]),
      zip215: true,
    },
    {
      name: "non-canonical key",
      publicKey: nonCanonicalIdentity,
      signature: Buffer.concat([identity, new Uint8Array(32)]),
      zip215: true,
    },
    {
      name: "key with a torsion part",
      publicKey: mixedKey.toBytes(),
      signature: sign(mixedKey.toBytes(), plainR.toBytes()),
      zip215: true,
    },
    {
      name: "R with a torsion part",
      publicKey,
      signature: sign(publicKey, plainR.add(torsion).toBytes()),
      zip215: true,
    },
    { name: "R of small order", publicKey, signature: sign(publicKey, torsion.toBytes()), zip215: false },
  ];
}

test.each(edgeCases())("Ed25519 edge case: $name", ({ publicKey, signature, zip215 }) => {
  const key = { type: "ed25519", bytes: publicKey } as const;
  expect(nobleEd25519.verify(publicKey, message, signature)).toBe(verifySignature(key, message, signature));
  expect(verifyVoteSignature(key, message, signature)).toBe(zip215);
});

test("native and pure-JavaScript secp256k1 agree, and a high s is refused", () => {
  fc.assert(
    fc.property(seedArbitrary, (seed) => {
      fc.pre(secp256k1Implementation.isPrivateKey(seed));
      const hash = sha256(seed);
      const publicKey = secp256k1Implementation.publicKey(seed);
      const signature = secp256k1Implementation.sign(seed, hash);
      expect(Buffer.from(nobleSecp256k1.publicKey(seed))).toEqual(Buffer.from(publicKey));
      expect(Buffer.from(nobleSecp256k1.sign(seed, hash))).toEqual(Buffer.from(signature));
      const s = BigInt(`0x${Buffer.from(signature.subarray(32)).toString("hex")}`);
      const high = (secp256k1.Point.Fn.ORDER - s).toString(16).padStart(64, "0");
      const malleated = Buffer.concat([signature.subarray(0, 32), Buffer.from(high, "hex")]);
      for (const implementation of [secp256k1Implementation, nobleSecp256k1]) {
        expect(implementation.verify(publicKey, hash, signature)).toBe(true);
        expect(implementation.verify(publicKey, hash, malleated)).toBe(false);
      }
    }),
    { numRuns: 30 },
  );
});

test("verification answers for any bytes", () => {
  fc.assert(
    fc.property(
      fc.constantFrom("ed25519" as const, "secp256k1" as const),
      fc.uint8Array({ maxLength: 70 }),
      fc.uint8Array({ maxLength: 70 }),
      (type, key, signature) => {
        expect(verifySignature({ type, bytes: key }, message, signature)).toBe(false);
        expect(verifyVoteSignature({ type, bytes: key }, message, signature)).toBe(false);
      },
    ),
  );
});

test("a key signs, and its address has 20 bytes", () => {
  for (const type of ["ed25519", "secp256k1"] as const) {
    const key = generatePrivateKey(type);
    const publicKey = publicKeyOf(key);
    expect(verifySignature(publicKey, message, sign(key, message))).toBe(true);
    expect(verifySignature(publicKey, Buffer.from("another"), sign(key, message))).toBe(false);
    expect(addressOf(publicKey)).toHaveLength(20);
  }
});
