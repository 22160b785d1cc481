import type { Reading } from "#storage/types/reading.ts";
import { suffixOf } from "../meter/series.ts";
import { printable, table } from "./output.ts";

/** What a value is shown in, and how many of its own unit that is. */
const UNITS: Readonly<Record<Reading["quantity"], readonly [unit: string, thousandths: number]>> = {
  activeEnergyImport: ["kWh", 1e6],
  activeEnergyExport: ["kWh", 1e6],
  activePower: ["W", 1e3],
  reactiveEnergyImport: ["kvarh", 1e6],
  reactiveEnergyExport: ["kvarh", 1e6],
  voltage: ["V", 1e3],
  current: ["A", 1e3],
  frequency: ["Hz", 1e3],
  stateOfCharge: ["%", 1e3],
  gasVolume: ["m³", 1e6],
  waterVolume: ["m³", 1e6],
  heat: ["MJ", 1e3],
};

export function readingTable(readings: readonly Reading[]): string {
  return table(
    ["DEVICE", "CHANNEL", "VALUE", "UNIT", "TIME"],
    readings.map((reading) => {
      const [unit, divisor] = UNITS[reading.quantity];
      const time = new Date(reading.timestampMs).toISOString();
      return [printable(reading.meterId), suffixOf(reading), String(reading.value / divisor), unit, time];
    }),
  );
}

export function readingJson(reading: Reading) {
  const { meterId, quantity, kind, value, timestampMs } = reading;
  return { device: meterId, channel: suffixOf(reading), quantity, kind, value, timestampMs };
}
