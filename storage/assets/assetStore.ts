import { LedgerError } from "../error.ts";
import type { SearchedDocument } from "./assetIndexKeys.ts";
import type { OutputPointer } from "./assetQueries.ts";

/**
 * When a submission is answered (BEP-14): `async` once the transaction is found valid and handed on, `sync` once it waits for a block, `commit` once it is in
 * one. Only `commit` says that it took effect: of two transfers of one output both may be accepted by the others.
 */
export type SubmitMode = "async" | "sync" | "commit";

export type SubmitResult =
  | { readonly accepted: true }
  /**
   * `error`: BigchainDB's class (`DoubleSpend`, `InvalidHash`, …), or empty where the store gave none; `message` is the store's own. With `temporary` the same
   * transaction may be accepted later.
   */
  | { readonly accepted: false; readonly error: string; readonly message: string; readonly temporary: boolean };

/** What the event stream says of a transaction (`/api/v1/streams/valid_transactions`). */
export interface CommittedAsset {
  readonly height: number;
  /** Its own id for a CREATE. */
  readonly assetId: string;
  readonly transactionId: string;
}

/**
 * Where BigchainDB v2 assets are kept: a node of this ledger, a BigchainDB server, or memory. A transaction is its JSON text here, because a text alone keeps
 * the numbers of a document as they were signed; ids are 64 hex digits, keys base58. Lists are in the order of the chain.
 */
export interface AssetStore extends AsyncDisposable {
  /**
   * Hands over a signed CREATE or TRANSFER. One that is known already is accepted when it is the same transaction, so that whoever was cut off may send again.
   * @throws AssetStoreError ASSET_STORE_UNREACHABLE when it is not known what became of it; ASSET_STORE_ANSWER_MALFORMED
   */
  submit(json: string, mode: SubmitMode): Promise<SubmitResult>;

  /** The JSON of a committed transaction. @throws AssetStoreError, as all below */
  transaction(id: string): Promise<string | undefined>;

  /** Outputs that a key may spend, alone or with others. `spent` left out: spent ones and others. */
  outputs(publicKey: string, spent?: boolean): Promise<readonly OutputPointer[]>;

  /** JSON of the CREATE and the TRANSFERs of an asset; `last` only the newest. None of an unknown asset. */
  transactionsOf(
    assetId: string,
    options?: { readonly operation?: "CREATE" | "TRANSFER"; readonly last?: boolean },
  ): Promise<readonly string[]>;

  /** Assets, or metadata, with any of the words, best first; at most `limit` of them, without it all. */
  search(document: SearchedDocument, text: string, limit?: number): Promise<readonly FoundDocument[]>;

  /**
   * What is committed from the call on, until the signal is aborted. A reader that falls far behind is cut off, with an error.
   * @throws AssetStoreError ASSET_STREAM_LOST
   */
  committed(signal: AbortSignal): AsyncIterable<CommittedAsset>;
}

/** The data of an asset, or the metadata of a transaction, and the id of the transaction it is in. */
export interface FoundDocument {
  readonly id: string;
  readonly document: unknown;
}

export type AssetStoreErrorDetails =
  | { readonly code: "ASSET_STORE_UNREACHABLE"; readonly url: string; readonly reason: string }
  | {
      readonly code: "ASSET_STORE_ANSWER_MALFORMED";
      readonly url: string;
      readonly status: number;
      readonly reason: string;
    }
  | { readonly code: "ASSET_STREAM_LOST"; readonly url: string; readonly reason: string };

export class AssetStoreError extends LedgerError<AssetStoreErrorDetails> {}
