import { randomBytes } from "node:crypto";
import { ed25519Implementation, verifyZip215 } from "./ed25519.ts";
import { ripemd160, sha256 } from "./hash.ts";
import { secp256k1Implementation } from "./secp256k1.ts";

export type KeyType = "ed25519" | "secp256k1";

export interface PublicKey {
  readonly type: KeyType;
  /** Ed25519: 32 bytes; secp256k1: 33 bytes, compressed. */
  readonly bytes: Uint8Array;
}

export interface PrivateKey {
  readonly type: KeyType;
  /** 32 bytes: the Ed25519 seed or the secp256k1 scalar. */
  readonly bytes: Uint8Array;
}

export const ADDRESS_LENGTH = 20;
export const SIGNATURE_LENGTH = 64;
export const PUBLIC_KEY_LENGTH: Readonly<Record<KeyType, number>> = { ed25519: 32, secp256k1: 33 };

/** `random(n)` gives n random bytes; the default is the system's source. */
export function generatePrivateKey(type: KeyType, random: (bytes: number) => Uint8Array = randomBytes): PrivateKey {
  for (;;) {
    const bytes = random(32);
    if (type === "ed25519" || secp256k1Implementation().isPrivateKey(bytes)) return { type, bytes };
  }
}

export function publicKeyOf(key: PrivateKey): PublicKey {
  const implementation = key.type === "ed25519" ? ed25519Implementation : secp256k1Implementation();
  return { type: key.type, bytes: implementation.publicKey(key.bytes) };
}

/** The 20 bytes an account or validator is known by: Ed25519 SHA256(key)[:20], secp256k1 RIPEMD160(SHA256(key)) (CometBFT crypto/). */
export function addressOf(key: PublicKey): Uint8Array {
  const hash = sha256(key.bytes);
  return key.type === "ed25519" ? hash.subarray(0, ADDRESS_LENGTH) : ripemd160(hash);
}

/** 64 bytes: Ed25519 over the message, or secp256k1 r ‖ s with low s over SHA256(message). */
export function sign(key: PrivateKey, message: Uint8Array): Uint8Array {
  return key.type === "ed25519"
    ? ed25519Implementation.sign(key.bytes, message)
    : secp256k1Implementation().sign(key.bytes, sha256(message));
}

/** Whether a transaction signature holds: libsodium's Ed25519 rule, low-s secp256k1. Total: wrong lengths and no-points are false. */
export function verifySignature(key: PublicKey, message: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== SIGNATURE_LENGTH || key.bytes.length !== PUBLIC_KEY_LENGTH[key.type]) return false;
  return key.type === "ed25519"
    ? ed25519Implementation.verify(key.bytes, message, signature)
    : secp256k1Implementation().verify(key.bytes, sha256(message), signature);
}

/** Whether a vote's or proposal's signature holds: CometBFT's Ed25519 rule (ZIP-215). Total. */
export function verifyVoteSignature(key: PublicKey, message: Uint8Array, signature: Uint8Array): boolean {
  if (key.type !== "ed25519") return verifySignature(key, message, signature);
  if (signature.length !== SIGNATURE_LENGTH || key.bytes.length !== PUBLIC_KEY_LENGTH.ed25519) return false;
  return verifyZip215(key.bytes, message, signature);
}

/** Which implementations are in use; anything but the native ones is slow enough to be told to the operator at the start. */
export function nativeCrypto(): { ed25519: "sodium-native" | "noble"; secp256k1: "native" | "noble" } {
  return { ed25519: ed25519Implementation.implementation, secp256k1: secp256k1Implementation().implementation };
}
