import { expect, test } from "vitest";
import type { PublicKey } from "../crypto/keys.ts";
import { MAX_TOTAL_VOTING_POWER, MAX_VALIDATORS } from "../limits.ts";
import { changeOf, cometBft, fromHex, toHex } from "./cometbftVectors.ts";
import { raisePriorities } from "./proposerPriority.ts";
import {
  decodeValidatorSet,
  encodeValidatorSet,
  findValidator,
  hashValidatorSet,
  incrementProposerPriority,
  newValidatorSet,
  updateValidatorSet,
  type Validator,
  type ValidatorSet,
  ValidatorSetError,
} from "./validatorSet.ts";

const key = (byte: number): PublicKey => ({ type: "ed25519", bytes: new Uint8Array(32).fill(byte) });

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof ValidatorSetError) return error.code;
    throw error;
  }
  return "no error";
}

test("random sets stay equal to Go's through increments and updates, to the last bit of every priority", () => {
  let refused = 0;
  for (const run of cometBft.validatorSets) {
    let set = newValidatorSet(run.initial.map(changeOf));
    expect(toHex(encodeValidatorSet(set))).toBe(run.start.bytes);
    for (const step of run.steps) {
      if (step.increment !== undefined) set = incrementProposerPriority(set, step.increment);
      else if (step.accepted) set = updateValidatorSet(set, (step.updates ?? []).map(changeOf));
      else {
        expect(() => updateValidatorSet(set, (step.updates ?? []).map(changeOf))).toThrow(ValidatorSetError);
        refused += 1;
      }
      expect(toHex(encodeValidatorSet(set))).toBe(step.set.bytes);
      expect(toHex(hashValidatorSet(set))).toBe(step.set.hash);
      expect(toHex(set.proposer.address)).toBe(step.set.proposer);
      expect(set.totalVotingPower.toString()).toBe(step.set.total);
      // A removed proposer stays named until the next increment; such a set exists only within one step and is never sent.
      const decode = () => decodeValidatorSet(fromHex(step.set.bytes));
      if (findValidator(set, set.proposer.address) === undefined) expect(decode).toThrow("VALIDATOR_UNKNOWN");
      else expect(decode()).toEqual(set);
    }
  }
  expect(refused).toBeGreaterThan(0);
});

function bareSet(entries: readonly (readonly [string, bigint, bigint])[]): ValidatorSet {
  const validators = entries.map(([name, votingPower, proposerPriority]): Validator => {
    return { address: Buffer.from(name), publicKey: key(1), votingPower, proposerPriority };
  });
  const totalVotingPower = validators.reduce((sum, validator) => sum + validator.votingPower, 0n);
  return { validators, proposer: validators[0] as Validator, totalVotingPower };
}

test("proposers come in the order of CometBFT's TestProposerSelection1", () => {
  const expected =
    "foo baz foo bar foo foo baz foo bar foo foo baz foo foo bar foo baz foo foo bar foo foo baz foo bar foo foo baz foo bar " +
    "foo foo baz foo foo bar foo baz foo foo bar foo baz foo foo bar foo baz foo foo bar foo baz foo foo foo baz bar foo foo " +
    "foo baz foo bar foo foo baz foo bar foo foo baz foo bar foo foo baz foo bar foo foo baz foo foo bar foo baz foo foo bar " +
    "foo baz foo foo bar foo baz foo foo";
  // In a new set every newcomer starts equally low, and centring brings all to zero.
  let set = incrementProposerPriority(
    bareSet([
      ["foo", 1000n, 0n],
      ["baz", 330n, 0n],
      ["bar", 300n, 0n],
    ]),
    1,
  );
  const proposers: string[] = [];
  for (let i = 0; i < 99; i++) {
    proposers.push(Buffer.from(set.proposer.address).toString());
    set = incrementProposerPriority(set, 1);
  }
  expect(proposers.join(" ")).toBe(expected);
});

test("priorities are centred on their average, rounded down (TestAveragingInIncrementProposerPriority)", () => {
  const cases = [
    { priorities: [1n, 2n, 3n], times: 1, average: 2n },
    { priorities: [10n, -10n, 1n], times: 11, average: 0n },
    { priorities: [100n, -10n, 1n], times: 1, average: 30n },
    { priorities: [-1n, 0n, 0n], times: 1, average: -1n },
  ];
  for (const { priorities, times, average } of cases) {
    const { validators } = bareSet(priorities.map((priority, i) => ["abc"[i] as string, 0n, priority] as const));
    const raised = raisePriorities(validators, 0n, times).validators;
    expect(raised.map((validator) => validator.proposerPriority)).toEqual(priorities.map((value) => value - average));
  }
});

