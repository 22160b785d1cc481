import type { QueryRequest, QueryResponse } from "#consensus/abci.ts";
import type { ResultEvent, TxResult } from "#storage/db/blockResults.ts";
import { LedgerError } from "#storage/error.ts";
import { formatTimestamp, type Timestamp } from "#storage/types/time.ts";
import { FieldReader, FieldWriter } from "#storage/types/wire.ts";
import { hex } from "../cometJson/primitives.ts";

/** The gRPC path that `setupTxExtension` of @cosmjs/stargate asks by abci_query. The application keeps no transactions: the node answers. */
export const GET_TX_PATH = "/cosmos.tx.v1beta1.Service/GetTx";

/** A transaction's hash as text. */
const MAX_REQUEST_BYTES = 256;

export interface CommittedTx {
  readonly hash: Uint8Array;
  readonly height: number;
  /** Of its block. */
  readonly time: Timestamp;
  readonly tx: Uint8Array;
  readonly result: TxResult;
}

/** Codes of the Cosmos SDK in its codespace "sdk" (types/errors): unknown request and not found. */
const SDK_UNKNOWN_REQUEST = 6;
const SDK_KEY_NOT_FOUND = 38;

/** Answers GetTx as a Cosmos SDK node does (cosmos-sdk x/auth/tx/service.go): GetTxRequest in, GetTxResponse out. */
export async function answerGetTx(
  request: Pick<QueryRequest, "data">,
  height: number,
  find: (hash: Uint8Array) => Promise<CommittedTx | undefined>,
): Promise<QueryResponse> {
  const hash = readHash(request.data);
  if (hash === undefined)
    return refused(SDK_UNKNOWN_REQUEST, "InvalidArgument desc = not a transaction's hash", height);
  const found = await find(hash);
  if (found === undefined) return refused(SDK_KEY_NOT_FOUND, `NotFound desc = tx not found: ${hex(hash)}`, height);
  return { code: 0, codespace: "", log: "", key: EMPTY, value: encodeGetTxResponse(found), proof: EMPTY, height };
}

const EMPTY = new Uint8Array(0);

function refused(code: number, reason: string, height: number): QueryResponse {
  const log = `rpc error: code = ${reason}`;
  return { code, codespace: "sdk", log, key: EMPTY, value: EMPTY, proof: EMPTY, height };
}

/** GetTxRequest {hash = 1}, hex in either case. */
function readHash(data: Uint8Array): Uint8Array | undefined {
  if (data.length > MAX_REQUEST_BYTES) return undefined;
  let text = "";
  try {
    const fields = new FieldReader("getTxRequest", data);
    while (fields.next()) {
      if (fields.number !== 1) return undefined;
      text = fields.text("getTxRequest.hash", MAX_REQUEST_BYTES);
    }
  } catch (error) {
    if (error instanceof LedgerError) return undefined;
    throw error;
  }
  return /^[0-9a-fA-F]{64}$/.test(text) ? Buffer.from(text, "hex") : undefined;
}

/** GetTxResponse {tx = 1, tx_response = 2}. A TxRaw has the bytes of the Tx that it is the raw form of. */
function encodeGetTxResponse(found: CommittedTx): Uint8Array {
  return new FieldWriter().message(1, found.tx).message(2, encodeTxResponse(found)).finish();
}

/**
 * cosmos.base.abci.v1beta1.TxResponse {height = 1, txhash = 2, codespace = 3, code = 4, data = 5 (hex), raw_log = 6, gas_wanted = 9, gas_used = 10,
 * tx = 11, timestamp = 12, events = 13}.
 */
function encodeTxResponse({ hash, height, time, tx, result }: CommittedTx): Uint8Array {
  const writer = new FieldWriter()
    .int(1, height)
    .text(2, hex(hash))
    .text(3, result.codespace)
    .int(4, result.code)
    .text(5, hex(result.data))
    .text(6, result.log)
    .int(9, result.gasWanted)
    .int(10, result.gasUsed)
    .message(11, new FieldWriter().text(1, "/cosmos.tx.v1beta1.Tx").bytes(2, tx).finish())
    .text(12, formatTimestamp(time));
  for (const event of result.events) writer.message(13, encodeEvent(event));
  return writer.finish();
}

/** tendermint.abci.Event {type = 1, attributes = 2 {key = 1, value = 2, index = 3}}. */
function encodeEvent({ type, attributes }: ResultEvent): Uint8Array {
  const writer = new FieldWriter().text(1, type);
  for (const { key, value, index } of attributes) {
    const attribute = new FieldWriter().text(1, key).text(2, value);
    writer.message(2, attribute.int(3, index ? 1 : 0).finish());
  }
  return writer.finish();
}
