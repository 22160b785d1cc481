import { beforeAll, expect, test } from "vitest";
import type { ChainState } from "#storage/db/chainState.ts";
import type { CommittedEvidence } from "#storage/db/committedEvidence.ts";
import { makeDuplicateVoteEvidence } from "#storage/types/duplicateVote.ts";
import type { DuplicateVoteEvidence, Evidence } from "#storage/types/evidence.ts";
import { hashEvidence } from "#storage/types/evidence.ts";
import { addMs } from "#storage/types/time.ts";
import type { EvidencePool } from "./evidencePool.ts";
import { createEvidencePool, isExpiredEvidence } from "./evidencePool.ts";
import { voteFor } from "./testFaults.ts";
import type { TestNet } from "./testNet.ts";
import { createTestNet } from "./testNet.ts";
import { validatorsAt } from "./testNode.ts";

let net: TestNet;
let state: ChainState;

beforeAll(async () => {
  net = await createTestNet({ seed: 1, validators: 4 });
  await net.runUntil(() => net.height() >= 4, 60_000);
  const record = net.nodes[0]?.disk.blocks.get(4)?.record;
  if (record === undefined) throw new TypeError("no block");
  state = record.stateAfter;
});

test("evidence is verified, kept, proposed, and gone once committed", async () => {
  const pool = open();
  const evidence = evidenceAt(2);
  expect(await pool.add(evidence, state)).toMatchObject({ accepted: true });
  expect(pool.pending(10_000)).toEqual([evidence]);
  expect(pool.pending(10)).toEqual([]);
  expect((await pool.check([evidence], state)).accepted).toBe(true);
  await pool.update([evidence], state, state);
  expect(pool.pending(10_000)).toEqual([]);
  expect(await pool.check([evidence], state)).toMatchObject({ code: "EVIDENCE_COMMITTED" });
});

test("evidence committed before a restart is not accepted in a block again", async () => {
  const evidence = evidenceAt(2);
  const pool = open([{ hash: hashEvidence(evidence), height: 2, time: evidence.timestamp }]);
  expect(await pool.check([evidence], state)).toMatchObject({ code: "EVIDENCE_COMMITTED" });
});

test("the same evidence twice in one block", async () => {
  const evidence = evidenceAt(2);
  expect(await open().check([evidence, evidence], state)).toMatchObject({ code: "EVIDENCE_DUPLICATE" });
});

test("the time and the power come from the chain, not from the evidence (CVE-2021-21271)", async () => {
  const evidence = evidenceAt(2);
  const wrongTime = { ...evidence, timestamp: addMs(evidence.timestamp, 1) };
  expect(await open().add(wrongTime, state)).toMatchObject({ code: "EVIDENCE_TIME_MISMATCH" });
  const wrongPower = { ...evidence, validatorPower: 2n };
  expect(await open().add(wrongPower, state)).toMatchObject({ code: "EVIDENCE_POWER_MISMATCH" });
});

test("heights to come, heights not kept, and an attack by the block that is ours, are refused", async () => {
  const evidence = evidenceAt(2);
  const at = (height: number) => ({
    ...evidence,
    voteA: { ...evidence.voteA, height },
    voteB: { ...evidence.voteB, height },
  });
  expect(await open().add(at(5), state)).toMatchObject({ code: "EVIDENCE_FUTURE" });
  expect(await open().add(at(0), state)).toMatchObject({ code: "EVIDENCE_UNKNOWN_HEIGHT" });
  const record = net.nodes[0]?.disk.blocks.get(2)?.record;
  if (record === undefined) throw new TypeError("no block");
  const signedHeader = { header: record.block.header, commit: record.seenCommit };
  const attack: Evidence = {
    type: "lightClientAttack",
    conflictingBlock: { signedHeader, validatorSet: record.stateBefore.validators },
    commonHeight: 1,
    byzantineValidators: [],
    totalVotingPower: 4n,
    timestamp: evidence.timestamp,
  };
  expect(await open().check([attack], state)).toMatchObject({ code: "EVIDENCE_BLOCK_MISMATCH" });
});

test("evidence expires when it is too old by blocks and by time, not by one of them", () => {
  const params = { maxAgeNumBlocks: 10, maxAgeDurationMs: 1000, maxBytes: 0 };
  const time = state.lastBlockTime;
  const after = (blocks: number, ms: number) => ({ height: 1 + blocks, time: addMs(time, ms) });
  expect(isExpiredEvidence(1, time, after(10, 2000), params)).toBe(false);
  expect(isExpiredEvidence(1, time, after(20, 1000), params)).toBe(false);
  expect(isExpiredEvidence(1, time, after(11, 1001), params)).toBe(true);
});

test("expired evidence is neither accepted nor kept", async () => {
  const evidence = evidenceAt(2);
  const old: ChainState = {
    ...state,
    lastBlockHeight: 1_000_000,
    lastBlockTime: addMs(state.lastBlockTime, 1e12),
  };
  const pool = open();
  expect(await pool.add(evidence, old)).toMatchObject({ code: "EVIDENCE_EXPIRED" });
  await pool.add(evidence, state);
  await pool.update([], state, old);
  expect(pool.pending(10_000)).toEqual([]);
});

test("conflicting votes wait for the block of their height, whose time and powers they then carry", async () => {
  const pool = open();
  const evidence = evidenceAt(4);
  pool.addConflict(evidence.voteA, evidence.voteB);
  const before = net.nodes[0]?.disk.blocks.get(4)?.record.stateBefore;
  if (before === undefined) throw new TypeError("no block");
  expect(await pool.update([], before, { ...before, lastBlockHeight: 3 })).toEqual([]);
  expect(await pool.update([], before, state)).toEqual([evidence]);
  expect(pool.pending(10_000)).toEqual([evidence]);
});

function open(known: readonly CommittedEvidence[] = []): EvidencePool {
  const disk = net.nodes[0]?.disk;
  if (disk === undefined) throw new TypeError("no node");
  const ports = {
    chainId: net.genesis.chainId,
    loadValidators: async (height: number) => validatorsAt(disk, height),
    loadBlockTime: async (height: number) => disk.blocks.get(height)?.record.block.header.time,
    loadSignedHeader: async (height: number) => {
      const record = disk.blocks.get(height)?.record;
      return record && { header: record.block.header, commit: record.seenCommit };
    },
  };
  return createEvidencePool(ports, known);
}

function evidenceAt(height: number): DuplicateVoteEvidence {
  const record = net.nodes[0]?.disk.blocks.get(height)?.record;
  if (record === undefined) throw new TypeError("no block");
  const voteA = voteFor(net, 2, 0, { height, round: 3 });
  const voteB = voteFor(net, 2, 0, { height, round: 3, blockId: record.blockId });
  return makeDuplicateVoteEvidence(voteA, voteB, record.block.header.time, record.stateBefore.validators);
}
