import { addressOf, type PublicKey } from "../crypto/keys.ts";
import { merkleRoot } from "../crypto/merkle.ts";
import { type ErrorDetails, LedgerError } from "../error.ts";
import { MAX_TOTAL_VOTING_POWER, MAX_VALIDATORS } from "../limits.ts";
import { FormatError } from "./formatError.ts";
import { normalisePriorities, priorityOfNewcomer, raisePriorities } from "./proposerPriority.ts";
import { encodePublicKey, readPublicKey } from "./publicKeyCodec.ts";
import { ADDRESS_BYTES, decodeCanonical, EMPTY_BYTES, FieldReader, FieldWriter } from "./wire.ts";

export interface Validator {
  /** 20 bytes, SHA256(publicKey)[:20]. */
  readonly address: Uint8Array;
  readonly publicKey: PublicKey;
  readonly votingPower: bigint;
  readonly proposerPriority: bigint;
}

/** Validators in CometBFT's order: voting power descending, then address ascending. Immutable: functions return a new set. */
export interface ValidatorSet {
  readonly validators: readonly Validator[];
  /** The proposer of the current round: the validator chosen by the last priority increment. */
  readonly proposer: Validator;
  readonly totalVotingPower: bigint;
}

/** One entry of a change: power 0 removes the validator. */
export interface ValidatorChange {
  readonly publicKey: PublicKey;
  readonly power: bigint;
}

export type ValidatorSetErrorDetails = ErrorDetails &
  (
    | { code: "VALIDATOR_SET_EMPTY" }
    | { code: "VALIDATOR_SET_TOO_LARGE"; size: number; max: number }
    | { code: "VALIDATOR_DUPLICATE"; address: Uint8Array }
    | { code: "VALIDATOR_UNKNOWN"; address: Uint8Array }
    | { code: "VALIDATOR_POWER_OUT_OF_RANGE"; address: Uint8Array; power: bigint }
    | { code: "VALIDATOR_TOTAL_POWER_EXCEEDED"; total: bigint; max: bigint }
    | { code: "VALIDATOR_ROUNDS_NOT_POSITIVE"; times: number }
  );

export class ValidatorSetError extends LedgerError<ValidatorSetErrorDetails> {}

/** A validator takes at most 88 bytes; the proposer is written once more. */
export const MAX_VALIDATOR_SET_BYTES = 96 * (MAX_VALIDATORS + 1);

/**
 * The set a chain starts from: the given validators, and the first proposer chosen.
 * @throws ValidatorSetError when empty, too large, with duplicates, or with powers outside 1..MAX_TOTAL_VOTING_POWER
 */
export function newValidatorSet(validators: readonly ValidatorChange[]): ValidatorSet {
  const removal = validators.find((validator) => validator.power === 0n);
  if (removal !== undefined) {
    throw new ValidatorSetError({
      code: "VALIDATOR_POWER_OUT_OF_RANGE",
      address: addressOf(removal.publicKey),
      power: 0n,
    });
  }
  return incrementProposerPriority(changedSet(undefined, validators), 1);
}

/**
 * Applies one block's validator updates. The proposer stays until the next increment; the caller increments by 1 for the next
 * height (state rule: an update at height H is effective at H + 2).
 * @throws ValidatorSetError; nothing is changed then
 */
export function updateValidatorSet(set: ValidatorSet, changes: readonly ValidatorChange[]): ValidatorSet {
  return changes.length === 0 ? set : changedSet(set, changes);
}

/**
 * The set `times` rounds later. NOT the same as calling it `times` times by 1: rescaling and centring happen once per call,
 * as in CometBFT, so a node that skips from round 0 to 2 must ask for 2 at once.
 * @throws ValidatorSetError VALIDATOR_ROUNDS_NOT_POSITIVE
 */
export function incrementProposerPriority(set: ValidatorSet, times: number): ValidatorSet {
  if (!Number.isSafeInteger(times) || times <= 0) {
    throw new ValidatorSetError({ code: "VALIDATOR_ROUNDS_NOT_POSITIVE", times });
  }
  const { validators, proposerIndex } = raisePriorities(set.validators, set.totalVotingPower, times);
  return { validators, proposer: validators[proposerIndex] as Validator, totalVotingPower: set.totalVotingPower };
}

