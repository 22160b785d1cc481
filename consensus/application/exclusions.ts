import type { AbciEvent, Misbehavior } from "#consensus/abci.ts";
import { addressOf } from "#storage/crypto/keys.ts";
import { timestampToMs } from "#storage/types/time.ts";
import { event } from "./events.ts";
import { newRecord, SINGLE } from "./stateRecords.ts";
import type { WorkingState } from "./workingState.ts";

/**
 * What becomes of validators that evidence in a block shows to have misbehaved, before its transactions: each leaves the set with this block
 * and its key is never taken in again (VALIDATOR_EXCLUDED). The last validator stays, excluded or not: without it there would be no chain
 * on which anybody could vote in another. Total: addresses that are in no set only leave their record.
 */
export function punish(state: WorkingState, misbehavior: readonly Misbehavior[]): readonly AbciEvent[] {
  const events: AbciEvent[] = [];
  for (const { type, address, height, time } of misbehavior) {
    const id = exclusionId(address);
    if (state.get("exclusion", id) !== undefined) continue;
    state.put(
      "exclusion",
      id,
      newRecord("exclusion", { reason: type, height: BigInt(height), timeMs: BigInt(timestampToMs(time)) }),
    );
    const validators = state.get("validators", SINGLE)?.validators ?? [];
    const left = validators.filter(({ publicKey }) => exclusionId(addressOfKey(publicKey)) !== id);
    if (left.length > 0 && left.length < validators.length)
      state.put("validators", SINGLE, newRecord("validators", { validators: left }));
    events.push(event("exclusion", { validator: id, reason: type, height: height.toString() }));
  }
  return events;
}

/** Whether a validator key was excluded. `publicKey`: Ed25519, 32 bytes. */
export function isExcluded(state: WorkingState, publicKey: Uint8Array): boolean {
  return state.get("exclusion", exclusionId(addressOfKey(publicKey))) !== undefined;
}

function addressOfKey(publicKey: Uint8Array): Uint8Array {
  return addressOf({ type: "ed25519", bytes: publicKey });
}

/** The consensus address in hex. */
function exclusionId(address: Uint8Array): string {
  return Buffer.from(address.buffer, address.byteOffset, address.length).toString("hex");
}
