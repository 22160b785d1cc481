import type { Store } from "#storage/db/store.ts";
import { type LogFault, salvageReadingLog } from "#storage/offchain/readingLogSalvage.ts";
import { decodeReading, encodeReading, type Reading } from "#storage/types/reading.ts";
import { tombstonesOf } from "./tombstones.ts";

/** What a place where readings rest has of one meter, in the order in which it came. */
export type AuditItem =
  | { readonly type: "reading"; readonly reading: Reading }
  /** What an erasure has left; the leaf is undefined for a reading that was in no sealed interval. */
  | { readonly type: "tombstone"; readonly timestampMs: number; readonly leafHash: Uint8Array | undefined }
  | { readonly type: "fault"; readonly fault: LogFault };

export interface RowsRequest {
  readonly meterId: string;
  /** afterMs < timestamp <= untilMs */
  readonly afterMs: number;
  readonly untilMs: number;
}

/**
 * What a light node has: readings of its log, and tombstones. Damage is given as faults, and what can be read behind it is read. isRunning: the
 * end of the log may be a batch that is being written, and is no fault.
 */
export async function* ownRows(
  home: { readonly readings: string; readonly store: Store; readonly isRunning: boolean },
  { meterId, afterMs, untilMs }: RowsRequest,
): AsyncGenerator<AuditItem> {
  for await (const { timestampMs, leafHash } of tombstonesOf(home.store, { meterId, afterMs, untilMs }))
    yield { type: "tombstone", timestampMs, leafHash };
  for await (const item of salvageReadingLog(home.readings, 1)) {
    if (item.type === "fault") {
      const { type: _, ...fault } = item;
      if (!(fault.isTail && home.isRunning)) yield { type: "fault", fault };
      continue;
    }
    const { reading } = item;
    if (reading.meterId !== meterId || reading.timestampMs <= afterMs || reading.timestampMs > untilMs) continue;
    yield { type: "reading", reading };
  }
}

const KINDS = { reading: 1, tombstone: 2, fault: 3, end: 4 } as const;
const FRAME_BYTES = 5;

/** A frame: uint8 kind ‖ uint32 length ‖ payload, big-endian. The last one is of kind `end`, so that a stream that was cut off is noticed. */
function frame(kind: keyof typeof KINDS, payload: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(FRAME_BYTES + payload.length);
  bytes[0] = KINDS[kind];
  bytes.writeUInt32BE(payload.length, 1);
  bytes.set(payload, FRAME_BYTES);
  return bytes;
}

/** Bytes handed on at once. */
const CHUNK_BYTES = 64 * 1024;

/** The bytes of GET /ledger/v1/audit/readings. */
export async function* encodeRows(items: AsyncIterable<AuditItem>): AsyncGenerator<Uint8Array> {
  let pieces: Buffer[] = [];
  let bytes = 0;
  for await (const item of items) {
    const piece = encodeItem(item);
    pieces.push(piece);
    bytes += piece.length;
    if (bytes < CHUNK_BYTES) continue;
    yield Buffer.concat(pieces);
    pieces = [];
    bytes = 0;
  }
  yield Buffer.concat([...pieces, frame("end", new Uint8Array(0))]);
}

function encodeItem(item: AuditItem): Buffer {
  switch (item.type) {
    case "reading":
      return frame("reading", encodeReading(item.reading));
    case "tombstone": {
      const time = Buffer.alloc(8);
      time.writeBigUInt64BE(BigInt(item.timestampMs));
      return frame("tombstone", Buffer.concat([time, item.leafHash ?? new Uint8Array(0)]));
    }
    case "fault":
      return frame("fault", Buffer.from(JSON.stringify(item.fault)));
  }
}

/** A row stream that is none, or ends before its end. */
export class RowStreamError extends Error {
  override readonly name = "RowStreamError";
}

const MAX_FRAME_BYTES = 4096;

/** @throws RowStreamError, ReadingError */
export async function* decodeRows(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<AuditItem> {
  let rest: Uint8Array = new Uint8Array(0);
  for await (const chunk of chunks) {
    const bytes = Buffer.concat([rest, chunk]);
    let at = 0;
    while (at + FRAME_BYTES <= bytes.length) {
      const length = bytes.readUInt32BE(at + 1);
      if (length > MAX_FRAME_BYTES) throw new RowStreamError(`a frame of ${length} bytes`);
      if (at + FRAME_BYTES + length > bytes.length) break;
      const payload = bytes.subarray(at + FRAME_BYTES, at + FRAME_BYTES + length);
      if (bytes[at] === KINDS.end) return;
      yield decodeItem(bytes[at] ?? 0, payload);
      at += FRAME_BYTES + length;
    }
    rest = bytes.subarray(at);
  }
  throw new RowStreamError("it ends before its end");
}

function decodeItem(kind: number, payload: Buffer): AuditItem {
  switch (kind) {
    case KINDS.reading:
      return { type: "reading", reading: decodeReading(payload) };
    case KINDS.tombstone: {
      if (payload.length !== 8 && payload.length !== 40) throw new RowStreamError("a tombstone of another length");
      const leafHash = payload.length === 40 ? new Uint8Array(payload.subarray(8)) : undefined;
      return { type: "tombstone", timestampMs: Number(payload.readBigUInt64BE()), leafHash };
    }
    case KINDS.fault:
      return { type: "fault", fault: JSON.parse(payload.toString()) as LogFault };
    default:
      throw new RowStreamError(`a frame of kind ${kind}`);
  }
}
