import { createDecipheriv } from "node:crypto";
import type { RejectionReason } from "../source.ts";
import { ByteReader } from "./byteReader.ts";

/** Keys of one meter (DLMS security suite 0), 16 bytes each. */
export interface CipherKeys {
  readonly encryptionKey: Uint8Array;
  /** Needed when the meter authenticates what it ciphers. */
  readonly authenticationKey?: Uint8Array;
}

export const KEY_BYTES = 16;
export const GENERAL_GLO_CIPHERING = 0xdb;
export const GENERAL_DED_CIPHERING = 0xdc;
const SYSTEM_TITLE_BYTES = 8;
const TAG_BYTES = 12;
/** Of the security control byte: what is done to the message; the lower half is the suite. */
const [AUTHENTICATED, ENCRYPTED, BROADCAST_KEY] = [0x10, 0x20, 0x40];

export interface Deciphered {
  readonly plain: Buffer;
  /** Flag id of the manufacturer (3 letters) and serial number. */
  readonly systemTitle: Buffer;
  readonly invocationCounter: number;
}

/**
 * general-glo-ciphering and general-ded-ciphering: tag, system title, length, security control, invocation counter, ciphertext, and 12 bytes of a GCM
 * tag if it is authenticated. AES-128-GCM with the title and the counter as its nonce (Green Book 9.2.7). Without authentication a wrong key is not
 * noticed here: what comes out is no message.
 */
export function decipher(
  bytes: Uint8Array,
  keys: CipherKeys | undefined,
): Deciphered | { readonly rejected: Extract<RejectionReason, "truncated" | "undecryptable" | "unknown-format"> } {
  const reader = new ByteReader(bytes);
  reader.uint8();
  if (reader.uint8() !== SYSTEM_TITLE_BYTES) return { rejected: "unknown-format" };
  const systemTitle = reader.bytes(SYSTEM_TITLE_BYTES);
  const length = reader.length();
  const control = reader.uint8();
  const counter = reader.bytes(4);
  const ciphered = reader.bytes(length - 5);
  if (reader.isOverrun || reader.left > 0) return { rejected: "truncated" };

  const isAuthenticated = (control & AUTHENTICATED) !== 0;
  if ((control & ~(AUTHENTICATED | BROADCAST_KEY)) !== ENCRYPTED) return { rejected: "unknown-format" };
  if (keys === undefined) return { rejected: "undecryptable" };
  const nonce = Buffer.concat([systemTitle, counter]);
  const gcm = createDecipheriv("aes-128-gcm", keys.encryptionKey, nonce, { authTagLength: TAG_BYTES });
  const invocationCounter = counter.readUInt32BE();
  if (!isAuthenticated) return { plain: gcm.update(ciphered), systemTitle, invocationCounter };

  if (keys.authenticationKey === undefined || ciphered.length < TAG_BYTES) return { rejected: "undecryptable" };
  gcm.setAAD(Buffer.concat([Uint8Array.of(control), keys.authenticationKey]));
  gcm.setAuthTag(ciphered.subarray(-TAG_BYTES));
  const plain = gcm.update(ciphered.subarray(0, -TAG_BYTES));
  try {
    gcm.final();
  } catch {
    return { rejected: "undecryptable" };
  }
  return { plain, systemTitle, invocationCounter };
}
