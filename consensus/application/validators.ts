import type { ValidatorUpdate } from "#consensus/abci.ts";
import { MAX_TOTAL_VOTING_POWER, MAX_VALIDATORS } from "#storage/limits.ts";
import type { Validators } from "#storage/proto/gen/edream/ledger/v1/state_pb.ts";
import type { MsgUpdateValidators, ValidatorPower } from "#storage/proto/gen/edream/ledger/v1/tx_pb.ts";
import { recordBridgeSet, releaseBridgeKey } from "./bridgeSets.ts";
import type { Failure } from "./codes.ts";
import { fail } from "./codes.ts";
import { event } from "./events.ts";
import { isExcluded } from "./exclusions.ts";
import type { MessageContext } from "./messageContext.ts";
import { requireRight, signerAccount } from "./messageContext.ts";
import { newRecord, SINGLE } from "./stateRecords.ts";
import { consensusAddressOf } from "./validatorIds.ts";

type Power = Pick<ValidatorPower, "publicKey" | "power">;

/**
 * A regulator's vote. It replaces that regulator's earlier vote, so that there are never more open votes than regulators. The vote that
 * makes more than half of the present regulators carries the change out. Every vote must be possible when it is cast:
 *   a) keys have 32 bytes and appear once, there is at least one update (VALIDATORS_INVALID); a removed one is there (VALIDATOR_UNKNOWN),
 *      one that stays or comes was never excluded for misbehaviour (VALIDATOR_EXCLUDED)
 *   b) the new set is not empty (VALIDATORS_EMPTY) and within the limits (VALIDATORS_LIMIT)
 *   c) against the set before the block at most a third of the power changes (VALIDATORS_CHANGE_TOO_LARGE): a light node that
 *      trusts a third of the old set must be able to follow
 */
export function updateValidators(context: MessageContext, message: MsgUpdateValidators): Failure | undefined {
  const { state } = context;
  const account = signerAccount(message.authority);
  const forbidden = requireRight(context, account, "updateValidators");
  if (forbidden !== undefined) return forbidden;
  const current = state.get("validators", SINGLE)?.validators ?? [];
  const next = applyUpdates(current, message.updates);
  if ("code" in next) return next;
  const excluded = message.updates.find(({ publicKey, power }) => power > 0n && isExcluded(state, publicKey));
  if (excluded !== undefined) return fail("VALIDATOR_EXCLUDED", hex(excluded.publicKey));
  const invalid = checkNextSet(context.validatorsBefore.validators, next.validators);
  if (invalid !== undefined) return invalid;

  const regulators = state.get("regulators", SINGLE)?.accounts ?? [];
  const agreeing = regulators.filter((other) => {
    if (other === account) return true;
    const vote = state.get("vote", other);
    return vote !== undefined && vote.proposalId === message.proposalId && equalUpdates(vote.updates, message.updates);
  });
  const carriedOut = agreeing.length * 2 > regulators.length;
  if (carriedOut) {
    state.put("validators", SINGLE, newRecord("validators", { validators: next.validators.map(copyPower) }));
    for (const { publicKey, power } of message.updates)
      if (power === 0n) releaseBridgeKey(state, consensusAddressOf(publicKey));
    recordBridgeSet(state, context.height);
    for (const voter of agreeing) state.remove("vote", voter);
  } else {
    const updates = message.updates.map(copyPower);
    state.put("vote", account, newRecord("vote", { proposalId: message.proposalId, updates }));
  }
  context.events.push(
    event("validators", {
      account,
      proposal_id: message.proposalId.toString(),
      carried_out: String(carriedOut),
    }),
  );
  return undefined;
}

function applyUpdates(
  current: readonly ValidatorPower[],
  updates: readonly ValidatorPower[],
): { validators: ValidatorPower[] } | Failure {
  if (updates.length === 0 || updates.length > MAX_VALIDATORS)
    return fail("VALIDATORS_INVALID", `${updates.length} updates, 1 to ${MAX_VALIDATORS} allowed`);
  const powers = new Map(current.map((validator) => [hex(validator.publicKey), validator]));
  const seen = new Set<string>();
  for (const update of updates) {
    const key = hex(update.publicKey);
    if (update.publicKey.length !== 32 || seen.has(key)) return fail("VALIDATORS_INVALID", key);
    seen.add(key);
    if (update.power > 0n) powers.set(key, update);
    else if (!powers.delete(key)) return fail("VALIDATOR_UNKNOWN", key);
  }
  return { validators: sortValidators([...powers.values()]) };
}

export function sortValidators<P extends Power>(validators: P[]): P[] {
  return validators.sort((a, b) => Buffer.compare(a.publicKey, b.publicKey));
}

function checkNextSet(before: readonly Power[], next: readonly Power[]): Failure | undefined {
  if (next.length === 0) return fail("VALIDATORS_EMPTY", "no validator would be left");
  if (next.length > MAX_VALIDATORS) return fail("VALIDATORS_LIMIT", `${next.length} validators`);
  const total = totalPower(next);
  if (total > MAX_TOTAL_VOTING_POWER) return fail("VALIDATORS_LIMIT", `total power ${total}`);
  let change = 0n;
  for (const { power, previous } of differences(before, next))
    change += power > previous ? power - previous : previous - power;
  if (change * 3n > totalPower(before))
    return fail("VALIDATORS_CHANGE_TOO_LARGE", `${change} of ${totalPower(before)}`);
  return undefined;
}

/** What the engine must be told after a block, ordered by public key; power 0 removes. */
export function validatorUpdates(before: Validators, after: Validators): ValidatorUpdate[] {
  return differences(before.validators, after.validators).map(({ publicKey, power }) => ({
    publicKey: { type: "ed25519", bytes: publicKey },
    power,
  }));
}

function differences(before: readonly Power[], after: readonly Power[]) {
  const previousPowers = new Map(before.map(({ publicKey, power }) => [hex(publicKey), power]));
  const kept = new Set(after.map(({ publicKey }) => hex(publicKey)));
  const removed = before.filter(({ publicKey }) => !kept.has(hex(publicKey)));
  const all = [...after, ...removed.map(({ publicKey }) => ({ publicKey, power: 0n }))];
  return sortValidators(all)
    .map(({ publicKey, power }) => ({ publicKey, power, previous: previousPowers.get(hex(publicKey)) ?? 0n }))
    .filter(({ power, previous }) => power !== previous);
}

/** State lives longer than the block whose bytes a decoded key is a view of. */
function copyPower({ publicKey, power }: Power): Power {
  return { publicKey: new Uint8Array(publicKey), power };
}

function totalPower(validators: readonly Power[]): bigint {
  return validators.reduce((sum, { power }) => sum + power, 0n);
}

function equalUpdates(a: readonly Power[], b: readonly Power[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ publicKey, power }, i) => {
      const other = b[i];
      return other !== undefined && power === other.power && Buffer.compare(publicKey, other.publicKey) === 0;
    })
  );
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");
}
