import { MAX_BLOCK_BYTES, MAX_TX_BYTES } from "#storage/limits.ts";
import { MAX_EVIDENCE_BYTES } from "#storage/types/evidence.ts";

/** Roles of nodes (DESIGN.md §6). */
export type NodeRole = "validator" | "full" | "light";

/** A request/response protocol: its limits hold on both ends. */
export interface RequestProtocol {
  readonly id: string;
  /** Bytes of one request. */
  readonly maxRequestBytes: number;
  /** Bytes of one answer, unless the asker allows less. */
  readonly maxResponseBytes: number;
  /** Requests of one peer per second, and at once. */
  readonly perSecond: number;
  readonly burst: number;
}

/** Bytes of several blocks in one answer: four full blocks of the default size. One larger block may exceed it alone. */
const BLOCKS_ANSWER_BYTES = Math.min(MAX_BLOCK_BYTES, 16 * 1024 * 1024);

export interface Protocols {
  /** Who are you: the handshake, and later how far you are. Its name has no chain id, so that a foreign chain gets an answer. */
  readonly status: RequestProtocol;
  /** Further peers, by address. */
  readonly peers: RequestProtocol;
  /** Blocks by height, for block sync. */
  readonly blocks: RequestProtocol;
  /** Light blocks by height: header, commit, validator set. */
  readonly light: RequestProtocol;
  /** Proofs: transaction to block, state entry to app hash. */
  readonly proof: RequestProtocol;
  /** Transactions of a light node that wants each one's verdict. */
  readonly submit: RequestProtocol;
  /** Evidence of an attack, from a light node that saw two signed chains. */
  readonly evidence: RequestProtocol;
  /** The direct consensus stream. */
  readonly consensus: string;
  readonly kademlia: string;
  readonly txsTopic: string;
  readonly headersTopic: string;
  readonly checkpointsTopic: string;
}

/** Every name the network uses on the wire. */
export function protocolsOf(chainId: string): Protocols {
  const of = (name: string) => `/edream/${chainId}/${name}/1`;
  return {
    status: { id: "/edream/status/1", maxRequestBytes: 8192, maxResponseBytes: 8192, perSecond: 5, burst: 20 },
    peers: { id: of("peers"), maxRequestBytes: 64, maxResponseBytes: 256 * 1024, perSecond: 1, burst: 10 },
    blocks: {
      id: of("blocks"),
      maxRequestBytes: 1024,
      maxResponseBytes: BLOCKS_ANSWER_BYTES,
      perSecond: 50,
      burst: 100,
    },
    light: { id: of("light"), maxRequestBytes: 1024, maxResponseBytes: 4 * 1024 * 1024, perSecond: 100, burst: 200 },
    proof: { id: of("proof"), maxRequestBytes: 4096, maxResponseBytes: 1024 * 1024, perSecond: 100, burst: 400 },
    submit: {
      id: of("submit"),
      maxRequestBytes: 2 * MAX_TX_BYTES,
      maxResponseBytes: 256 * 1024,
      perSecond: 50,
      burst: 200,
    },
    evidence: {
      id: of("evidence"),
      maxRequestBytes: MAX_EVIDENCE_BYTES,
      maxResponseBytes: 1024,
      perSecond: 1,
      burst: 10,
    },
    consensus: of("consensus"),
    kademlia: of("kad"),
    txsTopic: `edream/${chainId}/txs/1`,
    headersTopic: `edream/${chainId}/headers/1`,
    checkpointsTopic: `edream/${chainId}/checkpoints/1`,
  };
}
