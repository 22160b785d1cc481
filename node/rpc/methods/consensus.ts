import { peerStateJson, roundStateJson, roundStateSimpleJson } from "../cometJson/roundState.ts";
import { type Methods, method } from "../method.ts";
import type { RpcPorts } from "../ports.ts";
import { methodError } from "../rpcError.ts";

/** Where consensus stands, for operators (rpc/core/consensus.go). */
export function consensusMethods({ consensus }: RpcPorts): Methods {
  const { timeoutCommitMs } = consensus;
  const roundState = () => {
    const state = consensus.roundState();
    if (state === undefined)
      throw methodError("CometBFT decides here: its own RPC knows the state of consensus (option cometbftRpcListen)");
    return state;
  };
  return {
    consensus_state: method({}, () => ({ round_state: roundStateSimpleJson(roundState(), timeoutCommitMs) })),
    dump_consensus_state: method({}, () => ({
      round_state: roundStateJson(roundState(), timeoutCommitMs),
      peers: consensus.peers().map(peerStateJson),
    })),
  };
}
