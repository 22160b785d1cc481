import type { BlockProof, TxProof } from "#bridge/proofs.ts";
import type { ChainReader } from "../serve/chainReader.ts";
import type { BridgeNode } from "./bridgeNode.ts";
import { anchorToJson, stepToJson } from "./stepJson.ts";

/** What the REST API answers of the bridge: JSON, bytes as 0x and hex, as contract calls take them. */
export interface BridgePort {
  status(): object;
  /** Steps the contract does not have yet, with the signatures that are known here. Undefined: there is no bridge. */
  steps(): object | undefined;
  /** Undefined: no such transaction, or no anchor over its block yet. @throws BridgeError BRIDGE_TX_ABSENT for one that failed */
  proveTx(txId: Uint8Array): Promise<object | undefined>;
  proveBlock(height: number): Promise<object | undefined>;
}

export function bridgePort(bridge: BridgeNode, reader: Pick<ChainReader, "transaction">): BridgePort {
  return {
    status: () => plain(bridge.status()) as object,
    steps() {
      const session = bridge.session();
      if (session === undefined) return undefined;
      const { domain, start } = session.bridge;
      return {
        chainId: `${domain.chainId}`,
        contract: domain.contract,
        ledgerId: Buffer.from(domain.ledgerId).toString("hex"),
        start: plain(start),
        steps: session.pending().map(({ step, signatures }) => ({
          ...stepToJson(step),
          members: plain(step.set.members),
          ...(step.kind === "rotation" ? { nextMembers: plain(step.next.members) } : {}),
          signatures: signatures.map((signature) => Buffer.from(signature).toString("hex")),
        })),
      };
    },
    async proveTx(txId) {
      const found = await reader.transaction(txId);
      const proof = found && (await bridge.session()?.proveTx(found.height, txId));
      return proof && { contract: bridge.status().contract, txId: hex(txId), proof: txProofJson(proof) };
    },
    async proveBlock(height) {
      const proof = await bridge.session()?.proveBlock(height);
      return proof && { contract: bridge.status().contract, blockProof: blockProofJson(proof) };
    },
  };
}

function txProofJson({ blockProof, index, path }: TxProof) {
  return { blockProof: blockProofJson(blockProof), index, path: path.map(hex) };
}

function blockProofJson({ anchor, leaf, path }: BlockProof) {
  const { lastHeaderHash, root, ...numbers } = anchorToJson(anchor);
  return {
    anchor: { ...numbers, lastHeaderHash: `0x${lastHeaderHash}`, root: `0x${root}` },
    leaf: plain(leaf),
    path: path.map(hex),
  };
}

function hex(bytes: Uint8Array): string {
  return `0x${Buffer.from(bytes).toString("hex")}`;
}

/** Numbers beyond 2^53 as decimal text, bytes as 0x and hex; what is undefined is left out. */
function plain(value: unknown): unknown {
  if (typeof value === "bigint") return value.toString();
  if (value instanceof Uint8Array) return hex(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return Object.fromEntries(entries.map(([name, inner]) => [name, plain(inner)]));
}
