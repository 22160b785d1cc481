import { decodeCanonical, EMPTY_BYTES, FieldReader, FieldWriter } from "#storage/types/wire.ts";

/** How many of what stands beside a meter's intervals there is: edream.ledger.v1.MeterCounts. */
export interface MeterCountsRecord {
  readonly amendments: number;
  readonly erasures: number;
}

/** What the ledger has of one erasure: edream.ledger.v1.Erasure. */
export interface ErasureRecord {
  /** fromMs < timestamp <= untilMs */
  readonly fromMs: number;
  readonly untilMs: number;
  readonly readingCount: number;
  /** 32 bytes. */
  readonly receiptHash: Uint8Array;
  readonly recordedBy: string;
  readonly recordedMs: number;
}

const MAX_RECORD_BYTES = 512;
const MAX_ACCOUNT_CHARS = 128;

/** Keys of the records in the state tree (stateRecords.ts). */
export function meterCountsKey(meterId: string): Uint8Array {
  return Buffer.from(`counts/${meterId}`);
}

export function erasureKey(meterId: string, number: number): Uint8Array {
  return Buffer.from(`erasure/${meterId}/${number.toString().padStart(10, "0")}`);
}

/**
 * The records as a light node gets them with their proofs; by hand for the reason given at decodeAccountRecord, and canonical like it.
 * @throws FormatError
 */
export function decodeMeterCounts(bytes: Uint8Array): MeterCountsRecord {
  const { amendments, erasures } = decodeCanonical("MeterCounts", MAX_RECORD_BYTES, bytes, readCounts, encodeCounts);
  return { amendments, erasures };
}

/** @throws FormatError */
export function decodeErasureRecord(bytes: Uint8Array): ErasureRecord {
  return decodeCanonical("Erasure", MAX_RECORD_BYTES, bytes, readErasure, encodeErasure);
}

interface AllCounts extends MeterCountsRecord {
  /** Fields 3 to 6. */
  readonly others: readonly number[];
}

const OTHER_FIELDS = [3, 4, 5, 6];

function readCounts(bytes: Uint8Array): AllCounts {
  const reader = new FieldReader("MeterCounts", bytes);
  const counts = [0, 0, 0, 0, 0, 0, 0];
  while (reader.next()) {
    if (reader.number > 6) reader.refuse();
    counts[reader.number] = reader.count("meterCounts");
  }
  return { amendments: counts[1] ?? 0, erasures: counts[2] ?? 0, others: counts.slice(3) };
}

function encodeCounts({ amendments, erasures, others }: AllCounts): Uint8Array {
  const writer = new FieldWriter().int(1, amendments).int(2, erasures);
  for (const [index, field] of OTHER_FIELDS.entries()) writer.int(field, others[index] ?? 0);
  return writer.finish();
}

function readErasure(bytes: Uint8Array): ErasureRecord {
  const reader = new FieldReader("Erasure", bytes);
  const record = { fromMs: 0, untilMs: 0, readingCount: 0, receiptHash: EMPTY_BYTES, recordedBy: "", recordedMs: 0 };
  while (reader.next()) {
    if (reader.number === 1) record.fromMs = reader.count("erasure.fromMs");
    else if (reader.number === 2) record.untilMs = reader.count("erasure.untilMs");
    else if (reader.number === 3) record.readingCount = reader.count("erasure.readingCount");
    else if (reader.number === 4) record.receiptHash = Uint8Array.from(reader.bytesOf("erasure.receiptHash", 32));
    else if (reader.number === 5) record.recordedBy = reader.text("erasure.recordedBy", MAX_ACCOUNT_CHARS);
    else if (reader.number === 6) record.recordedMs = reader.count("erasure.recordedMs");
    else reader.refuse();
  }
  return record;
}

function encodeErasure(record: ErasureRecord): Uint8Array {
  return new FieldWriter()
    .int(1, record.fromMs)
    .int(2, record.untilMs)
    .int(3, record.readingCount)
    .bytes(4, record.receiptHash)
    .text(5, record.recordedBy)
    .int(6, record.recordedMs)
    .finish();
}
