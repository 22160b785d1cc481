import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { pipeline } from "node:stream";
import { createGunzip } from "node:zlib";
import { parse } from "csv-parse";
import { sha256 } from "#storage/crypto/hash.ts";
import type { Reading } from "#storage/types/reading.ts";
import {
  ACCEPTED_HEADERS,
  type CsvDialect,
  dialectOf,
  LCL_FUSE_LIMIT_MWH,
  LCL_PERIOD_MS,
  readRow,
} from "./csvDialect.ts";
import { HouseholdSlots, MAX_SLOT_MWH } from "./csvSlots.ts";
import { type MeterSource, MeterSourceError, type SourceAccount, type SourceItem, SourceTally } from "./source.ts";

export interface CsvSourceOptions {
  /** A Low Carbon London file, plain or gzip; which one is read from its first bytes. */
  readonly path: string;
  /** The receiver's clock for `receivedMs`. */
  readonly nowMs: () => number;
  /** Most energy of one half hour, at most MAX_SLOT_MWH. Default 11.5 kWh. */
  readonly fuseLimitMwh?: number;
}

/** Characters of one row: a file without line ends must not fill the memory. */
const MAX_ROW_CHARS = 4096;

/** Characters of a rejected row that are shown. */
const SHOWN_CHARS = 120;

interface RawRow {
  readonly raw: string;
  readonly record: readonly string[];
}

/**
 * The readings of a Low Carbon London file, as a stream: meter `lcl:<household>`, imported energy per half hour in whole Wh, stamped with
 * the UTC end of the half hour. Every row becomes exactly one item; empty lines are no rows.
 * @throws MeterSourceError METER_OPTION_INVALID
 */
export function createCsvSource(options: CsvSourceOptions): MeterSource {
  const { path, nowMs, fuseLimitMwh = LCL_FUSE_LIMIT_MWH } = options;
  if (!Number.isInteger(fuseLimitMwh) || fuseLimitMwh < 0 || fuseLimitMwh > MAX_SLOT_MWH) {
    const reason = `must be an integer from 0 to ${MAX_SLOT_MWH}`;
    throw new MeterSourceError({ code: "METER_OPTION_INVALID", option: "fuseLimitMwh", value: fuseLimitMwh, reason });
  }
  const tally = new SourceTally();
  const households = new Map<string, HouseholdSlots>();

  function itemOf(dialect: CsvDialect, { raw, record }: RawRow): SourceItem {
    const row = readRow(dialect, record, fuseLimitMwh);
    if ("rejected" in row) return rejectedItem(row.rejected, raw);
    const { household, timestampMs, valueMwh } = row;
    let slots = households.get(household);
    if (slots === undefined) {
      slots = new HouseholdSlots();
      households.set(household, slots);
    }
    const seen = slots.put(timestampMs, valueMwh);
    if (seen === "conflict") return rejectedItem("conflict", raw);
    const meterId = `lcl:${household}`;
    if (seen === "duplicate") {
      tally.duplicate();
      return { type: "duplicate", row: tally.rows, meterId, timestampMs };
    }
    tally.accept(valueMwh);
    return { type: "reading", reading: readingOf(meterId, timestampMs, valueMwh, nowMs(), raw) };
  }

  function rejectedItem(reason: Extract<SourceItem, { type: "rejected" }>["reason"], raw: string): SourceItem {
    tally.reject(reason);
    return { type: "rejected", row: tally.rows, reason, text: raw.trimEnd().slice(0, SHOWN_CHARS) };
  }

  return {
    async *readings(signal) {
      let dialect: CsvDialect | undefined;
      for await (const row of rowsOf(path, signal)) {
        if (dialect !== undefined) {
          yield itemOf(dialect, row);
          continue;
        }
        dialect = dialectOf(row.record);
        if (dialect !== undefined) continue;
        const header = row.record.join(",").slice(0, SHOWN_CHARS);
        throw new MeterSourceError({ code: "METER_CSV_HEADER_UNKNOWN", path, header, accepted: ACCEPTED_HEADERS });
      }
      if (dialect === undefined && !signal.aborted) throw new MeterSourceError({ code: "METER_CSV_EMPTY", path });
    },

    account(): SourceAccount {
      let gaps = 0;
      for (const slots of households.values()) gaps += slots.gaps;
      return tally.account({ gaps, meters: households.size });
    },
  };
}

function readingOf(meterId: string, timestampMs: number, value: number, receivedMs: number, raw: string): Reading {
  return {
    meterId,
    quantity: "activeEnergyImport",
    kind: "interval",
    phase: 0,
    tariff: 0,
    value,
    timestampMs,
    periodMs: LCL_PERIOD_MS,
    receivedMs,
    timeSource: "concentrator",
    timeQuality: "synced",
    quality: 0,
    rawHash: sha256(Buffer.from(raw.replace(/[\r\n]+$/, ""), "latin1")),
  };
}

/** Rows with the bytes they came from, as latin1 so that no byte is lost; a quote is a character like any other. */
async function* rowsOf(path: string, signal: AbortSignal): AsyncGenerator<RawRow> {
  const parser = parse({
    raw: true,
    encoding: "latin1",
    quote: null,
    relax_column_count: true,
    skip_empty_lines: true,
    max_record_size: MAX_ROW_CHARS,
  });
  try {
    const file = createReadStream(path, { signal, highWaterMark: 256 * 1024 });
    const ended = (): void => {};
    if (await isGzip(path)) pipeline(file, createGunzip(), parser, ended);
    else pipeline(file, parser, ended);
    let first = true;
    for await (const row of parser as AsyncIterable<{ raw: string; record: string[] }>) {
      if (first) row.record[0] = row.record[0]?.replace(/^\u00ef\u00bb\u00bf/, "") ?? "";
      first = false;
      yield row;
    }
  } catch (error) {
    if (signal.aborted) return;
    if (error instanceof MeterSourceError) throw error;
    const reason = (error as Error).message;
    throw new MeterSourceError({ code: "METER_CSV_UNREADABLE", path, reason }, { cause: error });
  }
}

async function isGzip(path: string): Promise<boolean> {
  const file = await open(path, "r");
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(2), 0, 2, 0);
    return bytesRead === 2 && buffer[0] === 0x1f && buffer[1] === 0x8b;
  } finally {
    await file.close();
  }
}
