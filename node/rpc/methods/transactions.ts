import { merkleRoot, proveMerkle } from "#storage/crypto/merkle.ts";
import type { TxPosition } from "#storage/db/txIndexKeys.ts";
import { txId } from "#storage/types/block.ts";
import { ArgumentFault, bytesOfHex } from "../argument.ts";
import { BOOLEAN, BYTES, OPTIONAL_INT, STRING } from "../argumentKinds.ts";
import { hex, int64 } from "../cometJson/primitives.ts";
import { type FoundTx, txJson } from "../cometJson/transactions.ts";
import { type Methods, method } from "../method.ts";
import type { RpcPorts } from "../ports.ts";
import type { Query } from "../query/parser.ts";
import type { SearchSpace } from "../query/search.ts";
import { methodError } from "../rpcError.ts";
import { pageOf } from "./pages.ts";
import { ordered, type RunSearch, readSearchQuery, resultsByHeight } from "./searches.ts";

/** Committed transactions, by their hash and by their events (rpc/core/tx.go). */
export function transactionMethods(ports: RpcPorts, runSearch: RunSearch): Methods {
  const { chain, index } = ports;

  /** The transactions at these positions, in their order; what is no longer kept is left out. */
  async function load(positions: readonly TxPosition[], prove: boolean): Promise<readonly FoundTx[]> {
    const found: FoundTx[] = [];
    let last: Awaited<ReturnType<typeof loadHeight>> | undefined;
    for (const position of positions) {
      if (last?.height !== position.height) last = await loadHeight(position.height);
      const tx = last.block?.txs[position.index];
      const result = last.results?.txResults[position.index];
      if (tx === undefined || result === undefined) continue;
      const ids = prove ? last.ids() : [];
      const proof = prove ? { rootHash: merkleRoot(ids), proof: proveMerkle(ids, position.index) } : undefined;
      found.push({ ...position, hash: txId(tx), tx, result, proof });
    }
    return found;
  }

  async function loadHeight(height: number) {
    const [block, results] = await Promise.all([chain.block(height), chain.results(height)]);
    let ids: readonly Uint8Array[] | undefined;
    return {
      height,
      block,
      results,
      ids() {
        ids ??= block?.txs.map(txId) ?? [];
        return ids;
      },
    };
  }

  async function find(query: Query): Promise<readonly TxPosition[]> {
    const hash = hashOf(query);
    if (hash === undefined) return runSearch(query, txSpace(ports));
    const position = await index.findTx(hash);
    return position === undefined ? [] : [position];
  }

  return {
    tx: method(
      { hash: BYTES, prove: BOOLEAN },
      async ({ hash, prove }) => {
        const position = await index.findTx(hash);
        const [found] = position === undefined ? [] : await load([position], prove);
        if (found === undefined) throw methodError(`tx (${hex(hash)}) not found`);
        return txJson(found);
      },
      { isFinal: () => true },
    ),

    tx_search: method(
      { query: STRING, prove: BOOLEAN, page: OPTIONAL_INT, per_page: OPTIONAL_INT, order_by: STRING },
      async ({ query, prove, page, per_page, order_by }) => {
        const positions = await find(readSearchQuery(query));
        const sorted = ordered(positions, (a, b) => a.height - b.height || a.index - b.index, order_by || "asc");
        const { from, to } = pageOf(sorted.length, page, per_page);
        const txs = await load(sorted.slice(from, to), prove);
        return { txs: txs.map(txJson), total_count: int64(sorted.length) };
      },
    ),
  };
}

/** A query that names a hash is answered by that transaction, whatever else it asks. @throws RpcError */
function hashOf(query: Query): Uint8Array | undefined {
  const condition = query.find(({ tag, argument }) => tag === "tx.hash" && argument !== undefined);
  if (condition === undefined) return undefined;
  try {
    return bytesOfHex(condition.argument?.text ?? "");
  } catch (error) {
    if (!(error instanceof ArgumentFault)) throw error;
    throw methodError(`error during searching for a hash in the query: ${error.message}`);
  }
}

function txSpace({ chain, index }: RpcPorts): SearchSpace<TxPosition> {
  const results = resultsByHeight(chain);
  return {
    heightTag: "tx.height",
    heights: { from: chain.base(), to: chain.height() },
    keyOf: ({ height, index: position }) => `${height}/${position}`,
    heightOf: ({ height }) => height,
    all: (heights) => index.scanPositions(heights),
    scan: (attribute, heights) => index.scanTxs(attribute, heights),
    async events({ height, index: position }) {
      const { found, cost } = await results(height);
      const result = found?.txResults[position];
      return result && { events: result.events, cost };
    },
  };
}
