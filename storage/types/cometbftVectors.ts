import { readFileSync } from "node:fs";
import type { PublicKey } from "../crypto/keys.ts";
import type { BlockId } from "./blockId.ts";
import type { Header } from "./header.ts";
import type { Timestamp } from "./time.ts";

/** The golden vectors that CometBFT's own Go code computed (storage/testdata/cometbft-emitter). Hex unless a name says otherwise. */
export interface CometBftVectors {
  readonly chainId: string;
  readonly headers: readonly { header: HeaderVector; bytes: string; hash: string }[];
  readonly votes: readonly { vote: VoteVector; publicKey: string; bytes: string; signBytes: string }[];
  readonly proposals: readonly { proposal: ProposalVector; publicKey: string; bytes: string; signBytes: string }[];
  readonly commits: readonly {
    bytes: string;
    hash: string;
    signBytes: readonly string[] | null;
    validatorSet: string;
    verifyCommit?: boolean;
  }[];
  readonly blocks: readonly {
    header: HeaderVector;
    txs: readonly { size: number; seed: number }[] | null;
    commit: string;
    evidence: readonly string[] | null;
    size: number;
    sha256: string;
    hash: string;
    partSetHeader: { total: number; hash: string };
    bytes?: string;
    lastPart: { size: number; sha256: string };
  }[];
  readonly validatorSets: readonly {
    initial: readonly ChangeVector[];
    start: SetVector;
    steps: readonly {
      increment?: number;
      updates?: readonly ChangeVector[] | null;
      accepted?: boolean;
      set: SetVector;
    }[];
  }[];
  readonly evidence: {
    duplicateVotes: readonly { bytes: string; hash: string }[];
    lightClientAttack: { bytes: string; hash: string };
    listBytes: string;
    listHash: string;
    validatorSet: string;
  };
  readonly results: readonly {
    results: readonly { code: number; data: string; gasWanted: string; gasUsed: string }[] | null;
    hash: string;
  }[];
  readonly params: readonly { maxBytes: number; maxGas: number; hash: string; bytes: string }[];
  readonly medianTimes: readonly { commit: string; validatorSet: string; medianNilCounted: TimeVector }[];
  readonly genesis: readonly { json: string; initialHeight: number; validators: number; validatorsHash?: string }[];
  readonly keyFiles: {
    seed: string;
    publicKey: string;
    address: string;
    privValidatorKey: string;
    nodeKey: string;
    nodeId: string;
  };
  readonly lightBlocks: readonly { bytes: string; hash: string; valid: boolean }[];
}

export interface TimeVector {
  readonly seconds: string;
  readonly nanos: number;
}

export interface BlockIdVector {
  readonly hash: string;
  readonly partSetHeader: { readonly total: number; readonly hash: string };
}

export interface VoteVector {
  readonly type: "prevote" | "precommit";
  readonly height: number;
  readonly round: number;
  readonly blockId: BlockIdVector;
  readonly timestamp: TimeVector;
  readonly validatorAddress: string;
  readonly validatorIndex: number;
  readonly signature: string;
}

export interface ProposalVector {
  readonly height: number;
  readonly round: number;
  readonly polRound: number;
  readonly blockId: BlockIdVector;
  readonly timestamp: TimeVector;
  readonly signature: string;
}

export interface ChangeVector {
  readonly type: "ed25519" | "secp256k1";
  readonly publicKey: string;
  readonly power: string;
}

export interface SetVector {
  readonly proposer: string;
  readonly total: string;
  readonly hash: string;
  readonly bytes: string;
}

export interface HeaderVector {
  readonly version: { readonly block: string; readonly app: string };
  readonly chainId: string;
  readonly height: number;
  readonly time: TimeVector;
  readonly lastBlockId: BlockIdVector;
  readonly [hash: string]: unknown;
}

export const cometBft: CometBftVectors = JSON.parse(
  readFileSync(new URL("../testdata/cometbft.json", import.meta.url), "utf8"),
);

export function fromHex(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, "hex"));
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

export function timeOf(vector: TimeVector): Timestamp {
  return { seconds: BigInt(vector.seconds), nanos: vector.nanos };
}

export function blockIdOf(vector: BlockIdVector): BlockId {
  const { total, hash } = vector.partSetHeader;
  return { hash: fromHex(vector.hash), partSetHeader: { total, hash: fromHex(hash) } };
}

export function changeOf(vector: ChangeVector): { publicKey: PublicKey; power: bigint } {
  return { publicKey: { type: vector.type, bytes: fromHex(vector.publicKey) }, power: BigInt(vector.power) };
}

export function headerOf(vector: HeaderVector): Header {
  const bytes = (name: string) => fromHex(vector[name] as string);
  return {
    version: { block: BigInt(vector.version.block), app: BigInt(vector.version.app) },
    chainId: vector.chainId,
    height: vector.height,
    time: timeOf(vector.time),
    lastBlockId: blockIdOf(vector.lastBlockId),
    lastCommitHash: bytes("lastCommitHash"),
    dataHash: bytes("dataHash"),
    validatorsHash: bytes("validatorsHash"),
    nextValidatorsHash: bytes("nextValidatorsHash"),
    consensusHash: bytes("consensusHash"),
    appHash: bytes("appHash"),
    lastResultsHash: bytes("lastResultsHash"),
    evidenceHash: bytes("evidenceHash"),
    proposerAddress: bytes("proposerAddress"),
  };
}

/** The emitter's transaction of `size` bytes: byte j is (31 j + seed) mod 256. */
export function patternTx({ size, seed }: { size: number; seed: number }): Uint8Array {
  return Uint8Array.from({ length: size }, (_, j) => (j * 31 + seed) & 0xff);
}