export function findValidator(
  set: ValidatorSet,
  address: Uint8Array,
): { readonly index: number; readonly validator: Validator } | undefined {
  const index = set.validators.findIndex((validator) => Buffer.compare(validator.address, address) === 0);
  return index === -1 ? undefined : { index, validator: set.validators[index] as Validator };
}

/** validators_hash: Merkle root over SimpleValidator {pub_key = 1, voting_power = 2} in set order. Priorities are not hashed. */
export function hashValidatorSet(set: Pick<ValidatorSet, "validators">): Uint8Array {
  return merkleRoot(set.validators.map(encodeSimpleValidator));
}

/** tendermint.types.Validator {address = 1, pub_key = 2, voting_power = 3, proposer_priority = 4}. */
export function encodeValidator(validator: Validator): Uint8Array {
  return new FieldWriter()
    .bytes(1, validator.address)
    .message(2, encodePublicKey(validator.publicKey))
    .int(3, validator.votingPower)
    .int(4, validator.proposerPriority)
    .finish();
}

/** tendermint.types.ValidatorSet {validators = 1, proposer = 2}; the total (3) is left out as CometBFT does and is summed again. */
export function encodeValidatorSet(set: ValidatorSet): Uint8Array {
  const writer = new FieldWriter();
  for (const validator of set.validators) writer.message(1, encodeValidator(validator));
  return writer.message(2, encodeValidator(set.proposer)).finish();
}

/** @throws FormatError, ValidatorSetError */
export function decodeValidatorSet(bytes: Uint8Array): ValidatorSet {
  return decodeCanonical("validatorSet", MAX_VALIDATOR_SET_BYTES, bytes, readValidatorSet, encodeValidatorSet);
}

/**
 * Like decodeValidatorSet, for a set inside another message whose decoder checks that the encoding is canonical. Refuses addresses
 * that are not their key's (CometBFT #5638 blames an innocent otherwise), duplicates, powers below 1, and a foreign proposer.
 */
export function readValidatorSet(bytes: Uint8Array): ValidatorSet {
  const validators: Validator[] = [];
  let proposer: Validator | undefined;
  const fields = new FieldReader("validatorSet", bytes);
  while (fields.next()) {
    if (fields.number === 1) {
      if (validators.length === MAX_VALIDATORS) throw tooLarge(validators.length + 1);
      validators.push(readValidator(fields.message()));
    } else if (fields.number === 2) proposer = readValidator(fields.message());
    else fields.refuse();
  }
  if (proposer === undefined || validators.length === 0) throw new ValidatorSetError({ code: "VALIDATOR_SET_EMPTY" });
  refuseDuplicates(validators);
  const found = findValidator({ validators, proposer, totalVotingPower: 0n }, proposer.address);
  if (found === undefined) throw new ValidatorSetError({ code: "VALIDATOR_UNKNOWN", address: proposer.address });
  const same = Buffer.compare(encodeValidator(found.validator), encodeValidator(proposer)) === 0;
  return { validators, proposer: same ? found.validator : proposer, totalVotingPower: totalOf(validators) };
}

/** @throws FormatError, ValidatorSetError */
export function readValidator(bytes: Uint8Array): Validator {
  let address: Uint8Array = EMPTY_BYTES;
  let publicKey: PublicKey | undefined;
  let votingPower = 0n;
  let proposerPriority = 0n;
  const fields = new FieldReader("validator", bytes);
  while (fields.next()) {
    if (fields.number === 1) address = fields.bytesOf("validator.address", ADDRESS_BYTES);
    else if (fields.number === 2) publicKey = readPublicKey(fields.message());
    else if (fields.number === 3) votingPower = fields.int64("validator.votingPower");
    else if (fields.number === 4) proposerPriority = fields.int64("validator.proposerPriority");
    else fields.refuse();
  }
  if (publicKey === undefined) throw new FormatError({ code: "FORMAT_FIELD_MISSING", field: "validator.publicKey" });
  if (votingPower < 1n || votingPower > MAX_TOTAL_VOTING_POWER) {
    throw new ValidatorSetError({ code: "VALIDATOR_POWER_OUT_OF_RANGE", address, power: votingPower });
  }
  if (Buffer.compare(address, addressOf(publicKey)) !== 0) {
    const value = Buffer.from(address).toString("hex");
    throw new FormatError({ code: "FORMAT_FIELD_RANGE", field: "validator.address", value });
  }
  return { address, publicKey, votingPower, proposerPriority };
}

