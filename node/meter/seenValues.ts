import { TimestampRuns } from "./timestampRuns.ts";

/** Values kept of a series: a repeated reading is compared with the first one as far back as this, and recognised by its time alone beyond it. */
export const MAX_SEEN_VALUES = 64;

/**
 * What a series has shown at which time, to tell a reading that comes again (a broker's redelivery, a file read twice) from one that contradicts an
 * earlier one.
 */
export class SeenValues {
  readonly #times = new TimestampRuns();
  /** In the order they came. */
  readonly #values = new Map<number, number>();

  /** conflict: another value was there for this time, and stays. */
  add(timestampMs: number, value: number): "new" | "duplicate" | "conflict" {
    const first = this.#values.get(timestampMs);
    if (first !== undefined) return first === value ? "duplicate" : "conflict";
    if (!this.#times.add(timestampMs)) return "duplicate";
    this.#values.set(timestampMs, value);
    if (this.#values.size > MAX_SEEN_VALUES) this.#values.delete(this.#values.keys().next().value as number);
    return "new";
  }
}
