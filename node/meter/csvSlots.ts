import { LCL_PERIOD_MS } from "./csvDialect.ts";

const DAY_MS = 86_400_000;
const SLOTS_PER_DAY = DAY_MS / LCL_PERIOD_MS;

/** The largest value a slot can remember: a uint16 of Wh, with 0 for "no reading". */
export const MAX_SLOT_MWH = 65_534 * 1000;

/**
 * Which half hours of one household have a reading, and of how many Wh: tells duplicates from conflicts exactly, in whatever order rows come,
 * in about 200 bytes per day.
 */
export class HouseholdSlots {
  readonly #days = new Map<number, Uint16Array>();
  #first = Number.POSITIVE_INFINITY;
  #last = Number.NEGATIVE_INFINITY;
  #count = 0;

  /** valueMwh: whole Wh, at most MAX_SLOT_MWH. */
  put(timestampMs: number, valueMwh: number): "new" | "duplicate" | "conflict" {
    const day = Math.floor(timestampMs / DAY_MS);
    const slot = (timestampMs - day * DAY_MS) / LCL_PERIOD_MS;
    let slots = this.#days.get(day);
    if (slots === undefined) {
      slots = new Uint16Array(SLOTS_PER_DAY);
      this.#days.set(day, slots);
    }
    const remembered = valueMwh / 1000 + 1;
    const earlier = slots[slot] as number;
    if (earlier !== 0) return earlier === remembered ? "duplicate" : "conflict";
    slots[slot] = remembered;
    this.#first = Math.min(this.#first, timestampMs);
    this.#last = Math.max(this.#last, timestampMs);
    this.#count += 1;
    return "new";
  }

  /** Half hours between the first and the last reading that have none. */
  get gaps(): number {
    return this.#count === 0 ? 0 : (this.#last - this.#first) / LCL_PERIOD_MS + 1 - this.#count;
  }
}
