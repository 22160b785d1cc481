import { getBytes } from "ethers";
import type { EventVotes } from "#bridge/outboxObserver.ts";
import type { Equivocation } from "#bridge/signaturePool.ts";
import { anchorFields, type SignatureClaim } from "#bridge/signatureWire.ts";
import { rotationFields } from "#bridge/typedData.ts";
import { codeNumber } from "#consensus/application/codes.ts";
import { type PrivateKey, publicKeyOf } from "#storage/crypto/keys.ts";
import { accountOfKey } from "#storage/types/transactionAccounts.ts";
import { type LedgerMessage, ledgerMessage } from "#storage/types/transactionMessages.ts";
import { signTransaction } from "#storage/types/transactionSign.ts";
import type { Mempool } from "../mempoolTypes.ts";
import type { RecordQuery } from "./ledgerBridge.ts";

export interface BridgeVotes extends EventVotes {
  /** `settled`: the ledger has no use for it, most often because the validator is excluded already. */
  report(evidence: Equivocation): Promise<"sent" | "settled">;
}

const EQUIVOCATION_INVALID = codeNumber("EQUIVOCATION_INVALID");

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
    if (verdict === undefined || verdict.added || verdict.code === "TX_KNOWN") return undefined;
    if (verdict.code === "TX_REJECTED" && verdict.response.code === EQUIVOCATION_INVALID) return "unneeded";
    throw new Error(`${message.name}: ${verdict.code === "TX_REJECTED" ? verdict.response.log : verdict.code}`);
  };
  return {
    async applied() {
      const lane = (await ports.record("/edream/ethereum", "")) as { readonly eventNonce: string } | undefined;
      return lane && BigInt(lane.eventNonce);
    },
    async vote(fromNonce, events) {
      const seen = events.map(({ emitter, kind, payload }) => ({
        emitter: getBytes(emitter),
        kind: getBytes(kind),
        payload: getBytes(payload),
      }));
      await send(ledgerMessage("MsgEthereumEvents", { signer, fromNonce, events: seen }));
    },
    async report({ first, second }) {
      const said = { ...signedBy(first, "first"), ...signedBy(second, "second") };
      const refused = await send(ledgerMessage("MsgBridgeEquivocation", { signer, ...said }));
      return refused === undefined ? "sent" : "settled";
    },
  };
}

/** In the message's field for what it is. */
function signedBy(claim: SignatureClaim, place: "first" | "second") {
  const { signature } = claim;
  return claim.kind === "anchor"
    ? { [place]: { ...anchorFields(claim.anchor), signature } }
    : { [`${place}Rotation`]: { ...rotationFields(claim.rotation), signature } };
}
