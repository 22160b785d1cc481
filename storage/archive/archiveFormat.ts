import { decode, decodeFirst, encode, rfc8949EncodeOptions } from "cborg";
import { MAX_CHAIN_ID_BYTES } from "../limits.ts";
import type { ReadingSeries } from "../offchain/readingStore.ts";
import { isMeterId, MAX_READING_TIME_MS, QUANTITIES, READING_KINDS } from "../types/reading.ts";
import { ArchiveError } from "./archiveError.ts";
import type { ArchivePeriod } from "./archivePeriods.ts";

/** A month of one reading a second, and half as many again. */
export const MAX_ARCHIVE_READINGS = 4_000_000;

/** 64 bytes a reading. A file is put together and checked in memory. */
export const MAX_ARCHIVE_BYTES = 256 * 1024 * 1024;

/** Quantities × kinds × phases × tariffs of one meter: DLMS meters with all of their registers have some forty. */
export const MAX_ARCHIVE_SERIES = 256;

/** Bytes of the header, and of a block: 4096 readings with every number at its longest are below 400 KiB. */
export const MAX_ARCHIVE_ITEM_BYTES = 512 * 1024;

export const ARCHIVE_FORMAT = "energy-ledger archive 1";

/** What an archive holds of one series. */
export interface ArchivedSeries {
  readonly series: ReadingSeries;
  readonly readings: number;
  /** Tombstones. */
  readonly erased: number;
  /** RFC 6962 root over SHA256(0x00 ‖ reading record) in order of time, 32 bytes. */
  readonly root: Uint8Array;
}

export interface ArchiveHeader extends ArchivePeriod {
  readonly ledgerId: string;
  readonly meterId: string;
  /** In the order in which their blocks follow. */
  readonly series: readonly ArchivedSeries[];
}

export function readingCountOf(header: ArchiveHeader): number {
  return header.series.reduce((sum, { readings }) => sum + readings, 0);
}

/** Order of the series in a file: by quantity, kind, phase and tariff, each by its code in the reading record. */
export function compareSeries(a: ReadingSeries, b: ReadingSeries): number {
  return (
    QUANTITIES.indexOf(a.quantity) - QUANTITIES.indexOf(b.quantity) ||
    READING_KINDS.indexOf(a.kind) - READING_KINDS.indexOf(b.kind) ||
    a.phase - b.phase ||
    a.tariff - b.tariff
  );
}

/** Deterministic CBOR (RFC 8949 §4.2.1) within a byte string, so that a reader knows an item's length before it looks inside. */
export function encodeItem(value: unknown): Uint8Array {
  return encode(encode(value, rfc8949EncodeOptions), rfc8949EncodeOptions);
}

/** @throws ArchiveError ARCHIVE_TOO_LARGE for more series than any meter has */
export function encodeHeader({ ledgerId, meterId, fromMs, untilMs, series }: ArchiveHeader): Uint8Array {
  if (series.length > MAX_ARCHIVE_SERIES)
    throw new ArchiveError({ code: "ARCHIVE_TOO_LARGE", what: "series", limit: MAX_ARCHIVE_SERIES });
  return encodeItem({
    format: ARCHIVE_FORMAT,
    ledger: ledgerId,
    meter: meterId,
    from: fromMs,
    until: untilMs,
    series: series.map(({ series: { quantity, kind, phase, tariff }, readings, erased, root }) => [
      quantity,
      kind,
      phase,
      tariff,
      readings,
      erased,
      root,
    ]),
  });
}

/** Begins an item: a byte string of one to four bytes of length. */
const BYTE_STRING_HEADS = [0x58, 0x59, 0x5a];
const STRICT = { strict: true, allowIndefinite: false, allowUndefined: false, allowInfinity: false, allowNaN: false };

/**
 * The item at `offset` and where the next one begins.
 * @throws ArchiveError ARCHIVE_MALFORMED
 */
export function readItem(bytes: Uint8Array, offset: number): { readonly value: unknown; readonly next: number } {
  const malformed = (reason: string, cause?: unknown): never => {
    throw new ArchiveError({ code: "ARCHIVE_MALFORMED", offset, reason }, { cause });
  };
  const head = bytes[offset] ?? 0;
  if (!BYTE_STRING_HEADS.includes(head) && (head < 0x40 || head > 0x57)) malformed("no byte string begins here");
  try {
    const [item, rest] = decodeFirst(bytes.subarray(offset), STRICT) as [Uint8Array, Uint8Array];
    if (item.length > MAX_ARCHIVE_ITEM_BYTES) malformed(`an item of ${item.length} bytes`);
    return { value: decode(item, { ...STRICT, rejectDuplicateMapKeys: true }), next: bytes.length - rest.length };
  } catch (error) {
    if (error instanceof ArchiveError) throw error;
    // A RangeError among them: cborg goes into nested arrays by recursion.
    return malformed((error as Error).message, error);
  }
}

/** @throws ArchiveError ARCHIVE_FORMAT_UNKNOWN, ARCHIVE_MALFORMED for a header that does not encode to these bytes */
export function readHeader(bytes: Uint8Array): { readonly header: ArchiveHeader; readonly next: number } {
  const { value, next } = readItem(bytes, 0);
  const malformed = (reason: string): never => {
    throw new ArchiveError({ code: "ARCHIVE_MALFORMED", offset: 0, reason });
  };
  if (typeof value !== "object" || value === null) return malformed("the header is no map");
  const { format, ledger, meter, from, until, series } = value as Record<string, unknown>;
  if (format !== ARCHIVE_FORMAT)
    throw new ArchiveError({ code: "ARCHIVE_FORMAT_UNKNOWN", format: String(format).slice(0, 64) });
  if (typeof ledger !== "string" || ledger === "" || Buffer.byteLength(ledger) > MAX_CHAIN_ID_BYTES)
    return malformed("ledger");
  if (typeof meter !== "string" || !isMeterId(meter)) return malformed("meter");
  if (!isTime(from) || !isTime(until) || until <= from) return malformed("period");
  if (!Array.isArray(series) || series.length > MAX_ARCHIVE_SERIES) return malformed("series");
  const header: ArchiveHeader = {
    ledgerId: ledger,
    meterId: meter,
    fromMs: from,
    untilMs: until,
    series: series.map((entry) => archivedSeries(meter, entry) ?? malformed("a series")),
  };
  if (header.series.some(({ series }, at) => at > 0 && compareSeries(header.series[at - 1]!.series, series) >= 0))
    return malformed("the series are not in order");
  if (readingCountOf(header) > MAX_ARCHIVE_READINGS) return malformed("more readings than a file may have");
  if (Buffer.compare(encodeHeader(header), bytes.subarray(0, next)) !== 0) return malformed("not canonical");
  return { header, next };
}

function archivedSeries(meterId: string, entry: unknown): ArchivedSeries | undefined {
  if (!Array.isArray(entry) || entry.length !== 7) return undefined;
  const [quantity, kind, phase, tariff, readings, erased, root] = entry;
  if (!QUANTITIES.includes(quantity) || !READING_KINDS.includes(kind)) return undefined;
  if (![0, 1, 2, 3].includes(phase) || ![0, 1, 2, 3, 4].includes(tariff)) return undefined;
  const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
  if (!isCount(readings) || !isCount(erased) || readings + erased === 0) return undefined;
  if (erased > MAX_ARCHIVE_READINGS || !(root instanceof Uint8Array) || root.length !== 32) return undefined;
  return { series: { meterId, quantity, kind, phase, tariff }, readings, erased, root };
}

function isTime(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= MAX_READING_TIME_MS;
}
