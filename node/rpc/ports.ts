import type { CheckTxResponse, InfoResponse, QueryRequest, QueryResponse } from "#consensus/abci.ts";
import type { RoundState } from "#consensus/engine/roundState.ts";
import type { PublicKey } from "#storage/crypto/keys.ts";
import type { BlockResults } from "#storage/db/blockResults.ts";
import type { BlockMeta } from "#storage/db/blockStore.ts";
import type { ScannedAttribute, ScannedBlock, ScannedHeights, ScannedTx } from "#storage/db/indexScan.ts";
import type { TxPosition } from "#storage/db/txIndexKeys.ts";
import type { Verdict } from "#storage/error.ts";
import type { Block } from "#storage/types/block.ts";
import type { Commit } from "#storage/types/commit.ts";
import type { Evidence } from "#storage/types/evidence.ts";
import type { Genesis } from "#storage/types/genesis.ts";
import type { ConsensusParams } from "#storage/types/params.ts";
import type { ValidatorSet } from "#storage/types/validatorSet.ts";
import type { TxVerdict } from "../mempoolTypes.ts";
import type { ConnectedPeer, NodeInfo } from "./cometJson/nodeInfo.ts";
import type { PeerConsensus } from "./cometJson/roundState.ts";
import type { Happening } from "./happenings.ts";

/** Everything that the RPC asks of a node, whatever engine drives it. Heights that are not kept are answered by undefined. */
export interface RpcPorts {
  readonly genesis: Genesis;
  readonly node: NodePort;
  readonly chain: ChainPort;
  readonly index: IndexPort;
  readonly mempool: MempoolPort;
  readonly application: ApplicationPort;
  readonly consensus: ConsensusPort;
  /** Blocks and steps of consensus as they happen, in order. Returns what ends it. The listener does not throw. */
  readonly subscribe: (listener: (happening: Happening) => void) => () => void;
}

export interface NodePort {
  /** All but where the RPC listens, which it knows itself. */
  readonly info: () => Omit<NodeInfo, "rpcAddress">;
  /** The key that votes; of a node without one, the key that names it, which is in no validator set. */
  readonly publicKey: PublicKey;
  readonly isCatchingUp: () => boolean;
  /** Addresses at which peers reach this node. */
  readonly listeners: () => readonly string[];
  readonly peers: () => readonly ConnectedPeer[];
}

export interface ChainPort {
  /** Lowest height with header and commit, lowest and highest with a block; 0 before the first. */
  readonly headerBase: () => number;
  readonly base: () => number;
  readonly height: () => number;
  readonly block: (height: number) => Promise<Block | undefined>;
  readonly meta: (height: number) => Promise<BlockMeta | undefined>;
  readonly heightOfHash: (hash: Uint8Array) => Promise<number | undefined>;
  /** A commit that proves the block: for the last one as this node saw it, else as the next block has it. */
  readonly commit: (height: number) => Promise<Commit | undefined>;
  readonly results: (height: number) => Promise<BlockResults | undefined>;
  /** Up to the height after the one being decided. */
  readonly validators: (height: number) => Promise<ValidatorSet | undefined>;
  readonly consensusParams: (height: number) => Promise<ConsensusParams | undefined>;
}

export interface IndexPort {
  readonly findTx: (txId: Uint8Array) => Promise<TxPosition | undefined>;
  readonly scanTxs: (attribute: ScannedAttribute, heights: ScannedHeights) => AsyncIterable<ScannedTx>;
  readonly scanBlocks: (attribute: ScannedAttribute, heights: ScannedHeights) => AsyncIterable<ScannedBlock>;
  readonly scanPositions: (heights: ScannedHeights) => AsyncIterable<TxPosition>;
}

export interface MempoolPort {
  /** Checks the transaction and hands it to the network. */
  readonly add: (tx: Uint8Array) => Promise<TxVerdict>;
  /** In order of arrival. */
  readonly first: (count: number) => readonly Uint8Array[];
  readonly stats: () => { readonly txs: number; readonly bytes: number };
  readonly limits: { readonly maxTxs: number; readonly maxBytes: number };
}

export interface ApplicationPort {
  readonly info: () => InfoResponse;
  readonly query: (request: QueryRequest) => QueryResponse;
  /** What CheckTx would answer, without effect. */
  readonly checkTx: (tx: Uint8Array) => CheckTxResponse;
}

export interface ConsensusPort {
  /** Undefined before consensus has begun. */
  readonly roundState: () => RoundState | undefined;
  /** Who decides the height in progress. */
  readonly validators: () => ValidatorSet | undefined;
  readonly timeoutCommitMs: number;
  readonly peers: () => readonly PeerConsensus[];
  readonly addEvidence: (evidence: Evidence) => Promise<Verdict>;
}
