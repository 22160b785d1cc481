import {
  createCipheriv,
  createDecipheriv,
  createECDH,
  createHash,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hkdfSync,
} from "node:crypto";
import { type KeyType, type PrivateKey, PUBLIC_KEY_LENGTH, type PublicKey, publicKeyOf } from "#storage/crypto/keys.ts";
import { MAX_CHAIN_ID_BYTES, MAX_CONFIGURATION_BYTES, MAX_METER_ID_CHARS } from "#storage/limits.ts";
import { DeviceError } from "./deviceError.ts";

/** What a configuration is for. It is authenticated with the box, so that the same bytes open for nothing else. */
export interface ConfigurationContext {
  /** The chain id. */
  readonly ledgerId: string;
  readonly meterId: string;
  readonly version: number;
}

const FORMAT = 0x01;
const TYPES: Readonly<Record<KeyType, number>> = { ed25519: 1, secp256k1: 2 };
const INFO = "edream device configuration 1";
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Of the box beside its content: format, type, ephemeral key, tag. */
export function boxOverhead(type: KeyType): number {
  return 2 + ephemeralLength(type) + TAG_BYTES;
}

/**
 * Encrypts to a device's key (ECIES): `0x01 ‖ type ‖ ephemeral public key ‖ AES-256-GCM ciphertext ‖ tag`. Type 1: X25519 (RFC 7748) with the
 * device's Ed25519 key mapped to Curve25519; type 2: ECDH on secp256k1. HKDF-SHA256 makes key and nonce from the shared secret; every box has an
 * ephemeral key of its own, so that the nonce is never used twice. `ephemeral`: 32 random bytes.
 * @throws DeviceError CONFIGURATION_TOO_LARGE, DEVICE_KEY_UNUSABLE
 */
export async function sealConfiguration(
  content: Uint8Array,
  to: PublicKey,
  context: ConfigurationContext,
  ephemeral: Uint8Array,
): Promise<Uint8Array> {
  const bytes = content.length + boxOverhead(to.type);
  if (bytes > MAX_CONFIGURATION_BYTES)
    throw new DeviceError({ code: "CONFIGURATION_TOO_LARGE", bytes, maxBytes: MAX_CONFIGURATION_BYTES });
  let recipient: Uint8Array;
  let shared: Uint8Array;
  let sender: Uint8Array;
  try {
    if (to.type === "ed25519") {
      recipient = await montgomeryOf(to.bytes);
      sender = x25519PublicOf(ephemeral);
      shared = x25519(ephemeral, recipient);
    } else {
      recipient = to.bytes;
      sender = secp256k1PublicOf(ephemeral);
      shared = secp256k1(ephemeral, recipient);
    }
  } catch (error) {
    throw new DeviceError({ code: "DEVICE_KEY_UNUSABLE", reason: (error as Error).message }, { cause: error });
  }
  const head = Buffer.concat([Buffer.of(FORMAT, TYPES[to.type]), sender]);
  const { key, nonce } = deriveKeys(shared, sender, recipient);
  const cipher = createCipheriv("aes-256-gcm", key, nonce);
  cipher.setAAD(Buffer.concat([head, contextBytes(context)]));
  return Buffer.concat([head, cipher.update(content), cipher.final(), cipher.getAuthTag()]);
}

export type OpenedBox =
  | { readonly content: Uint8Array }
  | { readonly rejection: "PAYLOAD_MALFORMED" | "UNDECRYPTABLE"; readonly reason: string };

/**
 * Opens a box with the device's private key. Total. Checks in order:
 *   a) length, format and type of key, which must be the device's (PAYLOAD_MALFORMED)
 *   b) the tag, for this ledger, meter and version (UNDECRYPTABLE: also for another device's key)
 */
