import { crc32c } from "./crc32c.ts";

/**
 * One record of the write-ahead log: crc32c (4) ‖ length (4) ‖ payload, all big-endian (CometBFT's layout, research/cometbft.md §5.1).
 * The payload is a kind (1), a check of the header (3: low bytes of the crc32c of segment, offset, length) and what that kind holds. Both
 * checksums go on over segment number and offset too: stale bytes of another place fail them, and nobody who can put bytes into a message
 * can make them pass for a record, or make a search for records slow.
 */
export const RECORD_HEADER_BYTES = 8;
const PAYLOAD_HEADER_BYTES = 4;
const BODY_OFFSET = RECORD_HEADER_BYTES + PAYLOAD_HEADER_BYTES;
export const END_HEIGHT_BYTES = BODY_OFFSET + 8;
const KINDS: readonly WalRecord["kind"][] = ["message", "endHeight", "segmentStart"];

/**
 * message: bytes of the caller. endHeight: height (8), everything of it is decided and stored. segmentStart, first in each segment and only
 * there: its number (8), bytes of the segment before (8).
 */
export type WalRecord =
  | { readonly kind: "message"; readonly payload: Uint8Array }
  | { readonly kind: "endHeight"; readonly height: number }
  | { readonly kind: "segmentStart"; readonly segment: number; readonly previousBytes: number };

export interface PlacedRecord {
  readonly offset: number;
  /** Offset of the record behind it. */
  readonly end: number;
  readonly record: WalRecord;
}

/** Bytes of the largest message, checked on both sides: a block part with its proof, or a proposal, with room to spare. */
export const MAX_WAL_PAYLOAD_BYTES = 1024 * 1024;

export function encodeWalRecord(record: WalRecord, segment: number, offset: number): Uint8Array {
  const bytes = new Uint8Array(BODY_OFFSET + bodyBytes(record));
  const view = new DataView(bytes.buffer);
  const length = bytes.length - RECORD_HEADER_BYTES;
  view.setUint32(4, length);
  view.setUint32(8, (KINDS.indexOf(record.kind) << 24) | headerCheck(segment, offset, length));
  if (record.kind === "message") bytes.set(record.payload, BODY_OFFSET);
  else if (record.kind === "endHeight") view.setBigUint64(BODY_OFFSET, BigInt(record.height));
  else {
    view.setBigUint64(BODY_OFFSET, BigInt(record.segment));
    view.setBigUint64(BODY_OFFSET + 8, BigInt(record.previousBytes));
  }
  view.setUint32(0, checksum(bytes, 4, bytes.length, segment, offset));
  return bytes;
}

/** The record at `offset`; undefined when the bytes there are not one. Its payload is a view into `bytes`. */
export function decodeWalRecord(bytes: Uint8Array, segment: number, offset: number): PlacedRecord | undefined {
  const body = offset + BODY_OFFSET;
  if (body > bytes.length) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const length = view.getUint32(offset + 4);
  const end = offset + RECORD_HEADER_BYTES + length;
  if (length < PAYLOAD_HEADER_BYTES || length > MAX_WAL_PAYLOAD_BYTES + PAYLOAD_HEADER_BYTES || end > bytes.length)
    return undefined;
  const kindAndCheck = view.getUint32(offset + RECORD_HEADER_BYTES);
  if ((kindAndCheck & 0xffffff) !== headerCheck(segment, offset, length)) return undefined;
  if (view.getUint32(offset) !== checksum(bytes, offset + 4, end, segment, offset)) return undefined;
  const kind = KINDS[kindAndCheck >>> 24];
  if (kind === "message") return { offset, end, record: { kind, payload: bytes.subarray(body, end) } };
  if (kind === "endHeight" && end - body === 8)
    return { offset, end, record: { kind, height: Number(view.getBigUint64(body)) } };
  if (kind !== "segmentStart" || end - body !== 16) return undefined;
  const previousBytes = Number(view.getBigUint64(body + 8));
  return { offset, end, record: { kind, segment: Number(view.getBigUint64(body)), previousBytes } };
}

/** The good records from the start of a segment on, and where they stop. */
export function readWalSegment(
  bytes: Uint8Array,
  segment: number,
): { readonly records: readonly PlacedRecord[]; readonly end: number } {
  const records: PlacedRecord[] = [];
  let end = 0;
  for (;;) {
    const placed = decodeWalRecord(bytes, segment, end);
    if (placed === undefined) break;
    const isFirst = records.length === 0;
    // A segment starts with its own number, and with nothing else.
    if ((placed.record.kind === "segmentStart") !== isFirst) break;
    if (placed.record.kind === "segmentStart" && placed.record.segment !== segment) break;
    records.push(placed);
    end = placed.end;
  }
  return { records, end };
}

/** Offset of the first good record behind `from`, looking at every byte; undefined when there is none. */
export function findWalRecordAfter(bytes: Uint8Array, segment: number, from: number): number | undefined {
  for (let offset = from + 1; offset + BODY_OFFSET <= bytes.length; offset++)
    if (decodeWalRecord(bytes, segment, offset) !== undefined) return offset;
  return undefined;
}

function bodyBytes(record: WalRecord): number {
  if (record.kind === "message") return record.payload.length;
  return record.kind === "endHeight" ? 8 : 16;
}

const place = new Uint8Array(16);
const placeView = new DataView(place.buffer);

function headerCheck(segment: number, offset: number, length: number): number {
  placeView.setBigUint64(0, BigInt(segment));
  placeView.setUint32(8, offset);
  placeView.setUint32(12, length);
  return crc32c(place) & 0xffffff;
}

function checksum(bytes: Uint8Array, start: number, end: number, segment: number, offset: number): number {
  placeView.setBigUint64(0, BigInt(segment));
  placeView.setUint32(8, offset);
  return crc32c(bytes, crc32c(place, 0, 0, 12), start, end);
}
