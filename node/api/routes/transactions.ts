import type { FastifyInstance } from "fastify";
import { TxIndexError } from "#storage/db/txIndex.ts";
import { MAX_TX_BYTES } from "#storage/limits.ts";
import { formatProofFile } from "#storage/types/proofFileJson.ts";
import { apiError } from "../errors.ts";
import { base64, hex, resultJson } from "../json.ts";
import type { CommittedTransaction, SubmitResult } from "../ports.ts";
import { answer, ERROR_ANSWER, SUBMIT_BODY, SUBMIT_QUERY, TRANSACTIONS_QUERY, TX_ID_PARAMS } from "../schemas.ts";
import { transactionJson } from "../transactionJson.ts";
import { bytesOfHex, found, need, type RouteContext, txIdOf } from "./routeContext.ts";

const TAGS = ["transactions"];

export function transactionRoutes(server: FastifyInstance, context: RouteContext): void {
  const { ports, waiters } = context;

  server.post<{ Querystring: { wait: "sync" | "commit" }; Body: { tx: string } | Uint8Array }>("/transactions", {
    schema: {
      tags: TAGS,
      summary: "Submit a signed transaction",
      querystring: SUBMIT_QUERY,
      consumes: ["application/json", "application/octet-stream"],
      body: { content: { "application/json": { schema: SUBMIT_BODY }, "application/octet-stream": { schema: {} } } },
      response: {
        200: answer("It is in a block and took effect"),
        202: answer("It waits in the mempool"),
        "4xx": ERROR_ANSWER,
        "5xx": ERROR_ANSWER,
      },
    },
    handler: async (request, reply) => {
      const submit = need(ports, "submit");
      const tx = readTx(request.body);
      if (request.query.wait === "sync") {
        const result = accepted(await submit(tx));
        return reply.code(202).send({ txId: hex(result.txId), code: 0, codespace: result.codespace, log: result.log });
      }
      const txIdHex = hex(txIdOf(tx));
      // Sending the same transaction again, as a client does whose connection broke, answers what became of it.
      const earlier = await ports.transaction?.(txIdOf(tx));
      if (earlier !== undefined) return decided(txIdHex, { ...earlier.result, ...earlier });
      const waiter = waiters.wait(txIdHex);
      try {
        accepted(await submit(tx));
      } catch (error) {
        waiter.cancel();
        throw error;
      }
      return decided(txIdHex, await waiter.decided);
    },
  });

  server.get<{ Params: { txId: string } }>("/transactions/:txId", {
    schema: {
      tags: TAGS,
      summary: "A committed transaction, with its messages and its result",
      params: TX_ID_PARAMS,
      response: { 200: answer("The transaction"), "4xx": ERROR_ANSWER, "5xx": ERROR_ANSWER },
    },
    handler: async (request) => {
      const txId = bytesOfHex(request.params.txId);
      return committedJson(found(await need(ports, "transaction")(txId), `transaction ${request.params.txId}`));
    },
  });

  server.get<{ Params: { txId: string } }>("/transactions/:txId/proof", {
    schema: {
      tags: TAGS,
      summary: "Proof file: that the transaction is in a block the validators decided",
      params: TX_ID_PARAMS,
      response: { "4xx": ERROR_ANSWER, "5xx": ERROR_ANSWER },
    },
    handler: async (request, reply) => {
      const txId = bytesOfHex(request.params.txId);
      const proof = found(await need(ports, "proof")(txId), `committed transaction ${request.params.txId}`);
      // The text itself is what a verifier compares, so it is sent as it is and not built again by a serialiser.
      return reply.type("application/json; charset=utf-8").send(formatProofFile(proof));
    },
  });

  server.get<{ Querystring: { account?: string; meter?: string; height?: number; limit: number; cursor?: string } }>(
    "/transactions",
    {
      schema: {
        tags: TAGS,
        summary: "Transactions of an account, a meter or a block, newest first",
        querystring: TRANSACTIONS_QUERY,
        response: {
          200: answer("A page; `next` is the cursor of the following one"),
          "4xx": ERROR_ANSWER,
          "5xx": ERROR_ANSWER,
        },
      },
      handler: async (request) => {
        const { account, meter, height, limit, cursor } = request.query;
        const given = Object.entries({ account, meter, height }).filter(([, value]) => value !== undefined);
        const [attribute] = given;
        if (given.length !== 1 || attribute === undefined)
          throw apiError("BAD_REQUEST", "give exactly one of account, meter and height");
        const by = attribute[0] as "account" | "meter" | "height";
        const ask = need(ports, "transactionsBy");
        const page = await readPage(() => ask({ by, value: String(attribute[1]), limit, cursor }));
        return {
          transactions: page.transactions.map((item) => ({ ...item, txId: hex(item.txId) })),
          next: page.next ?? null,
        };
      },
    },
  );
}

/** @throws ApiError BAD_REQUEST for a cursor that no page has given */
async function readPage<T>(ask: () => T | Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof TxIndexError) || error.code !== "INDEX_CURSOR_INVALID") throw error;
    throw apiError("BAD_REQUEST", "cursor is not `next` of a page");
  }
}

function readTx(body: { tx: string } | Uint8Array): Uint8Array {
  const tx = body instanceof Uint8Array ? body : Buffer.from(body.tx, "base64");
  if (!(body instanceof Uint8Array) && base64(tx) !== body.tx)
    throw apiError("BAD_TRANSACTION", "tx is not base64 with padding");
  if (tx.length === 0) throw apiError("BAD_TRANSACTION", "the transaction is empty");
  if (tx.length > MAX_TX_BYTES)
    throw apiError("BODY_TOO_LARGE", `the transaction has ${tx.length} bytes, ${MAX_TX_BYTES} are allowed`);
  return new Uint8Array(tx);
}

function accepted(result: SubmitResult): SubmitResult {
  const { code, codespace, log } = result;
  if (code === 0) return result;
  const facts = { txId: hex(result.txId), code, codespace, log };
  throw apiError(result.temporary === true ? "MEMPOOL_REFUSED" : "TRANSACTION_REFUSED", log, facts);
}

interface Decision {
  readonly height: number;
  readonly index: number;
  readonly code: number;
  readonly codespace: string;
  readonly log: string;
}

function decided(txId: string, { height, index, code, codespace, log }: Decision): object {
  const facts = { txId, height, index, code, codespace, log };
  if (code !== 0) throw apiError("TRANSACTION_REFUSED", log, facts);
  return facts;
}

function committedJson(committed: CommittedTransaction): object {
  const { tx, height, index, timeMs, result } = committed;
  return {
    txId: hex(txIdOf(tx)),
    height,
    index,
    time: new Date(timeMs).toISOString(),
    result: resultJson(result),
    ...transactionJson(tx),
    tx: base64(tx),
  };
}
