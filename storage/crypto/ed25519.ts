import { hash } from "node:crypto";
import { createRequire } from "node:module";
import { latin1Bytes } from "./hash.ts";

/**
 * Ed25519 (RFC 8032) with two acceptance rules, because a rule that differs between validators is a fork:
 *  - transactions follow libsodium: canonical S, canonical public key, no small-order public key or R, and the cofactorless
 *    equation with R compared byte by byte;
 *  - commits follow CometBFT, which is ZIP-215: cofactored, non-canonical points allowed.
 */
export interface Ed25519 {
  readonly implementation: "sodium-native" | "noble";
  publicKey(seed: Uint8Array): Uint8Array;
  sign(seed: Uint8Array, message: Uint8Array): Uint8Array;
  /** libsodium's rule. All lengths have been checked. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
}

const require = createRequire(import.meta.url);

/** Loaded when it is first asked something: 4 MB that a node with libsodium needs only for signatures that libsodium refuses. */
let loadedNoble: typeof import("@noble/curves/ed25519.js").ed25519 | undefined;
function noble() {
  loadedNoble ??= (require("@noble/curves/ed25519.js") as typeof import("@noble/curves/ed25519.js")).ed25519;
  return loadedNoble;
}

/** libsodium through N-API: 23.5k verifications per second and core, against 0.9k of the pure-JavaScript one (research of 2026-11). */
function loadNative(): Ed25519 | undefined {
  let sodium: typeof import("sodium-native").default;
  try {
    sodium = require("sodium-native") as typeof sodium;
  } catch {
    return undefined;
  }
  // libsodium signs with seed ‖ public key. Computing that costs as much as the signature, so it is kept as long as the seed's
  // array lives, and compared with it: an array may be overwritten in place.
  const secretKeys = new WeakMap<Uint8Array, Buffer>();
  const secretKeyOf = (seed: Uint8Array): Buffer => {
    const kept = secretKeys.get(seed);
    if (kept?.subarray(0, 32).equals(seed)) return kept;
    const secretKey = Buffer.alloc(64);
    sodium.crypto_sign_seed_keypair(secretKey.subarray(32), secretKey, seed);
    secretKeys.set(seed, secretKey);
    return secretKey;
  };
  return {
    implementation: "sodium-native",
    publicKey: (seed) => Buffer.from(secretKeyOf(seed).subarray(32)),
    sign(seed, message) {
      const signature = Buffer.alloc(64);
      sodium.crypto_sign_detached(signature, message, secretKeyOf(seed));
      return signature;
    },
    verify: (publicKey, message, signature) => sodium.crypto_sign_verify_detached(signature, message, publicKey),
  };
}

/** libsodium's rule on noble's point arithmetic, for machines without the native part. */
export const nobleEd25519: Ed25519 = {
  implementation: "noble",
  publicKey: (seed) => noble().getPublicKey(seed),
  sign: (seed, message) => noble().sign(message, seed),
  verify(publicKey, message, signature) {
    try {
      const { Point } = noble();
      const encodedR = signature.subarray(0, 32);
      const s = littleEndian(signature.subarray(32, 64));
      if (s >= Point.Fn.ORDER) return false;
      // Strict decoding refuses non-canonical encodings. R is never decoded by libsodium, only compared and checked for small order.
      const a = Point.fromBytes(publicKey, false);
      if (a.isSmallOrder() || isSmallOrderEncoding(encodedR)) return false;
      const k = Point.Fn.create(littleEndian(sha512(Buffer.concat([encodedR, publicKey, message]))));
      const minusKA = k === 0n ? Point.ZERO : a.multiplyUnsafe(k).negate();
      const expected = (s === 0n ? Point.ZERO : Point.BASE.multiplyUnsafe(s)).add(minusKA);
      return Buffer.compare(expected.toBytes(), encodedR) === 0;
    } catch {
      return false;
    }
  },
};

/** Whether 32 bytes encode, canonically or not, one of the eight points of small order; bytes that are no point do not. */
function isSmallOrderEncoding(encoded: Uint8Array): boolean {
  try {
    return noble().Point.fromBytes(encoded, true).isSmallOrder();
  } catch {
    return false;
  }
}

function sha512(bytes: Uint8Array): Uint8Array {
  return latin1Bytes(hash("sha512", bytes, "binary"));
}

function littleEndian(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString("hex")}`);
}

export const ed25519Implementation: Ed25519 = loadNative() ?? nobleEd25519;

/** ZIP-215, the rule of CometBFT's commits. What libsodium accepts ZIP-215 accepts too, so noble decides only about the rest. */
export function verifyZip215(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (ed25519Implementation.verify(publicKey, message, signature)) return true;
  try {
    return noble().verify(signature, message, publicKey, { zip215: true });
  } catch {
    return false;
  }
}
