import type { Quantity } from "#storage/types/reading.ts";
import { ExactSum } from "./exactSum.ts";
import { type Rates, rateOf } from "./rates.ts";
import type { Slot } from "./slots.ts";
import { TariffReader, type TariffSchedule } from "./tariff.ts";
import { UTC, type Zone } from "./zone.ts";

/** What bills are cut into, on the local calendar. */
export type BillPeriod = "day" | "month" | "all";

export interface CostOptions {
  /** Absent: only the meter's own tariff registers are priced. */
  readonly schedule?: TariffSchedule;
  readonly rates: Rates;
  /** Whose calendar days and months are. */
  readonly zone?: Zone;
  readonly period?: BillPeriod;
  readonly quantity?: Quantity;
}

/** Energy in mWh; costs in 1e-9 of the minor unit: a mWh times a thousandth of the minor unit per kWh, so nothing is ever rounded. */
export interface BandCost {
  readonly band: string;
  readonly slots: number;
  readonly energyMwh: bigint;
  readonly costNano: bigint;
}

export interface Bill {
  readonly meterId: string;
  /** schedule: the total register, priced by the time of use. registers: T1 to T4, which the meter itself kept apart. */
  readonly basis: "schedule" | "registers";
  /** "2013-03-31", "2013-03" or "all". */
  readonly period: string;
  readonly bands: readonly BandCost[];
  readonly energyMwh: bigint;
  readonly costNano: bigint;
  /** The same energy at the flat rate; undefined without one. */
  readonly flatCostNano: bigint | undefined;
  /** Readings at times for which the tariff has no band: in no sum. */
  readonly unbanded: { readonly slots: number; readonly energyMwh: bigint };
  /** Slots inside which the band changes: counted with the band they began in. */
  readonly straddling: number;
}

interface Sums {
  readonly bands: Map<string, { slots: number; readonly energy: ExactSum }>;
  straddling: number;
}

/** Adds up energy by meter, period and band; keeps two numbers for each. Slots may come in any order. */
export class CostTally {
  readonly #options: Required<Omit<CostOptions, "schedule">>;
  readonly #reader: TariffReader | undefined;
  readonly #sums = new Map<string, Map<string, Sums>>();

  /** @throws AnalyticsError TARIFF_RATE_MISSING for a band of the schedule without a rate */
  constructor({ schedule, rates, zone = UTC, period = "all", quantity = "activeEnergyImport" }: CostOptions) {
    for (const { band } of schedule?.entries ?? []) if (band !== "") rateOf(rates, band);
    this.#options = { rates, zone, period, quantity };
    this.#reader = schedule === undefined ? undefined : new TariffReader(schedule);
  }

  /** The band of the slot; empty for none, undefined for a slot that is not priced here. */
  put(slot: Slot): string | undefined {
    if (slot.quantity !== this.#options.quantity) return undefined;
    const startMs = slot.endMs - slot.periodMs;
    const isRegister = slot.tariff !== 0;
    if (!isRegister && this.#reader === undefined) return undefined;
    const band = isRegister ? `T${slot.tariff}` : (this.#reader as TariffReader).bandAt(startMs);
    const sums = this.#sumsOf(`${isRegister ? "registers" : "schedule"} ${slot.meterId}`, this.#periodOf(startMs));
    let sum = sums.bands.get(band);
    if (sum === undefined) {
      sum = { slots: 0, energy: new ExactSum() };
      sums.bands.set(band, sum);
    }
    sum.slots += 1;
    sum.energy.add(slot.value);
    if (!isRegister && this.#reader?.changesWithin(startMs, slot.endMs)) sums.straddling += 1;
    return band;
  }

  /** By meter and period. @throws AnalyticsError TARIFF_RATE_MISSING for a register without a rate */
  bills(): readonly Bill[] {
    return [...this.#sums].flatMap(([name, periods]) => {
      const [basis, meterId] = name.split(" ") as [Bill["basis"], string];
      return [...periods].map(([period, sums]) => this.#bill(meterId, basis, period, sums));
    });
  }

  #bill(meterId: string, basis: Bill["basis"], period: string, { bands, straddling }: Sums): Bill {
    const { rates } = this.#options;
    const priced = [...bands]
      .filter(([band]) => band !== "")
      .map(([band, { slots, energy }]): BandCost => {
        const energyMwh = energy.total;
        return { band, slots, energyMwh, costNano: energyMwh * BigInt(rateOf(rates, band)) };
      });
    const energyMwh = priced.reduce((sum, band) => sum + band.energyMwh, 0n);
    const none = bands.get("");
    return {
      meterId,
      basis,
      period,
      bands: priced.sort((a, b) => (a.band < b.band ? -1 : 1)),
      energyMwh,
      costNano: priced.reduce((sum, band) => sum + band.costNano, 0n),
      flatCostNano: rates.flat === undefined ? undefined : energyMwh * BigInt(rates.flat),
      unbanded: { slots: none?.slots ?? 0, energyMwh: none?.energy.total ?? 0n },
      straddling,
    };
  }

  #sumsOf(name: string, period: string): Sums {
    let periods = this.#sums.get(name);
    if (periods === undefined) {
      periods = new Map();
      this.#sums.set(name, periods);
    }
    let sums = periods.get(period);
    if (sums === undefined) {
      sums = { bands: new Map(), straddling: 0 };
      periods.set(period, sums);
    }
    return sums;
  }

  #periodOf(startMs: number): string {
    const { period, zone } = this.#options;
    if (period === "all") return "all";
    return new Date(startMs + zone.offsetMs(startMs)).toISOString().slice(0, period === "day" ? 10 : 7);
  }
}
