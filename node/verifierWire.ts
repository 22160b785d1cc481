import type { KeyType, PublicKey } from "#storage/crypto/keys.ts";

/** One signature to check. Nothing is assumed about the lengths: they come from the network. */
export interface SignatureCheck {
  readonly publicKey: PublicKey;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}

/** Bytes before each check: key type (1), key length (1), signature length (2), message length (4), all big-endian. */
const CHECK_HEAD_BYTES = 8;

/** Keys and signatures beyond these lengths are never valid; they are not packed but answered false at once. */
export const MAX_KEY_BYTES = 0xff;
export const MAX_SIGNATURE_BYTES = 0xffff;

const KEY_TYPES: readonly KeyType[] = ["ed25519", "secp256k1"];

/** Whether the lengths fit the packed form, so that a worker has to be asked at all. */
export function isPackable(check: SignatureCheck): boolean {
  return (
    KEY_TYPES.includes(check.publicKey.type) &&
    check.publicKey.bytes.length <= MAX_KEY_BYTES &&
    check.signature.length <= MAX_SIGNATURE_BYTES
  );
}

/**
 * Packs checks into one ArrayBuffer that can be transferred to a worker without a copy: a structured clone of objects
 * costs 4 to 9 % of the checks themselves, this 0 to 5 % (research/limits.md §1). Every check must be packable.
 */
export function packChecks(checks: readonly SignatureCheck[]): ArrayBuffer {
  let size = 0;
  for (const check of checks)
    size += CHECK_HEAD_BYTES + check.publicKey.bytes.length + check.signature.length + check.message.length;
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  let offset = 0;
  for (const { publicKey, signature, message } of checks) {
    view.setUint8(offset, KEY_TYPES.indexOf(publicKey.type));
    view.setUint8(offset + 1, publicKey.bytes.length);
    view.setUint16(offset + 2, signature.length);
    view.setUint32(offset + 4, message.length);
    offset += CHECK_HEAD_BYTES;
    for (const part of [publicKey.bytes, signature, message]) {
      bytes.set(part, offset);
      offset += part.length;
    }
  }
  return bytes.buffer;
}

/** The inverse of packChecks; the byte arrays are views of `buffer`. */
export function unpackChecks(buffer: ArrayBuffer): SignatureCheck[] {
  const view = new DataView(buffer);
  const checks: SignatureCheck[] = [];
  let offset = 0;
  const take = (length: number): Uint8Array => {
    const part = new Uint8Array(buffer, offset, length);
    offset += length;
    return part;
  };
  while (offset < buffer.byteLength) {
    const type = KEY_TYPES[view.getUint8(offset)] ?? "ed25519";
    const keyLength = view.getUint8(offset + 1);
    const signatureLength = view.getUint16(offset + 2);
    const messageLength = view.getUint32(offset + 4);
    offset += CHECK_HEAD_BYTES;
    const bytes = take(keyLength);
    const signature = take(signatureLength);
    checks.push({ publicKey: { type, bytes }, signature, message: take(messageLength) });
  }
  return checks;
}
