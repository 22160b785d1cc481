/** Values up to 255 are counted one by one, larger ones in steps of less than 1/128 of themselves. */
const MANTISSA_BITS = 8;

/** Counts of integers with a relative resolution of 0.8 %: a few hundred numbers however many values. */
export class Histogram {
  readonly #counts = new Map<number, number>();
  #count = 0;

  add(value: number): void {
    const bucket = floorOf(value);
    this.#counts.set(bucket, (this.#counts.get(bucket) ?? 0) + 1);
    this.#count += 1;
  }

  get count(): number {
    return this.#count;
  }

  /** The least values below or at which the given parts (per cent, ascending) of all lie, rounded down to the resolution; undefined when empty. */
  percentiles(parts: readonly number[]): readonly number[] | undefined {
    if (this.#count === 0) return undefined;
    const sorted = [...this.#counts].sort(([a], [b]) => a - b);
    let [index, below] = [0, 0];
    return parts.map((part) => {
      const rank = Math.max(1, Math.ceil((part * this.#count) / 100));
      while (below + (sorted[index] as [number, number])[1] < rank) {
        below += (sorted[index] as [number, number])[1];
        index += 1;
      }
      return (sorted[index] as [number, number])[0];
    });
  }
}

/** The lower end of a value's step; of negative values, mirrored. */
export function floorOf(value: number): number {
  if (value < 0) return -floorOf(-value);
  const high = Math.floor(value / 2 ** 31);
  const bits = high === 0 ? 32 - Math.clz32(value) : 63 - Math.clz32(high);
  const step = 2 ** Math.max(0, bits - MANTISSA_BITS);
  return value - (value % step);
}
