import { expect, test } from "vitest";
import { sign } from "#storage/crypto/keys.ts";
import { makePartSet } from "#storage/types/partSet.ts";
import { proposalSignBytes } from "#storage/types/proposal.ts";
import type { Proposal } from "#storage/types/vote.ts";
import { encodeVote } from "#storage/types/vote.ts";
import { encodeMessage } from "./messages.ts";
import { signedVote, voteFor } from "./testFaults.ts";
import type { TestNet } from "./testNet.ts";
import { createTestNet } from "./testNet.ts";

const HASH = new Uint8Array(32).fill(7);
const BLOCK_ID = { hash: HASH, partSetHeader: { total: 1, hash: HASH } };

/** What node 0 sends to node 1, which waits at height 2, and how node 1 judges the last of it. */
const CASES: readonly { name: string; code: string | undefined; messages: (net: TestNet) => Uint8Array[] }[] = [
  { name: "an empty message", code: "MESSAGE_EMPTY", messages: () => [new Uint8Array(0)] },
  { name: "an unknown tag", code: "MESSAGE_TAG_UNKNOWN", messages: () => [Uint8Array.of(99, 1, 2)] },
  { name: "a vote of a megabyte", code: "MESSAGE_TOO_LARGE", messages: () => [new Uint8Array(1 << 20).fill(4)] },
  { name: "bytes that are no vote", code: "MESSAGE_MALFORMED", messages: () => [Uint8Array.of(4, 255, 255, 1)] },
  {
    name: "a vote with a byte behind it",
    code: "MESSAGE_MALFORMED",
    messages: (net) => [Buffer.concat([Uint8Array.of(4), encodeVote(voteFor(net, 0, 1, {})), Uint8Array.of(0)])],
  },
  {
    name: "a vote with an index outside the set (ASA-2024-011)",
    code: "VOTE_INDEX_OUT_OF_RANGE",
    messages: (net) => [vote(net, { validatorIndex: 4 })],
  },
  {
    name: "a vote under another validator's index (CSA-2026-001)",
    code: "VOTE_ADDRESS_MISMATCH",
    messages: (net) => [vote(net, { validatorIndex: (voteFor(net, 0, 1, {}).validatorIndex + 1) % 4 })],
  },
  {
    name: "a vote for half a block id",
    code: "VOTE_BLOCK_ID",
    messages: (net) => [vote(net, { blockId: { hash: HASH, partSetHeader: { total: 0, hash: new Uint8Array(0) } } })],
  },
  {
    name: "a vote signed by another key",
    code: "VOTE_SIGNATURE",
    messages: (net) => [encodeMessage({ type: "vote", vote: signedVote(net, 2, voteFor(net, 0, 1, {})) })],
  },
  {
    name: "a vote for another chain",
    code: "VOTE_SIGNATURE",
    messages: (net) => {
      const other = { ...net, genesis: { ...net.genesis, chainId: "other" } };
      return [encodeMessage({ type: "vote", vote: voteFor(other, 0, 1, {}) })];
    },
  },
  {
    name: "a vote of a height long past or far ahead, which a slow or fast peer may send",
    code: undefined,
    messages: (net) => [vote(net, { height: 1, type: "prevote" }), vote(net, { height: 99 })],
  },
  {
    name: "a proposal that is not the proposer's",
    code: "PROPOSAL_SIGNATURE",
    messages: (net) => [proposal(net, {}, (proposerIndex(net) + 1) % 4)],
  },
  {
    name: "a proposal resting on a polka that cannot have been",
    code: "PROPOSAL_POL_ROUND",
    messages: (net) => [proposal(net, { polRound: 0 })],
  },
  {
    name: "a proposal of more parts than a block may have (CometBFT #5324)",
    code: "PROPOSAL_TOO_LARGE",
    messages: (net) => [proposal(net, { blockId: { hash: HASH, partSetHeader: { total: 0xffff_ffff, hash: HASH } } })],
  },
  {
    name: "a part whose index is not its proof's (ASA-2025-002)",
    code: "PART_INDEX_MISMATCH",
    messages: (net) => {
      const { header, parts } = makePartSet(new Uint8Array(100_000));
      const [first, second] = parts;
      if (first === undefined || second === undefined) throw new TypeError("two parts");
      const part = { ...first, index: 1, bytes: second.bytes };
      return [
        proposal(net, { blockId: { hash: HASH, partSetHeader: header } }),
        encodeMessage({ type: "part", height: 2, partSetHash: header.hash, part }),
      ];
    },
  },
  {
    name: "a part that nobody asked for, which is only late",
    code: undefined,
    messages: () => {
      const { header, parts } = makePartSet(new Uint8Array(100));
      const [part] = parts;
      if (part === undefined) throw new TypeError("one part");
      return [encodeMessage({ type: "part", height: 2, partSetHash: header.hash, part })];
    },
  },
  {
    name: "a commit with too few signatures",
    code: "COMMIT_SIZE_MISMATCH",
    messages: () => [
      encodeMessage({ type: "commit", commit: { height: 2, round: 0, blockId: BLOCK_ID, signatures: [] } }),
    ],
  },
  {
    name: "a commit of forged signatures",
    code: "VOTE_SIGNATURE",
    messages: (net) => {
      const validators = net.nodes[1]?.disk.state?.validators.validators ?? [];
      const signatures = validators.map(({ address }) => ({
        blockIdFlag: "commit" as const,
        validatorAddress: address,
        timestamp: { seconds: 1_700_000_000n, nanos: 0 },
        signature: new Uint8Array(64).fill(1),
      }));
      return [encodeMessage({ type: "commit", commit: { height: 2, round: 0, blockId: BLOCK_ID, signatures } })];
    },
  },
  {
    name: "evidence with a forged vote",
    code: "EVIDENCE_SIGNATURE_INVALID",
    messages: (net) => [encodeMessage({ type: "evidence", evidence: evidenceOf(net, 2) })],
  },
  {
    name: "evidence of a height that has not been",
    code: undefined,
    messages: (net) => {
      const evidence = evidenceOf(net, 0);
      const votes = { voteA: { ...evidence.voteA, height: 99 }, voteB: { ...evidence.voteB, height: 99 } };
      return [encodeMessage({ type: "evidence", evidence: { ...evidence, ...votes } })];
    },
  },
];

