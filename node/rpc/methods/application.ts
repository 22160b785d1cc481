import { BOOLEAN, HEX_BYTES, INT64, STRING } from "../argumentKinds.ts";
import { abciInfoJson, abciQueryJson, type ProofOp } from "../cometJson/results.ts";
import { type Methods, method } from "../method.ts";
import type { RpcPorts } from "../ports.ts";
import { methodError } from "../rpcError.ts";

/** Name of our one step of a proof; its data are the state proof of consensus/application/README.md. */
export const PROOF_OP_TYPE = "edream:state";

/** What the application answers (rpc/core/abci.go). */
export function applicationMethods({ application }: RpcPorts): Methods {
  return {
    abci_info: method({}, () => abciInfoJson(application.info())),

    abci_query: method(
      { path: STRING, data: HEX_BYTES, height: INT64, prove: BOOLEAN },
      ({ path, data, height, prove }) => {
        if (height < 0n || height > BigInt(Number.MAX_SAFE_INTEGER)) throw methodError(`no height: ${height}`);
        const answer = application.query({ path, data, height: Number(height), prove });
        const { key, proof } = answer;
        const steps: readonly ProofOp[] = proof.length === 0 ? [] : [{ type: PROOF_OP_TYPE, key, data: proof }];
        return abciQueryJson(answer, steps);
      },
    ),
  };
}
