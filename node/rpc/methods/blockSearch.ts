import { OPTIONAL_INT, STRING } from "../argumentKinds.ts";
import { blockResultJson } from "../cometJson/blocks.ts";
import { int64 } from "../cometJson/primitives.ts";
import { type Methods, method } from "../method.ts";
import type { RpcPorts } from "../ports.ts";
import type { SearchSpace } from "../query/search.ts";
import { pageOf } from "./pages.ts";
import { ordered, type RunSearch, readSearchQuery, resultsByHeight } from "./searches.ts";

/** Blocks by the events of the blocks themselves (rpc/core/blocks.go BlockSearch). The latest come first unless told otherwise. */
export function blockSearchMethods(ports: RpcPorts, runSearch: RunSearch): Methods {
  const { chain } = ports;
  return {
    block_search: method(
      { query: STRING, page: OPTIONAL_INT, per_page: OPTIONAL_INT, order_by: STRING },
      async ({ query, page, per_page, order_by }) => {
        const found = await runSearch(readSearchQuery(query), blockSpace(ports));
        const heights = ordered(found, (a, b) => a.height - b.height, order_by || "desc");
        const { from, to } = pageOf(heights.length, page, per_page);
        const blocks: object[] = [];
        for (const { height } of heights.slice(from, to)) {
          const [block, meta] = await Promise.all([chain.block(height), chain.meta(height)]);
          if (block && meta) blocks.push(blockResultJson({ block, blockId: meta.blockId }));
        }
        return { blocks, total_count: int64(heights.length) };
      },
    ),
  };
}

interface FoundBlock {
  readonly height: number;
}

function blockSpace({ chain, index }: RpcPorts): SearchSpace<FoundBlock> {
  const results = resultsByHeight(chain);
  return {
    heightTag: "block.height",
    heights: { from: chain.base(), to: chain.height() },
    keyOf: ({ height }) => height.toString(),
    heightOf: ({ height }) => height,
    async *all({ from, to }) {
      for (let height = Math.max(from, 1); height <= to; height++) yield { height };
    },
    scan: (attribute, heights) => index.scanBlocks(attribute, heights),
    async events({ height }) {
      const { found, cost } = await results(height);
      return found && { events: found.events, cost };
    },
  };
}
