import { readTimestamp, type Timestamp } from "../types/time.ts";

/** Field numbers of the timestamp in CanonicalVote and CanonicalProposal; type 32 is a proposal (CometBFT types/canonical.go). */
const VOTE_TIMESTAMP_FIELD = 5;
const PROPOSAL_TIMESTAMP_FIELD = 6;
const PROPOSAL_TYPE = 32;
/** Sign bytes are under 200 bytes; more is not worth reading. */
const MAX_SIGN_BYTES = 1024;

export interface SignBytesParts {
  /** Everything that was signed but the timestamp. */
  readonly withoutTimestamp: Uint8Array;
  readonly timestamp: Timestamp;
}

/** Takes the sign bytes of a vote or proposal apart; undefined when they are neither. */
export function splitSignBytes(signBytes: Uint8Array): SignBytesParts | undefined {
  if (signBytes.length > MAX_SIGN_BYTES) return undefined;
  const length = readVarint(signBytes, 0);
  if (length === undefined || length.value !== signBytes.length - length.end) return undefined;
  let timestampField = VOTE_TIMESTAMP_FIELD;
  let at = length.end;
  while (at < signBytes.length) {
    const field = readField(signBytes, at);
    if (field === undefined) return undefined;
    if (field.number === 1 && field.varint === PROPOSAL_TYPE) timestampField = PROPOSAL_TIMESTAMP_FIELD;
    if (field.number === timestampField && field.content !== undefined) {
      const withoutTimestamp = Uint8Array.from([
        ...signBytes.subarray(length.end, at),
        ...signBytes.subarray(field.end),
      ]);
      try {
        return { withoutTimestamp, timestamp: readTimestamp(field.content) };
      } catch {
        return undefined;
      }
    }
    at = field.end;
  }
  return undefined;
}

/** What `openSignState` compares votes by. */
export function stripTimestamp(signBytes: Uint8Array): Uint8Array | undefined {
  return splitSignBytes(signBytes)?.withoutTimestamp;
}

interface Field {
  readonly number: number;
  readonly varint: number | undefined;
  readonly content: Uint8Array | undefined;
  readonly end: number;
}

function readField(bytes: Uint8Array, at: number): Field | undefined {
  const key = readVarint(bytes, at);
  if (key === undefined) return undefined;
  const number = Math.floor(key.value / 8);
  const wireType = key.value % 8;
  if (wireType === 1)
    return key.end + 8 > bytes.length ? undefined : { number, varint: undefined, content: undefined, end: key.end + 8 };
  const value = readVarint(bytes, key.end);
  if (value === undefined) return undefined;
  if (wireType === 0) return { number, varint: value.value, content: undefined, end: value.end };
  const end = value.end + value.value;
  if (wireType !== 2 || end > bytes.length) return undefined;
  return { number, varint: undefined, content: bytes.subarray(value.end, end), end };
}

/** Up to ten bytes; what is beyond 2^53 is only skipped, never compared. */
function readVarint(bytes: Uint8Array, at: number): { readonly value: number; readonly end: number } | undefined {
  let value = 0;
  for (let index = 0; index < 10; index++) {
    const byte = bytes[at + index];
    if (byte === undefined) return undefined;
    value += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return { value, end: at + index + 1 };
  }
  return undefined;
}
