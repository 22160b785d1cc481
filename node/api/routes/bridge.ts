import type { FastifyInstance } from "fastify";
import { apiError } from "../errors.ts";
import { answer, ERROR_ANSWER, HEIGHT_PARAMS, TX_ID_PARAMS } from "../schemas.ts";
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
  server.get("/bridge/steps", {
    schema: describe("Anchors and rotations that the contract does not have yet, with their signatures"),
    handler: async () => found(need(ports, "bridge").steps(), "bridge"),
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
}

/** A transaction that failed is in its block and under no anchor. */
async function proved<T>(proof: Promise<T>): Promise<T> {
  try {
    return await proof;
  } catch (error) {
    if ((error as { readonly code?: unknown }).code === "BRIDGE_TX_ABSENT")
      throw apiError("NOT_FOUND", "the transaction failed: there is nothing to prove");
    throw error;
  }
}
