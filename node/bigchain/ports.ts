import type { AssetQueries } from "#storage/assets/assetQueries.ts";

/** BigchainDB's word on a transaction against what is committed now. */
export type BigchainVerdict =
  /** `json`: the one spelling in which it goes onto the ledger; `spends`: a name of each output that it spends. */
  | { readonly accepted: true; readonly id: string; readonly json: string; readonly spends: readonly string[] }
  /** `error` is BigchainDB's class and `message` the whole text a client of the real server reads. */
  | { readonly accepted: false; readonly error: string; readonly message: string }
  /** More than the chain takes; or what the real server answers with an exception: JSON that is no object. */
  | { readonly accepted: false; readonly error: "tooLarge" | "exception"; readonly message?: undefined };

/** What the mempool said of a transaction. */
export type BigchainSubmission =
  | { readonly result: "added" }
  /** The same bytes wait already, or were seen lately. */
  | { readonly result: "known" }
  | {
      readonly result: "full";
      readonly txs: number;
      readonly maxTxs: number;
      readonly bytes: number;
      readonly maxBytes: number;
    }
  | { readonly result: "tooLarge" }
  /** By BigchainDB's rules, but counting transactions that wait too. */
  | { readonly result: "invalid"; readonly error: string; readonly message: string }
  /** By a rule of this ledger, such as a quota. */
  | { readonly result: "refused"; readonly code: string; readonly reason: string };

/** What became of a transaction that a block has. */
export interface BigchainDecision {
  readonly id: string;
  readonly height: number;
  readonly accepted: boolean;
  readonly assetId: string;
  /** Why it did not take effect. */
  readonly log: string;
  /** Of the ledger's transaction that carried it, hex. */
  readonly ledgerTxId: string;
}

export interface BigchainValidator {
  /** 32 bytes, base64. */
  readonly publicKey: string;
  readonly type: string;
  readonly votingPower: number;
}

/** What the interface asks of the node. */
export interface BigchainPorts {
  readonly queries: AssetQueries;
  /** Of a body; undefined for one that is no JSON. Never throws. */
  validate(body: Uint8Array): Promise<BigchainVerdict | undefined>;
  /** Hands a valid transaction to the mempool. */
  submit(id: string, json: string, spends: readonly string[]): Promise<BigchainSubmission>;
  /** The last block that is in the index. */
  height(): number;
  validators(): readonly BigchainValidator[];
  /** The proof file of the ledger's transaction, as its REST gives it. */
  proof(ledgerTxId: Uint8Array): Promise<string | undefined>;
  /** Told of every transaction once it is in the index. Answers what ends this. */
  subscribe(listener: (decision: BigchainDecision) => void): () => void;
}
