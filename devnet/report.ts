import type { EthereumReport } from "./netEthereum.ts";

/** The JSON object that `npm run devnet -- --json` ends with. Rates of readings are four different figures (DESIGN.md §7). */
export interface DevnetReport {
  /** True only if every node holds the same block hash and app hash at every height it has in common with another. */
  readonly agreement: boolean;
  readonly validators: number;
  readonly seconds: number;
  readonly firstBlockSeconds: number;
  /** Blocks every node has. */
  readonly blocks: number;
  readonly height: number;
  readonly transactions: { readonly sent: number; readonly finalised: number; readonly rejected: number };
  readonly readings: {
    readonly queued: number;
    readonly durable: number;
    readonly fingerprinted: number;
    readonly finalised: number;
  };
  /** Sent by a light node until that node held a verified header and Merkle path for it. */
  readonly finalitySeconds: { readonly p50: number; readonly p99: number };
  readonly light: readonly LightReport[];
  readonly full: readonly FullReport[];
  /** Absent with --no-ethereum. */
  readonly ethereum?: EthereumReport;
  /** Present with --data: what became of every row of the file. */
  readonly data?: DataReport;
}

export interface LightReport {
  readonly name: string;
  readonly headers: number;
  /** Bytes of header storage. */
  readonly bytes: number;
  readonly bytesPerBlock: number;
  readonly proofsVerified: number;
  readonly proofsFailed: number;
  readonly rssBytes: number;
}

export interface FullReport {
  readonly name: string;
  readonly role: string;
  /** Of CometBFT's RPC, while the net ran. */
  readonly rpcUrl: string;
  /** Of BigchainDB's interface, while the net ran. */
  readonly bigchainUrl: string;
  /** Bytes of blocks, commits and results on disk. */
  readonly blockBytes: number;
  readonly rssBytes: number;
  readonly restarts: number;
}

export interface DataReport {
  readonly file: string;
  readonly rows: number;
  readonly accepted: number;
  readonly duplicates: number;
  readonly rejected: Readonly<Record<string, number>>;
  /** Energy of the accepted rows, in Wh. */
  readonly fileWh: number;
  /** Energy of the finalised intervals, in Wh. */
  readonly finalisedWh: number;
}

/** The value below which `share` (0..1) of the sorted samples lie; 0 without samples. */
export function percentile(sorted: readonly number[], share: number): number {
  if (sorted.length === 0) return 0;
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}

export function sorted(samples: readonly number[]): readonly number[] {
  return [...samples].sort((a, b) => a - b);
}