export function openConfiguration(box: Uint8Array, device: PrivateKey, context: ConfigurationContext): OpenedBox {
  const malformed = (reason: string): OpenedBox => ({ rejection: "PAYLOAD_MALFORMED", reason });
  if (box.length > MAX_CONFIGURATION_BYTES) return malformed(`${box.length} bytes`);
  if (box.length < boxOverhead(device.type)) return malformed(`${box.length} bytes`);
  if (box[0] !== FORMAT) return malformed(`format ${box[0]}`);
  if (box[1] !== TYPES[device.type]) return malformed(`type of key ${box[1]}`);
  const headLength = 2 + ephemeralLength(device.type);
  const head = box.subarray(0, headLength);
  const sender = head.subarray(2);
  try {
    let recipient: Uint8Array;
    let shared: Uint8Array;
    if (device.type === "ed25519") {
      const scalar = createHash("sha512").update(device.bytes).digest().subarray(0, 32);
      recipient = x25519PublicOf(scalar);
      shared = x25519(scalar, sender);
    } else {
      recipient = publicKeyOf(device).bytes;
      shared = secp256k1(device.bytes, sender);
    }
    const { key, nonce } = deriveKeys(shared, sender, recipient);
    const decipher = createDecipheriv("aes-256-gcm", key, nonce);
    decipher.setAAD(Buffer.concat([head, contextBytes(context)]));
    decipher.setAuthTag(box.subarray(-TAG_BYTES));
    return { content: Buffer.concat([decipher.update(box.subarray(headLength, -TAG_BYTES)), decipher.final()]) };
  } catch (error) {
    return { rejection: "UNDECRYPTABLE", reason: (error as Error).message };
  }
}

function ephemeralLength(type: KeyType): number {
  return PUBLIC_KEY_LENGTH[type];
}

function deriveKeys(shared: Uint8Array, sender: Uint8Array, recipient: Uint8Array) {
  const salt = Buffer.concat([sender, recipient]);
  const okm = Buffer.from(hkdfSync("sha256", shared, salt, INFO, KEY_BYTES + NONCE_BYTES));
  return { key: okm.subarray(0, KEY_BYTES), nonce: okm.subarray(KEY_BYTES) };
}

/** `text ledger id ‖ text meter id ‖ uint64 version`, a text being `uint8 length ‖ UTF-8`: the beginning of what is attested. */
function contextBytes({ ledgerId, meterId, version }: ConfigurationContext): Uint8Array {
  const number = Buffer.alloc(8);
  number.writeBigUInt64BE(BigInt(version));
  return Buffer.concat([shortText(ledgerId, MAX_CHAIN_ID_BYTES), shortText(meterId, MAX_METER_ID_CHARS), number]);
}

function shortText(text: string, maxBytes: number): Buffer {
  const bytes = Buffer.from(text, "utf8").subarray(0, maxBytes);
  return Buffer.concat([Buffer.of(bytes.length), bytes]);
}

/** u = (1 + y) / (1 − y) (RFC 7748 §4.1). Loaded only by who encrypts: a device needs its own key's scalar alone. */
async function montgomeryOf(ed25519Key: Uint8Array): Promise<Uint8Array> {
  const { ed25519 } = await import("@noble/curves/ed25519.js");
  return ed25519.utils.toMontgomery(ed25519Key);
}

/** RFC 8410's DER around 32 bytes: Node.js takes no raw keys. */
const X25519_PRIVATE = Buffer.from("302e020100300506032b656e04220420", "hex");
const X25519_PUBLIC = Buffer.from("302a300506032b656e032100", "hex");

function x25519Private(scalar: Uint8Array) {
  return createPrivateKey({ key: Buffer.concat([X25519_PRIVATE, scalar]), format: "der", type: "pkcs8" });
}

function x25519PublicOf(scalar: Uint8Array): Uint8Array {
  return createPublicKey(x25519Private(scalar)).export({ format: "der", type: "spki" }).subarray(X25519_PUBLIC.length);
}

/** OpenSSL refuses keys of small order, whose secret would be zero. */
function x25519(scalar: Uint8Array, point: Uint8Array): Uint8Array {
  const publicKey = createPublicKey({ key: Buffer.concat([X25519_PUBLIC, point]), format: "der", type: "spki" });
  return diffieHellman({ privateKey: x25519Private(scalar), publicKey });
}

function secp256k1PublicOf(scalar: Uint8Array): Uint8Array {
  const ecdh = createECDH("secp256k1");
  ecdh.setPrivateKey(scalar);
  return ecdh.getPublicKey(null, "compressed");
}

/** The x coordinate. Node.js refuses what is no point of the curve. */
function secp256k1(scalar: Uint8Array, point: Uint8Array): Uint8Array {
  const ecdh = createECDH("secp256k1");
  ecdh.setPrivateKey(scalar);
  return ecdh.computeSecret(point);
}
