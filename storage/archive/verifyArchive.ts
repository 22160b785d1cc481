import { sha256 } from "../crypto/hash.ts";
import { ACCEPTED, rejected, type Verdict } from "../error.ts";
import type { StoredReading } from "../offchain/readingStore.ts";
import { readingSalts } from "../types/intervalSecrets.ts";
import { ReadingsRootStream } from "../types/readingsRoot.ts";
import { archiveCid } from "./archiveCid.ts";
import { ArchiveError } from "./archiveError.ts";
import { type ArchivedSeries, type ArchiveHeader, readingCountOf } from "./archiveFormat.ts";
import type { ArchivePeriod } from "./archivePeriods.ts";
import { isEncryptedArchive, type OpenArchive, openArchive } from "./archiveReader.ts";
import { decryptArchive } from "./encryptArchive.ts";

/** What MsgSealArchive says of a file. */
export interface ArchiveRecord extends ArchivePeriod {
  readonly ledgerId: string;
  readonly meterId: string;
  /** CIDv1 in binary form. */
  readonly cid: Uint8Array;
  readonly fileBytes: number;
  readonly readingCount: number;
  /** SHA-256, 32 bytes. */
  readonly fileHash: Uint8Array;
}

/**
 * Compares a file with its record. Nobody needs a key for this. Checks, in this order:
 * a) its length (else ARCHIVE_SIZE_MISMATCH); b) its SHA-256 (else ARCHIVE_HASH_MISMATCH); c) its CID, computed anew (else ARCHIVE_CID_MISMATCH).
 */
export async function verifyArchiveFile(
  bytes: Uint8Array,
  { cid, fileBytes, fileHash }: Pick<ArchiveRecord, "cid" | "fileBytes" | "fileHash">,
): Promise<Verdict> {
  if (bytes.length !== fileBytes)
    return rejected("ARCHIVE_SIZE_MISMATCH", `${bytes.length} bytes, the ledger says ${fileBytes}`);
  if (Buffer.compare(sha256(bytes), fileHash) !== 0)
    return rejected("ARCHIVE_HASH_MISMATCH", "the bytes are not those that were sealed");
  const own = await archiveCid(bytes);
  if (Buffer.compare(own.bytes, cid) !== 0)
    return rejected("ARCHIVE_CID_MISMATCH", `the file is ${own}, not the CID on the ledger`);
  return ACCEPTED;
}

/**
 * The file's contents against its record, after verifyArchiveFile:
 * a) it is opened with `key` where it is encrypted, and every byte of it read (else the codes of openArchive, decryptArchive and `items`);
 * b) ledger, meter and period are those of the record (else ARCHIVE_RECORD_MISMATCH); c) so is the number of readings (else ARCHIVE_COUNT_MISMATCH).
 */
export function verifyArchiveContents(bytes: Uint8Array, record: ArchiveRecord, key: Uint8Array | undefined): Verdict {
  let archive: OpenArchive;
  try {
    archive = openAnyArchive(bytes, key);
    for (const _item of archive.items());
  } catch (error) {
    if (error instanceof ArchiveError) return rejected(error.code, error.message);
    throw error;
  }
  const { header } = archive;
  for (const field of ["ledgerId", "meterId", "fromMs", "untilMs"] as const)
    if (header[field] !== record[field])
      return rejected("ARCHIVE_RECORD_MISMATCH", `${field} is ${header[field]}, the ledger says ${record[field]}`);
  const readings = readingCountOf(header);
  if (readings !== record.readingCount)
    return rejected("ARCHIVE_COUNT_MISMATCH", `${readings} readings, the ledger says ${record.readingCount}`);
  return ACCEPTED;
}

/** An archive, encrypted or not. @throws ArchiveError as openArchive and decryptArchive; ARCHIVE_ENCRYPTED without a key */
export function openAnyArchive(bytes: Uint8Array, key: Uint8Array | undefined): OpenArchive {
  return openArchive(key !== undefined && isEncryptedArchive(bytes) ? decryptArchive(key, bytes) : bytes);
}

/** A sealed interval (MsgSealInterval). */
export interface SealedRoot {
  readonly startMs: number;
  readonly endMs: number;
  readonly readingCount: number;
  /** 32 bytes. */
  readonly readingsRoot: Uint8Array;
}

export interface IntervalFinding {
  readonly startMs: number;
  readonly endMs: number;
  /**
   * intact: these readings lead to the sealed root; altered: as many readings, and another root; incomplete: fewer than were sealed;
   * more: readings came after the interval was sealed, so that its root says nothing of all of them.
   */
  readonly finding: "intact" | "altered" | "incomplete" | "more";
  readonly archived: number;
  readonly sealed: number;
}

/** Which series is the one that was sealed: the only one, else that of interval values. Undefined when it cannot be told. */
export function sealedSeriesOf({ series }: ArchiveHeader): ArchivedSeries | undefined {
  if (series.length === 1) return series[0];
  const ofIntervals = series.filter(({ series: { kind, phase } }) => kind === "interval" && phase === 0);
  return ofIntervals.length === 1 ? ofIntervals[0] : undefined;
}

/**
 * Compares the readings of one series with the readings roots of its meter's intervals; `saltKeyOf` gives readingSaltKey of the meter's
 * secret. A tombstone counts with the leaf that is left of it.
 */
export function* compareWithIntervals(
  items: Iterable<StoredReading>,
  intervals: readonly SealedRoot[],
  saltKeyOf: (startMs: number, endMs: number) => Uint8Array,
): Generator<IntervalFinding> {
  const inOrder = [...items].sort((a, b) => timeOf(a) - timeOf(b));
  let at = 0;
  for (const { startMs, endMs, readingCount, readingsRoot } of intervals.toSorted((a, b) => a.endMs - b.endMs)) {
    while (at < inOrder.length && timeOf(inOrder[at]!) <= startMs) at += 1;
    const root = new ReadingsRootStream();
    const saltOf = readingSalts(saltKeyOf(startMs, endMs));
    for (; at < inOrder.length && timeOf(inOrder[at]!) <= endMs; at++) {
      const item = inOrder[at]!;
      if (item.type === "reading") root.append(saltOf(root.count), item.reading.value, item.reading.timestampMs);
      else if (item.leafHash !== undefined) root.appendLeafHash(item.leafHash);
    }
    const isSame = Buffer.compare(root.root(), readingsRoot) === 0;
    const [archived, sealed] = [root.count, readingCount];
    const finding =
      archived < sealed ? "incomplete" : archived > sealed ? "more" : isSame ? "intact" : ("altered" as const);
    yield { startMs, endMs, finding, archived, sealed };
  }
}

function timeOf(item: StoredReading): number {
  return item.type === "reading" ? item.reading.timestampMs : item.timestampMs;
}
