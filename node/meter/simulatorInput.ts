import { createHouseholdSource } from "./householdSource.ts";
import type { StartInput } from "./input.ts";
import { OptionReader } from "./inputOptions.ts";
import { INPUT_PERIODS } from "./inputPeriods.ts";
import { splitMeterId } from "./series.ts";
import { inputOfSource } from "./sourceInput.ts";

export interface SimulatorInputOptions {
  readonly households?: number;
  readonly firstHousehold?: number;
  readonly seed?: number;
  readonly readingMs?: number;
}

/** Simulated households in real time, from now on, whose meters send their registers. @throws MeterSourceError METER_OPTION_INVALID */
export const startSimulatorInput: StartInput<SimulatorInputOptions> = async (options, ports) => {
  const reader = new OptionReader(options, "simulator", ["households", "firstHousehold", "seed", "readingMs"]);
  const households = reader.integer("households", { min: 1, max: 100_000, fallback: 1 });
  const firstHousehold = reader.integer("firstHousehold", { min: 0, max: 1_000_000, fallback: 0 });
  const seed = reader.integer("seed", { min: 0, max: 2 ** 32 - 1, fallback: 1 });
  const readingMs = reader.integer("readingMs", { ...INPUT_PERIODS.simulator, fallback: 5000 });
  const startMs = ports.nowMs();
  const source = createHouseholdSource({
    ...{ households, firstHousehold, seed, readingMs, startMs },
    speed: 1,
    nowMs: ports.nowMs,
  });
  return inputOfSource(
    `simulator ${households}`,
    source,
    ({ registerValue, ...reading }) => ({
      ...reading,
      meterId: splitMeterId(reading.meterId).device,
      kind: "register",
      periodMs: 0,
      value: registerValue ?? 0,
    }),
    ports,
  );
};
