import { existsSync, readdirSync, readFileSync } from "node:fs";
import type { Command } from "commander";
import { firstBatchOf } from "#storage/offchain/readingLogFormat.ts";
import { scanReadingLog } from "#storage/offchain/readingLogScan.ts";
import { QUANTITIES, type Quantity, type Reading } from "#storage/types/reading.ts";
import { csvReadings, storeReadings } from "../../analytics/readingsInput.ts";
import { newSlotCounts, type Slot, type SlotCounts, slotsOf } from "../../analytics/slots.ts";
import { createZone, type Zone } from "../../analytics/zone.ts";
import { cliError } from "../cliError.ts";
import type { CliIo } from "../io.ts";
import { parseDuration, parseTimeMs } from "../quantities.ts";
import { openStore, type StoreFlags, withStoreFlags } from "../storeFlag.ts";
import { collect } from "./submitFlags.ts";

export interface InputFlags extends StoreFlags {
  readonly zone: string;
  readonly slot: string;
  readonly quantity: string;
  readonly meter?: readonly string[];
  readonly metersFile?: string;
  readonly from?: string;
  readonly to?: string;
  readonly log?: string;
}

/** Readings between two drawings of the progress bar. */
const PROGRESS_EVERY = 50_000;
const BAR_CHARS = 24;

/** Files of readings, and the flags that all analyses have. */
export function withInputFlags(command: Command, defaultZone: string): Command {
  return withStoreFlags(command, "read this store of readings instead, such as a stopped node's")
    .argument("[files...]", "Low Carbon London files, plain or gzip")
    .option(
      "--log <folder>",
      "read a light node's log of readings instead: data/readings of its home, also while it runs",
    )
    .option("--meter <id>", "only this meter; may be given several times", collect)
    .option("--meters-file <file>", "only the meters in this file, one id per line")
    .option("--from <time>", "readings after this time: RFC 3339 with zone, or Unix ms")
    .option("--to <time>", "readings up to this time")
    .option("--quantity <name>", "what is measured", "activeEnergyImport")
    .option("--slot <duration>", "length of one slot; shorter readings are summed", "30m")
    .option("--zone <name>", "time zone of days and times of day", defaultZone);
}

export interface AnalyticsInput {
  readonly zone: Zone;
  readonly slotMs: number;
  readonly quantity: Quantity;
  readonly counts: SlotCounts;
  readonly slots: AsyncIterable<Slot>;
}

/** @throws CliError ANALYTICS_INPUT_MISSING and what the flags' readers throw; AnalyticsError ANALYTICS_ZONE_UNKNOWN, ANALYTICS_OPTION_INVALID */
export function openInput(io: CliIo, files: readonly string[], flags: InputFlags, isQuiet: boolean): AnalyticsInput {
  const folders = [flags.store, flags.log].filter((folder) => folder !== undefined);
  if ((files.length > 0 ? 1 : 0) + folders.length !== 1)
    throw cliError("usage", "ANALYTICS_INPUT_MISSING", "name files of readings, or one --store or --log", "add --help");
  for (const file of [...files, ...(flags.log === undefined ? [] : [flags.log])])
    if (!existsSync(file)) throw cliError("notFound", "FILE_NOT_FOUND", `there is no ${file}`, "name an existing file");
  if (flags.log !== undefined && !readdirSync(flags.log).some((name) => firstBatchOf(name) !== undefined))
    throw cliError("usage", "LOG_MISSING", `${flags.log} holds no log of readings`, "name data/readings of a home");
  const quantity = QUANTITIES.find((name) => name === flags.quantity);
  if (quantity === undefined)
    throw cliError("usage", "QUANTITY_UNKNOWN", `${flags.quantity} is no quantity`, `one of ${QUANTITIES.join(", ")}`);
  const counts = newSlotCounts();
  const slotMs = parseDuration(flags.slot);
  const raw =
    flags.store !== undefined
      ? readStore(flags.store, flags)
      : flags.log !== undefined
        ? scanReadingLog(flags.log)
        : readFiles(io, files);
  const readings = withProgress(filtered(raw, quantity, flags), io, isQuiet, counts);
  return { zone: createZone(flags.zone), slotMs, quantity, counts, slots: slotsOf(readings, { slotMs, counts }) };
}

function readFiles(io: CliIo, files: readonly string[]): AsyncGenerator<Reading> {
  const aborter = new AbortController();
  io.onInterrupt(() => aborter.abort());
  return csvReadings(files, { signal: aborter.signal, nowMs: io.nowMs });
}

async function* readStore(address: string, flags: StoreFlags): AsyncGenerator<Reading> {
  await using store = await openStore(address, flags);
  yield* storeReadings(store, undefined, {});
}

async function* filtered(
  readings: AsyncIterable<Reading>,
  quantity: Quantity,
  flags: InputFlags,
): AsyncGenerator<Reading> {
  const wanted = metersOf(flags);
  const fromMs = flags.from === undefined ? Number.NEGATIVE_INFINITY : parseTimeMs(flags.from);
  const toMs = flags.to === undefined ? Number.POSITIVE_INFINITY : parseTimeMs(flags.to);
  for await (const reading of readings) {
    const { timestampMs, meterId } = reading;
    if (reading.quantity !== quantity || timestampMs <= fromMs || timestampMs > toMs) continue;
    if (wanted === undefined || wanted.has(meterId)) yield reading;
  }
}

function metersOf({ meter, metersFile }: InputFlags): ReadonlySet<string> | undefined {
  if (meter === undefined && metersFile === undefined) return undefined;
  const listed = metersFile === undefined ? [] : readFileSync(metersFile, "utf8").split(/\s+/);
  return new Set([...(meter ?? []), ...listed].filter((id) => id !== ""));
}

/** A line on standard error that is drawn over itself while people watch. */
async function* withProgress(
  readings: AsyncIterable<Reading>,
  io: CliIo,
  isQuiet: boolean,
  counts: SlotCounts,
): AsyncGenerator<Reading> {
  const isShown = io.colour && !isQuiet;
  let count = 0;
  for await (const reading of readings) {
    yield reading;
    count += 1;
    if (isShown && count % PROGRESS_EVERY === 0) io.err(`\r${progressLine(count, counts.used, reading.meterId)}`);
  }
  if (isShown && count >= PROGRESS_EVERY) io.err(`\r${" ".repeat(79)}\r`);
}

/** Nobody knows how many are to come, so the bar runs around: a full one is a million readings. */
function progressLine(count: number, used: number, meterId: string): string {
  const filled = Math.round(((count % 1_000_000) / 1_000_000) * BAR_CHARS);
  const bar = "█".repeat(filled).padEnd(BAR_CHARS, "░");
  return `${bar} ${used.toLocaleString("en")} readings, ${meterId}`.slice(0, 79).padEnd(79);
}
