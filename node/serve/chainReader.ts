import { proveMerkle } from "#storage/crypto/merkle.ts";
import { loadBlockResults } from "#storage/db/blockResults.ts";
import type { BlockStore } from "#storage/db/blockStore.ts";
import type { Store } from "#storage/db/store.ts";
import {
  findTx,
  findTxsByAttribute,
  findTxsByHeight,
  type IndexedTx,
  type TxPage,
  type TxPageRequest,
} from "#storage/db/txIndex.ts";
import { encodePosition } from "#storage/db/txIndexKeys.ts";
import { loadValidators } from "#storage/db/validatorHistory.ts";
import { txId } from "#storage/types/block.ts";
import type { LightBlock } from "#storage/types/lightBlock.ts";
import { makeProofFile, type ProofFile } from "#storage/types/proofFile.ts";
import { encodeDeterministicResult } from "#storage/types/results.ts";
import { timestampToMs } from "#storage/types/time.ts";
import type { CommittedBlock, CommittedTransaction, TransactionPage, TransactionQuery } from "../api/ports.ts";
import type { TxProof } from "./messages.ts";

/** Answers about committed blocks that are more than one record of the store; undefined for what is not there or no longer kept. */
export interface ChainReader {
  lightBlock(height: number): Promise<LightBlock | undefined>;
  txProof(id: Uint8Array): Promise<TxProof | undefined>;
  proofFile(id: Uint8Array): Promise<ProofFile | undefined>;
  transaction(id: Uint8Array): Promise<CommittedTransaction | undefined>;
  transactionsBy(query: TransactionQuery): Promise<TransactionPage>;
  /** The transaction that has spent an energy output; undefined while it is unspent. */
  spenderOf(id: Uint8Array, outputIndex: number): Promise<Uint8Array | undefined>;
  /** By height or by hash. */
  block(at: number | Uint8Array): Promise<CommittedBlock | undefined>;
}

/** The event attributes that name what is looked up (consensus/application/README.md, "Events"): who signed and whom it concerns. */
const ATTRIBUTES = {
  account: [
    "tx.signer",
    "member.account",
    "meter.account",
    "meter.device",
    "asset.account",
    "output_created.account",
    "validators.account",
    "configuration.device",
  ],
  meter: [
    "interval.meter",
    "meter.meter",
    "asset.meter",
    "amendment.meter",
    "erasure.meter",
    "archive.meter",
    "flag.meter",
    "configuration.meter",
  ],
} as const;

/** The transactions with any of the attributes, each once, latest first. A page of each holds all that this page can hold. */
async function findTxsByAny(
  store: Store,
  names: readonly string[],
  value: string,
  request: TxPageRequest,
): Promise<TxPage> {
  const pages = await Promise.all(names.map((name) => findTxsByAttribute(store, { name, value }, request)));
  const found = new Map<string, IndexedTx>();
  for (const { txs } of pages) for (const tx of txs) found.set(`${tx.height}/${tx.index}`, tx);
  const sorted = [...found.values()].sort((a, b) => b.height - a.height || b.index - a.index);
  const txs = sorted.slice(0, request.limit);
  const last = txs.at(-1);
  const hasMore = sorted.length > txs.length || pages.some(({ cursor }) => cursor !== undefined);
  return { txs, cursor: hasMore && last !== undefined ? encodePosition(last) : undefined };
}

export function createChainReader(store: Store, blocks: BlockStore): ChainReader {
  async function lightBlock(height: number): Promise<LightBlock | undefined> {
    const [signedHeader, validatorSet] = await Promise.all([
      blocks.loadSignedHeader(height),
      loadValidators(store, height),
    ]);
    return signedHeader && validatorSet && { signedHeader, validatorSet };
  }

  /** The block a transaction is in, with all that stands beside it. */
  async function locate(id: Uint8Array) {
    const position = await findTx(store, id);
    if (position === undefined) return undefined;
    const block = await blocks.loadBlock(position.height);
    const tx = block?.txs[position.index];
    return block === undefined || tx === undefined ? undefined : { ...position, block, tx };
  }

  return {
    lightBlock,

    async txProof(id) {
      const located = await locate(id);
      if (located === undefined) return undefined;
      const { height, index, block } = located;
      const inclusion = proveMerkle(block.txs.map(txId), index);
      // A result is provable once the next header, which holds the results' root, is there.
      const results = height < blocks.height() ? await loadBlockResults(store, height) : undefined;
      if (results === undefined) return { txId: id, height, inclusion, result: undefined };
      const items = results.txResults.map(encodeDeterministicResult);
      const bytes = items[index] ?? new Uint8Array(0);
      return { txId: id, height, inclusion, result: { bytes, proof: proveMerkle(items, index) } };
    },

    async proofFile(id) {
      const located = await locate(id);
      if (located === undefined) return undefined;
      const { height, index, block, tx } = located;
      const light = await lightBlock(height);
      if (light === undefined) return undefined;
      const { header, commit } = light.signedHeader;
      const merkle = proveMerkle(block.txs.map(txId), index);
      return makeProofFile({ tx, merkle, header, commit, validatorSet: light.validatorSet });
    },

    async transaction(id) {
      const located = await locate(id);
      if (located === undefined) return undefined;
      const { height, index, block, tx } = located;
      const result = (await loadBlockResults(store, height))?.txResults[index];
      return result && { tx, height, index, timeMs: timestampToMs(block.header.time), result };
    },

    async spenderOf(id, outputIndex) {
      const value = `${Buffer.from(id).toString("hex")}:${outputIndex}`;
      const { txs } = await findTxsByAttribute(store, { name: "output_spent.output", value }, { limit: 1 });
      return txs[0]?.txId;
    },

    async transactionsBy({ by, value, limit, cursor }) {
      const request: TxPageRequest = {
        limit,
        reverse: true,
        ...(cursor === undefined ? {} : { cursor: Buffer.from(cursor, "hex") }),
      };
      const height = Number(value);
      const page =
        by === "height"
          ? await findTxsByHeight(store, { ...request, fromHeight: height, toHeight: height })
          : await findTxsByAny(store, ATTRIBUTES[by], value, request);
      const next = page.cursor === undefined ? undefined : Buffer.from(page.cursor).toString("hex");
      return { transactions: page.txs, next };
    },

    async block(at) {
      const height = typeof at === "number" ? at : await blocks.loadHeightByHash(at);
      if (height === undefined) return undefined;
      const [block, meta] = await Promise.all([blocks.loadBlock(height), blocks.loadMeta(height)]);
      return block && meta && { block, blockId: meta.blockId, sizeBytes: meta.blockBytes };
    },
  };
}
