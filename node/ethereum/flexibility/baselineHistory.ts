import { existsSync } from "node:fs";
import { scanReadingLog } from "#storage/offchain/readingLogScan.ts";
import { storeReadings } from "../../analytics/readingsInput.ts";
import { cliError } from "../../cli/cliError.ts";
import { type Opening, readOpenings } from "../../cli/openings.ts";
import { openStore, type StoreFlags } from "../../cli/storeFlag.ts";
import type { Energies } from "./baselineMethods.ts";
import { energiesOfReadings } from "./intervalHistory.ts";

/** Where a baseline's readings are. */
export interface HistoryFlags extends StoreFlags {
  readonly openings?: readonly string[];
  readonly export?: readonly string[];
  readonly log?: string;
  readonly meter?: readonly string[];
}

/** Energies by meter, in the order in which meters are first named. @throws CliError BASELINE_INPUT_MISSING, LOG_MISSING, OPENINGS_… and what the stores throw */
export async function historyOf(flags: HistoryFlags, intervalMs: number): Promise<ReadonlyMap<string, Energies>> {
  const { openings = [], log, store } = flags;
  const sources = [openings.length > 0, log !== undefined, store !== undefined].filter((given) => given).length;
  if (sources !== 1) {
    const hint = "give --openings METER=FILE for each meter, or --log FOLDER, or --store ADDRESS";
    throw cliError("usage", "BASELINE_INPUT_MISSING", "a baseline is made of one kind of readings", hint);
  }
  const history =
    log !== undefined
      ? await ofLog(log, flags, intervalMs)
      : store !== undefined
        ? await ofStore(store, flags, intervalMs)
        : ofOpenings(openings, new Set(flags.export));
  if (history.size > 0) return history;
  throw cliError("notFound", "BASELINE_INPUT_MISSING", "there are no readings of any such meter", "check --meter");
}

/** By meter. @throws CliError OPENINGS_… */
export function openingsOf(given: readonly string[] = []): ReadonlyMap<string, readonly Opening[]> {
  return new Map(
    given.map((text) => {
      const at = text.lastIndexOf("=");
      if (at > 0) return [text.slice(0, at), readOpenings(text.slice(at + 1))];
      throw cliError("usage", "OPENINGS_UNREADABLE", `${JSON.stringify(text)} names no meter`, "write METER=FILE");
    }),
  );
}

/** Sums of sealed intervals, amendments with their interval. */
function ofOpenings(given: readonly string[], exporting: ReadonlySet<string>): ReadonlyMap<string, Energies> {
  return new Map(
    [...openingsOf(given)].map(([meterId, openings]) => {
      const energies = new Map<number, bigint>();
      for (const { intervalEndMs, sumMwh } of openings) {
        const endMs = Number(intervalEndMs);
        energies.set(endMs, (energies.get(endMs) ?? 0n) + (exporting.has(meterId) ? -sumMwh : sumMwh));
      }
      return [meterId, energies];
    }),
  );
}

function ofLog(folder: string, { meter }: HistoryFlags, intervalMs: number) {
  if (!existsSync(folder))
    throw cliError("usage", "LOG_MISSING", `there is no ${folder}`, "name data/readings of a light node's home");
  return energiesOfReadings(scanReadingLog(folder), intervalMs, wantedOf(meter));
}

async function ofStore(address: string, flags: HistoryFlags, intervalMs: number) {
  await using store = await openStore(address, flags);
  return await energiesOfReadings(storeReadings(store, undefined, {}), intervalMs, wantedOf(flags.meter));
}

const wantedOf = (meters: readonly string[] | undefined) => (meters === undefined ? undefined : new Set(meters));
