import { OPTIONAL_INT, OPTIONAL_INT64 } from "../argumentKinds.ts";
import { consensusParamsJson } from "../cometJson/params.ts";
import { int64 } from "../cometJson/primitives.ts";
import { validatorJson } from "../cometJson/validators.ts";
import { type Methods, method } from "../method.ts";
import type { RpcPorts } from "../ports.ts";
import { methodError } from "../rpcError.ts";
import { heightOf } from "./heights.ts";
import { pageOf } from "./pages.ts";

/** Who decides a height, and by which parameters (rpc/core/consensus.go). */
export function validatorMethods(ports: RpcPorts): Methods {
  const { chain } = ports;
  const heights = () => ({ base: chain.headerBase(), latest: latestUncommittedHeight(ports) });
  return {
    validators: method(
      { height: OPTIONAL_INT64, page: OPTIONAL_INT, per_page: OPTIONAL_INT },
      async ({ height: asked, page, per_page }) => {
        const height = heightOf(asked, heights());
        const set = await chain.validators(height);
        // A header is kept for longer than the set of its height; light clients know a height that is gone by these words.
        if (set === undefined) throw methodError(`height ${height} is not available: its validators are not kept`);
        const total = set.validators.length;
        const { from, to } = pageOf(total, page, per_page);
        return {
          block_height: int64(height),
          validators: set.validators.slice(from, to).map(validatorJson),
          count: int64(to - from),
          total: int64(total),
        };
      },
      { isFinal: ({ height }) => height !== undefined },
    ),

    consensus_params: method(
      { height: OPTIONAL_INT64 },
      async ({ height: asked }) => {
        const height = heightOf(asked, heights());
        const params = await chain.consensusParams(height);
        if (params === undefined) throw methodError(`could not find consensus params for height #${height}`);
        return { block_height: int64(height), consensus_params: consensusParamsJson(params) };
      },
      { isFinal: ({ height }) => height !== undefined },
    ),
  };
}

/** The height being decided: its validators and parameters are known before its block is. */
export function latestUncommittedHeight({ chain, genesis, node }: RpcPorts): number {
  const height = chain.height();
  if (node.isCatchingUp()) return height;
  return height === 0 ? genesis.initialHeight : height + 1;
}
