import type { PublicKey } from "../crypto/keys.ts";
import { FormatError } from "../types/formatError.ts";
import { encodePublicKey, readPublicKey } from "../types/publicKeyCodec.ts";
import { EMPTY_BYTES, FieldReader, FieldWriter } from "../types/wire.ts";
import { heightKey, heightRange } from "./buckets.ts";
import { loadRecord } from "./records.ts";
import type { Store, StoreOperation } from "./store.ts";

/** Longest text in a result: logs and attribute values come from the application, which bounds them; this bounds what is read. */
const MAX_TEXT_BYTES = 1024 * 1024;
const MAX_CODE = 0xffff_ffff;

export interface ResultEvent {
  readonly type: string;
  readonly attributes: readonly { readonly key: string; readonly value: string; readonly index: boolean }[];
}

export interface TxResult {
  readonly code: number;
  readonly codespace: string;
  readonly data: Uint8Array;
  readonly log: string;
  readonly gasWanted: bigint;
  readonly gasUsed: bigint;
  readonly events: readonly ResultEvent[];
}

/** What the application answered to a block (ABCI FinalizeBlockResponse). */
export interface BlockResults {
  readonly txResults: readonly TxResult[];
  readonly events: readonly ResultEvent[];
  readonly validatorUpdates: readonly { readonly publicKey: PublicKey; readonly power: bigint }[];
  readonly appHash: Uint8Array;
}

export function blockResultsOperation(height: number, results: BlockResults): StoreOperation {
  return { type: "put", key: heightKey("blockResults", height), value: encodeBlockResults(results) };
}

/** Undefined when that height is not kept. */
export async function loadBlockResults(store: Store, height: number): Promise<BlockResults | undefined> {
  return loadRecord(store, heightKey("blockResults", height), decodeBlockResults);
}

/** Removes the results of heights below `retainHeight`, at most `limit` of them. */
export async function pruneBlockResultsOperations(
  store: Store,
  retainHeight: number,
  limit: number,
): Promise<readonly StoreOperation[]> {
  const operations: StoreOperation[] = [];
  for await (const [key] of store.iterate({ ...heightRange("blockResults", 0, retainHeight), limit }))
    operations.push({ type: "del", key });
  return operations;
}

/** ABCI 2.0 ResponseFinalizeBlock {events = 1, tx_results = 2, validator_updates = 3, app_hash = 5}. */
export function encodeBlockResults(results: BlockResults): Uint8Array {
  const writer = new FieldWriter();
  for (const event of results.events) writer.message(1, encodeEvent(event));
  for (const result of results.txResults) writer.message(2, encodeTxResult(result));
  for (const { publicKey, power } of results.validatorUpdates)
    writer.message(3, new FieldWriter().message(1, encodePublicKey(publicKey)).int(2, power).finish());
  return writer.bytes(5, results.appHash).finish();
}

/** @throws FormatError */
export function decodeBlockResults(bytes: Uint8Array): BlockResults {
  const events: ResultEvent[] = [];
  const txResults: TxResult[] = [];
  const validatorUpdates: { publicKey: PublicKey; power: bigint }[] = [];
  let appHash: Uint8Array = EMPTY_BYTES;
  const fields = new FieldReader("blockResults", bytes);
  while (fields.next()) {
    if (fields.number === 1) events.push(readEvent(fields.message()));
    else if (fields.number === 2) txResults.push(readTxResult(fields.message()));
    else if (fields.number === 3) validatorUpdates.push(readValidatorUpdate(fields.message()));
    else if (fields.number === 5) appHash = fields.bytesUpTo("blockResults.appHash", 32);
    else fields.refuse();
  }
  return { txResults, events, validatorUpdates, appHash };
}

/** ExecTxResult {code = 1, data = 2, log = 3, gas_wanted = 5, gas_used = 6, events = 7, codespace = 8}. */
function encodeTxResult(result: TxResult): Uint8Array {
  const writer = new FieldWriter()
    .int(1, result.code)
    .bytes(2, result.data)
    .text(3, result.log)
    .int(5, result.gasWanted)
    .int(6, result.gasUsed);
  for (const event of result.events) writer.message(7, encodeEvent(event));
  return writer.text(8, result.codespace).finish();
}

function readTxResult(bytes: Uint8Array): TxResult {
  const result = { code: 0, codespace: "", data: EMPTY_BYTES as Uint8Array, log: "", gasWanted: 0n, gasUsed: 0n };
  const events: ResultEvent[] = [];
  const fields = new FieldReader("txResult", bytes);
  while (fields.next()) {
    if (fields.number === 1) result.code = fields.count("txResult.code", MAX_CODE);
    else if (fields.number === 2) result.data = fields.bytesUpTo("txResult.data", MAX_TEXT_BYTES);
    else if (fields.number === 3) result.log = fields.text("txResult.log", MAX_TEXT_BYTES);
    else if (fields.number === 5) result.gasWanted = fields.int64("txResult.gasWanted");
    else if (fields.number === 6) result.gasUsed = fields.int64("txResult.gasUsed");
    else if (fields.number === 7) events.push(readEvent(fields.message()));
    else if (fields.number === 8) result.codespace = fields.text("txResult.codespace", MAX_TEXT_BYTES);
    else fields.refuse();
  }
  return { ...result, events };
}

/** Event {type = 1, attributes = 2 {key = 1, value = 2, index = 3}}. */
function encodeEvent(event: ResultEvent): Uint8Array {
  const writer = new FieldWriter().text(1, event.type);
  for (const { key, value, index } of event.attributes)
    writer.message(
      2,
      new FieldWriter()
        .text(1, key)
        .text(2, value)
        .int(3, index ? 1 : 0)
        .finish(),
    );
  return writer.finish();
}

function readEvent(bytes: Uint8Array): ResultEvent {
  let type = "";
  const attributes: ResultEvent["attributes"][number][] = [];
  const fields = new FieldReader("event", bytes);
  while (fields.next()) {
    if (fields.number === 1) type = fields.text("event.type", MAX_TEXT_BYTES);
    else if (fields.number === 2) attributes.push(readAttribute(fields.message()));
    else fields.refuse();
  }
  return { type, attributes };
}

function readAttribute(bytes: Uint8Array): ResultEvent["attributes"][number] {
  const attribute = { key: "", value: "", index: false };
  const fields = new FieldReader("attribute", bytes);
  while (fields.next()) {
    if (fields.number === 1) attribute.key = fields.text("attribute.key", MAX_TEXT_BYTES);
    else if (fields.number === 2) attribute.value = fields.text("attribute.value", MAX_TEXT_BYTES);
    else if (fields.number === 3) attribute.index = fields.count("attribute.index", 1) === 1;
    else fields.refuse();
  }
  return attribute;
}

function readValidatorUpdate(bytes: Uint8Array): { publicKey: PublicKey; power: bigint } {
  let publicKey: PublicKey | undefined;
  let power = 0n;
  const fields = new FieldReader("validatorUpdate", bytes);
  while (fields.next()) {
    if (fields.number === 1) publicKey = readPublicKey(fields.message());
    else if (fields.number === 2) power = fields.int64("validatorUpdate.power");
    else fields.refuse();
  }
  if (publicKey === undefined) throw new FormatError({ code: "FORMAT_FIELD_MISSING", field: "validatorUpdate.pubKey" });
  return { publicKey, power };
}
