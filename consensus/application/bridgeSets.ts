import { newRecord, SINGLE, setId } from "./stateRecords.ts";
import { consensusAddressOf } from "./validatorIds.ts";
import type { StateReader, WorkingState } from "./workingState.ts";

/**
 * The bridge set: validators that have a second key, with their powers. The contract has one of these sets, and signatures of another count for
 * nothing; so each is kept with the block that made it, and every node can tell from the ledger alone where anchors must end and which set follows.
 */
export function recordBridgeSet(state: WorkingState, height: number): void {
  const members: { address: Uint8Array<ArrayBuffer>; power: bigint }[] = [];
  let total = 0n;
  let covered = 0n;
  for (const { publicKey, power } of state.get("validators", SINGLE)?.validators ?? []) {
    total += power;
    const key = state.get("bridgeKey", consensusAddressOf(publicKey));
    if (key === undefined) continue;
    covered += power;
    members.push({ address: new Uint8Array(key.address), power });
  }
  // More than 2/3 of a few would not be more than 2/3 of the validators: until then the set before stays.
  if (covered * 3n <= total * 2n) return;
  members.sort((a, b) => Buffer.compare(a.address, b.address));
  const number = latestSetNumber(state);
  const last = state.get("bridgeSet", setId(number));
  if (last !== undefined && isEqual(last.members, members)) return;
  const isOfThisBlock = last?.height === BigInt(height);
  const next = isOfThisBlock ? number : number + 1n;
  const setMembers = members.map((member) => ({ ...member }));
  state.put("bridgeSet", setId(next), newRecord("bridgeSet", { height: BigInt(height), members: setMembers }));
  state.put("bridgeSets", SINGLE, newRecord("bridgeSets", { latest: next }));
}

/** From 1; 0 where there is none. */
export function latestSetNumber(state: StateReader): bigint {
  return state.get("bridgeSets", SINGLE)?.latest ?? 0n;
}

/** The second key of a validator that is not in the set any more speaks for nobody; whose it was stays known. `id`: consensus address in hex. */
export function releaseBridgeKey(state: WorkingState, id: string): void {
  const key = state.get("bridgeKey", id);
  if (key === undefined) return;
  state.remove("bridgeKey", id);
  state.remove("bridgeSigner", key.account);
}

interface Member {
  readonly address: Uint8Array;
  readonly power: bigint;
}

function isEqual(a: readonly Member[], b: readonly Member[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ address, power }, i) => power === b[i]?.power && Buffer.compare(address, b[i].address) === 0)
  );
}
