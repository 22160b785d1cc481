import { expect, test } from "vitest";
import { publicKeyOf, verifyVoteSignature } from "#storage/crypto/keys.ts";
import { stripTimestamp } from "#storage/db/signBytes.ts";
import { createSignState, openSignState } from "#storage/db/signState.ts";
import type { SimulatedFileSystem } from "#storage/db/simulatedFileSystem.ts";
import { createSimulatedFileSystem } from "#storage/db/simulatedFileSystem.ts";
import { NIL_BLOCK_ID } from "#storage/types/blockId.ts";
import { timestampFromMs } from "#storage/types/time.ts";
import type { Proposal, Vote } from "#storage/types/vote.ts";
import { voteSignBytes } from "#storage/types/vote.ts";
import { createSigner } from "./signer.ts";

const KEY = { type: "ed25519", bytes: new Uint8Array(32).fill(5) } as const;
const HASH = new Uint8Array(32).fill(9);
const BLOCK_ID = { hash: HASH, partSetHeader: { total: 1, hash: HASH } };

const PATH = "node/priv_validator_state.json";

const VOTE: Vote = {
  type: "prevote",
  height: 7,
  round: 2,
  blockId: BLOCK_ID,
  timestamp: timestampFromMs(1_700_000_000_000),
  validatorAddress: new Uint8Array(20),
  validatorIndex: 0,
  signature: new Uint8Array(0),
};

const PROPOSAL: Proposal = { ...VOTE, polRound: -1 };

test("a signature is good and recorded before it is returned", async () => {
  const { signer, disk } = open();
  const vote = await signer.signVote(VOTE);
  expect(vote && verifyVoteSignature(publicKeyOf(KEY), voteSignBytes(vote, "c"), vote.signature)).toBe(true);
  const { height, round, step } = openSignState({ fileSystem: disk, path: PATH, stripTimestamp }).last();
  expect([height, round, step]).toEqual([7, 2, 2]);
});

const LATER = timestampFromMs(1_700_000_123_456);
const CONFLICTS: readonly (readonly [string, Partial<Vote>])[] = [
  ["another block", { blockId: NIL_BLOCK_ID }],
  ["another block at another time", { blockId: NIL_BLOCK_ID, timestamp: LATER }],
  ["an earlier round", { round: 1 }],
  ["an earlier height", { height: 6, round: 9 }],
];

test.each(CONFLICTS)("%s is refused, also after a restart", async (_name, changes) => {
  const { signer, disk } = open();
  await signer.signVote(VOTE);
  expect(await signer.signVote({ ...VOTE, ...changes })).toBeUndefined();
  expect(await open(disk).signer.signVote({ ...VOTE, ...changes })).toBeUndefined();
});

test("the same vote at another time gets its first signature and timestamp again", async () => {
  for (const timestamp of [LATER, { seconds: 1n, nanos: 1 }, VOTE.timestamp]) {
    const { signer, disk } = open();
    const first = await signer.signVote(VOTE);
    expect(await signer.signVote({ ...VOTE, timestamp })).toEqual(first);
    const again = await open(disk).signer.signVote({ ...VOTE, timestamp });
    expect(again && { ...again, signature: Buffer.from(again.signature) }).toEqual(first);
  }
});

test("the same holds for proposals", async () => {
  const { signer } = open();
  const first = await signer.signProposal(PROPOSAL);
  expect(await signer.signProposal({ ...PROPOSAL, timestamp: LATER })).toEqual(first);
  expect(await signer.signProposal({ ...PROPOSAL, polRound: 1 })).toBeUndefined();
  expect(await signer.signProposal({ ...PROPOSAL, polRound: 1, timestamp: LATER })).toBeUndefined();
});

test("a sign state that cannot be written stops the node instead of signing", async () => {
  const { signer, disk } = open();
  disk.failNextSync();
  await expect(signer.signVote(VOTE)).rejects.toMatchObject({ code: "STORE_IO_FAILED" });
  await expect(signer.signVote(VOTE)).rejects.toMatchObject({ code: "SIGN_STATE_FAILED" });
});

test("steps go up: proposal, prevote, precommit, then the next round", async () => {
  const { signer } = open();
  expect(await signer.signProposal(PROPOSAL)).toBeDefined();
  expect(await signer.signVote(VOTE)).toBeDefined();
  expect(await signer.signProposal(PROPOSAL)).toBeUndefined();
  expect(await signer.signVote({ ...VOTE, type: "precommit" })).toBeDefined();
  expect(await signer.signVote(VOTE)).toBeUndefined();
  expect(await signer.signVote({ ...VOTE, round: 3 })).toBeDefined();
  expect(await signer.signVote({ ...VOTE, height: 8, round: 0 })).toBeDefined();
});

function open(disk = newDisk()) {
  const signState = openSignState({ fileSystem: disk, path: PATH, stripTimestamp });
  return { disk, signer: createSigner(KEY, "c", signState) };
}

function newDisk(): SimulatedFileSystem {
  const disk = createSimulatedFileSystem({ random: () => 0.5 });
  createSignState(disk, PATH);
  return disk;
}
