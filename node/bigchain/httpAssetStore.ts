import type { SearchedDocument } from "#storage/assets/assetIndexKeys.ts";
import type { AssetStore, FoundDocument, SubmitResult } from "#storage/assets/assetStore.ts";
import { readEvents } from "./eventReader.ts";
import { jsonOf, requestStore, submitResultOf } from "./storeAnswer.ts";

export interface HttpAssetStoreOptions {
  /** For example `http://127.0.0.1:9984`, or a node's REST. */
  readonly url: string;
  /** For example `ws://127.0.0.1:9985`; without it, what GET / says. */
  readonly streamUrl?: string | undefined;
  readonly timeoutMs?: number;
  /** The node's API token, where its REST needs one. */
  readonly token?: string | undefined;
}

/** Longer than mode=commit waits at the server. */
export const STORE_TIMEOUT_MS = 20_000;

const STREAM_PATH = "/api/v1/streams/valid_transactions";

/** The assets of a node of this ledger, through its BigchainDB interface. */
export function createHttpAssetStore(
  options: HttpAssetStoreOptions,
  parts: { readonly fetch: typeof globalThis.fetch } = { fetch: globalThis.fetch },
): AssetStore {
  const { url, timeoutMs = STORE_TIMEOUT_MS, token } = options;
  const base = `${url.replace(/\/+$/, "")}/api/v1`;
  const ports = { fetch: parts.fetch, timeoutMs };
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };

  /** Undefined for 404. */
  async function get<T>(
    path: string,
    query: Readonly<Record<string, string | undefined>> = {},
  ): Promise<T | undefined> {
    const given = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
    const target = `${base}${path}${given.length === 0 ? "" : `?${new URLSearchParams(given)}`}`;
    const answer = await requestStore(target, { headers }, ports);
    if (answer.status === 404) return undefined;
    return jsonOf<T>(
      target,
      answer.status === 200 ? answer : { ...answer, text: `HTTP status ${answer.status}: ${answer.text}` },
    );
  }

  async function transaction(id: string): Promise<string | undefined> {
    const found = await get<unknown>(`/transactions/${encodeURIComponent(id)}`);
    return found === undefined ? undefined : JSON.stringify(found);
  }

  return {
    async submit(json, mode) {
      const target = `${base}/transactions?mode=${mode}`;
      const type = { "content-type": "application/json" };
      const init = { method: "POST", body: json, headers: { ...headers, ...type } };
      return knownIsAccepted(submitResultOf(await requestStore(target, init, ports)), json, transaction);
    },

    transaction,

    async outputs(publicKey, spent) {
      const query = { public_key: publicKey, spent: spent === undefined ? undefined : String(spent) };
      return (await get<readonly WireOutput[]>("/outputs", query))?.map(outputOf) ?? [];
    },

    async transactionsOf(assetId, { operation, last } = {}) {
      const query = { asset_id: assetId, operation, last_tx: last === true ? "true" : undefined };
      return (await get<readonly unknown[]>("/transactions", query))?.map((tx) => JSON.stringify(tx)) ?? [];
    },

    async search(document, text, limit) {
      const path = document === "asset" ? "/assets" : "/metadata";
      const query = { search: text, limit: limit === undefined ? undefined : String(limit) };
      return (await get<readonly WireDocument[]>(path, query))?.map((found) => documentOf(document, found)) ?? [];
    },

    async *committed(signal) {
      const streamUrl = options.streamUrl ?? (await streamOf(url, ports));
      yield* readEvents(`${streamUrl.replace(STREAM_PATH, "").replace(/\/+$/, "")}${STREAM_PATH}`, signal);
    },

    async [Symbol.asyncDispose]() {},
  };
}

/** As JSON with its digits: a number is an object that JSON.stringify writes. */
export interface WireOutput {
  readonly transaction_id: string;
  readonly output_index: unknown;
}

export interface WireDocument {
  readonly id: string;
  readonly data?: unknown;
  readonly metadata?: unknown;
}

export function outputOf({ transaction_id: transactionId, output_index: index }: WireOutput) {
  return { transactionId, outputIndex: Number(JSON.stringify(index)) };
}

export function documentOf(document: SearchedDocument, { id, data, metadata }: WireDocument): FoundDocument {
  return { id, document: JSON.parse(JSON.stringify((document === "asset" ? data : metadata) ?? null)) as unknown };
}

/** A transaction that is refused because it is in a block already has been accepted: whoever was cut off sends it again. */
export async function knownIsAccepted(
  result: SubmitResult,
  json: string,
  transaction: (id: string) => Promise<string | undefined>,
): Promise<SubmitResult> {
  if (result.accepted || !["DuplicateTransaction", "DoubleSpend"].includes(result.error)) return result;
  const { id } = JSON.parse(json) as { id: string };
  return (await transaction(id)) === undefined ? result : { accepted: true };
}

/** @throws AssetStoreError */
async function streamOf(url: string, ports: Parameters<typeof requestStore>[2]): Promise<string> {
  const index = `${url.replace(/\/+$/, "")}/api/v1/`;
  return jsonOf<{ readonly streams: string }>(index, await requestStore(index, {}, ports)).streams;
}