test.each(CASES)("$name: $code", async ({ code, messages }) => {
  const engine = { createEmptyBlocks: false, emptyBlockIntervalMs: 0 };
  const net = await createTestNet({ seed: 1, validators: 4, engine });
  await net.run(3000);
  expect(net.height()).toBe(1);
  for (const message of messages(net)) {
    net.send(0, 1, message);
    await net.run(50);
  }
  const reports = net.nodes[1]?.reports.map((report) => [report.peer, report.code]) ?? [];
  expect(reports).toEqual(code === undefined ? [] : [["n0", code]]);
  for (const node of net.nodes) node.addTx("after all this");
  await net.runUntil(() => net.nodes.every((node) => node.app.committed.length === 1), 60_000);
});

test("true evidence from a peer is taken up and proposed", async () => {
  const net = await createTestNet({ seed: 2, validators: 4, engine: { createEmptyBlocks: false } });
  await net.run(3000);
  net.send(0, 1, encodeMessage({ type: "evidence", evidence: evidenceOf(net, 0) }));
  const reported = () => [...(net.nodes[3]?.disk.blocks.values() ?? [])].flatMap(({ record }) => record.block.evidence);
  await net.runUntil(() => reported().length === 1, 60_000);
});

test("a flood from one peer is dropped beyond the limit and does not keep the net from deciding", async () => {
  const net = await createTestNet({ seed: 3, validators: 4, engine: { maxQueuedBytesPerPeer: 4096 } });
  const flood = (): void => {
    for (let i = 0; i < 20; i++) net.send(0, 1, vote(net, { height: net.height() + 1, round: i * 1000 }));
    net.schedule(100, flood);
  };
  await net.runUntil(() => net.height() >= 1, 60_000);
  flood();
  await net.runUntil(() => net.height() >= 6, 60_000);
  net.checkAgreement();
});

function vote(net: TestNet, changes: Parameters<typeof voteFor>[3]): Uint8Array {
  return encodeMessage({ type: "vote", vote: voteFor(net, 0, 1, changes) });
}

function proposerIndex(net: TestNet): number {
  const proposer = net.nodes[1]?.disk.state?.validators.proposer.address ?? new Uint8Array(0);
  return net.genesis.validators.findIndex(({ address }) => Buffer.compare(address, proposer) === 0);
}

function proposal(net: TestNet, changes: Partial<Proposal>, by = proposerIndex(net)): Uint8Array {
  const unsigned: Proposal = {
    height: 2,
    round: 0,
    polRound: -1,
    blockId: BLOCK_ID,
    timestamp: { seconds: 1_700_000_000n, nanos: 0 },
    signature: new Uint8Array(0),
    ...changes,
  };
  const key = net.keys[by];
  if (key === undefined) throw new TypeError("no such key");
  const signature = sign(key, proposalSignBytes(unsigned, net.genesis.chainId));
  return encodeMessage({ type: "proposal", proposal: { ...unsigned, signature } });
}

/** Two precommits of validator 0 at height 1, the second signed by the key of node `signer`. */
function evidenceOf(net: TestNet, signer: number) {
  const record = net.nodes[1]?.disk.blocks.get(1)?.record;
  if (record === undefined) throw new TypeError("no block yet");
  const voteA = voteFor(net, 0, 1, { height: 1, round: 5, type: "precommit" });
  const voteB = signedVote(
    net,
    signer,
    voteFor(net, 0, 1, { height: 1, round: 5, type: "precommit", blockId: BLOCK_ID }),
  );
  const timestamp = record.block.header.time;
  return { type: "duplicateVote" as const, voteA, voteB, totalVotingPower: 4n, validatorPower: 1n, timestamp };
}
