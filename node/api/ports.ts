import type { IncomingMessage, ServerResponse } from "node:http";
import type { ExecTxResult, QueryRequest, QueryResponse } from "#consensus/abci.ts";
import type { TimeRange } from "#storage/offchain/readingStore.ts";
import type { Block } from "#storage/types/block.ts";
import type { BlockId } from "#storage/types/blockId.ts";
import type { Commit } from "#storage/types/commit.ts";
import type { Header } from "#storage/types/header.ts";
import type { ProofFile } from "#storage/types/proofFile.ts";
import type { Reading } from "#storage/types/reading.ts";
import type { ValidatorSet } from "#storage/types/validatorSet.ts";
import type { BridgePort } from "../bridge/bridgePort.ts";
import type { ChannelPort } from "../bridge/channelPort.ts";
import type { EthereumPort } from "../ethereum/ethereumPort.ts";
import type { SecondTierState } from "../offchain/secondTier.ts";
import type { NodeRole } from "../options.ts";

type Answer<T> = T | Promise<T>;

/**
 * Everything the REST API calls, as plain functions that the node supplies. Optional ones are left out by roles that cannot answer
 * (a light node keeps no blocks): their routes then answer 501 NOT_SERVED_BY_ROLE. Functions answer undefined for what does not exist.
 */
export interface ApiPorts {
  readonly status: () => Answer<NodeStatus>;
  /** Whether this node can be relied on now: synchronised and, where the role needs it, connected. */
  readonly readiness: () => Answer<Readiness>;
  readonly peers: () => Answer<readonly PeerView[]>;
  /** Every block committed, transaction decided and status change, in order. Answers the function that ends the subscription. */
  readonly subscribe: (listener: (event: NodeEvent) => void) => () => void;

  /** Checks the transaction and hands it to the network; does not wait for a block. */
  readonly submit?: (tx: Uint8Array) => Promise<SubmitResult>;
  readonly mempool?: () => Answer<MempoolView>;
  readonly transaction?: (txId: Uint8Array) => Answer<CommittedTransaction | undefined>;
  readonly transactionsBy?: (query: TransactionQuery) => Answer<TransactionPage>;
  /** By height, or by the 32-byte hash. */
  readonly block?: (at: number | Uint8Array) => Answer<CommittedBlock | undefined>;
  readonly header?: (height: number) => Answer<Header | undefined>;
  readonly commit?: (height: number) => Answer<Commit | undefined>;
  readonly validators?: (height: number) => Answer<ValidatorSet | undefined>;
  readonly proof?: (txId: Uint8Array) => Answer<ProofFile | undefined>;
  /** The transaction that spent an energy output; undefined while it can be spent. */
  readonly spenderOf?: (txId: Uint8Array, outputIndex: number) => Answer<Uint8Array | undefined>;
  /** What only a light node has: headers kept, proofs checked, readings and intervals by what became of them. */
  readonly light?: () => Answer<object>;
  /** `Application.query`; a light node may ask a full node. Members, meters, accounts and outputs are answered from it. */
  readonly stateQuery?: (request: QueryRequest) => Answer<QueryResponse>;
  /** BigchainDB's HTTP API, which then answers below /api/v1 too (node/bigchain). */
  readonly bigchain?: (request: IncomingMessage, response: ServerResponse) => Promise<void>;
  /** The bridge to Ethereum, of a full node that takes part in it (node/bridge). */
  readonly bridge?: BridgePort;
  /** Payment channels on Ethereum, of a full node that is told of an Ethereum node. */
  readonly channels?: ChannelPort;
  /** Actions and queries of the contracts, of the same. */
  readonly ethereum?: EthereumPort;
  /** Readings of one meter, or of all, by time within a series; of a node that keeps readings (node/analytics: storeReadings, logReadings). */
  readonly readings?: ((meterId: string | undefined, range: TimeRange) => AsyncIterable<Reading>) | undefined;
}

export interface NodeStatus {
  readonly role: NodeRole;
  readonly moniker: string;
  readonly chainId: string;
  readonly peerId: string;
  readonly version: string;
  /** Height of the latest committed (light: verified) block, 0 before the first. */
  readonly height: number;
  /** Consensus round at the height being decided; 0 where the role takes no part. */
  readonly round: number;
  readonly blockHash: Uint8Array;
  /** App hash in the state after the latest block (light: in the latest header). */
  readonly appHash: Uint8Array;
  /** Unix ms of the latest block; 0 before the first. */
  readonly blockTimeMs: number;
  /** Lowest block that is still kept. */
  readonly earliestHeight: number;
  readonly catchingUp: boolean;
  readonly peers: number;
  /** 20-byte address of the validator key; undefined for other roles. */
  readonly validatorAddress: Uint8Array | undefined;
  /** Where readings go on from the node's log; absent where they stay there. */
  readonly secondTier?: SecondTierState | undefined;
}

export type Readiness = { readonly ready: true } | { readonly ready: false; readonly reason: string };

export interface SubmitResult {
  readonly txId: Uint8Array;
  /** 0 when it waits in the mempool now; other codes are listed in consensus/README.md. */
  readonly code: number;
  readonly codespace: string;
  readonly log: string;
  /** The refusal is temporary (mempool full, node not synchronised): sending it again later can succeed. */
  readonly temporary?: boolean;
}

export interface CommittedTransaction {
  readonly tx: Uint8Array;
  readonly height: number;
  /** Position in its block, from 0. */
  readonly index: number;
  /** Unix ms of its block. */
  readonly timeMs: number;
  readonly result: ExecTxResult;
}

export interface TransactionQuery {
  readonly by: "account" | "meter" | "height";
  readonly value: string;
  readonly limit: number;
  /** As answered in `next`; undefined starts with the newest. */
  readonly cursor: string | undefined;
}

export interface TransactionPage {
  readonly transactions: readonly { readonly txId: Uint8Array; readonly height: number; readonly index: number }[];
  readonly next: string | undefined;
}

export interface CommittedBlock {
  readonly block: Block;
  readonly blockId: BlockId;
  readonly sizeBytes: number;
}

/** An output as the transaction that created it says. */
export interface OutputView {
  readonly txId: Uint8Array;
  readonly outputIndex: number;
  readonly amountMwh: bigint;
  readonly lock: { readonly threshold: number; readonly accounts: readonly string[] };
}

export interface PeerView {
  readonly peerId: string;
  readonly addresses: readonly string[];
  readonly direction: "inbound" | "outbound";
  /** What the peer said of itself; undefined before its first status. */
  readonly role?: string;
  readonly height?: number;
}

export interface MempoolView {
  readonly txs: number;
  readonly bytes: number;
  readonly maxTxs: number;
  readonly maxBytes: number;
}

export type NodeEvent =
  | {
      readonly type: "block";
      readonly height: number;
      readonly hash: Uint8Array;
      readonly appHash: Uint8Array;
      readonly timeMs: number;
      readonly txs: number;
      readonly round: number;
    }
  | {
      readonly type: "tx";
      readonly txId: Uint8Array;
      readonly height: number;
      readonly index: number;
      readonly code: number;
      readonly codespace: string;
      readonly log: string;
    }
  | { readonly type: "status"; readonly status: NodeStatus };
