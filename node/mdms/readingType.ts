import type { ReadingSeries } from "#storage/offchain/readingStore.ts";
import type { Quantity, ReadingKind } from "#storage/types/reading.ts";

/** Codes of IEC 61968-9 Annex C. The ones used here are named; README.md has the table. */
const COMMODITY = { electricity: 1, naturalGas: 7, potableWater: 9, heatingFluid: 12 } as const;
const KIND = { current: 4, energy: 12, frequency: 15, power: 37, voltage: 54, volume: 58 } as const;
const FLOW = { none: 0, forward: 1, net: 4, reverse: 19 } as const;
const UNIT = {
  ampere: 5,
  volt: 29,
  joule: 31,
  hertz: 33,
  watt: 38,
  cubicMetre: 42,
  wattHour: 72,
  varHour: 73,
} as const;
/** Of the whole, A, B and C; of voltages each against the neutral. */
const PHASES = [0, 128, 64, 32] as const;
const PHASES_TO_NEUTRAL = [0, 129, 65, 33] as const;

/** Accumulation behaviour and, for what is no energy or volume, the aggregate, of each kind of reading. */
const ACCUMULATION: Readonly<Record<ReadingKind, { readonly accumulation: number; readonly aggregate: number }>> = {
  register: { accumulation: 1, aggregate: 0 }, // bulk quantity
  interval: { accumulation: 4, aggregate: 0 }, // delta data
  instant: { accumulation: 12, aggregate: 0 }, // instantaneous
  average: { accumulation: 6, aggregate: 2 }, // indicating, average
  max: { accumulation: 6, aggregate: 8 }, // indicating, maximum
};

/** Of intervals, by length in ms; another length has no code and is written as 0. */
const MEASURING_PERIODS: Readonly<Record<number, number>> = {
  60000: 3,
  120000: 10,
  180000: 14,
  300000: 6,
  600000: 1,
  900000: 2,
  1200000: 31,
  1800000: 5,
  3600000: 7,
  86400000: 4,
};

interface Measured {
  readonly commodity: number;
  readonly kind: number;
  readonly flow: number;
  readonly multiplier: number;
  readonly unit: number;
}

const electricity = (kind: number, flow: number, multiplier: number, unit: number): Measured => ({
  commodity: COMMODITY.electricity,
  kind,
  flow,
  multiplier,
  unit,
});

/** Multipliers are those of UNITS (mdmsUnits.ts). A state of charge has no code in Annex C. */
const MEASURED: Readonly<Record<Quantity, Measured | undefined>> = {
  activeEnergyImport: electricity(KIND.energy, FLOW.forward, 3, UNIT.wattHour),
  activeEnergyExport: electricity(KIND.energy, FLOW.reverse, 3, UNIT.wattHour),
  activePower: electricity(KIND.power, FLOW.net, 3, UNIT.watt),
  reactiveEnergyImport: electricity(KIND.energy, FLOW.forward, 3, UNIT.varHour),
  reactiveEnergyExport: electricity(KIND.energy, FLOW.reverse, 3, UNIT.varHour),
  voltage: electricity(KIND.voltage, FLOW.none, 0, UNIT.volt),
  current: electricity(KIND.current, FLOW.none, 0, UNIT.ampere),
  frequency: electricity(KIND.frequency, FLOW.none, 0, UNIT.hertz),
  stateOfCharge: undefined,
  gasVolume: {
    commodity: COMMODITY.naturalGas,
    kind: KIND.volume,
    flow: FLOW.forward,
    multiplier: 0,
    unit: UNIT.cubicMetre,
  },
  waterVolume: {
    commodity: COMMODITY.potableWater,
    kind: KIND.volume,
    flow: FLOW.forward,
    multiplier: 0,
    unit: UNIT.cubicMetre,
  },
  heat: { commodity: COMMODITY.heatingFluid, kind: KIND.energy, flow: FLOW.forward, multiplier: 6, unit: UNIT.joule },
};

/**
 * The eighteen numbers that name what is measured, "0.0.3.4.1.1.12.0.0.0.0.0.0.0.0.3.72.0" for one-minute kWh from the grid: macro period,
 * aggregate, measuring period, accumulation, flow, commodity, kind, interharmonic (2), argument (2), time of use, critical peak, tier, phases,
 * multiplier, unit, currency. Undefined where Annex C has no code for the quantity.
 */
export function readingTypeOf({ quantity, kind, phase, tariff }: ReadingSeries, periodMs: number): string | undefined {
  const measured = MEASURED[quantity];
  if (measured === undefined) return undefined;
  const { accumulation, aggregate } = ACCUMULATION[kind];
  const period = MEASURING_PERIODS[periodMs] ?? 0;
  const { commodity, flow, multiplier, unit } = measured;
  return [
    ...[0, aggregate, period, accumulation, flow, commodity, measured.kind],
    ...[0, 0, 0, 0],
    ...[tariff, 0, 0, (quantity === "voltage" ? PHASES_TO_NEUTRAL : PHASES)[phase] ?? 0],
    ...[multiplier, unit, 0],
  ].join(".");
}
