import type { Validator } from "./validatorSet.ts";

/**
 * Proposer priority, CometBFT's weighted round robin (types/validator_set.go, spec/core/proposer-selection). All quantities are
 * int64 in Go, so every sum here is clipped or wrapped as Go does it: two nodes that disagree in one bit elect different proposers.
 */

/** Priorities may lie at most this many total voting powers apart (PriorityWindowSizeFactor). */
const PRIORITY_WINDOW_FACTOR = 2n;

const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);

/**
 * Runs `times` rounds of the round robin. Rescaling and centring happen once per call, not once per round: raising by 2 may
 * therefore differ from raising by 1 twice. CometBFT behaves so, and callers must pass the round difference in one call.
 * Returns the validators in the same order, and the position of the last round's proposer.
 */
export function raisePriorities(
  validators: readonly Validator[],
  totalVotingPower: bigint,
  times: number,
): { readonly validators: readonly Validator[]; readonly proposerIndex: number } {
  const priorities = centred(rescaled(prioritiesOf(validators), PRIORITY_WINDOW_FACTOR * totalVotingPower));
  let proposerIndex = 0;
  for (let round = 0; round < times; round++) {
    for (let i = 0; i < validators.length; i++) {
      priorities[i] = clipInt64((priorities[i] as bigint) + (validators[i] as Validator).votingPower);
    }
    proposerIndex = indexOfHighest(validators, priorities);
    priorities[proposerIndex] = clipInt64((priorities[proposerIndex] as bigint) - totalVotingPower);
  }
  return { validators: withPriorities(validators, priorities), proposerIndex };
}

/** Brings the priorities of a changed set into the window and centres them on zero, in the given order. */
export function normalisePriorities(validators: readonly Validator[], totalVotingPower: bigint): readonly Validator[] {
  return withPriorities(
    validators,
    centred(rescaled(prioritiesOf(validators), PRIORITY_WINDOW_FACTOR * totalVotingPower)),
  );
}

/**
 * Where a validator that joins starts: -1.125 times the total power, so that leaving and joining again gains nothing.
 * `updatedTotalPower` counts the updates but not yet the removals.
 */
export function priorityOfNewcomer(updatedTotalPower: bigint): bigint {
  return -(updatedTotalPower + (updatedTotalPower >> 3n));
}

function prioritiesOf(validators: readonly Validator[]): bigint[] {
  return validators.map((validator) => validator.proposerPriority);
}

function withPriorities(validators: readonly Validator[], priorities: readonly bigint[]): readonly Validator[] {
  return validators.map((validator, i) => ({ ...validator, proposerPriority: priorities[i] as bigint }));
}

/** Divides all priorities by one ratio when they lie further apart than `windowSize`; the division truncates toward zero. */
function rescaled(priorities: bigint[], windowSize: bigint): bigint[] {
  if (windowSize <= 0n) return priorities;
  let lowest = INT64_MAX;
  let highest = INT64_MIN;
  for (const priority of priorities) {
    if (priority < lowest) lowest = priority;
    if (priority > highest) highest = priority;
  }
  let spread = BigInt.asIntN(64, highest - lowest);
  if (spread < 0n) spread = BigInt.asIntN(64, -spread);
  if (spread <= windowSize) return priorities;
  const ratio = BigInt.asIntN(64, spread + windowSize - 1n) / windowSize;
  return priorities.map((priority) => BigInt.asIntN(64, priority / ratio));
}

/** Subtracts the average, which Go's big.Int.Div rounds toward negative infinity where `/` on bigint truncates. */
function centred(priorities: bigint[]): bigint[] {
  let sum = 0n;
  for (const priority of priorities) sum += priority;
  const count = BigInt(priorities.length);
  const average = sum >= 0n ? sum / count : -((-sum + count - 1n) / count);
  return priorities.map((priority) => clipInt64(priority - average));
}

/** The highest priority wins; among equals the lowest address. */
function indexOfHighest(validators: readonly Validator[], priorities: readonly bigint[]): number {
  let best = 0;
  for (let i = 1; i < validators.length; i++) {
    const challenger = priorities[i] as bigint;
    const champion = priorities[best] as bigint;
    if (challenger < champion) continue;
    if (challenger > champion || Buffer.compare(addressOf(validators, i), addressOf(validators, best)) < 0) best = i;
  }
  return best;
}

function addressOf(validators: readonly Validator[], index: number): Uint8Array {
  return (validators[index] as Validator).address;
}

function clipInt64(value: bigint): bigint {
  if (value > INT64_MAX) return INT64_MAX;
  return value < INT64_MIN ? INT64_MIN : value;
}
