import { addressOf, type PrivateKey, type PublicKey, publicKeyOf } from "../crypto/keys.ts";
import { FormatError } from "./formatError.ts";
import {
  bytesFromHex,
  parseJsonObject,
  privateKeyFromJson,
  privateKeyToJson,
  publicKeyFromJson,
  publicKeyToJson,
  toUpperHex,
} from "./keyJson.ts";

/** A validator's consensus key as CometBFT's priv_validator_key.json holds it, in the clear. */
export interface PrivValidatorKey {
  /** 20 bytes. */
  readonly address: Uint8Array;
  readonly publicKey: PublicKey;
  readonly privateKey: PrivateKey;
}

const MAX_KEY_FILE_CHARS = 16_384;

/** The text of priv_validator_key.json, byte for byte as CometBFT writes it. */
export function formatPrivValidatorKey(privateKey: PrivateKey): string {
  const publicKey = publicKeyOf(privateKey);
  const file = {
    address: toUpperHex(addressOf(publicKey)),
    pub_key: publicKeyToJson(publicKey),
    priv_key: privateKeyToJson(privateKey),
  };
  return JSON.stringify(file, null, 2);
}

/** Refuses a file whose address, public and private key do not belong together. Errors never show the key. @throws FormatError */
export function parsePrivValidatorKey(text: string): PrivValidatorKey {
  const file = parseJsonObject("priv_validator_key.json", text, MAX_KEY_FILE_CHARS);
  const privateKey = privateKeyFromJson(file.priv_key, "priv_key");
  const publicKey = publicKeyFromJson(file.pub_key, "pub_key");
  const address = bytesFromHex(file.address, "address");
  const derived = publicKeyOf(privateKey);
  if (derived.type !== publicKey.type || Buffer.compare(derived.bytes, publicKey.bytes) !== 0) {
    throw new FormatError({ code: "FORMAT_FIELD_RANGE", field: "pub_key", value: "not the private key's" });
  }
  if (Buffer.compare(addressOf(publicKey), address) !== 0) {
    throw new FormatError({ code: "FORMAT_FIELD_RANGE", field: "address", value: "not the public key's" });
  }
  return { address, publicKey, privateKey };
}
