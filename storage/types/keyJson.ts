import type { KeyType, PrivateKey, PublicKey } from "../crypto/keys.ts";
import { publicKeyOf } from "../crypto/keys.ts";
import { FormatError } from "./formatError.ts";
import { PUBLIC_KEY_BYTES } from "./publicKeyCodec.ts";

/** A key in CometBFT's JSON files and RPC answers: a registered type name and base64. */
export interface KeyJson {
  readonly type: string;
  readonly value: string;
}

const PUBLIC_KEY_NAMES = { ed25519: "tendermint/PubKeyEd25519", secp256k1: "tendermint/PubKeySecp256k1" } as const;
const PRIVATE_KEY_NAMES = { ed25519: "tendermint/PrivKeyEd25519", secp256k1: "tendermint/PrivKeySecp256k1" } as const;

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

export function publicKeyToJson(key: PublicKey): KeyJson {
  return { type: PUBLIC_KEY_NAMES[key.type], value: Buffer.from(key.bytes).toString("base64") };
}

/** `field` names the place in errors. @throws FormatError */
export function publicKeyFromJson(json: unknown, field: string): PublicKey {
  const { type, bytes } = typedBytes(json, PUBLIC_KEY_NAMES, field);
  if (bytes.length !== PUBLIC_KEY_BYTES[type]) throw lengthError(field, bytes.length, `${PUBLIC_KEY_BYTES[type]}`);
  return { type, bytes };
}

/** Ed25519 private keys are written as Go keeps them, 64 bytes: seed ‖ public key. */
export function privateKeyToJson(key: PrivateKey): KeyJson {
  const bytes = key.type === "ed25519" ? Buffer.concat([key.bytes, publicKeyOf(key).bytes]) : Buffer.from(key.bytes);
  return { type: PRIVATE_KEY_NAMES[key.type], value: bytes.toString("base64") };
}

/** Refuses an Ed25519 key whose second half is not its public key: signing with such a pair reveals the key. @throws FormatError */
export function privateKeyFromJson(json: unknown, field: string): PrivateKey {
  const { type, bytes } = typedBytes(json, PRIVATE_KEY_NAMES, field);
  const expected = type === "ed25519" ? 64 : 32;
  if (bytes.length !== expected) throw lengthError(field, bytes.length, `${expected}`);
  const key: PrivateKey = { type, bytes: bytes.subarray(0, 32) };
  if (type === "ed25519" && Buffer.compare(publicKeyOf(key).bytes, bytes.subarray(32)) !== 0) {
    throw new FormatError({ code: "FORMAT_FIELD_RANGE", field, value: "the public half does not belong to the seed" });
  }
  return key;
}

/** @throws FormatError when `text` is not the one base64 form of some bytes */
export function bytesFromBase64(text: unknown, field: string): Uint8Array {
  if (typeof text !== "string" || !BASE64.test(text)) {
    throw new FormatError({ code: "FORMAT_FIELD_RANGE", field, value: "not base64" });
  }
  return new Uint8Array(Buffer.from(text, "base64"));
}

/** @throws FormatError when `text` is not hexadecimal, in either case */
export function bytesFromHex(text: unknown, field: string): Uint8Array {
  if (typeof text !== "string" || text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) {
    throw new FormatError({ code: "FORMAT_FIELD_RANGE", field, value: "not hexadecimal" });
  }
  return new Uint8Array(Buffer.from(text, "hex"));
}

/** CometBFT writes hashes and addresses in capitals. */
export function toUpperHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex").toUpperCase();
}

/** Parses JSON that must be an object. @throws FormatError FORMAT_TOO_LARGE, FORMAT_JSON_MALFORMED */
export function parseJsonObject(format: string, text: string, maxChars: number): Readonly<Record<string, unknown>> {
  if (text.length > maxChars) {
    throw new FormatError({ code: "FORMAT_TOO_LARGE", format, bytes: text.length, maxBytes: maxChars });
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : "unreadable";
    // The message of a JSON error quotes the text around the fault, which in a key file is the key.
    throw new FormatError({
      code: "FORMAT_JSON_MALFORMED",
      format,
      reason: reason.replace(/[,:]? ?(in JSON|"|').*$/s, ""),
    });
  }
  return asObject(value, format);
}

export function asObject(value: unknown, field: string): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new FormatError({ code: "FORMAT_FIELD_RANGE", field, value: "not an object" });
}

function typedBytes(
  json: unknown,
  names: Readonly<Record<KeyType, string>>,
  field: string,
): { readonly type: KeyType; readonly bytes: Uint8Array } {
  const { type: name, value } = asObject(json, field);
  const type = name === names.ed25519 ? "ed25519" : name === names.secp256k1 ? "secp256k1" : undefined;
  if (type === undefined) {
    // What stands there instead is not shown: it may be the key itself.
    throw new FormatError({ code: "FORMAT_FIELD_RANGE", field: `${field}.type`, value: "no known key type" });
  }
  return { type, bytes: bytesFromBase64(value, `${field}.value`) };
}

function lengthError(field: string, length: number, expected: string): FormatError {
  return new FormatError({ code: "FORMAT_FIELD_LENGTH", field, length, expected });
}
