/** What one answer says about energy and power; what the meter has no register for is undefined. */
export interface EnergySample {
  readonly timestampMs: number;
  readonly importMwh: number | undefined;
  readonly exportMwh: number | undefined;
  readonly powerMw: number | undefined;
  /** Step of the energy registers at this height, mWh: of a float32 it grows with the register. */
  readonly resolutionMwh: number;
}

/**
 * accepted: in line with what was there before. restarted: the register has begun anew elsewhere, and has gone on from there for REBASE_SAMPLES polls;
 * isLower: below where it was, as after a reset or an exchange.
 */
export type PlausibilityVerdict =
  | { readonly verdict: "accepted" }
  | { readonly verdict: "restarted"; readonly isLower: boolean }
  | { readonly verdict: "implausible" };

/** Power is held against energy over this long (research/data.md §2.4). */
export const POWER_WINDOW_MS = 300_000;
/** Shorter, one step of the register outweighs the power. */
const MIN_WINDOW_MS = 60_000;
/** 20 % and 100 W: the power at the polls is not its mean between them. */
const POWER_TOLERANCE_MW = 100_000;
/** Of one window at one poll a second. */
const MAX_WINDOW_SAMPLES = 300;
/** Polls that contradict the ones before and agree with each other, before they are believed. */
export const REBASE_SAMPLES = 3;

/**
 * A meter's answers held against the ones before. Of three tests two must pass:
 *   a) no energy register falls, by more than two of its steps,
 *   b) none moves further than the fuse lets through in the time, and a tenth,
 *   c) the power agrees with the energy over POWER_WINDOW_MS; it does not pass while there is less than a minute to compare, or no power register.
 * What has nothing before it is accepted.
 */
export class Plausibility {
  /** Most that flows through the connection, mW. */
  readonly #fuseLimitMw: number;
  /** Accepted, the oldest first, all within POWER_WINDOW_MS of the last. */
  #window: EnergySample[] = [];
  #rejected: EnergySample[] = [];

  constructor(fuseLimitMw: number) {
    this.#fuseLimitMw = fuseLimitMw;
  }

  judge(sample: EnergySample): PlausibilityVerdict {
    const last = this.#window.at(-1);
    if (last === undefined || this.#passes(last, sample)) {
      this.#accept(sample);
      return { verdict: "accepted" };
    }
    const before = this.#rejected.at(-1);
    if (before !== undefined && !(this.#isRising(before, sample) && this.#isWithinFuse(before, sample)))
      this.#rejected = [];
    this.#rejected.push(sample);
    if (this.#rejected.length < REBASE_SAMPLES) return { verdict: "implausible" };
    this.#window = [];
    this.#accept(sample);
    return { verdict: "restarted", isLower: !this.#isRising(last, sample) };
  }

  #passes(last: EnergySample, sample: EnergySample): boolean {
    const passed = [this.#isRising(last, sample), this.#isWithinFuse(last, sample), this.#agreesWithPower(sample)];
    return passed.filter(Boolean).length >= 2;
  }

  #accept(sample: EnergySample): void {
    this.#rejected = [];
    this.#window = [...this.#window, sample].filter((old) => sample.timestampMs - old.timestampMs <= POWER_WINDOW_MS);
    if (this.#window.length > MAX_WINDOW_SAMPLES) this.#window.shift();
  }

  #isRising(before: EnergySample, now: EnergySample): boolean {
    return deltas(before, now).every((delta) => delta >= -2 * now.resolutionMwh);
  }

  #isWithinFuse(before: EnergySample, now: EnergySample): boolean {
    const hours = (now.timestampMs - before.timestampMs) / 3_600_000;
    const mostMwh = this.#fuseLimitMw * hours * 1.1 + 2 * now.resolutionMwh;
    return deltas(before, now).every((delta) => Math.abs(delta) <= mostMwh);
  }

  #agreesWithPower(now: EnergySample): boolean {
    const { importMwh, powerMw } = now;
    if (importMwh === undefined || powerMw === undefined) return false;
    const samples = [...this.#window.filter((old) => now.timestampMs - old.timestampMs <= POWER_WINDOW_MS), now];
    const first = samples[0] as EnergySample;
    const spanMs = now.timestampMs - first.timestampMs;
    if (spanMs < MIN_WINDOW_MS || first.importMwh === undefined) return false;
    const [taken = 0, given = 0] = deltas(first, now);
    const hours = spanMs / 3_600_000;
    const meanMw = meanPower(samples, spanMs);
    const toleranceMw = Math.abs(meanMw) / 5 + POWER_TOLERANCE_MW + (2 * now.resolutionMwh) / hours;
    return Math.abs((taken - given) / hours - meanMw) < toleranceMw;
  }
}

function deltas(before: EnergySample, now: EnergySample): number[] {
  return (["importMwh", "exportMwh"] as const).map(
    (name) => (now[name] ?? before[name] ?? 0) - (before[name] ?? now[name] ?? 0),
  );
}

/** Between two polls as the straight line between their powers. */
function meanPower(samples: readonly EnergySample[], spanMs: number): number {
  let area = 0;
  for (const [index, sample] of samples.entries()) {
    const before = samples[index - 1];
    if (before === undefined) continue;
    area += (((before.powerMw ?? 0) + (sample.powerMw ?? 0)) / 2) * (sample.timestampMs - before.timestampMs);
  }
  return area / spanMs;
}
