import type { FastifyInstance } from "fastify";
import { BridgeError } from "#bridge/bridgeError.ts";
import { apiError } from "../errors.ts";
import {
  answer,
  BRIDGE_STEPS_QUERY,
  ERROR_ANSWER,
  HEIGHT_PARAMS,
  OUTPUT_PARAMS,
  STATE_PROOF_QUERY,
  TX_ID_PARAMS,
} from "../schemas.ts";
import { bytesOfHex, found, need, type RouteContext } from "./routeContext.ts";

/** Routes about the bridge to Ethereum, under /ledger/v1: what whoever relays or proves needs, and no key. */
export function bridgeRoutes(server: FastifyInstance, { ports }: RouteContext): void {
  const describe = (summary: string) => ({
    tags: ["bridge"],
    summary,
    response: { 200: answer(summary), "4xx": ERROR_ANSWER, "5xx": ERROR_ANSWER },
  });

  server.get("/bridge", {
    schema: describe("This node's part in the bridge to Ethereum"),
    handler: async () => need(ports, "bridge").status(),
  });
  server.get<{ Querystring: { seq?: string; nonce?: string } }>("/bridge/steps", {
    schema: {
      ...describe("Anchors and rotations that the contract does not have yet, 64 at most, with their signatures"),
      querystring: BRIDGE_STEPS_QUERY,
    },
    handler: async ({ query: { seq, nonce } }) => {
      if ((seq === undefined) !== (nonce === undefined))
        throw apiError("BAD_REQUEST", "seq and nonce are given together");
      const from = seq === undefined || nonce === undefined ? undefined : { seq: BigInt(seq), nonce: BigInt(nonce) };
      return found(need(ports, "bridge").steps(from), "bridge");
    },
  });
  server.get<{ Params: { txId: string } }>("/bridge/proofs/transactions/:txId", {
    schema: { ...describe("A transaction's proof as contracts take it"), params: TX_ID_PARAMS },
    handler: async ({ params: { txId } }) => {
      const bridge = need(ports, "bridge");
      return found(await proved(bridge.proveTx(bytesOfHex(txId))), "transaction under an anchor");
    },
  });
  server.get<{ Params: { height: number } }>("/bridge/proofs/blocks/:height", {
    schema: { ...describe("A block's proof as contracts take it"), params: HEIGHT_PARAMS },
    handler: async ({ params: { height } }) =>
      found(await proved(need(ports, "bridge").proveBlock(height)), "block under an anchor"),
  });
  server.get<{ Params: { txId: string; index: number } }>("/bridge/proofs/messages/:txId/:index", {
    schema: { ...describe("One message of a transaction with its proof, as contracts take it"), params: OUTPUT_PARAMS },
    handler: async ({ params: { txId, index } }) => {
      const bridge = need(ports, "bridge");
      return found(await proved(bridge.proveMessage(bytesOfHex(txId), index)), "transaction under an anchor");
    },
  });
  server.get<{ Querystring: { path: string; data: string; minHeight: number } }>("/bridge/proofs/state", {
    schema: {
      ...describe("A record of the ledger's state with its proof, under an anchor that the contract has"),
      querystring: STATE_PROOF_QUERY,
    },
    handler: async ({ query: { path, data, minHeight } }) => {
      const bridge = need(ports, "bridge");
      return found(await proved(bridge.proveRecord(path, bytesOfHex(data), minHeight)), "such record");
    },
  });
}

/** A transaction that failed is in its block and under no anchor. */
async function proved<T>(proof: Promise<T>): Promise<T> {
  try {
    return await proof;
  } catch (error) {
    if (error instanceof BridgeError) throw apiErrorOf(error);
    throw error;
  }
}

function apiErrorOf(error: BridgeError): Error {
  const { details } = error;
  if (details.code === "BRIDGE_TX_ABSENT")
    return apiError("NOT_FOUND", "the transaction failed: there is nothing to prove");
  if (details.code === "BRIDGE_MESSAGE_ABSENT")
    return apiError("NOT_FOUND", "the transaction has no such message, or it failed: there is nothing to prove");
  if (details.code === "BRIDGE_BLOCK_ABSENT")
    return apiError("NOT_FOUND", `block ${details.height}, which the anchor is over, is not kept here any more`);
  if (details.code === "BRIDGE_STATE_PROOF")
    return apiError("QUERY_REFUSED", `this is no record that could be proved: ${details.reason}`);
  if (details.code === "BRIDGE_STATE_ABSENT")
    return apiError("NOT_READY", `the contract has the ledger's state after block ${details.height} at the latest`, {
      provableHeight: details.height,
    });
  return error;
}
