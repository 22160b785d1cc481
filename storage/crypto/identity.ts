import { base58, bech32 } from "@scure/base";
import { LedgerError } from "../error.ts";
import { concatBytes, sha256 } from "./hash.ts";
import { ADDRESS_LENGTH } from "./keys.ts";

export class IdentityError extends LedgerError<
  | { code: "ACCOUNT_MALFORMED"; reason: string }
  | { code: "ACCOUNT_CHECKSUM_WRONG"; form: "bech32" | "identity" }
  | { code: "ACCOUNT_PREFIX_WRONG"; prefix: string; expected: string }
  | { code: "ACCOUNT_LENGTH_WRONG"; bytes: number; expected: number }
> {}

export const ACCOUNT_PREFIX = "edream";

/** Characters of a prosumer identity (D5.1 §3.1, "a 34-character string"). */
export const IDENTITY_LENGTH = 34;

/**
 * First byte of an identity. 25 bytes with a first byte of 3 to 142 always have 34 base-58 digits, since 58^33 is 2.48 · 256^24 and 58^34 is
 * 144 · 256^24; and from 33 · 256^24 up to 34 · 256^24 the first digit is always 13, the letter E.
 */
const IDENTITY_VERSION = 33;
const CHECKSUM_LENGTH = 4;

/** Longest text that is looked at: a bech32 account has 45 characters. */
const MAX_ACCOUNT_CHARS = 64;

/** `edream1…`, 45 characters (BIP-173 as the Cosmos SDK uses it). */
export function encodeBech32(address: Uint8Array, prefix: string = ACCOUNT_PREFIX): string {
  checkAddress(address);
  return bech32.encode(prefix, bech32.toWords(address));
}

/** The one spelling of an account in state, events and answers: bech32. */
export function formatAccount(address: Uint8Array): string {
  return encodeBech32(address);
}

/** The prosumer identity: Base58Check of the version byte and the address, `E…`, always 34 characters. */
export function encodeIdentity(address: Uint8Array): string {
  checkAddress(address);
  const payload = concatBytes(Uint8Array.of(IDENTITY_VERSION), address);
  return base58.encode(concatBytes(payload, checksum(payload)));
}

/**
 * The 20-byte address of an account in either of its forms.
 * @throws IdentityError ACCOUNT_MALFORMED, ACCOUNT_CHECKSUM_WRONG, ACCOUNT_PREFIX_WRONG, ACCOUNT_LENGTH_WRONG
 */
export function decodeAccount(text: string): Uint8Array {
  if (text.length === 0 || text.length > MAX_ACCOUNT_CHARS)
    throw new IdentityError({ code: "ACCOUNT_MALFORMED", reason: `${text.length} characters` });
  // A bech32 account of 20 bytes has 45 characters, so the length tells the forms apart.
  return text.length === IDENTITY_LENGTH ? decodeIdentity(text) : decodeBech32(text);
}

function decodeBech32(text: string): Uint8Array {
  const decoded = bech32.decodeUnsafe(text);
  if (decoded === undefined) {
    if (!/^[\x21-\x7e]+1[02-9ac-hj-np-z]{6,}$/i.test(text))
      throw new IdentityError({ code: "ACCOUNT_MALFORMED", reason: "neither bech32 nor a 34-character identity" });
    throw new IdentityError({ code: "ACCOUNT_CHECKSUM_WRONG", form: "bech32" });
  }
  if (decoded.prefix !== ACCOUNT_PREFIX)
    throw new IdentityError({ code: "ACCOUNT_PREFIX_WRONG", prefix: decoded.prefix, expected: ACCOUNT_PREFIX });
  const address = bech32.fromWordsUnsafe(decoded.words);
  if (!address) throw new IdentityError({ code: "ACCOUNT_MALFORMED", reason: "padding bits are not zero" });
  checkAddress(address);
  return address;
}

function decodeIdentity(text: string): Uint8Array {
  let bytes: Uint8Array;
  try {
    bytes = base58.decode(text);
  } catch {
    throw new IdentityError({ code: "ACCOUNT_MALFORMED", reason: "not base 58" });
  }
  const payload = bytes.subarray(0, 1 + ADDRESS_LENGTH);
  if (bytes.length !== 1 + ADDRESS_LENGTH + CHECKSUM_LENGTH)
    throw new IdentityError({ code: "ACCOUNT_LENGTH_WRONG", bytes: bytes.length, expected: 25 });
  if (Buffer.compare(checksum(payload), bytes.subarray(1 + ADDRESS_LENGTH)) !== 0)
    throw new IdentityError({ code: "ACCOUNT_CHECKSUM_WRONG", form: "identity" });
  if (payload[0] !== IDENTITY_VERSION)
    throw new IdentityError({
      code: "ACCOUNT_PREFIX_WRONG",
      prefix: `version ${payload[0]}`,
      expected: `version ${IDENTITY_VERSION}`,
    });
  return payload.slice(1);
}

function checksum(payload: Uint8Array): Uint8Array {
  return sha256(sha256(payload)).subarray(0, CHECKSUM_LENGTH);
}

function checkAddress(address: Uint8Array): void {
  if (address.length !== ADDRESS_LENGTH)
    throw new IdentityError({ code: "ACCOUNT_LENGTH_WRONG", bytes: address.length, expected: ADDRESS_LENGTH });
}
