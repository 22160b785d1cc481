import type { AbciEvent, Misbehavior } from "#consensus/abci.ts";
import { timestampToMs } from "#storage/types/time.ts";
import { recordBridgeSet, releaseBridgeKey } from "./bridgeSets.ts";
import { event } from "./events.ts";
import { newRecord, SINGLE } from "./stateRecords.ts";
import { addressHex, consensusAddressOf } from "./validatorIds.ts";
import type { WorkingState } from "./workingState.ts";

/**
 * What becomes of validators that evidence in a block of this height shows to have misbehaved, before its transactions. Total: addresses that are in
 * no set only leave their record.
 */
export function punish(
  state: WorkingState,
  misbehavior: readonly Misbehavior[],
  blockHeight: number,
): readonly AbciEvent[] {
  return misbehavior.flatMap(({ type, address, height, time }) => {
    const facts = { reason: type, height, timeMs: timestampToMs(time) };
    const excluded = exclude(state, addressHex(address), facts, blockHeight);
    return excluded === undefined ? [] : [excluded];
  });
}

/**
 * Takes a validator out of the set with this block and never takes its key in again (VALIDATOR_EXCLUDED). The last validator stays, excluded or not:
 * without it there would be no chain on which anybody could vote in another. `id`: its consensus address in hex. Undefined: it was excluded before.
 */
export function exclude(
  state: WorkingState,
  id: string,
  { reason, height, timeMs }: { readonly reason: string; readonly height: number; readonly timeMs: number },
  blockHeight: number,
): AbciEvent | undefined {
  if (state.get("exclusion", id) !== undefined) return undefined;
  const record = { reason, height: BigInt(height), timeMs: BigInt(timeMs) };
  state.put("exclusion", id, newRecord("exclusion", record));
  const validators = state.get("validators", SINGLE)?.validators ?? [];
  const left = validators.filter(({ publicKey }) => consensusAddressOf(publicKey) !== id);
  if (left.length > 0 && left.length < validators.length) {
    state.put("validators", SINGLE, newRecord("validators", { validators: left }));
    releaseBridgeKey(state, id);
    recordBridgeSet(state, blockHeight);
  }
  return event("exclusion", { validator: id, reason, height: height.toString() });
}

/** Whether a validator key was excluded. `publicKey`: Ed25519, 32 bytes. */
export function isExcluded(state: WorkingState, publicKey: Uint8Array): boolean {
  return state.get("exclusion", consensusAddressOf(publicKey)) !== undefined;
}
