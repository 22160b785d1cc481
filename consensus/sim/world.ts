import type { Genesis } from "#storage/types/genesis.ts";
import type { SignatureCheck } from "#storage/types/transaction.ts";
import type { CheckTxRequest, CheckTxResponse } from "../abci.ts";
import type { StoredBlock } from "../engine/ports.ts";
import type { EffectCounter } from "./effects.ts";
import type { Invariants } from "./invariants.ts";
import type { Network } from "./network.ts";
import type { Plan } from "./plan.ts";
import type { Random } from "./random.ts";
import type { SimNode } from "./simNode.ts";
import type { Trace } from "./trace.ts";

/** As much of the node's mempool as the simulator touches; node/mempool.ts fits. */
export interface SimMempool {
  readonly stats: { readonly txs: number };
  addBatch(txs: readonly Uint8Array[], source?: { readonly peer?: string }): Promise<unknown>;
  reap(maxBytes: number): readonly Uint8Array[];
  lock(): void;
  unlock(): void;
  update(height: number, committed: readonly Uint8Array[]): Promise<void>;
}

export interface SimMempoolPorts {
  checkTx(request: CheckTxRequest): CheckTxResponse;
  prepareVerification(txs: readonly Uint8Array[]): Promise<void>;
  onAdded(txs: readonly Uint8Array[], source: { readonly peer?: string }): void;
}

/** What a run needs from outside: consensus/ has no clock and no event loop of its own, and the mempool belongs to node/. */
export interface SimPorts {
  /** Resolves when everything that promises have made ready is done (process.nextTick does). */
  settle(): Promise<void>;
  createMempool(ports: SimMempoolPorts): SimMempool;
}

/** One run: everybody in it, and what they share. */
export interface World {
  readonly plan: Plan;
  readonly genesis: Genesis;
  readonly trace: Trace;
  readonly network: Network;
  readonly invariants: Invariants;
  readonly effects: EffectCounter;
  readonly nodes: readonly SimNode[];
  readonly createMempool: SimPorts["createMempool"];
  /** Signatures of the clients' transactions, each checked once a process. */
  readonly verifyTxSignature: (check: SignatureCheck) => boolean;
  /** True time: milliseconds since the start, and since 1970. */
  nowMs(): number;
  wallMs(): number;
  schedule(delayMs: number, run: () => void): () => void;
  randomOf(label: string): Random;
  /** Puts a consensus message on the wire. */
  deliverConsensus(from: number, to: number, bytes: Uint8Array): void;
  requestBlocks(from: number, to: number, fromHeight: number, count: number): Promise<readonly StoredBlock[]>;
}
