import type { Slot } from "./slots.ts";

const DAY_MS = 86_400_000;

/** Slots between the first and the last of a series, and how many of them there are. */
export interface Completeness {
  readonly meterId: string;
  readonly firstEndMs: number;
  readonly lastEndMs: number;
  readonly expected: number;
  readonly present: number;
}

/** Which slots of which meters there are, one bit each: 6 bytes per meter and half-hourly day. */
export class Presence {
  readonly periodMs: number;
  readonly #meters = new Map<
    string,
    { first: number; last: number; count: number; readonly days: Map<number, Uint8Array> }
  >();

  constructor(periodMs: number) {
    this.periodMs = periodMs;
  }

  /** Slots of another length are not looked at. */
  put({ meterId, endMs, periodMs }: Slot): void {
    if (periodMs !== this.periodMs) return;
    const index = endMs / periodMs;
    let meter = this.#meters.get(meterId);
    if (meter === undefined) {
      meter = { first: index, last: index, count: 0, days: new Map() };
      this.#meters.set(meterId, meter);
    }
    const perDay = DAY_MS / periodMs;
    const day = Math.floor(index / perDay);
    let bits = meter.days.get(day);
    if (bits === undefined) {
      bits = new Uint8Array(Math.ceil(perDay / 8));
      meter.days.set(day, bits);
    }
    const slot = index - day * perDay;
    const mask = 1 << (slot & 7);
    if (((bits[slot >> 3] as number) & mask) === 0) meter.count += 1;
    bits[slot >> 3] = (bits[slot >> 3] as number) | mask;
    meter.first = Math.min(meter.first, index);
    meter.last = Math.max(meter.last, index);
  }

  get meters(): number {
    return this.#meters.size;
  }

  completeness(): readonly Completeness[] {
    return [...this.#meters].map(([meterId, { first, last, count }]) => ({
      meterId,
      firstEndMs: first * this.periodMs,
      lastEndMs: last * this.periodMs,
      expected: last - first + 1,
      present: count,
    }));
  }

  has(meterId: string, endMs: number): boolean {
    const perDay = DAY_MS / this.periodMs;
    const index = endMs / this.periodMs;
    const day = Math.floor(index / perDay);
    const slot = index - day * perDay;
    const bits = this.#meters.get(meterId)?.days.get(day);
    return bits !== undefined && ((bits[slot >> 3] as number) & (1 << (slot & 7))) !== 0;
  }

  /** Every slot in which any meter is active (between its first and its last), with how many are and how many of these are missing. */
  *missing(): Generator<{ readonly endMs: number; readonly active: number; readonly missing: number }> {
    const spans = [...this.#meters.values()];
    if (spans.length === 0) return;
    const first = spans.reduce((least, span) => Math.min(least, span.first), Number.POSITIVE_INFINITY);
    const last = spans.reduce((most, span) => Math.max(most, span.last), Number.NEGATIVE_INFINITY);
    const starts = new Int32Array(last - first + 2);
    for (const span of spans) {
      starts[span.first - first] = (starts[span.first - first] as number) + 1;
      starts[span.last - first + 1] = (starts[span.last - first + 1] as number) - 1;
    }
    const present = this.#presentFrom(first, last);
    let active = 0;
    for (let i = 0; i <= last - first; i++) {
      active += starts[i] as number;
      const missing = active - (present[i] as number);
      if (active > 0) yield { endMs: (first + i) * this.periodMs, active, missing };
    }
  }

  activeWithout(endMs: number): readonly string[] {
    const index = endMs / this.periodMs;
    return [...this.#meters]
      .filter(([meterId, { first, last }]) => first <= index && index <= last && !this.has(meterId, endMs))
      .map(([meterId]) => meterId);
  }

  #presentFrom(first: number, last: number): Int32Array {
    const perDay = DAY_MS / this.periodMs;
    const present = new Int32Array(last - first + 1);
    for (const { days } of this.#meters.values())
      for (const [day, bits] of days)
        for (let slot = 0; slot < perDay; slot++)
          if (((bits[slot >> 3] as number) & (1 << (slot & 7))) !== 0) {
            const at = day * perDay + slot - first;
            present[at] = (present[at] as number) + 1;
          }
    return present;
  }
}
