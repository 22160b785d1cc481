import { parseKwhToMwh } from "#storage/types/readingDecimal.ts";
import type { RejectionReason } from "./source.ts";

/** Low Carbon London is half-hourly. */
export const LCL_PERIOD_MS = 1_800_000;

/** 23 kW, the most a single-phase connection lets through, over half an hour (research/data.md §4); the largest value of the trial is 6.5 kWh. */
export const LCL_FUSE_LIMIT_MWH = 11_500_000;

/** A column layout of the Low Carbon London files. */
export interface CsvDialect {
  readonly name: "original" | "sample" | "derived";
  readonly header: string;
  readonly columns: number;
  readonly household: number;
  readonly time: number;
  readonly energy: number;
  readonly day: "year-first" | "day-first";
}

/**
 * original: the export as published, with or without the tariff group, "2012-10-12 00:30:00.0000000", values padded with spaces.
 * sample: the London Datastore's sample file, CRLF, "17/10/2012 13:00:00". derived: the one-file-per-household form.
 * All three stamp the END of the half hour in UTC (measured on the clock changes, research/data.md §3.1).
 */
const DIALECTS: readonly CsvDialect[] = [
  dialect("original", "LCLid,stdorToU,DateTime,KWH/hh (per half hour)", "year-first"),
  dialect("original", "LCLid,DateTime,KWH/hh (per half hour)", "year-first"),
  dialect("sample", "LCLid,stdorToU,DateTime,KWH/hh (per half hour),Acorn,Acorn_grouped", "day-first"),
  dialect("derived", "LCLid,tstp,energy(kWh/hh)", "year-first"),
];

export const ACCEPTED_HEADERS: readonly string[] = DIALECTS.map(({ header }) => header);

/** The dialect with this header; spaces around column names do not matter (the published header ends in one). */
export function dialectOf(header: readonly string[]): CsvDialect | undefined {
  const text = header.map((column) => column.trim()).join(",");
  return DIALECTS.find((candidate) => candidate.header === text);
}

export type CsvRow =
  | { readonly household: string; readonly timestampMs: number; readonly valueMwh: number }
  | { readonly rejected: RejectionReason };

const HOUSEHOLD = /^MAC\d{6}$/;

/**
 * One row, checked in this order: column-count, bad-meter-id, bad-timestamp, null-value, off-grid, not-a-number, negative, over-limit.
 * The values have a resolution of 1 Wh; what some carry beyond is float dirt and rounded away.
 */
export function readRow(dialect: CsvDialect, fields: readonly string[], fuseLimitMwh: number): CsvRow {
  if (fields.length !== dialect.columns) return { rejected: "column-count" };
  const household = (fields[dialect.household] as string).trim();
  if (!HOUSEHOLD.test(household)) return { rejected: "bad-meter-id" };
  const time = parseTime((fields[dialect.time] as string).trim(), dialect.day);
  if (time === undefined) return { rejected: "bad-timestamp" };
  const energy = (fields[dialect.energy] as string).trim();
  if (energy === "" || energy.toLowerCase() === "null") return { rejected: "null-value" };
  if (!time.whole || time.ms % LCL_PERIOD_MS !== 0) return { rejected: "off-grid" };
  const parsed = parseKwhToMwh(energy, { roundToWh: true });
  if ("fault" in parsed) return { rejected: parsed.fault === "OUT_OF_RANGE" ? "over-limit" : "not-a-number" };
  if (parsed.value < 0) return { rejected: "negative" };
  if (parsed.value > fuseLimitMwh) return { rejected: "over-limit" };
  return { household, timestampMs: time.ms, valueMwh: parsed.value };
}

const YEAR_FIRST = /^(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?$/;
const DAY_FIRST = /^(\d\d)\/(\d\d)\/(\d{4}) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?$/;

/** whole: no fraction of a second. Undefined for anything that is no time of a real calendar day between 1970 and 9999. */
function parseTime(text: string, day: CsvDialect["day"]): { readonly ms: number; readonly whole: boolean } | undefined {
  const match = (day === "year-first" ? YEAR_FIRST : DAY_FIRST).exec(text);
  if (match === null) return undefined;
  const [first, month, last] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const [year, date] = day === "year-first" ? [first, last] : [last, first];
  const [hour, minute, second] = [Number(match[4]), Number(match[5]), Number(match[6])];
  if (year < 1970 || month < 1 || month > 12 || hour > 23 || minute > 59 || second > 59) return undefined;
  if (date < 1 || date > new Date(Date.UTC(year, month, 0)).getUTCDate()) return undefined;
  return { ms: Date.UTC(year, month - 1, date, hour, minute, second), whole: !/[1-9]/.test(match[7] ?? "") };
}

function dialect(name: CsvDialect["name"], header: string, day: CsvDialect["day"]): CsvDialect {
  const names = header.split(",");
  return {
    name,
    header,
    columns: names.length,
    household: 0,
    time: names.findIndex((column) => column === "DateTime" || column === "tstp"),
    energy: names.findIndex((column) => /kwh\/hh/i.test(column)),
    day,
  };
}
