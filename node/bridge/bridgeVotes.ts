import { getBytes } from "ethers";
import type { EventVotes } from "#bridge/outboxObserver.ts";
import type { AnchorEquivocation } from "#bridge/signaturePool.ts";
import { anchorFields } from "#bridge/signatureWire.ts";
import { type PrivateKey, publicKeyOf } from "#storage/crypto/keys.ts";
import { accountOfKey } from "#storage/types/transactionAccounts.ts";
import { type LedgerMessage, ledgerMessage } from "#storage/types/transactionMessages.ts";
import { signTransaction } from "#storage/types/transactionSign.ts";
import type { Mempool } from "../mempoolTypes.ts";
import type { RecordQuery } from "./ledgerBridge.ts";

export interface BridgeVotes extends EventVotes {
  report(evidence: AnchorEquivocation): Promise<void>;
}

/** What a validator tells the ledger with the account of its second key. */
export function bridgeVotes(
  chainId: string,
  key: PrivateKey,
  ports: { readonly record: RecordQuery; readonly mempool: Pick<Mempool, "addBatch"> },
): BridgeVotes {
  const signer = accountOfKey(publicKeyOf(key));
  const send = async (message: LedgerMessage) => {
    const account = (await ports.record("/edream/account", signer)) as Readonly<Record<string, string>> | undefined;
    if (account === undefined) throw new Error(`the second key's account ${signer} is not on the ledger yet`);
    const sequence = BigInt(account.pendingSequence ?? account.sequence ?? 0);
    const signers = [{ privateKey: key, accountNumber: BigInt(account.number ?? 0), sequence }];
    const [verdict] = await ports.mempool.addBatch([signTransaction({ messages: [message], chainId, signers })]);
    if (verdict?.added !== true && verdict?.code !== "TX_KNOWN") throw new Error(`${message.name}: ${verdict?.code}`);
  };
  return {
    async applied() {
      const lane = (await ports.record("/edream/ethereum", "")) as { readonly eventNonce: string } | undefined;
      return lane && BigInt(lane.eventNonce);
    },
    vote: (fromNonce, events) =>
      send(
        ledgerMessage("MsgEthereumEvents", {
          signer,
          fromNonce,
          events: events.map(({ emitter, kind, payload }) => ({
            emitter: getBytes(emitter),
            kind: getBytes(kind),
            payload: getBytes(payload),
          })),
        }),
      ),
    report: ({ first, second }) =>
      send(
        ledgerMessage("MsgBridgeEquivocation", {
          signer,
          first: { ...anchorFields(first.anchor), signature: first.signature },
          second: { ...anchorFields(second.anchor), signature: second.signature },
        }),
      ),
  };
}
