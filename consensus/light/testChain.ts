import { type PrivateKey, publicKeyOf, sign } from "#storage/crypto/keys.ts";
import { dataHash } from "#storage/types/block.ts";
import type { BlockId } from "#storage/types/blockId.ts";
import { ABSENT_COMMIT_SIG, type Commit, EMPTY_COMMIT, hashCommit } from "#storage/types/commit.ts";
import { BLOCK_PROTOCOL, type Header, hashHeader } from "#storage/types/header.ts";
import type { LightBlock } from "#storage/types/lightBlock.ts";
import { DEFAULT_CONSENSUS_PARAMS, hashConsensusParams } from "#storage/types/params.ts";
import { timestampFromMs } from "#storage/types/time.ts";
import { hashValidatorSet, newValidatorSet, type ValidatorSet } from "#storage/types/validatorSet.ts";
import { voteSignBytes } from "#storage/types/vote.ts";

/** A chain of signed light blocks for tests: everything follows from the options, nothing from a clock or from chance. */
export interface TestChain {
  readonly chainId: string;
  /** Height of the last block. */
  readonly height: number;
  /** The block at `height`; 0 is the last one. Throws RangeError when there is none. */
  lightBlock(height: number): LightBlock;
  /** Adds a block and returns it. */
  append(step?: TestStep): LightBlock;
  /** A chain with the same blocks up to `height`, which goes its own way from there. */
  fork(height: number): TestChain;
}

export interface TestStep {
  /** Validators from the NEXT block on: key number → power. Absent: unchanged. */
  readonly nextPowers?: Readonly<Record<number, number>>;
  readonly appHash?: Uint8Array;
  readonly txs?: readonly Uint8Array[];
  /** Time since the block before. */
  readonly intervalMs?: number;
  /** Key numbers that do not sign. */
  readonly absent?: readonly number[];
  /** Spoils the header before it is signed. */
  readonly change?: Partial<Header>;
}

export interface TestChainOptions {
  readonly chainId?: string;
  readonly initialPowers?: Readonly<Record<number, number>>;
  readonly startMs?: number;
  readonly intervalMs?: number;
}

/** Key number `index`, the same in every test chain. */
export function testKey(index: number): PrivateKey {
  const bytes = new Uint8Array(32).fill(0xa0);
  new DataView(bytes.buffer).setUint32(0, index);
  return { type: "ed25519", bytes };
}

export function testValidatorSet(powers: Readonly<Record<number, number>>): ValidatorSet {
  return newValidatorSet(
    Object.entries(powers).map(([index, power]) => ({
      publicKey: publicKeyOf(testKey(Number(index))),
      power: BigInt(power),
    })),
  );
}

/** Signs a header with the keys of `powers`, except those listed as absent. */
export function signTestHeader(
  header: Header,
  powers: Readonly<Record<number, number>>,
  absent: readonly number[] = [],
): LightBlock {
  const validatorSet = testValidatorSet(powers);
  const keys = new Map(
    Object.keys(powers).map((index) => {
      const key = testKey(Number(index));
      return [hexOf(publicKeyOf(key).bytes), { key, index: Number(index) }];
    }),
  );
  const blockId: BlockId = {
    hash: hashHeader(header),
    partSetHeader: { total: 1, hash: dataHash([hashHeader(header)]) },
  };
  const { height } = header;
  const signatures = validatorSet.validators.map((validator) => {
    const signer = keys.get(hexOf(validator.publicKey.bytes));
    if (signer === undefined || absent.includes(signer.index)) return ABSENT_COMMIT_SIG;
    const message = voteSignBytes(
      { type: "precommit", height, round: 0, blockId, timestamp: header.time },
      header.chainId,
    );
    return {
      blockIdFlag: "commit" as const,
      validatorAddress: validator.address,
      timestamp: header.time,
      signature: sign(signer.key, message),
    };
  });
  const commit: Commit = { height, round: 0, blockId, signatures };
  return { signedHeader: { header, commit }, validatorSet };
}

export function createTestChain(options: TestChainOptions = {}): TestChain {
  const { chainId = "test-chain", initialPowers = { 0: 10, 1: 10, 2: 10, 3: 10 } } = options;
  const { startMs = 1_700_000_000_000, intervalMs = 1_000 } = options;
  return chainFrom({ chainId, startMs, intervalMs, blocks: [], powers: [initialPowers] });
}

interface ChainState {
  readonly chainId: string;
  readonly startMs: number;
  readonly intervalMs: number;
  readonly blocks: LightBlock[];
  /** powers[h - 1] are those of height h; one entry longer than blocks. */
  readonly powers: Readonly<Record<number, number>>[];
}

function chainFrom(state: ChainState): TestChain {
  const { blocks, powers } = state;
  return {
    chainId: state.chainId,
    get height() {
      return blocks.length;
    },
    lightBlock(height) {
      const block = blocks[(height === 0 ? blocks.length : height) - 1];
      if (block === undefined) throw new RangeError(`no block at height ${height}`);
      return block;
    },
    append(step = {}) {
      const current = powers[blocks.length] as Readonly<Record<number, number>>;
      const next = step.nextPowers ?? current;
      const block = signTestHeader(nextHeader(state, step, current, next), current, step.absent);
      blocks.push(block);
      powers.push(next);
      return block;
    },
    fork(height) {
      return chainFrom({ ...state, blocks: blocks.slice(0, height), powers: powers.slice(0, height + 1) });
    },
  };
}

function nextHeader(
  state: ChainState,
  step: TestStep,
  current: Readonly<Record<number, number>>,
  next: Readonly<Record<number, number>>,
): Header {
  const last = state.blocks.at(-1)?.signedHeader;
  const set = testValidatorSet(current);
  const lastMs =
    last === undefined
      ? state.startMs - state.intervalMs
      : Number(last.header.time.seconds) * 1000 + last.header.time.nanos / 1e6;
  const empty = dataHash([]);
  return {
    version: { block: BLOCK_PROTOCOL, app: 1n },
    chainId: state.chainId,
    height: state.blocks.length + 1,
    time: timestampFromMs(lastMs + (step.intervalMs ?? state.intervalMs)),
    lastBlockId: last?.commit.blockId ?? EMPTY_COMMIT.blockId,
    lastCommitHash: hashCommit(last?.commit ?? EMPTY_COMMIT),
    dataHash: dataHash(step.txs ?? []),
    validatorsHash: hashValidatorSet(set),
    nextValidatorsHash: hashValidatorSet(testValidatorSet(next)),
    consensusHash: hashConsensusParams(DEFAULT_CONSENSUS_PARAMS),
    appHash: step.appHash ?? last?.header.appHash ?? new Uint8Array(32).fill(1),
    lastResultsHash: empty,
    evidenceHash: empty,
    proposerAddress: (set.validators[state.blocks.length % set.validators.length] as ValidatorSet["proposer"]).address,
    ...step.change,
  };
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
