/** Seconds of a device of which is known how many messages spoke of them. */
const KEPT_SECONDS = 16;
/** Devices at once; beyond it the one heard of longest ago is forgotten. */
const MAX_DEVICES = 4096;

/**
 * How many messages of a device speak of the same second. It goes by the time that the values have, not by the time of arrival: what a broker kept while
 * the home was away comes all at once and is no flood.
 */
export class RateLimit {
  readonly #maxPerSecond: number;
  readonly #devices = new Map<string, Map<number, number>>();

  constructor(maxPerSecond: number) {
    this.#maxPerSecond = maxPerSecond;
  }

  /** false: one too many. */
  take(device: string, timestampMs: number): boolean {
    const seconds = this.#devices.get(device) ?? new Map<number, number>();
    this.#devices.delete(device);
    this.#devices.set(device, seconds);
    if (this.#devices.size > MAX_DEVICES) this.#devices.delete(firstOf(this.#devices));
    const second = Math.floor(timestampMs / 1000);
    const count = (seconds.get(second) ?? 0) + 1;
    seconds.set(second, count);
    if (seconds.size > KEPT_SECONDS) seconds.delete(firstOf(seconds));
    return count <= this.#maxPerSecond;
  }
}

function firstOf<K>(map: ReadonlyMap<K, unknown>): K {
  return map.keys().next().value as K;
}
