import type { Logger } from "pino";
import type { LedgerApplication } from "#consensus/application/ledgerApplication.ts";
import type { CommittedBlock, Transition } from "#consensus/engine/ports.ts";
import type { RoundState } from "#consensus/engine/roundState.ts";
import type { PrivateKey } from "#storage/crypto/keys.ts";
import type { ChainState } from "#storage/db/chainState.ts";
import type { LedgerStore } from "#storage/db/ledgerStore.ts";
import type { Store } from "#storage/db/store.ts";
import type { Verdict } from "#storage/error.ts";
import type { Evidence } from "#storage/types/evidence.ts";
import type { Genesis } from "#storage/types/genesis.ts";
import type { Metrics } from "./api/metrics.ts";
import type { Mempool, TxSource } from "./mempoolTypes.ts";
import type { Network } from "./network/network.ts";
import type { NodeOptions } from "./options.ts";

/**
 * What puts transactions into blocks and has the application execute them: the engine within this process, or CometBFT beside it
 * (option `engine`). Everything else in a full node is the same with either.
 */
export interface ConsensusDriver {
  /** Of this validator's consensus key; undefined for a full node. */
  readonly validatorAddress: Uint8Array | undefined;
  /** Begins or goes on. @throws errors that end the node */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** The chain after the last block in the store; undefined before the first start of a new chain. */
  state(): ChainState | undefined;
  status(): DriverStatus;
  /** New in the mempool. */
  onTxs(txs: readonly Uint8Array[], source: TxSource): void;
  /** Evidence from outside consensus: a light node that saw two chains. */
  addEvidence(evidence: Evidence): Promise<Verdict>;
  /** Consensus messages and peers of libp2p; CometBFT has its own network. */
  receive(peer: string, bytes: Uint8Array): void;
  peerConnected(peer: string): void;
  peerDisconnected(peer: string): void;
  /** Votes and locks of the height being decided; undefined where CometBFT knows them. */
  roundState(): RoundState | undefined;
}

export interface DriverStatus {
  /** 0 where it is not known. */
  readonly round: number;
  readonly isCatchingUp: boolean;
  /** Heights that peers are deciding, and their rounds where they are known. */
  readonly peers: readonly { readonly peer: string; readonly height: number; readonly round?: number }[];
}

/** What a driver is made of. */
export interface DriverParts {
  readonly options: NodeOptions;
  readonly genesis: Genesis;
  readonly keys: { readonly node: PrivateKey; readonly validator: PrivateKey | undefined };
  /** Folder for what the driver keeps beside the store. */
  readonly data: string;
  readonly store: Store;
  readonly ledger: LedgerStore;
  readonly app: LedgerApplication;
  readonly mempool: Mempool;
  readonly network: Network;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** Has the signatures of these transactions checked on the worker threads, so that the application finds the verdicts. */
  verifyAhead(txs: readonly Uint8Array[]): Promise<void>;
  /** A block is in the store. */
  onBlock(committed: CommittedBlock): Promise<void>;
  /** A step of the state machine, for those who watch; CometBFT keeps its own to itself. */
  onTransition(transition: Transition): void;
  /** The node must end. */
  onFatal(error: unknown): void;
}
