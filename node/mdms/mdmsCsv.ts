import { CsvError, parse } from "csv-parse";
import {
  isMeterId,
  MAX_READING_TIME_MS,
  QUANTITIES,
  READING_KINDS,
  type Reading,
  ReadingError,
  TIME_QUALITIES,
  TIME_SOURCES,
  validateReading,
} from "#storage/types/reading.ts";
import { parseScaledDecimal } from "#storage/types/readingDecimal.ts";
import { MdmsError } from "./mdmsError.ts";
import { type MdmsItem, seriesOfItem, timeOfItem } from "./mdmsItems.ts";
import { formatScaled, STATUS_CODES, statusOf, UNITS } from "./mdmsUnits.ts";

/** The columns, in this order; README.md says what each of them holds. */
export const CSV_COLUMNS = [
  "meter_id",
  "quantity",
  "kind",
  "phase",
  "tariff",
  "interval_end_utc",
  "period_ms",
  "value",
  "unit",
  "status",
  "register",
  "received_utc",
  "time_source",
  "time_quality",
  "sequence",
  "quality_bits",
  "raw_sha256",
] as const;

const EOL = "\r\n";

/** RFC 4180, UTF-8, a header and a row per item: numbers as decimals with a dot, times as RFC 3339 in UTC. No field ever needs quotes but a meter id. */
export async function* writeMdmsCsv(items: Iterable<MdmsItem> | AsyncIterable<MdmsItem>): AsyncGenerator<string> {
  yield `${CSV_COLUMNS.join(",")}${EOL}`;
  for await (const item of items) yield `${rowOf(item).map(quoted).join(",")}${EOL}`;
}

function rowOf(item: MdmsItem): readonly string[] {
  const { meterId, quantity, kind, phase, tariff } = seriesOfItem(item);
  const { unit, decimals } = UNITS[quantity];
  const head = [meterId, quantity, kind, String(phase), String(tariff), utc(timeOfItem(item))];
  if (item.type !== "reading") {
    const period = item.type === "missing" ? String(item.periodMs) : "";
    return [...head, period, "", unit, item.type, "", "", "", "", "", "", ""];
  }
  const { reading } = item;
  return [
    ...head,
    String(reading.periodMs),
    formatScaled(reading.value, decimals),
    unit,
    statusOf(reading.quality),
    reading.registerValue === undefined ? "" : formatScaled(reading.registerValue, decimals),
    utc(reading.receivedMs),
    reading.timeSource,
    reading.timeQuality,
    reading.seq === undefined ? "" : String(reading.seq),
    String(reading.quality),
    Buffer.from(reading.rawHash).toString("hex"),
  ];
}

/** Characters of one row at most. */
const MAX_ROW_CHARS = 2048;

/**
 * The readings of such a file, exactly as they were; rows without a reading (missing, erased) are passed over.
 * @throws MdmsError MDMS_CSV_MALFORMED, with the row counted from 1, the header being row 1
 */
export async function* readMdmsCsv(
  text: Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>,
): AsyncGenerator<Reading> {
  const parser = parse({ bom: true, max_record_size: MAX_ROW_CHARS, relax_column_count: true, skip_empty_lines: true });
  const feeding = feed(text, parser);
  let row = 0;
  try {
    for await (const fields of parser as AsyncIterable<string[]>) {
      row += 1;
      if (row === 1) {
        if (fields.join(",") !== CSV_COLUMNS.join(",")) throw malformed(1, "not the columns of this format");
        continue;
      }
      const reading = readingOf(fields, row);
      if (reading !== undefined) yield reading;
    }
    await feeding;
  } catch (error) {
    if (error instanceof CsvError) throw malformed(row + 1, error.message);
    throw error;
  } finally {
    parser.destroy();
    await feeding.catch(() => undefined);
  }
  if (row === 0) throw malformed(1, "an empty file");
}

async function feed(
  text: Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>,
  parser: ReturnType<typeof parse>,
): Promise<void> {
  try {
    for await (const chunk of text) {
      if (parser.destroyed) return;
      if (!parser.write(chunk))
        await new Promise<void>((resolve) => {
          parser.once("drain", resolve);
          parser.once("close", resolve);
        });
    }
    if (!parser.destroyed) parser.end();
  } catch (error) {
    parser.destroy(error as Error);
  }
}

function readingOf(fields: readonly string[], row: number): Reading | undefined {
  if (fields.length !== CSV_COLUMNS.length) throw malformed(row, `${fields.length} columns`);
  const field = (name: (typeof CSV_COLUMNS)[number]): string => fields[CSV_COLUMNS.indexOf(name)] as string;
  const fail = (name: (typeof CSV_COLUMNS)[number]): never => {
    throw malformed(row, `${name} is ${JSON.stringify(field(name).slice(0, 80))}`);
  };
  const oneOf = <T extends string>(name: (typeof CSV_COLUMNS)[number], known: readonly T[]): T =>
    known.find((each) => each === field(name)) ?? fail(name);
  const integer = (name: (typeof CSV_COLUMNS)[number]): number => {
    if (!/^\d{1,16}$/.test(field(name)) || !Number.isSafeInteger(Number(field(name)))) fail(name);
    return Number(field(name));
  };
  const time = (name: (typeof CSV_COLUMNS)[number]): number => {
    const timeMs = Date.parse(field(name));
    if (!Number.isSafeInteger(timeMs) || timeMs < 0 || timeMs > MAX_READING_TIME_MS || utc(timeMs) !== field(name))
      fail(name);
    return timeMs;
  };
  const quantity = oneOf("quantity", QUANTITIES);
  const { unit, decimals } = UNITS[quantity];
  const scaled = (name: "value" | "register"): number => {
    const parsed = parseScaledDecimal(field(name), decimals);
    if ("fault" in parsed || formatScaled(parsed.value, decimals) !== field(name)) return fail(name);
    return parsed.value;
  };
  if (field("unit") !== unit) fail("unit");
  const status = oneOf("status", STATUS_CODES);
  if (!isMeterId(field("meter_id"))) fail("meter_id");
  if (status === "missing" || status === "erased") {
    if (field("value") !== "") fail("value");
    return undefined;
  }
  const quality = integer("quality_bits");
  if (status !== statusOf(quality)) fail("status");
  if (!/^[0-9a-f]{64}$/.test(field("raw_sha256"))) fail("raw_sha256");
  const reading: Reading = {
    meterId: field("meter_id"),
    quantity,
    kind: oneOf("kind", READING_KINDS),
    phase: integer("phase"),
    tariff: integer("tariff"),
    value: scaled("value"),
    timestampMs: time("interval_end_utc"),
    periodMs: integer("period_ms"),
    receivedMs: time("received_utc"),
    timeSource: oneOf("time_source", TIME_SOURCES),
    timeQuality: oneOf("time_quality", TIME_QUALITIES),
    ...(field("sequence") === "" ? {} : { seq: integer("sequence") }),
    ...(field("register") === "" ? {} : { registerValue: scaled("register") }),
    quality,
    rawHash: new Uint8Array(Buffer.from(field("raw_sha256"), "hex")),
  };
  try {
    validateReading(reading);
  } catch (error) {
    if (error instanceof ReadingError) throw malformed(row, error.message);
    throw error;
  }
  return reading;
}

function quoted(field: string): string {
  return /[",]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
}

function utc(timeMs: number): string {
  return new Date(timeMs).toISOString();
}

function malformed(row: number, reason: string): MdmsError {
  return new MdmsError({ code: "MDMS_CSV_MALFORMED", row, reason });
}
