import { hash } from "node:crypto";
import type { SignatureCheck } from "./verifierWire.ts";
import { isPackable } from "./verifierWire.ts";

/** A map of bounded size that forgets what was used longest ago. */
export interface LruCache<V> {
  readonly size: number;
  /** Reading counts as use. */
  get(key: string): V | undefined;
  has(key: string): boolean;
  set(key: string, value: V): void;
  delete(key: string): boolean;
}

export function createLruCache<V>(maxEntries: number): LruCache<V> {
  // A Map iterates in the order of insertion, so that its first key is the one used longest ago.
  const entries = new Map<string, V>();
  const touch = (key: string, value: V) => {
    entries.delete(key);
    entries.set(key, value);
  };
  return {
    get size() {
      return entries.size;
    },
    has: (key) => entries.has(key),
    get(key) {
      const value = entries.get(key);
      if (value !== undefined) touch(key, value);
      return value;
    },
    set(key, value) {
      touch(key, value);
      if (entries.size <= maxEntries) return;
      const oldest = entries.keys().next();
      if (!oldest.done) entries.delete(oldest.value);
    },
    delete: (key) => entries.delete(key),
  };
}

/** Bytes of a check that are hashed without allocating: a key, a signature and the sign bytes of most transactions. */
const SCRATCH_BYTES = 4096;
const scratch = Buffer.alloc(SCRATCH_BYTES);

/**
 * The name of a check in the verdict cache: SHA-256, as a string of 32 characters below U+0100, over key type, lengths, key, signature and
 * message. Undefined for lengths that no valid check has.
 *
 * The key names the check and not the transaction on purpose. The sign bytes hold the account number, which the state
 * supplies: one transaction may be checked as invalid before its account exists and as valid afterwards. A verdict
 * remembered by transaction id would make two validators disagree about a block.
 */
export function checkKey({ publicKey, message, signature }: SignatureCheck): string | undefined {
  if (!isPackable({ publicKey, message, signature })) return undefined;
  const size = 4 + publicKey.bytes.length + signature.length + message.length;
  const bytes = size <= SCRATCH_BYTES ? scratch.subarray(0, size) : Buffer.allocUnsafe(size);
  bytes[0] = publicKey.type === "ed25519" ? 0 : 1;
  bytes[1] = publicKey.bytes.length;
  bytes.writeUInt16BE(signature.length, 2);
  bytes.set(publicKey.bytes, 4);
  bytes.set(signature, 4 + publicKey.bytes.length);
  bytes.set(message, 4 + publicKey.bytes.length + signature.length);
  return hash("sha256", bytes, "binary");
}
