import { Comet38Client, HttpBatchClient } from "@cosmjs/tendermint-rpc";
import { MAX_VALIDATORS } from "#storage/limits.ts";
import type { Block } from "#storage/types/block.ts";
import type { Commit } from "#storage/types/commit.ts";
import type { Evidence } from "#storage/types/evidence.ts";
import type { Validator } from "#storage/types/validatorSet.ts";
import { evidenceJson } from "../rpc/cometJson/evidence.ts";
import { JsonFields } from "../rpc/cometJson/readFields.ts";
import { readCommit, readValidator } from "../rpc/cometJson/readHeaders.ts";
import { CometError } from "./cometError.ts";
import { readBlock } from "./readBlock.ts";

type Params = Parameters<HttpBatchClient["execute"]>[0]["params"];

/** Requests in one HTTP request, and how long the first waits for others, in ms. config.toml allows as many. */
export const MAX_BATCH_REQUESTS = 200;
const BATCH_DELAY_MS = 2;

/** Validators on one page of CometBFT's answer. */
const VALIDATORS_PER_PAGE = 100;

export interface CometStatus {
  readonly latestHeight: number;
  readonly earliestHeight: number;
  readonly isCatchingUp: boolean;
  readonly version: string;
}

/** The few things asked of CometBFT's own RPC. All @throws CometError COMETBFT_RPC_FAILED; ArgumentFault for an answer that is none. */
export interface CometRpc {
  status(): Promise<CometStatus>;
  /** The block, and a commit for it: the canonical one, or of the newest block the one seen. */
  block(height: number): Promise<{ readonly block: Block; readonly commit: Commit }>;
  validators(height: number): Promise<readonly Validator[]>;
  /** Into CometBFT's mempool, without waiting for its check. */
  broadcastTx(tx: Uint8Array): Promise<void>;
  broadcastEvidence(evidence: Evidence): Promise<void>;
  close(): void;
}

export function createCometRpc(url: string): CometRpc {
  const http = new HttpBatchClient(url, { batchSizeLimit: MAX_BATCH_REQUESTS, dispatchInterval: BATCH_DELAY_MS });
  // Made without connecting: the version it would look at means nothing here (research/cometbft.md §1.1).
  const client = Comet38Client.create(http);
  let lastId = 0;

  async function call<T>(method: string, ask: () => Promise<T>): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      throw new CometError({ code: "COMETBFT_RPC_FAILED", method, reason: reasonOf(error) }, { cause: error });
    }
  }

  /** The result as it is, for answers of which CosmJS keeps less than a block is made of. */
  function ask(method: string, params: Params) {
    return call(method, async () => {
      lastId += 1;
      const answer = await http.execute({ jsonrpc: "2.0", id: lastId, method, params });
      return new JsonFields(answer.result, method);
    });
  }

  return {
    async status() {
      const status = await ask("status", {});
      const sync = status.objectOrEmpty("sync_info");
      return {
        latestHeight: sync.height("latest_block_height"),
        earliestHeight: sync.height("earliest_block_height"),
        isCatchingUp: sync.boolean("catching_up"),
        version: status.objectOrEmpty("node_info").text("version"),
      };
    },

    async block(height) {
      const params = { height: String(height) };
      const [found, signed] = await Promise.all([ask("block", params), ask("commit", params)]);
      const commit = readCommit(signed.objectOrEmpty("signed_header").objectOrEmpty("commit"));
      return { block: readBlock(found.objectOrEmpty("block")), commit };
    },

    async validators(height) {
      const params = { height: String(height), page: "1", per_page: String(VALIDATORS_PER_PAGE) };
      return (await ask("validators", params)).list("validators", MAX_VALIDATORS).map(readValidator);
    },

    async broadcastTx(tx) {
      await call("broadcast_tx_async", () => client.broadcastTxAsync({ tx }));
    },

    async broadcastEvidence(evidence) {
      await ask("broadcast_evidence", { evidence: evidenceJson(evidence) } as Params);
    },

    close: () => http.disconnect(),
  };
}

/** CosmJS puts the error of an answer into its message as JSON. */
function reasonOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error ? `${message}: ${cause.message}` : message;
}
