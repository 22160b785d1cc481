import type { CheckTxResponse, InfoResponse, QueryResponse } from "#consensus/abci.ts";
import type { BlockResults, ResultEvent, TxResult } from "#storage/db/blockResults.ts";
import { base64, base64OrNull, int64, listOrNull, unlessEmpty } from "./primitives.ts";
import { validatorUpdateJson } from "./validators.ts";

/** An ExecTxResult or ResponseCheckTx where it stands behind a pointer: every field is written (jsonpb with defaults). */
export function txResultJson({ code, data, log, gasWanted, gasUsed, events, codespace }: TxResult): object {
  return {
    code,
    data: base64OrNull(data),
    log,
    info: "",
    gas_wanted: int64(gasWanted),
    gas_used: int64(gasUsed),
    events: events.map(({ type, attributes }) => ({ type, attributes })),
    codespace,
  };
}

/** What no block and no application answered yet. */
export const EMPTY_TX_RESULT: TxResult = {
  code: 0,
  codespace: "",
  data: new Uint8Array(0),
  log: "",
  gasWanted: 0n,
  gasUsed: 0n,
  events: [],
};

export function checkTxJson({ code, codespace, log, gasWanted }: CheckTxResponse): object {
  return txResultJson({ ...EMPTY_TX_RESULT, code, codespace, log, gasWanted });
}

/** The same where it stands as a value, as in the event of a transaction: empty fields are left out. */
export function shortTxResultJson({ code, data, log, gasWanted, gasUsed, events, codespace }: TxResult): object {
  return unlessEmpty({
    code,
    data: base64OrNull(data),
    log,
    gas_wanted: int64(gasWanted),
    gas_used: int64(gasUsed),
    events: events.map(eventJson),
    codespace,
  });
}

export function eventJson({ type, attributes }: ResultEvent): object {
  return unlessEmpty({ type, attributes });
}

export function blockResultsJson(height: number, results: BlockResults): object {
  return {
    height: int64(height),
    txs_results: listOrNull(results.txResults.map(txResultJson)),
    finalize_block_events: listOrNull(results.events.map(eventJson)),
    validator_updates: listOrNull(results.validatorUpdates.map(validatorUpdateJson)),
    consensus_param_updates: null,
    app_hash: base64(results.appHash),
  };
}

/** ResponseFinalizeBlock as a value, in the event of a block. */
export function finalizeBlockJson({ events, txResults, validatorUpdates, appHash }: BlockResults): object {
  return {
    ...unlessEmpty({ events: events.map(eventJson), tx_results: txResults.map(txResultJson) }),
    validator_updates: listOrNull(validatorUpdates.map(validatorUpdateJson)),
    ...unlessEmpty({ app_hash: base64(appHash) }),
  };
}

export function abciInfoJson(info: InfoResponse): object {
  const { data, version, appVersion, lastBlockHeight, lastBlockAppHash } = info;
  return {
    response: unlessEmpty({
      data,
      version,
      app_version: int64(appVersion),
      last_block_height: int64(lastBlockHeight),
      last_block_app_hash: base64(lastBlockAppHash),
    }),
  };
}

/** One step of a proof of a query's answer (tendermint.crypto.ProofOp). */
export interface ProofOp {
  readonly type: string;
  readonly key: Uint8Array;
  readonly data: Uint8Array;
}

export function abciQueryJson(answer: QueryResponse, proofOps: readonly ProofOp[]): object {
  const ops = proofOps.map(({ type, key, data }) => ({ type, key: base64(key), data: base64(data) }));
  return {
    response: {
      code: answer.code,
      log: answer.log,
      info: "",
      index: "0",
      key: base64OrNull(answer.key),
      value: base64OrNull(answer.value),
      proofOps: ops.length === 0 ? null : { ops },
      height: int64(answer.height),
      codespace: answer.codespace,
    },
  };
}
