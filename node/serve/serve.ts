import type { Application } from "#consensus/abci.ts";
import { codeNumber } from "#consensus/application/codes.ts";
import type { StoredBlock } from "#consensus/engine/ports.ts";
import type { BlockStore } from "#storage/db/blockStore.ts";
import { LedgerError, type Verdict } from "#storage/error.ts";
import { MAX_BLOCK_BYTES } from "#storage/limits.ts";
import { decodeEvidence, type Evidence } from "#storage/types/evidence.ts";
import type { Mempool, TxVerdict } from "../mempoolTypes.ts";
import type { Network } from "../network/network.ts";
import { NetworkError } from "../network/networkError.ts";
import type { ChainReader } from "./chainReader.ts";
import {
  decodeHeightRange,
  decodeProofRequest,
  decodeSubmission,
  encodeLightBlocks,
  encodeStateAnswer,
  encodeStoredBlocks,
  encodeSubmitVerdicts,
  encodeTxProofs,
  MAX_LIGHT_BLOCKS,
  MAX_SYNC_BLOCKS,
  type SubmitVerdict,
} from "./messages.ts";

export interface ServePorts {
  readonly blocks: BlockStore;
  readonly reader: ChainReader;
  readonly app: Application;
  readonly mempool: Mempool;
  /** The consensus engine's word on evidence from outside. */
  addEvidence(evidence: Evidence): Promise<Verdict>;
}

/** Begins the source of transactions that came by request rather than by gossip: they still have to be gossiped. */
export const SUBMITTED_PREFIX = "submit:";

/** Letters of a verdict on evidence. */
const MAX_VERDICT_CHARS = 200;

/** Bytes of blocks in one answer beyond which no further block is added. */
const BLOCKS_TARGET_BYTES = 8 * 1024 * 1024;

/** Answers the requests of other nodes: blocks for those that catch up, light blocks, proofs and verdicts for light nodes. */
export async function serveRequests(network: Network, ports: ServePorts): Promise<void> {
  const { blocks, reader, app, mempool } = ports;
  const { protocols } = network;

  await network.handle(protocols.blocks, async (_peer, bytes) => {
    const { from, count } = asked(decodeHeightRange, bytes);
    const answer: StoredBlock[] = [];
    let total = 0;
    for (let height = from; height < from + Math.min(count, MAX_SYNC_BLOCKS); height++) {
      const [blockBytes, commit] = await Promise.all([blocks.loadBlockBytes(height), blocks.loadProvingCommit(height)]);
      if (blockBytes === undefined || commit === undefined) break;
      total += blockBytes.length;
      if (answer.length > 0 && total > Math.min(BLOCKS_TARGET_BYTES, MAX_BLOCK_BYTES)) break;
      answer.push({ blockBytes, commit });
    }
    return encodeStoredBlocks(answer);
  });

  await network.handle(protocols.light, async (_peer, bytes) => {
    const { from, count } = asked(decodeHeightRange, bytes);
    const first = from === 0 ? blocks.height() : from;
    const answer = [];
    for (let height = first; height < first + Math.min(Math.max(count, 1), MAX_LIGHT_BLOCKS); height++) {
      const block = height > blocks.height() ? undefined : await reader.lightBlock(height);
      if (block === undefined) break;
      answer.push(block);
    }
    return encodeLightBlocks(answer);
  });

  await network.handle(protocols.proof, async (_peer, bytes) => {
    const request = asked(decodeProofRequest, bytes);
    if ("query" in request) {
      return encodeStateAnswer(app.query({ ...request.query, prove: true }));
    }
    const proofs = await Promise.all(request.txIds.map((id) => reader.txProof(id)));
    return encodeTxProofs(proofs.filter((proof) => proof !== undefined));
  });

  await network.handle(protocols.submit, async (peer, bytes) => {
    const verdicts = await mempool.addBatch(asked(decodeSubmission, bytes), { peer: SUBMITTED_PREFIX + peer });
    return encodeSubmitVerdicts(verdicts.map(submitVerdictOf));
  });

  await network.handle(protocols.evidence, async (peer, bytes) => {
    const verdict = await ports.addEvidence(asked(decodeEvidence, bytes));
    // Whoever saw an attack has checked the signatures; nothing else that can be wrong shows ill will.
    if (!verdict.accepted && verdict.code.endsWith("SIGNATURE_INVALID")) network.penalise(peer, "LIE");
    return Buffer.from(verdict.accepted ? "" : `${verdict.code}: ${verdict.reason}`.slice(0, MAX_VERDICT_CHARS));
  });
}

/** What the peer asks. Bytes that are no request cost it points. @throws NetworkError REQUEST_MALFORMED */
function asked<T>(decode: (bytes: Uint8Array) => T, bytes: Uint8Array): T {
  try {
    return decode(bytes);
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    throw new NetworkError({ code: "REQUEST_MALFORMED", reason: error.message }, { cause: error });
  }
}

/** A transaction that is known already is as good as added: it waits, or it is in a block. */
export function submitVerdictOf(
  verdict: TxVerdict,
): SubmitVerdict & { readonly codespace: string; readonly temporary: boolean } {
  if (verdict.added || verdict.code === "TX_KNOWN") return { code: 0, log: "", codespace: "", temporary: false };
  if (verdict.code === "TX_REJECTED") {
    const { code, log, codespace } = verdict.response;
    return { code, log, codespace, temporary: false };
  }
  if (verdict.code === "TX_TOO_LARGE")
    return {
      code: codeNumber("TX_TOO_LARGE"),
      log: `TX_TOO_LARGE: ${verdict.bytes} bytes, at most ${verdict.maxBytes}`,
      codespace: "edream",
      temporary: false,
    };
  return { code: MEMPOOL_CODE, log: `${verdict.code}: send it again later`, codespace: "mempool", temporary: true };
}

/** CometBFT's code for a full mempool, in a codespace of its own. */
const MEMPOOL_CODE = 20;
