import { setFlagsFromString } from "node:v8";
import type { ReadingLog } from "#storage/offchain/readingLog.ts";
import type { MeterSource } from "../meter/source.ts";
import type { NodeOptions } from "../options.ts";

/** Simulated time starts this long ago when it runs faster than the clock, so that it has room to run. */
const SIMULATED_PAST_MS = 30 * 24 * 3600 * 1000;

/** The source that the options name, and only its code. A simulation goes on where the log ends. */
export async function openSource(options: NodeOptions, readings: ReadingLog): Promise<MeterSource> {
  if (options.meterSource === "csv") {
    // A file comes as fast as it is read, and that is work for the compilers that lightProcess.ts leaves out; a meter's pace is not.
    for (const flag of ["--opt", "--maglev", "--sparkplug"]) setFlagsFromString(flag);
    const { createCsvSource } = await import("../meter/csv.ts");
    return createCsvSource({ path: options.meterCsvFile, nowMs: Date.now });
  }
  const { createHouseholdSource } = await import("../meter/householdSource.ts");
  const { limitsOfFile } = await import("../meter/simulatorLimits.ts");
  const logged = Math.max(0, ...[...readings.meterIds()].map((id) => readings.lastTimestampMs(id) ?? 0));
  const begin = options.simulatorSpeed > 1 ? Date.now() - SIMULATED_PAST_MS : Date.now();
  const startMs = logged > 0 ? logged : Math.floor(begin / options.meterIntervalMs) * options.meterIntervalMs;
  return createHouseholdSource({
    households: options.simulatorMeters,
    firstHousehold: options.simulatorFirstHousehold,
    seed: options.simulatorSeed,
    startMs,
    registersMwh: await lastRegisters(readings),
    readingMs: options.simulatorReadingMs,
    speed: options.simulatorSpeed,
    nowMs: Date.now,
    ...(options.simulatorLimitsFile === "" ? {} : { limitW: limitsOfFile(options.simulatorLimitsFile) }),
  });
}

/** Where each meter's register stands at the end of the log. */
async function lastRegisters(readings: ReadingLog): Promise<ReadonlyMap<string, number>> {
  const registers = new Map<string, number>();
  const lastMs = [...readings.meterIds()].map((id) => readings.lastTimestampMs(id) ?? 0);
  if (lastMs.length === 0) return registers;
  // Readings of a simulation come in the order of time: a later one of the same meter stands later in the log.
  for await (const { meterId, registerValue } of readings.scan({ afterMs: Math.min(...lastMs) - 1 }))
    if (registerValue !== undefined) registers.set(meterId, registerValue);
  return registers;
}
