import { FormatError } from "../types/formatError.ts";
import { decodeValidatorSet, encodeValidatorSet, type Validator, type ValidatorSet } from "../types/validatorSet.ts";
import { FieldReader, FieldWriter } from "../types/wire.ts";
import { heightKey, heightOfKey, heightRange } from "./buckets.ts";
import { decodeRecord, loadRecord } from "./records.ts";
import type { Store, StoreOperation } from "./store.ts";

/**
 * The validator set of every height, exactly, proposer priorities included. Members and powers change rarely and priorities at each
 * height, so a set is stored whole when it changes and otherwise as its priorities: 20 bytes rather than 280 for four validators.
 * (CometBFT stores the set of a change only and computes priorities by one increment over all heights since, which is not the same as one
 * increment a height.)
 */
export function validatorSetOperation(
  height: number,
  set: ValidatorSet,
  /** The set of `height` - 1. */
  previous: ValidatorSet | undefined,
): StoreOperation {
  const proposerIndex = set.validators.findIndex((validator) => isSameMember(validator, set.proposer));
  if (previous === undefined || proposerIndex < 0 || !hasSameMembers(set, previous))
    return { type: "put", key: heightKey("validatorSet", height), value: encodeValidatorSet(set) };
  return { type: "put", key: heightKey("validatorPriorities", height), value: encodePriorities(set, proposerIndex) };
}

/** The set that decides `height`; undefined when that height is not kept or not known yet. */
export async function loadValidators(store: Store, height: number): Promise<ValidatorSet | undefined> {
  const range = { ...heightRange("validatorSet", 0, height + 1), reverse: true, limit: 1 };
  for await (const [key, bytes] of store.iterate(range)) {
    const members = decodeRecord(key, bytes, decodeValidatorSet);
    if (heightOfKey(key) === height) return members;
    return loadRecord(store, heightKey("validatorPriorities", height), (record) => withPriorities(members, record));
  }
  return undefined;
}

/** Removes the sets of heights below `retainHeight`, but what those from there on rest on; at most `limit` entries. */
export async function pruneValidatorsOperations(
  store: Store,
  retainHeight: number,
  limit: number,
): Promise<readonly StoreOperation[]> {
  const operations: StoreOperation[] = [];
  for await (const [key] of store.iterate({ ...heightRange("validatorPriorities", 0, retainHeight), limit }))
    operations.push({ type: "del", key });
  let needed: Uint8Array | undefined;
  for await (const [key] of store.iterate({ ...heightRange("validatorSet", 0, retainHeight + 1), limit })) {
    if (needed !== undefined) operations.push({ type: "del", key: needed });
    needed = key;
  }
  return operations;
}

function hasSameMembers(a: ValidatorSet, b: ValidatorSet): boolean {
  return (
    a.validators.length === b.validators.length &&
    a.validators.every((validator, index) => isSameMember(validator, b.validators[index]))
  );
}

/** Same key and power, whatever the priority. */
function isSameMember(a: Validator, b: Validator | undefined): boolean {
  return (
    b !== undefined &&
    a.votingPower === b.votingPower &&
    a.publicKey.type === b.publicKey.type &&
    Buffer.compare(a.publicKey.bytes, b.publicKey.bytes) === 0
  );
}

/** {proposer index + 1 = 1, proposer's own priority = 2, priorities in the order of the set = 3}. */
function encodePriorities(set: ValidatorSet, proposerIndex: number): Uint8Array {
  const priorities = new Uint8Array(set.validators.length * 8);
  const view = new DataView(priorities.buffer);
  for (const [index, validator] of set.validators.entries()) view.setBigInt64(index * 8, validator.proposerPriority);
  return new FieldWriter()
    .int(1, proposerIndex + 1)
    .int(2, set.proposer.proposerPriority)
    .bytes(3, trimSigns(priorities))
    .finish();
}

function withPriorities(members: ValidatorSet, record: Uint8Array): ValidatorSet {
  let proposerIndex = -1;
  let proposerPriority = 0n;
  let priorities: readonly bigint[] = [];
  const fields = new FieldReader("validatorPriorities", record);
  while (fields.next()) {
    if (fields.number === 1) proposerIndex = fields.count("validatorPriorities.proposer") - 1;
    else if (fields.number === 2) proposerPriority = fields.int64("validatorPriorities.proposerPriority");
    else if (fields.number === 3) priorities = widenSigns(fields.message(), members.validators.length);
    else fields.refuse();
  }
  const proposer = members.validators[proposerIndex];
  if (proposer === undefined || priorities.length !== members.validators.length)
    throw new FormatError({ code: "FORMAT_FIELD_MISSING", field: "validatorPriorities.priorities" });
  const validators = members.validators.map((validator, index) => ({
    ...validator,
    proposerPriority: priorities[index] as bigint,
  }));
  const inSet = validators[proposerIndex] as Validator;
  return {
    validators,
    proposer: inSet.proposerPriority === proposerPriority ? inSet : { ...inSet, proposerPriority },
    totalVotingPower: members.totalVotingPower,
  };
}

/** Numbers of 8 bytes each, cut to the fewest bytes that all of them fit in, that number in front. */
function trimSigns(numbers: Uint8Array): Uint8Array {
  const view = new DataView(numbers.buffer, numbers.byteOffset, numbers.byteLength);
  let width = 1;
  for (let at = 0; at < numbers.length; at += 8)
    while (width < 8 && BigInt.asIntN(width * 8, view.getBigInt64(at)) !== view.getBigInt64(at)) width++;
  const trimmed = new Uint8Array(1 + (numbers.length / 8) * width);
  trimmed[0] = width;
  for (let index = 0; index * 8 < numbers.length; index++)
    trimmed.set(numbers.subarray(index * 8 + 8 - width, index * 8 + 8), 1 + index * width);
  return trimmed;
}

function widenSigns(trimmed: Uint8Array, count: number): readonly bigint[] {
  const width = trimmed[0] ?? 0;
  if (width < 1 || width > 8 || trimmed.length !== 1 + count * width) return [];
  return Array.from({ length: count }, (_, index) => {
    let value = 0n;
    for (const byte of trimmed.subarray(1 + index * width, 1 + (index + 1) * width))
      value = (value << 8n) | BigInt(byte);
    return BigInt.asIntN(width * 8, value);
  });
}
