import { ACCEPTED, rejected, type Verdict } from "../error.ts";
import { MAX_CID_BYTES } from "../limits.ts";

/**
 * A CIDv1 in binary form (github.com/multiformats/cid): `varint 1 ‖ varint codec ‖ multihash`, a multihash being
 * `varint hash code ‖ varint length ‖ digest`. By hand, because all validators must agree for ever on what is one: a library's next
 * version may know more hashes than this one.
 */
export interface Cid {
  /** https://github.com/multiformats/multicodec: 0x55 raw, 0x70 dag-pb, … */
  readonly codec: number;
  /** 0x12 SHA2-256, … */
  readonly hashCode: number;
  readonly digest: Uint8Array;
}

export const CID_RAW = 0x55;
export const CID_SHA2_256 = 0x12;

const IDENTITY = 0;
/** A shorter digest names too many files. */
const MIN_DIGEST_BYTES = 20;
/** Bytes of one varint here: codes of multicodec are below 2^28. */
const MAX_VARINT_BYTES = 4;

/**
 * Undefined unless the bytes are one CIDv1 and nothing behind it: at most MAX_CID_BYTES, shortest varints, a digest of 20 bytes or more
 * that is as long as it says. The identity "hash" is none: it would put the data itself on the ledger. Total.
 */
export function decodeCid(bytes: Uint8Array): Cid | undefined {
  if (bytes.length > MAX_CID_BYTES) return undefined;
  const numbers: number[] = [];
  let offset = 0;
  while (numbers.length < 4) {
    const varint = readVarint(bytes, offset);
    if (varint === undefined) return undefined;
    numbers.push(varint.value);
    offset = varint.next;
  }
  const [version = 0, codec = 0, hashCode = 0, length = 0] = numbers;
  const digest = bytes.subarray(offset);
  if (version !== 1 || hashCode === IDENTITY) return undefined;
  return digest.length === length && length >= MIN_DIGEST_BYTES ? { codec, hashCode, digest } : undefined;
}

/** Whether the bytes can be the CID of the file with this SHA-256: where the CID is a plain hash of the file, it must be the same. */
export function checkFileCid(bytes: Uint8Array, fileHash: Uint8Array): Verdict {
  const cid = decodeCid(bytes);
  if (cid === undefined) return rejected("CID_MALFORMED", "not a CIDv1");
  if (cid.codec !== CID_RAW || cid.hashCode !== CID_SHA2_256) return ACCEPTED;
  return Buffer.compare(cid.digest, fileHash) === 0
    ? ACCEPTED
    : rejected("CID_MISMATCH", "a raw CID of another file than the hash");
}

function readVarint(bytes: Uint8Array, start: number): { value: number; next: number } | undefined {
  let value = 0;
  for (let index = 0; index < MAX_VARINT_BYTES; index++) {
    const byte = bytes[start + index];
    if (byte === undefined) return undefined;
    value |= (byte & 0x7f) << (7 * index);
    if (byte < 0x80) return byte === 0 && index > 0 ? undefined : { value, next: start + index + 1 };
  }
  return undefined;
}
