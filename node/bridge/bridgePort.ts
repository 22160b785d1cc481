import type { ChainReader } from "../serve/chainReader.ts";
import type { BridgeNode } from "./bridgeNode.ts";
import { blockProofJson, hex, messageProofJson, plain, stateProofJson, txProofJson } from "./proofJson.ts";
import { stepToJson } from "./stepJson.ts";

/** What the REST API answers of the bridge: JSON, bytes as 0x and hex, as contract calls take them. */
export interface BridgePort {
  status(): object;
  /** Steps the contract does not have yet, or those from these numbers on, with the signatures that are known here; 64 at most. Undefined: there is no bridge. */
  steps(from?: { readonly seq: bigint; readonly nonce: bigint }): object | undefined;
  /** Undefined: no such transaction, or no anchor over its block yet. @throws BridgeError BRIDGE_TX_ABSENT for one that failed */
  proveTx(txId: Uint8Array): Promise<object | undefined>;
  proveBlock(height: number): Promise<object | undefined>;
  /** As proveTx. @throws BridgeError BRIDGE_MESSAGE_ABSENT: it has no such message, or failed */
  proveMessage(txId: Uint8Array, messageIndex: number): Promise<object | undefined>;
  /** Of the state after block `minHeight` or later. Undefined where the ledger has no such record. @throws BridgeError BRIDGE_STATE_ABSENT, BRIDGE_STATE_PROOF */
  proveRecord(path: string, data: Uint8Array, minHeight: number): Promise<object | undefined>;
}

export function bridgePort(bridge: BridgeNode, reader: Pick<ChainReader, "transaction">): BridgePort {
  return {
    status: () => plain(bridge.status()) as object,
    steps(from) {
      const session = bridge.session();
      if (session === undefined) return undefined;
      const { domain, start } = session.bridge;
      return {
        chainId: `${domain.chainId}`,
        contract: domain.contract,
        ledgerId: Buffer.from(domain.ledgerId).toString("hex"),
        start: plain(start),
        steps: session.pending(from).map(({ step, signatures }) => ({
          ...stepToJson(step),
          members: plain(step.set.members),
          ...(step.kind === "rotation" ? { nextMembers: plain(step.next.members) } : {}),
          signatures: signatures.map((signature) => Buffer.from(signature).toString("hex")),
        })),
      };
    },
    async proveTx(txId) {
      const found = await reader.transaction(txId);
      const proof = found && (await bridge.session()?.proofs.proveTx(found.height, txId));
      return proof && { contract: bridge.status().contract, txId: hex(txId), proof: txProofJson(proof) };
    },
    async proveBlock(height) {
      const proof = await bridge.session()?.proofs.proveBlock(height);
      return proof && { contract: bridge.status().contract, blockProof: blockProofJson(proof) };
    },
    async proveMessage(txId, messageIndex) {
      const found = await reader.transaction(txId);
      const proved = found && (await bridge.session()?.proofs.proveMessage(found.height, txId, messageIndex));
      if (proved === undefined) return undefined;
      const { typeUrl, value } = proved.message;
      const message = { txId: hex(txId), messageIndex, typeUrl, message: hex(value) };
      return { contract: bridge.status().contract, ...message, proof: messageProofJson(proved.proof) };
    },
    async proveRecord(path, data, minHeight) {
      const proved = await bridge.session()?.proofs.proveRecord(path, data, minHeight);
      if (proved === undefined) return undefined;
      const { height, key, value, proof } = proved;
      const record = { height, key: hex(key), value: hex(value) };
      return { contract: bridge.status().contract, ...record, proof: stateProofJson(proof) };
    },
  };
}
