import fc from "fast-check";

/** Multiplies the inputs that every fuzz test tries, for long runs: ENERGY_LEDGER_FUZZ_RUNS=100 npm test -- .fuzz.test */
export const FUZZ_RUNS_FACTOR = factorFrom(process.env.ENERGY_LEDGER_FUZZ_RUNS);

/** Milliseconds that one fuzz test may take before it counts as hanging. */
export const FUZZ_TIMEOUT_MS = 30_000 * FUZZ_RUNS_FACTOR;

/** The seed of a failure that is to be seen again: ENERGY_LEDGER_FUZZ_SEED; without it every run draws a new one. */
const SEED = process.env.ENERGY_LEDGER_FUZZ_SEED;

/**
 * Tries `check` on `runs` inputs, times the factor. A failure names its seed, and its input after shrinking; in long runs the
 * number of inputs is printed.
 */
export function fuzz<T>(name: string, arbitrary: fc.Arbitrary<T>, runs: number, check: (value: T) => void): void {
  const numRuns = Math.ceil(runs * FUZZ_RUNS_FACTOR);
  fc.assert(fc.property(arbitrary, check), parameters(numRuns));
  tell(name, numRuns);
}

/** Like `fuzz`, for checks that wait. */
export async function fuzzAsync<T>(
  name: string,
  arbitrary: fc.Arbitrary<T>,
  runs: number,
  check: (value: T) => Promise<void>,
): Promise<void> {
  const numRuns = Math.ceil(runs * FUZZ_RUNS_FACTOR);
  await fc.assert(fc.asyncProperty(arbitrary, check), parameters(numRuns));
  tell(name, numRuns);
}

function parameters(numRuns: number): { numRuns: number; seed?: number } {
  return SEED === undefined ? { numRuns } : { numRuns, seed: Number(SEED) };
}

function tell(name: string, numRuns: number): void {
  if (FUZZ_RUNS_FACTOR > 1) console.info(`${name}: ${numRuns} inputs`);
}

function factorFrom(text: string | undefined): number {
  const factor = Number(text ?? "1");
  if (!(factor > 0)) throw new RangeError(`ENERGY_LEDGER_FUZZ_RUNS is ${text}, not a positive number`);
  return factor;
}
