import { setTimeout as sleep } from "node:timers/promises";
import { sha256 } from "#storage/crypto/hash.ts";
import type { Reading } from "#storage/types/reading.ts";
import { clearSkyShare, meanLoadW } from "./loadProfile.ts";
import { type MeterSource, type SourceItem, SourceTally } from "./source.ts";

export interface HouseholdOptions {
  readonly households: number;
  readonly seed: number;
  /** Number of the first household, so that several nodes simulate different ones. */
  readonly firstHousehold: number;
  /** Simulated time of the first reading's start, Unix ms. */
  readonly startMs: number;
  /** Where registers stood at `startMs`, mWh by meter id: of a simulation that goes on. A new one has a history of its own. */
  readonly registersMwh?: ReadonlyMap<string, number>;
  /** Between two readings of a meter, simulated. */
  readonly readingMs: number;
  /** Simulated seconds per second. Simulated time never overtakes the clock: from then on it runs as fast as real time. */
  readonly speed: number;
  readonly nowMs: () => number;
  /** Most power that each household takes at this simulated time, before what its panels give; Infinity: as much as it likes. */
  readonly limitW?: (unixMs: number) => number;
}

/** Every third household has panels, every fourth an electric car: enough of both in a handful. */
const PV_EVERY = 3;
const EV_EVERY = 4;
const PV_PEAK_W = 3_000;
/** One phase with 32 A at 230 V (IEC 61851 mode 3), from the evening on, two days of three. */
const EV_POWER_W = 7_360;
const EV_SHARE_OF_DAYS = 2 / 3;
const DAY_MS = 86_400_000;

/** Least pause between two looks at the clock, in ms. */
const TICK_MS = 20;

interface Household {
  readonly name: string;
  readonly scale: number;
  readonly hasPv: boolean;
  readonly hasEv: boolean;
  readonly random: () => number;
  importMwh: number;
  exportMwh: number;
  /** Energy below one mWh, carried to the next reading. */
  rest: number;
  ev: { readonly fromMs: number; readonly untilMs: number };
  evDay: number;
}

/** Meters of one simulated household: every one has an import register, those with panels an export register too. */
export function householdMeters(options: Pick<HouseholdOptions, "households" | "firstHousehold">): readonly {
  readonly meterId: string;
  readonly direction: "import" | "export";
}[] {
  return Array.from({ length: options.households }, (_, i) => options.firstHousehold + i).flatMap((number) => {
    const name = nameOf(number);
    const importing = { meterId: `sim:${name}/import`, direction: "import" as const };
    return hasPv(number) ? [importing, { meterId: `sim:${name}/export`, direction: "export" as const }] : [importing];
  });
}

/**
 * Simulated households with the mean load profile of real ones, their own size and noise, solar panels and electric cars. The same seed and
 * start give the same readings; energy is integer mWh and every register is the exact sum of its readings.
 */
export function createHouseholdSource(options: HouseholdOptions): MeterSource {
  const tally = new SourceTally();
  const households = Array.from({ length: options.households }, (_, i) =>
    newHousehold(options, options.firstHousehold + i),
  );

  return {
    async *readings(signal): AsyncGenerator<SourceItem> {
      const began = options.nowMs();
      let simulatedMs = options.startMs;
      while (!signal.aborted) {
        const now = options.nowMs();
        const due = Math.min(options.startMs + (now - began) * options.speed, now);
        while (simulatedMs + options.readingMs <= due) {
          simulatedMs += options.readingMs;
          for (const household of households)
            for (const reading of readHousehold(household, simulatedMs, options)) {
              if (signal.aborted) return;
              tally.accept(reading.value);
              yield { type: "reading", reading };
            }
          yield { type: "time", nowMs: simulatedMs };
        }
        await sleep(Math.max(TICK_MS, (simulatedMs + options.readingMs - due) / options.speed), undefined, {
          signal,
        }).catch(() => undefined);
      }
    },
    account: () => tally.account({ gaps: 0, meters: householdMeters(options).length }),
  };
}

function newHousehold({ seed, registersMwh }: HouseholdOptions, number: number): Household {
  const name = nameOf(number);
  const random = mulberry32((seed * 0x9e3779b1 + number) >>> 0);
  // Yearly consumption of homes is skewed: half to double the mean.
  const scale = 2 ** (random() * 2 - 1);
  const importMwh = Math.floor(random() * 5e9);
  return {
    name,
    scale,
    hasPv: hasPv(number),
    hasEv: number % EV_EVERY === 1,
    random,
    importMwh: registersMwh?.get(`sim:${name}/import`) ?? importMwh,
    exportMwh: registersMwh?.get(`sim:${name}/export`) ?? 0,
    rest: 0,
    ev: { fromMs: 0, untilMs: 0 },
    evDay: -1,
  };
}

function* readHousehold(household: Household, endMs: number, options: HouseholdOptions): Generator<Reading> {
  const middleMs = endMs - options.readingMs / 2;
  const { random } = household;
  const load = meanLoadW(middleMs) * household.scale * (0.4 + 1.2 * random());
  const sun = household.hasPv ? PV_PEAK_W * clearSkyShare(middleMs) * (0.55 + 0.45 * random()) : 0;
  const taken = Math.min(load + evPowerW(household, middleMs), options.limitW?.(middleMs) ?? Number.POSITIVE_INFINITY);
  const netW = taken - sun;
  const exact = (netW * options.readingMs) / 3600 + household.rest;
  const netMwh = Math.trunc(exact);
  household.rest = exact - netMwh;
  const imported = Math.max(0, netMwh);
  household.importMwh += imported;
  yield readingOf(household, "import", imported, household.importMwh, endMs, options);
  if (!household.hasPv) return;
  const exported = Math.max(0, -netMwh);
  household.exportMwh += exported;
  yield readingOf(household, "export", exported, household.exportMwh, endMs, options);
}

function evPowerW(household: Household, unixMs: number): number {
  if (!household.hasEv) return 0;
  const day = Math.floor(unixMs / DAY_MS);
  if (day !== household.evDay) {
    household.evDay = day;
    const { random } = household;
    const fromMs = day * DAY_MS + (17 + 4 * random()) * 3_600_000;
    const untilMs = fromMs + (1 + 2 * random()) * 3_600_000;
    household.ev = random() < EV_SHARE_OF_DAYS ? { fromMs, untilMs } : { fromMs: 0, untilMs: 0 };
  }
  return unixMs >= household.ev.fromMs && unixMs < household.ev.untilMs ? EV_POWER_W : 0;
}

function readingOf(
  household: Household,
  direction: "import" | "export",
  value: number,
  registerValue: number,
  timestampMs: number,
  { readingMs, nowMs }: HouseholdOptions,
): Reading {
  const meterId = `sim:${household.name}/${direction}`;
  return {
    meterId,
    quantity: direction === "import" ? "activeEnergyImport" : "activeEnergyExport",
    kind: "interval",
    phase: 0,
    tariff: 0,
    value,
    timestampMs,
    periodMs: readingMs,
    receivedMs: nowMs(),
    timeSource: "meter",
    timeQuality: "synced",
    registerValue,
    quality: 0,
    rawHash: sha256(Buffer.from(`${meterId} ${timestampMs} ${value} ${registerValue}`)),
  };
}

function nameOf(number: number): string {
  return `H${String(number).padStart(4, "0")}`;
}

function hasPv(number: number): boolean {
  return number % PV_EVERY === 0;
}

/** A small generator of numbers in [0, 1) with 32 bits of state (Tommy Ettinger's mulberry32): the same on every machine. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
