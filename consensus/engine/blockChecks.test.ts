import { beforeAll, expect, test } from "vitest";
import type { ChainState } from "#storage/db/chainState.ts";
import type { Block } from "#storage/types/block.ts";
import { dataHash } from "#storage/types/block.ts";
import { NIL_BLOCK_ID } from "#storage/types/blockId.ts";
import type { Commit } from "#storage/types/commit.ts";
import { ABSENT_COMMIT_SIG, hashCommit } from "#storage/types/commit.ts";
import { hashEvidenceList } from "#storage/types/evidence.ts";
import type { Header } from "#storage/types/header.ts";
import { addMs } from "#storage/types/time.ts";
import { checkBlock } from "./blockChecks.ts";
import { makeCommit, votesOfCommit } from "./commits.ts";
import { createTestNet } from "./testNet.ts";

let first: { block: Block; state: ChainState };
let good: { block: Block; state: ChainState };
const OTHER = new Uint8Array(32).fill(3);

beforeAll(async () => {
  const net = await createTestNet({ seed: 1, validators: 4 });
  for (const node of net.nodes) node.addTx("x");
  await net.runUntil(() => net.height() >= 3, 60_000);
  const at = (height: number) => {
    const record = net.nodes[0]?.disk.blocks.get(height)?.record;
    if (record === undefined) throw new TypeError("no such block");
    return { block: record.block, state: record.stateBefore };
  };
  first = at(1);
  good = at(3);
});

test("blocks of the chain are valid", () => {
  expect(checkBlock(first.block, first.state).accepted).toBe(true);
  expect(checkBlock(good.block, good.state).accepted).toBe(true);
});

const HEADER_CASES: readonly (readonly [string, (header: Header) => Partial<Header>])[] = [
  ["BLOCK_VERSION", () => ({ version: { block: 10n, app: 0n } })],
  ["BLOCK_VERSION", () => ({ version: { block: 11n, app: 1n } })],
  ["BLOCK_CHAIN_ID", () => ({ chainId: "other" })],
  ["BLOCK_HEIGHT", () => ({ height: 4 })],
  ["BLOCK_LAST_BLOCK_ID", () => ({ lastBlockId: NIL_BLOCK_ID })],
  ["BLOCK_APP_HASH", () => ({ appHash: OTHER })],
  ["BLOCK_CONSENSUS_HASH", () => ({ consensusHash: OTHER })],
  ["BLOCK_RESULTS_HASH", () => ({ lastResultsHash: OTHER })],
  ["BLOCK_VALIDATORS_HASH", () => ({ validatorsHash: OTHER })],
  ["BLOCK_NEXT_VALIDATORS_HASH", () => ({ nextValidatorsHash: OTHER })],
  ["BLOCK_LAST_COMMIT_HASH", () => ({ lastCommitHash: OTHER })],
  ["BLOCK_EVIDENCE_HASH", () => ({ evidenceHash: OTHER })],
  ["BLOCK_DATA_HASH", () => ({ dataHash: OTHER })],
  ["BLOCK_PROPOSER", () => ({ proposerAddress: new Uint8Array(20) })],
  ["BLOCK_TIME", ({ time }) => ({ time: addMs(time, 1) })],
];

test.each(HEADER_CASES)("%s", (code, change) => {
  const block = { ...good.block, header: { ...good.block.header, ...change(good.block.header) } };
  expect(checkBlock(block, good.state)).toMatchObject({ accepted: false, code });
});

test("a transaction added or left out shows in the data hash", () => {
  const txs = [Buffer.from("smuggled")];
  expect(checkBlock({ ...good.block, txs }, good.state)).toMatchObject({ code: "BLOCK_DATA_HASH" });
  const header = { ...good.block.header, dataHash: dataHash(txs) };
  expect(checkBlock({ ...good.block, header, txs }, good.state).accepted).toBe(true);
});

test("the first block has no commit before it and the genesis time", () => {
  const lastCommit = good.block.lastCommit;
  const header = { ...first.block.header, lastCommitHash: hashCommit(lastCommit) };
  expect(checkBlock({ ...first.block, header, lastCommit }, first.state)).toMatchObject({ code: "BLOCK_LAST_COMMIT" });
  const late = { ...first.block.header, time: addMs(first.block.header.time, 1) };
  expect(checkBlock({ ...first.block, header: late }, first.state)).toMatchObject({ code: "BLOCK_TIME" });
});

test("a commit is checked in full: one forged signature among enough good ones is found (false witness)", () => {
  const [one, ...rest] = good.block.lastCommit.signatures;
  if (one === undefined) throw new TypeError("no signature");
  const forged = { ...one, signature: new Uint8Array(64).fill(1) };
  expect(checkBlock(withCommit([forged, ...rest]), good.state)).toMatchObject({ code: "COMMIT_SIGNATURE_INVALID" });
});

test("a commit of two of four validators is not enough", () => {
  const signatures = good.block.lastCommit.signatures.map((sig, index) => (index < 2 ? ABSENT_COMMIT_SIG : sig));
  expect(checkBlock(withCommit(signatures), good.state)).toMatchObject({ code: "COMMIT_POWER_INSUFFICIENT" });
});

test("evidence beyond its limit is refused before its signatures are looked at", () => {
  const consensusParams = {
    ...good.state.consensusParams,
    evidence: { ...good.state.consensusParams.evidence, maxBytes: 1 },
  };
  const vote = {
    type: "prevote",
    height: 1,
    round: 0,
    blockId: NIL_BLOCK_ID,
    timestamp: good.block.header.time,
  } as const;
  const full = { ...vote, validatorAddress: new Uint8Array(20), validatorIndex: 0, signature: new Uint8Array(64) };
  const evidence = [
    {
      type: "duplicateVote",
      voteA: full,
      voteB: full,
      totalVotingPower: 1n,
      validatorPower: 1n,
      timestamp: vote.timestamp,
    },
  ] as const;
  const header = { ...good.block.header, evidenceHash: hashEvidenceList(evidence) };
  const verdict = checkBlock({ ...good.block, header, evidence }, { ...good.state, consensusParams });
  expect(verdict).toMatchObject({ code: "BLOCK_EVIDENCE_TOO_LARGE" });
});

test("a precommit for another block is left out of the commit we propose (Tendermint 0.33.6)", () => {
  const { lastCommit } = good.block;
  const validators = good.state.lastValidators;
  if (validators === undefined) throw new TypeError("no last validators");
  const votes = votesOfCommit(lastCommit, validators);
  const other = { hash: OTHER, partSetHeader: { total: 1, hash: OTHER } };
  const forOther = makeCommit(votes, other, lastCommit.height, lastCommit.round, validators);
  expect(forOther.signatures.map(({ blockIdFlag }) => blockIdFlag)).toEqual(["absent", "absent", "absent", "absent"]);
  expect(makeCommit(votes, lastCommit.blockId, lastCommit.height, lastCommit.round, validators)).toEqual(lastCommit);
});

function withCommit(signatures: Commit["signatures"]): Block {
  const lastCommit = { ...good.block.lastCommit, signatures };
  return { ...good.block, lastCommit, header: { ...good.block.header, lastCommitHash: hashCommit(lastCommit) } };
}
