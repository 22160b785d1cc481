import { verifyStateAnswer } from "#consensus/application/appHash.ts";
import { verifyMerkle } from "#storage/crypto/merkle.ts";
import type { Verdict } from "#storage/error.ts";
import { ACCEPTED, rejected } from "#storage/error.ts";
import type { Header } from "#storage/types/header.ts";
import type { Network } from "../network/network.ts";
import {
  decodeStateAnswer,
  decodeTxProofs,
  encodeProofRequest,
  resultCodeOf,
  type StateAnswer,
  type TxProof,
} from "../serve/messages.ts";
import { decodeAnswer, type FullNodePeers } from "./peers.ts";

/** What a light node knows of a transaction after checking it against headers it verified itself. */
export interface VerifiedTx {
  readonly proof: TxProof;
  /** Result code under the next header's results root; undefined while that header is not there. */
  readonly code: number | undefined;
}

export interface Proofs {
  /** The transactions of the list that are in blocks, each with a verified path. A full node that sends a wrong one is reported as lying. */
  transactions(txIds: readonly Uint8Array[]): Promise<readonly VerifiedTx[]>;
  /**
   * The state record `key`, proved under a verified app hash; `value` is undefined for a proved absence. The hash is that of the newest header
   * there is, or of `under`, the newest that is verified already.
   */
  state(
    path: string,
    data: Uint8Array,
    key: Uint8Array,
    under?: number,
  ): Promise<{ readonly value: Uint8Array | undefined; readonly height: number } | undefined>;
  readonly counts: { readonly verified: number; readonly failed: number };
}

export function createProofs(parts: {
  readonly network: Network;
  readonly peers: FullNodePeers;
  /** Verified header at a height, if this node has it. */
  header(height: number): Promise<Header | undefined>;
  /** Brings the headers up to date. */
  update(): Promise<number>;
  onLie(peer: string, code: string, reason: string): void;
}): Proofs {
  const { network, peers } = parts;
  const counts = { verified: 0, failed: 0 };

  async function headerAt(height: number): Promise<Header | undefined> {
    const header = await parts.header(height);
    if (header !== undefined) return header;
    await parts.update();
    return parts.header(height);
  }

  function judge(peer: string, verdict: Verdict): boolean {
    if (verdict.accepted) {
      counts.verified += 1;
      return true;
    }
    counts.failed += 1;
    parts.onLie(peer, verdict.code, verdict.reason);
    return false;
  }

  return {
    counts,

    async transactions(txIds) {
      if (txIds.length === 0) return [];
      const { peer, answer } = await peers.ask(network.protocols.proof, encodeProofRequest({ txIds }));
      const asked = new Set(txIds.map((id) => Buffer.from(id).toString("latin1")));
      const found: VerifiedTx[] = [];
      for (const proof of decodeAnswer(network, peer, () => decodeTxProofs(answer))) {
        if (!asked.has(Buffer.from(proof.txId).toString("latin1"))) continue;
        const header = await headerAt(proof.height);
        if (header === undefined) continue;
        if (!judge(peer, verifyMerkle(header.dataHash, proof.inclusion, proof.txId))) continue;
        const next = proof.result === undefined ? undefined : await headerAt(proof.height + 1);
        if (proof.result === undefined || next === undefined) {
          found.push({ proof, code: undefined });
          continue;
        }
        const verdict = verifyResult(next, proof);
        if (judge(peer, verdict)) found.push({ proof, code: resultCodeOf(proof.result.bytes) });
      }
      return found;
    },

    async state(path, data, key, under) {
      // The app hash after block h stands in the header of h + 1, so the newest state that can be verified is that before the newest header.
      const newest = under ?? (await parts.update());
      if (newest < 2) return undefined;
      const request = encodeProofRequest({ query: { path, data, height: newest - 1 } });
      const { peer, answer } = await peers.ask(network.protocols.proof, request);
      const state: StateAnswer = decodeAnswer(network, peer, () => decodeStateAnswer(answer));
      const header = await parts.header(newest);
      if (state.proof.length === 0 || state.height !== newest - 1 || header === undefined) {
        // It does not have that state, or says so: the next full node is asked next time.
        peers.rotate(peer);
        return undefined;
      }
      const value = state.value.length === 0 ? undefined : state.value;
      const verdict = verifyStateAnswer(header.appHash, key, value, state.proof);
      return judge(peer, verdict) ? { value, height: state.height } : undefined;
    },
  };
}

/** The result stands at the same position among the results as the transaction among the transactions. */
export function verifyResult(next: Header, { inclusion, result }: TxProof): Verdict {
  if (result === undefined) return rejected("RESULT_MISSING", "no result");
  if (result.proof.index !== inclusion.index || result.proof.total !== inclusion.total)
    return rejected("RESULT_MISPLACED", `result ${result.proof.index} for transaction ${inclusion.index}`);
  const verdict = verifyMerkle(next.lastResultsHash, result.proof, result.bytes);
  return verdict.accepted ? ACCEPTED : verdict;
}