function encodeSimpleValidator(validator: Validator): Uint8Array {
  return new FieldWriter().message(1, encodePublicKey(validator.publicKey)).int(2, validator.votingPower).finish();
}

function changedSet(set: ValidatorSet | undefined, changes: readonly ValidatorChange[]): ValidatorSet {
  const existing = set?.validators ?? [];
  const changed = new Map(changes.map((change) => [keyOf(addressOf(change.publicKey)), change]));
  if (changed.size !== changes.length) throw duplicateOf(changes.map((change) => addressOf(change.publicKey)));
  const known = new Map(existing.map((validator) => [keyOf(validator.address), validator]));

  let removedPower = 0n;
  let updatedTotal = set?.totalVotingPower ?? 0n;
  for (const [key, change] of changed) {
    const address = addressOf(change.publicKey);
    const old = known.get(key);
    if (change.power < 0n || change.power > MAX_TOTAL_VOTING_POWER) {
      throw new ValidatorSetError({ code: "VALIDATOR_POWER_OUT_OF_RANGE", address, power: change.power });
    }
    if (change.power > 0n) updatedTotal += change.power - (old?.votingPower ?? 0n);
    else if (old === undefined) throw new ValidatorSetError({ code: "VALIDATOR_UNKNOWN", address });
    else removedPower += old.votingPower;
  }
  const total = updatedTotal - removedPower;
  if (total > MAX_TOTAL_VOTING_POWER) {
    throw new ValidatorSetError({ code: "VALIDATOR_TOTAL_POWER_EXCEEDED", total, max: MAX_TOTAL_VOTING_POWER });
  }

  const kept = existing.filter((validator) => !changed.has(keyOf(validator.address)));
  const newcomerPriority = priorityOfNewcomer(updatedTotal);
  const updated: Validator[] = [];
  for (const [key, { publicKey, power }] of changed) {
    if (power === 0n) continue;
    const proposerPriority = known.get(key)?.proposerPriority ?? newcomerPriority;
    updated.push({ address: new Uint8Array(addressOf(publicKey)), publicKey, votingPower: power, proposerPriority });
  }
  const merged = [...kept, ...updated];
  if (merged.length === 0) throw new ValidatorSetError({ code: "VALIDATOR_SET_EMPTY" });
  if (merged.length > MAX_VALIDATORS) throw tooLarge(merged.length);

  const normalised = normalisePriorities(merged, total);
  // A proposer that the change touches stays what it was before it; another one follows the new priorities.
  const follows = set === undefined ? -1 : kept.indexOf(set.proposer);
  const proposer = normalised[follows] ?? set?.proposer ?? (normalised[0] as Validator);
  return { validators: normalised.toSorted(byPowerThenAddress), proposer, totalVotingPower: total };
}

function byPowerThenAddress(a: Validator, b: Validator): number {
  if (a.votingPower !== b.votingPower) return a.votingPower > b.votingPower ? -1 : 1;
  return Buffer.compare(a.address, b.address);
}

function totalOf(validators: readonly Validator[]): bigint {
  const total = validators.reduce((sum, validator) => sum + validator.votingPower, 0n);
  if (total <= MAX_TOTAL_VOTING_POWER) return total;
  throw new ValidatorSetError({ code: "VALIDATOR_TOTAL_POWER_EXCEEDED", total, max: MAX_TOTAL_VOTING_POWER });
}

function refuseDuplicates(validators: readonly Validator[]): void {
  const addresses = validators.map((validator) => validator.address);
  if (new Set(addresses.map(keyOf)).size !== addresses.length) throw duplicateOf(addresses);
}

function duplicateOf(addresses: readonly Uint8Array[]): ValidatorSetError {
  const keys = addresses.map(keyOf);
  const address = addresses.find((_, i) => keys.indexOf(keys[i] as string) !== i) as Uint8Array;
  return new ValidatorSetError({ code: "VALIDATOR_DUPLICATE", address });
}

function tooLarge(size: number): ValidatorSetError {
  return new ValidatorSetError({ code: "VALIDATOR_SET_TOO_LARGE", size, max: MAX_VALIDATORS });
}

function keyOf(address: Uint8Array): string {
  return Buffer.from(address.buffer, address.byteOffset, address.length).toString("latin1");
}
