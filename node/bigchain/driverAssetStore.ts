import driver from "bigchaindb-driver";
import { type AssetStore, AssetStoreError } from "#storage/assets/assetStore.ts";
import { readEvents } from "./eventReader.ts";
import {
  documentOf,
  knownIsAccepted,
  outputOf,
  STORE_TIMEOUT_MS,
  type WireDocument,
  type WireOutput,
} from "./httpAssetStore.ts";
import { jsonOf, requestStore, submitResultOf } from "./storeAnswer.ts";

export interface DriverAssetStoreOptions {
  /** Of a BigchainDB server, for example `http://bigchaindb.example:9984`. */
  readonly url: string;
  readonly streamUrl?: string | undefined;
  readonly timeoutMs?: number;
}

/** What the driver's types leave open of its errors. */
interface DriverError extends Error {
  /** `404 NOT FOUND`. */
  readonly status?: string;
}

/** What the server takes for no limit; the driver drops a 0. */
const NO_LIMIT = 2 ** 31 - 1;

/**
 * The assets of a BigchainDB server, through the official driver. Each operation has a connection of its own, for a connection's timeout is one for all that it
 * ever does (js-bigchaindb-driver 4.3.0). Submissions are posted without it: it throws away what the server says of an error.
 */
export function createDriverAssetStore(
  options: DriverAssetStoreOptions,
  parts: { readonly fetch: typeof globalThis.fetch } = { fetch: globalThis.fetch },
): AssetStore {
  const { timeoutMs = STORE_TIMEOUT_MS } = options;
  const url = options.url.replace(/\/+$/, "");
  const base = `${url}/api/v1`;

  /** Undefined for 404. @throws AssetStoreError */
  async function ask<T>(
    question: (connection: InstanceType<typeof driver.Connection>) => Promise<unknown>,
  ): Promise<T | undefined> {
    try {
      return (await question(new driver.Connection(`${base}/`, {}, timeoutMs))) as T;
    } catch (error) {
      const { status, message, name } = error as DriverError;
      if (status?.startsWith("404")) return undefined;
      if (status !== undefined)
        throw new AssetStoreError({
          code: "ASSET_STORE_ANSWER_MALFORMED",
          url: base,
          status: Number.parseInt(status, 10),
          reason: message,
        });
      throw new AssetStoreError(
        { code: "ASSET_STORE_UNREACHABLE", url: base, reason: message ?? name },
        { cause: error },
      );
    }
  }

  /** The driver parses JSON into floats, so that a transaction is read without it, with its digits. */
  async function transaction(id: string): Promise<string | undefined> {
    const target = `${base}/transactions/${encodeURIComponent(id)}`;
    const answer = await requestStore(target, {}, { fetch: parts.fetch, timeoutMs });
    return answer.status === 404 ? undefined : JSON.stringify(jsonOf(target, answer));
  }

  return {
    async submit(json, mode) {
      const target = `${base}/transactions?mode=${mode}`;
      const init = { method: "POST", body: json, headers: { "content-type": "application/json" } };
      const answer = await requestStore(target, init, { fetch: parts.fetch, timeoutMs });
      return knownIsAccepted(submitResultOf(answer), json, transaction);
    },

    transaction,

    outputs: async (publicKey, spent) =>
      ((await ask<readonly WireOutput[]>((connection) => connection.listOutputs(publicKey, spent))) ?? []).map(
        outputOf,
      ),

    async transactionsOf(assetId, { operation, last } = {}) {
      const query = new URLSearchParams({ asset_id: assetId, ...(operation === undefined ? {} : { operation }) });
      if (last === true) query.set("last_tx", "true");
      const target = `${base}/transactions?${query}`;
      const answer = await requestStore(target, {}, { fetch: parts.fetch, timeoutMs });
      return answer.status === 404 ? [] : jsonOf<readonly unknown[]>(target, answer).map((tx) => JSON.stringify(tx));
    },

    async search(document, text, limit = NO_LIMIT) {
      const found = await ask<readonly WireDocument[]>((connection) =>
        document === "asset" ? connection.searchAssets(text, limit) : connection.searchMetadata(text, limit),
      );
      return (found ?? []).map((each) => documentOf(document, each));
    },

    async *committed(signal) {
      const streamUrl = options.streamUrl ?? `ws://${new URL(url).hostname}:9985`;
      yield* readEvents(`${streamUrl.replace(/\/+$/, "")}/api/v1/streams/valid_transactions`, signal);
    },

    async [Symbol.asyncDispose]() {},
  };
}
