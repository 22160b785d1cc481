import type { SamplingPlan } from "./designs.ts";
import { seededRandom, shuffled } from "./random.ts";

/** One point of the grid. */
export interface Configuration extends SamplingPlan {
  readonly prosumers: number;
}

/** One run of four validators, on which each design is measured in turn. What is finished is kept under its name. */
export interface Cell extends Configuration {
  readonly name: string;
  readonly repetition: number;
}

export interface Grid {
  readonly base: Configuration;
  readonly cells: readonly Cell[];
  /** Of each design's measured window. */
  readonly seconds: number;
}

const MINUTE_MS = 60_000;

/** D5.1's meters: a reading every 5 s (§2.2.1), energy of a quarter hour. */
const FULL = {
  base: { prosumers: 1_000, intervalMs: 15 * MINUTE_MS, sampleMs: 5_000 },
  prosumers: [250, 4_000],
  intervalMs: [MINUTE_MS, 60 * MINUTE_MS],
  sampleMs: [1_000, 60_000],
  repetitions: 3,
  seconds: 6,
};

const QUICK = {
  base: { prosumers: 600, intervalMs: 15 * MINUTE_MS, sampleMs: 5_000 },
  prosumers: [],
  intervalMs: [],
  sampleMs: [],
  repetitions: 3,
  seconds: 2,
};

/**
 * From the base, one axis at a time. Repetitions come round by round, the cells of each in an order of their own by the seed, so that a machine that gets slower
 * or busier meets all of them alike.
 */
export function createGrid(options: { readonly isQuick: boolean; readonly seed: number }): Grid {
  const plan = options.isQuick ? QUICK : FULL;
  const { base, repetitions, seconds } = plan;
  const configurations: readonly Configuration[] = [
    base,
    ...plan.prosumers.map((prosumers) => ({ ...base, prosumers })),
    ...plan.intervalMs.map((intervalMs) => ({ ...base, intervalMs })),
    ...plan.sampleMs.map((sampleMs) => ({ ...base, sampleMs })),
  ];
  const cells = Array.from({ length: repetitions }, (_, index) => {
    const repetition = index + 1;
    const round = configurations.map((each) => ({ ...each, repetition, name: nameOf(each, repetition) }));
    return shuffled(round, seededRandom(options.seed, `grid ${repetition}`));
  });
  return { base, cells: cells.flat(), seconds };
}

function nameOf({ prosumers, intervalMs, sampleMs }: Configuration, repetition: number): string {
  return `p${prosumers}-t${intervalMs / 1000}s-s${sampleMs / 1000}s-r${repetition}`;
}
