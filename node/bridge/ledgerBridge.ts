import type { PlanPosition } from "#bridge/anchorPlan.ts";
import type { BridgeSet } from "#bridge/steps.ts";
import type { BridgeDomain } from "#bridge/typedData.ts";
import type { RecordJson } from "../api/ledgerQueries.ts";

/** `record("/edream/bridge", "")`: a record of the ledger as JSON, undefined where there is none. */
export type RecordQuery = (path: string, id: string) => Promise<RecordJson | undefined>;

/** What the ledger says of its bridge (consensus/application/README.md, "The bridge"). */
export interface LedgerBridge {
  readonly domain: BridgeDomain;
  /** Of the outbox, 0x and hex. */
  readonly outbox: string;
  readonly cadenceMs: number;
  readonly start: PlanPosition;
  /** Names this configuration: the height of its block. */
  readonly name: string;
}

export async function ledgerBridge(record: RecordQuery): Promise<LedgerBridge | undefined> {
  const found = (await record("/edream/bridge", "")) as Readonly<Record<string, string>> | undefined;
  if (found === undefined) return undefined;
  const { chainId, bridge, ledgerId, outbox, cadenceMs, seq, valsetNonce, toHeight, setNumber, height } = found;
  const domain = {
    chainId: BigInt(chainId ?? 0),
    contract: `0x${bridge}`,
    ledgerId: new Uint8Array(Buffer.from(ledgerId ?? "", "hex")),
  };
  const start = {
    seq: BigInt(seq ?? 0),
    valsetNonce: BigInt(valsetNonce ?? 0),
    toHeight: Number(toHeight),
    setNumber: BigInt(setNumber ?? 0),
  };
  return { domain, outbox: `0x${outbox}`, cadenceMs: Number(cadenceMs), start, name: `${height}` };
}

/** What a set's number names never changes. */
export function bridgeSets(record: RecordQuery): (number: bigint) => Promise<BridgeSet | undefined> {
  // One object a set, however many steps name it.
  const known = new Map<bigint, BridgeSet>();
  return async (number) => {
    const before = known.get(number);
    if (before !== undefined) return before;
    const found = (await record("/edream/bridge-set", `${number}`)) as
      | { readonly height: string; readonly members: readonly { readonly address: string; readonly power: string }[] }
      | undefined;
    if (found === undefined) return undefined;
    const members = found.members.map(({ address, power }) => ({ address: `0x${address}`, power: BigInt(power) }));
    const set = { number, height: Number(found.height), members };
    known.set(number, set);
    return set;
  };
}
