import type { CommittedAssetTx } from "#storage/assets/assetIndexRecords.ts";
import type { AssetQueries, Found } from "#storage/assets/assetQueries.ts";
import { type Answer, errorAnswer, jsonAnswer, listAnswer } from "./answers.ts";
import { assetText, metadataText, transactionText } from "./documents.ts";
import { MAX_PAGE } from "./limits.ts";
import {
  ASSET_ID,
  BOOLEAN,
  CURSOR,
  INTEGER,
  OPERATION,
  PUBLIC_KEY,
  pageSize,
  readArguments,
  required,
  TEXT,
  TIME,
} from "./requestArguments.ts";

/** Ours, which no client of the real server sends. */
const PAGE = { limit: pageSize(MAX_PAGE), after: CURSOR } as const;
const SPAN = { from: TIME, to: TIME } as const;

/** GET /transactions?asset_id=H; ours: without an asset in a stretch of time. @throws RequestRefused */
export async function listTransactions(query: URLSearchParams, queries: AssetQueries): Promise<Answer> {
  const ofTime = !query.has("asset_id") && (query.has("from") || query.has("to"));
  const {
    operation,
    asset_id: assetId,
    last_tx: last = false,
    from,
    to,
    limit,
    after,
  } = readArguments(query, {
    operation: OPERATION,
    asset_id: ofTime ? ASSET_ID : required(ASSET_ID),
    last_tx: BOOLEAN,
    ...SPAN,
    ...PAGE,
  });
  const span = { fromMs: from, toMs: to, after };
  const found =
    assetId === undefined
      ? queries.transactionsBetween(span)
      : queries.transactionsOf(assetId, { ...span, operation, last });
  return pageOf(found, limit, transactionText);
}

/** GET /outputs?public_key=K[&spent=]. @throws RequestRefused */
export async function listOutputs(query: URLSearchParams, queries: AssetQueries): Promise<Answer> {
  const kinds = { public_key: required(PUBLIC_KEY), spent: BOOLEAN, ...PAGE } as const;
  const { public_key: key, spent, limit, after } = readArguments(query, kinds, { isStrict: true });
  return pageOf(queries.outputsOf(key, { spent, after }), limit, ({ transactionId, outputIndex }) =>
    JSON.stringify({ transaction_id: transactionId, output_index: outputIndex }),
  );
}

/** GET /assets?search=S[&limit=N]. @throws RequestRefused */
export async function searchAssets(query: URLSearchParams, queries: AssetQueries): Promise<Answer> {
  return search("asset", query, queries, assetText);
}

/** GET /metadata?search=S[&limit=N]; ours: ?field=PATH&value=V. @throws RequestRefused */
export async function searchMetadata(query: URLSearchParams, queries: AssetQueries): Promise<Answer> {
  if (query.has("search") || !query.has("field")) return search("metadata", query, queries, metadataText);
  const { field, value, from, to, limit, after } = readArguments(query, {
    field: required(TEXT),
    value: required(TEXT),
    ...SPAN,
    ...PAGE,
  });
  return pageOf(queries.transactionsByField(field, value, { fromMs: from, toMs: to, after }), limit, metadataText);
}

async function search(
  document: "asset" | "metadata",
  query: URLSearchParams,
  queries: AssetQueries,
  textOf: (tx: CommittedAssetTx) => string,
): Promise<Answer> {
  const {
    search: text,
    limit = 0,
    after,
  } = readArguments(query, { search: required(TEXT), limit: INTEGER, after: CURSOR });
  if (text === "") return errorAnswer(400, "text_search cannot be empty");
  // MongoDB takes 0 for no limit, and a negative one for its opposite.
  return pageOf(queries.search(document, text, after), limit === 0 ? undefined : Math.abs(limit), textOf);
}

/** GET /blocks?transaction_id=T. @throws RequestRefused */
export async function listBlocks(query: URLSearchParams, queries: AssetQueries): Promise<Answer> {
  const { transaction_id: id } = readArguments(query, { transaction_id: required(TEXT) }, { isStrict: true });
  const tx = await queries.transaction(id);
  return jsonAnswer(200, tx === undefined ? [] : [tx.height]);
}

/** With a limit that a page has, the page as a whole, with the cursor of what follows in X-Next-After; else everything as it is read. */
async function pageOf<T>(
  found: AsyncIterable<Found<T>>,
  limit: number | undefined,
  textOf: (item: T) => string,
): Promise<Answer> {
  if (limit === undefined || limit > MAX_PAGE)
    return listAnswer(texts(found, limit ?? Number.POSITIVE_INFINITY, textOf));
  const items: string[] = [];
  let last: string | undefined;
  for await (const item of found) {
    if (items.length === limit) {
      const headers = last === undefined ? {} : { "X-Next-After": last };
      return { ...jsonAnswer(200, null, headers), body: `[${items.join(",")}]\n` };
    }
    items.push(textOf(item));
    last = item.cursor;
  }
  return { ...jsonAnswer(200, null), body: `[${items.join(",")}]\n` };
}

async function* texts<T>(found: AsyncIterable<T>, limit: number, textOf: (item: T) => string): AsyncIterable<string> {
  let count = 0;
  for await (const item of found) {
    if (count >= limit) return;
    count += 1;
    yield textOf(item);
  }
}
