import type { PublicKey } from "../crypto/keys.ts";
import { FormatError } from "./formatError.ts";
import { FieldReader, FieldWriter } from "./wire.ts";

export const PUBLIC_KEY_BYTES = { ed25519: 32, secp256k1: 33 } as const;

/** tendermint.crypto.PublicKey: one of {ed25519 = 1, secp256k1 = 2}. */
export function encodePublicKey(key: PublicKey): Uint8Array {
  return new FieldWriter().message(key.type === "ed25519" ? 1 : 2, key.bytes).finish();
}

/** @throws FormatError when there is not exactly one key, or its length is wrong */
export function readPublicKey(bytes: Uint8Array): PublicKey {
  let key: PublicKey | undefined;
  const fields = new FieldReader("publicKey", bytes);
  while (fields.next()) {
    if (key !== undefined || fields.number > 2) fields.refuse();
    const type = fields.number === 1 ? "ed25519" : "secp256k1";
    key = { type, bytes: fields.bytesOf("publicKey.bytes", PUBLIC_KEY_BYTES[type]) };
  }
  if (key === undefined || key.bytes.length === 0) {
    throw new FormatError({ code: "FORMAT_FIELD_MISSING", field: "publicKey.bytes" });
  }
  return key;
}
