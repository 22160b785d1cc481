import type { Quantity, Reading } from "#storage/types/reading.ts";
import { AnalyticsError } from "./analyticsError.ts";

/** Half an hour, the period of the Low Carbon London trial and of most settlement systems. */
export const DEFAULT_SLOT_MS = 1_800_000;
const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

/** Series looked at together: with half-hourly slots the detectors keep 45 KB of each, 450 MB of ten thousand. */
export const MAX_SERIES = 10_000;

/** What flowed through a meter in one slot (end - period, end]. */
export interface Slot {
  readonly meterId: string;
  readonly quantity: Quantity;
  /** 0 = the total register, else the meter's own tariff number. */
  readonly tariff: number;
  readonly endMs: number;
  readonly periodMs: number;
  /** In the unit of the quantity. */
  readonly value: number;
}

/** Where every reading went: readings = used + the others. */
export interface SlotCounts {
  readings: number;
  used: number;
  /** No interval of the whole connection: registers, instantaneous values, single phases. */
  otherKinds: number;
  /** At or before the time of the reading before it in its series. */
  outOfOrder: number;
  /** Longer than a day, or off the grid of its slot. */
  offGrid: number;
  /** Slots left out because readings of them are missing. */
  partialSlots: number;
}

export function newSlotCounts(): SlotCounts {
  return { readings: 0, used: 0, otherKinds: 0, outOfOrder: 0, offGrid: 0, partialSlots: 0 };
}

interface Filling {
  lastMs: number;
  slotEndMs: number;
  filledMs: number;
  value: number;
}

/**
 * Turns readings into slots: a reading as long as a slot or longer is a slot of its own length, shorter ones are summed into slots of
 * `slotMs`. A slot that is not covered whole is left out, never filled in. Readings of one series have to come by time; series may come one
 * after the other or mixed. Keeps four numbers per series.
 */
export class SlotBuilder {
  readonly #slotMs: number;
  readonly #counts: SlotCounts;
  readonly #series = new Map<string, Filling>();

  /** slotMs: whole minutes, at least 5, that divide a day. @throws AnalyticsError ANALYTICS_OPTION_INVALID */
  constructor(slotMs: number, counts: SlotCounts) {
    checkSlotMs(slotMs);
    this.#slotMs = slotMs;
    this.#counts = counts;
  }

  /** The slot that this reading completes. @throws AnalyticsError ANALYTICS_TOO_MANY_SERIES */
  put(reading: Reading): Slot | undefined {
    const { meterId, quantity, tariff, kind, phase, timestampMs, periodMs, value } = reading;
    const counts = this.#counts;
    counts.readings += 1;
    if (kind !== "interval" || phase !== 0) {
      counts.otherKinds += 1;
      return undefined;
    }
    const name = `${meterId} ${quantity} ${tariff}`;
    let series = this.#series.get(name);
    if (series === undefined) {
      if (this.#series.size >= MAX_SERIES)
        throw new AnalyticsError({ code: "ANALYTICS_TOO_MANY_SERIES", max: MAX_SERIES });
      series = { lastMs: Number.NEGATIVE_INFINITY, slotEndMs: 0, filledMs: 0, value: 0 };
      this.#series.set(name, series);
    }
    if (timestampMs - periodMs < series.lastMs) {
      counts.outOfOrder += 1;
      return undefined;
    }
    const slotMs = Math.max(this.#slotMs, periodMs);
    const slotEndMs = Math.ceil(timestampMs / slotMs) * slotMs;
    if (DAY_MS % slotMs !== 0 || timestampMs - periodMs < slotEndMs - slotMs) {
      counts.offGrid += 1;
      return undefined;
    }
    counts.used += 1;
    series.lastMs = timestampMs;
    if (periodMs === slotMs) return { meterId, quantity, tariff, endMs: timestampMs, periodMs, value };
    return this.#fill(series, reading, slotEndMs);
  }

  #fill(series: Filling, reading: Reading, slotEndMs: number): Slot | undefined {
    const { meterId, quantity, tariff, periodMs, value } = reading;
    if (series.slotEndMs !== slotEndMs) {
      if (series.filledMs > 0) this.#counts.partialSlots += 1;
      series.slotEndMs = slotEndMs;
      series.filledMs = 0;
      series.value = 0;
    }
    series.filledMs += periodMs;
    series.value += value;
    if (series.filledMs < this.#slotMs) return undefined;
    series.filledMs = 0;
    return { meterId, quantity, tariff, endMs: slotEndMs, periodMs: this.#slotMs, value: series.value };
  }

  /** Slots that were begun and never completed count as partial. */
  end(): void {
    for (const { filledMs } of this.#series.values()) if (filledMs > 0) this.#counts.partialSlots += 1;
    this.#series.clear();
  }
}

/** `slotMs` and `counts` as for SlotBuilder. @throws AnalyticsError ANALYTICS_OPTION_INVALID, ANALYTICS_TOO_MANY_SERIES */
export async function* slotsOf(
  readings: AsyncIterable<Reading>,
  {
    slotMs = DEFAULT_SLOT_MS,
    counts = newSlotCounts(),
  }: { readonly slotMs?: number; readonly counts?: SlotCounts } = {},
): AsyncGenerator<Slot> {
  const builder = new SlotBuilder(slotMs, counts);
  for await (const reading of readings) {
    const slot = builder.put(reading);
    if (slot !== undefined) yield slot;
  }
  builder.end();
}

function checkSlotMs(slotMs: number): void {
  if (Number.isInteger(slotMs) && slotMs >= 5 * MINUTE_MS && slotMs % MINUTE_MS === 0 && DAY_MS % slotMs === 0) return;
  const reason = "must be whole minutes, at least 5, that divide a day";
  throw new AnalyticsError({ code: "ANALYTICS_OPTION_INVALID", option: "slotMs", value: slotMs, reason });
}
