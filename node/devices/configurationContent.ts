import { type KeyType, PUBLIC_KEY_LENGTH, type PublicKey, SIGNATURE_LENGTH } from "#storage/crypto/keys.ts";

/** What is in the box: the checker's word, and what it was given for. */
export interface ConfigurationContent {
  readonly checkerKey: PublicKey;
  /** Over attestationBytes of storage/types/configurationAttestation.ts. */
  readonly attestation: Uint8Array;
  readonly plaintext: Uint8Array;
}

/** Random bytes that a plaintext begins with: its hash is public, and a document can be guessed. */
export const SALT_BYTES = 32;

const TYPES: Readonly<Record<KeyType, number>> = { ed25519: 1, secp256k1: 2 };

/** `type of the checker's key ‖ key (32 or 33) ‖ attestation (64) ‖ plaintext`. */
export function encodeContent({ checkerKey, attestation, plaintext }: ConfigurationContent): Uint8Array {
  return Buffer.concat([Buffer.of(TYPES[checkerKey.type]), checkerKey.bytes, attestation, plaintext]);
}

/** Undefined where it is not in this form. */
export function readContent(bytes: Uint8Array): ConfigurationContent | undefined {
  const type = bytes[0] === TYPES.ed25519 ? "ed25519" : bytes[0] === TYPES.secp256k1 ? "secp256k1" : undefined;
  if (type === undefined) return undefined;
  const keyEnd = 1 + PUBLIC_KEY_LENGTH[type];
  const attestationEnd = keyEnd + SIGNATURE_LENGTH;
  if (bytes.length <= attestationEnd + SALT_BYTES) return undefined;
  return {
    checkerKey: { type, bytes: bytes.slice(1, keyEnd) },
    attestation: bytes.slice(keyEnd, attestationEnd),
    plaintext: bytes.slice(attestationEnd),
  };
}

/** `random bytes (32) ‖ document, UTF-8`. */
export function plaintextOf(salt: Uint8Array, document: Uint8Array): Uint8Array {
  if (salt.length !== SALT_BYTES) throw new RangeError(`a salt of ${salt.length} bytes`);
  return Buffer.concat([salt, document]);
}

export function documentOf(plaintext: Uint8Array): Uint8Array {
  return plaintext.subarray(SALT_BYTES);
}