test("power moves priorities as in TestAveragingInIncrementProposerPriorityWithVotingPower", () => {
  const { validators } = bareSet([
    ["\u0000", 10n, 0n],
    ["\u0001", 1n, 0n],
    ["\u0002", 1n, 0n],
  ]);
  const wins = [0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0];
  const count = [0n, 0n, 0n];
  for (const [i, winner] of wins.entries()) {
    count[winner] = (count[winner] as bigint) + 1n;
    const raised = raisePriorities(validators, 12n, i + 1);
    const power = [10n, 1n, 1n];
    const expected = power.map((value, v) => value * BigInt(i + 1) - 12n * (count[v] as bigint));
    expect(raised.proposerIndex).toBe(winner);
    expect(raised.validators.map((validator) => validator.proposerPriority)).toEqual(expected);
  }
});

test("raising by two at once is not always raising by one twice", () => {
  const set = bareSet([
    ["a", 2n, 14n],
    ["b", 1n, -14n],
    ["c", 4n, 14n],
  ]);
  const atOnce = incrementProposerPriority(set, 2);
  const oneByOne = incrementProposerPriority(incrementProposerPriority(set, 1), 1);
  const prioritiesOf = ({ validators }: ValidatorSet) => validators.map((validator) => validator.proposerPriority);
  expect(prioritiesOf(atOnce)).not.toEqual(prioritiesOf(oneByOne));
});

test("changes that make no sound set are refused, each with its code", () => {
  const set = newValidatorSet([{ publicKey: key(1), power: 5n }]);
  const tooMany = Array.from({ length: MAX_VALIDATORS + 1 }, (_, i) => ({ publicKey: key(i), power: 1n }));
  const most = MAX_TOTAL_VOTING_POWER;
  expect(codeOf(() => newValidatorSet([]))).toBe("VALIDATOR_SET_EMPTY");
  expect(codeOf(() => newValidatorSet([{ publicKey: key(1), power: 0n }]))).toBe("VALIDATOR_POWER_OUT_OF_RANGE");
  expect(codeOf(() => newValidatorSet([{ publicKey: key(1), power: -1n }]))).toBe("VALIDATOR_POWER_OUT_OF_RANGE");
  expect(codeOf(() => newValidatorSet([{ publicKey: key(1), power: most + 1n }]))).toBe("VALIDATOR_POWER_OUT_OF_RANGE");
  expect(codeOf(() => newValidatorSet(tooMany))).toBe("VALIDATOR_SET_TOO_LARGE");
  expect(newValidatorSet(tooMany.slice(1)).validators.length).toBe(MAX_VALIDATORS);
  expect(codeOf(() => updateValidatorSet(set, [{ publicKey: key(2), power: most }]))).toBe(
    "VALIDATOR_TOTAL_POWER_EXCEEDED",
  );
  expect(codeOf(() => updateValidatorSet(set, [{ publicKey: key(2), power: 0n }]))).toBe("VALIDATOR_UNKNOWN");
  expect(codeOf(() => updateValidatorSet(set, [{ publicKey: key(1), power: 0n }]))).toBe("VALIDATOR_SET_EMPTY");
  const twice = [
    { publicKey: key(3), power: 1n },
    { publicKey: key(3), power: 2n },
  ];
  expect(codeOf(() => updateValidatorSet(set, twice))).toBe("VALIDATOR_DUPLICATE");
  expect(codeOf(() => incrementProposerPriority(set, 0))).toBe("VALIDATOR_ROUNDS_NOT_POSITIVE");
});

test("a decoded set has no doubles, no powerless validators, no foreign proposer and no borrowed addresses", () => {
  const set = newValidatorSet([
    { publicKey: key(1), power: 5n },
    { publicKey: key(2), power: 3n },
  ]);
  const [first, second] = set.validators as [Validator, Validator];
  const decode = (changed: Partial<ValidatorSet>) => () =>
    decodeValidatorSet(encodeValidatorSet({ ...set, ...changed }));
  expect(decode({})()).toEqual(set);
  expect(decode({ validators: [first, first] })).toThrow("VALIDATOR_DUPLICATE");
  expect(decode({ validators: [first, { ...second, votingPower: 0n }] })).toThrow("VALIDATOR_POWER_OUT_OF_RANGE");
  expect(decode({ validators: [first, { ...second, publicKey: key(9) }] })).toThrow("FORMAT_FIELD_RANGE");
  expect(decode({ validators: [second], proposer: first })).toThrow("VALIDATOR_UNKNOWN");
  expect(decode({ validators: [] })).toThrow("VALIDATOR_SET_EMPTY");
});
