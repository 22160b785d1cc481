import { BOOLEAN, HEX_BYTES, INT64, STRING } from "../argumentKinds.ts";
import { abciInfoJson, abciQueryJson, type ProofOp } from "../cometJson/results.ts";
import { type Methods, method } from "../method.ts";
import type { RpcPorts } from "../ports.ts";
import { methodError } from "../rpcError.ts";
import { answerGetTx, type CommittedTx, GET_TX_PATH } from "./getTx.ts";

/** Name of our one step of a proof; its data are the state proof of consensus/application/README.md. */
export const PROOF_OP_TYPE = "edream:state";

/** What the application answers (rpc/core/abci.go), and the one query of CosmJS that it cannot. */
export function applicationMethods(ports: RpcPorts): Methods {
  const { application, chain } = ports;
  return {
    abci_info: method({}, () => abciInfoJson(application.info())),

    abci_query: method(
      { path: STRING, data: HEX_BYTES, height: INT64, prove: BOOLEAN },
      async ({ path, data, height, prove }) => {
        if (height < 0n || height > BigInt(Number.MAX_SAFE_INTEGER)) throw methodError(`no height: ${height}`);
        if (path === GET_TX_PATH)
          return abciQueryJson(await answerGetTx({ data }, chain.height(), (hash) => findCommittedTx(ports, hash)), []);
        const answer = application.query({ path, data, height: Number(height), prove });
        const { key, proof } = answer;
        const steps: readonly ProofOp[] = proof.length === 0 ? [] : [{ type: PROOF_OP_TYPE, key, data: proof }];
        return abciQueryJson(answer, steps);
      },
    ),
  };
}

async function findCommittedTx({ chain, index }: RpcPorts, hash: Uint8Array): Promise<CommittedTx | undefined> {
  const position = await index.findTx(hash);
  if (position === undefined) return undefined;
  const { height } = position;
  const [block, results] = await Promise.all([chain.block(height), chain.results(height)]);
  const tx = block?.txs[position.index];
  const result = results?.txResults[position.index];
  return block && tx && result && { hash, height, time: block.header.time, tx, result };
}
