import fc from "fast-check";
import { expect, test } from "vitest";
import { sign } from "#storage/crypto/keys.ts";
import { LedgerError } from "#storage/error.ts";
import { byteMutation, mutateBytes } from "#storage/fuzz/mutateBytes.ts";
import { mutateWire, wireMutation } from "#storage/fuzz/mutateWire.ts";
import { FUZZ_TIMEOUT_MS, fuzzAsync } from "#storage/fuzz/runs.ts";
import { decodeBlock } from "#storage/types/block.ts";
import { decodeCommit, encodeCommit } from "#storage/types/commit.ts";
import { hashHeader } from "#storage/types/header.ts";
import { makePartSet, PartSetBuilder } from "#storage/types/partSet.ts";
import { proposalSignBytes } from "#storage/types/proposal.ts";
import type { Proposal } from "#storage/types/vote.ts";
import { decodeMessage, encodeMessage } from "./messages.ts";
import type { StoredBlock } from "./ports.ts";
import { signedVote } from "./testFaults.ts";
import type { TestNet } from "./testNet.ts";
import { createTestNet } from "./testNet.ts";

/** The validator whose every message is sent changed beside the true one. */
const LIAR = 3;
const HONEST = [0, 1, 2];

/** Bytes before the protobuf of a message: the tag, and of a part its height and the root of its set. */
const PART_TAG = 3;
const prefixOf = (message: Uint8Array) => (message[0] === PART_TAG ? 41 : 1);

const change = fc.record({
  fields: fc.array(wireMutation, { maxLength: 3 }),
  bytes: fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, fc.array(byteMutation, { maxLength: 2 })),
  /** The liar signs what it changed: only so does it get past the first check. */
  isSigned: fc.boolean(),
});
type Change = typeof change extends fc.Arbitrary<infer T> ? T : never;

function changed(net: TestNet, message: Uint8Array, { fields, bytes, isSigned }: Change): Uint8Array {
  const prefix = prefixOf(message);
  const body = mutateWire(message.subarray(prefix), fields);
  const result = mutateBytes(Buffer.concat([message.subarray(0, prefix), body]), bytes);
  const decoded = decodeMessage(result);
  if (!isSigned || !("type" in decoded)) return result;
  if (decoded.type === "vote") return encodeMessage({ type: "vote", vote: signedVote(net, LIAR, decoded.vote) });
  if (decoded.type === "proposal")
    return encodeMessage({ type: "proposal", proposal: signedProposal(net, decoded.proposal) });
  return result;
}

function signedProposal(net: TestNet, proposal: Proposal): Proposal {
  const key = net.keys[LIAR];
  if (key === undefined) throw new TypeError("no such key");
  return { ...proposal, signature: sign(key, proposalSignBytes(proposal, net.genesis.chainId)) };
}

/** Every node but the liar runs, agrees with the others and blames nobody else; whoever sent what does not decode was reported each time. */
function expectHonestUnharmed(net: TestNet, malformed: readonly number[]): void {
  net.checkAgreement();
  for (const index of HONEST) {
    const node = net.nodes[index];
    expect(node?.isRunning).toBe(true);
    const reports = node?.reports ?? [];
    for (const { peer, code, reason } of reports) {
      expect([peer, reason]).toEqual([`n${LIAR}`, reason]);
      expect(code).toMatch(/^[A-Z_]+$/);
    }
    expect(reports.filter(({ code }) => code.startsWith("MESSAGE_"))).toHaveLength(malformed[index] ?? 0);
  }
}

test(
  "a validator that sends changed messages beside its own is reported, and the others go on",
  async () => {
    const changes = fc.record({ seed: fc.nat(), script: fc.array(change, { minLength: 10, maxLength: 40 }) });
    await fuzzAsync("messages to a running engine", changes, 18, async ({ seed, script }) => {
      const net = await createTestNet({ seed, validators: 4 });
      const malformed = [0, 0, 0];
      const honest = net.send;
      let turn = 0;
      net.send = (from, to, bytes) => {
        honest(from, to, bytes);
        if (from !== LIAR) return;
        const lie = changed(net, bytes, script[turn++ % script.length] as Change);
        if ("code" in decodeMessage(lie)) malformed[to] = (malformed[to] ?? 0) + 1;
        honest(from, to, lie);
      };
      for (const node of net.nodes) node.addTx("one");
      await net.runUntil(() => HONEST.every((index) => (net.nodes[index]?.height() ?? 0) >= 4), 120_000);
      // What is under way arrives, and is judged.
      net.send = honest;
      await net.run(1000);
      expect(turn).toBeGreaterThan(10);
      expectHonestUnharmed(net, malformed);
    });
  },
  FUZZ_TIMEOUT_MS,
);

/** The proposal and the parts of a changed block, under the liar's signature; a block that does not decode keeps the true block's hash. */
function forgedBlock(net: TestNet, proposal: Proposal, blockBytes: Uint8Array, change: Change): Uint8Array[] {
  const bytes = mutateBytes(mutateWire(blockBytes, change.fields), change.bytes);
  const { header, parts } = makePartSet(bytes.length === 0 ? Uint8Array.of(0) : bytes);
  const forged = { ...proposal, blockId: { hash: hashOf(bytes) ?? proposal.blockId.hash, partSetHeader: header } };
  return [
    encodeMessage({ type: "proposal", proposal: signedProposal(net, forged) }),
    ...parts.map((part) => encodeMessage({ type: "part", height: proposal.height, partSetHash: header.hash, part })),
  ];
}

function hashOf(blockBytes: Uint8Array): Uint8Array | undefined {
  try {
    const hash = hashHeader(decodeBlock(blockBytes).header);
    return hash.length === 32 ? hash : undefined;
  } catch (error) {
    if (error instanceof LedgerError) return undefined;
    throw error;
  }
}

test(
  "a proposer that sends changed blocks neither stops the others nor parts them",
  async () => {
    const changes = fc.record({ seed: fc.nat(), script: fc.array(change, { minLength: 1, maxLength: 8 }) });
    await fuzzAsync("proposed blocks", changes, 14, async ({ seed, script }) => {
      const net = await createTestNet({ seed, validators: 4 });
      const honest = net.send;
      /** By the root of the part set: the true proposal and what came of its block. */
      const held = new Map<string, { proposal: Proposal; parts: PartSetBuilder; sent: Set<number> }>();
      let forgeries = 0;
      net.send = (from, to, bytes) => {
        const message = decodeMessage(bytes);
        if (from !== LIAR || !("type" in message)) return honest(from, to, bytes);
        if (message.type === "proposal") {
          const { proposal } = message;
          const key = Buffer.from(proposal.blockId.partSetHeader.hash).toString("hex");
          if (!held.has(key))
            held.set(key, { proposal, parts: new PartSetBuilder(proposal.blockId.partSetHeader), sent: new Set() });
          return;
        }
        if (message.type !== "part") return honest(from, to, bytes);
        const own = held.get(Buffer.from(message.partSetHash).toString("hex"));
        // Parts of others' blocks, which it only passes on.
        if (own === undefined) return honest(from, to, bytes);
        own.parts.addPart(message.part);
        if (!own.parts.isComplete || own.sent.has(to)) return;
        own.sent.add(to);
        const forged = forgedBlock(
          net,
          own.proposal,
          own.parts.blockBytes(),
          script[forgeries++ % script.length] as Change,
        );
        for (const lie of forged) honest(from, to, lie);
      };
      await net.runUntil(() => HONEST.every((index) => (net.nodes[index]?.height() ?? 0) >= 5), 120_000);
      expect(forgeries).toBeGreaterThan(0);
      expectHonestUnharmed(net, [0, 0, 0]);
    });
  },
  FUZZ_TIMEOUT_MS,
);

test(
  "changed blocks in the answers to a node that catches up are refused, and it catches up from others",
  async () => {
    const changes = fc.record({
      seed: fc.nat(),
      script: fc.array(fc.record({ change, ofCommit: fc.boolean(), at: fc.nat(15) }), { minLength: 1, maxLength: 8 }),
    });
    await fuzzAsync("answered blocks", changes, 14, async ({ seed, script }) => {
      const net = await createTestNet({ seed, validators: 4, fullNodes: 1, late: [4] });
      await net.runUntil(() => (net.nodes[0]?.height() ?? 0) >= 8, 120_000);
      let turn = 0;
      net.falsifyBlocks = (from, _to, blocks) => {
        if (from !== LIAR) return blocks;
        const { change: lie, ofCommit, at } = script[turn++ % script.length] as (typeof script)[number];
        return blocks.map((block, index) =>
          index === at % blocks.length ? forgedAnswer(block, lie, ofCommit) : block,
        );
      };
      await net.nodes[4]?.start();
      await net.runUntil(() => (net.nodes[4]?.height() ?? 0) >= 8, 120_000);
      net.checkAgreement();
      for (const { peer } of net.nodes[4]?.reports ?? []) expect(peer).toBe(`n${LIAR}`);
    });
  },
  FUZZ_TIMEOUT_MS,
);

function forgedAnswer(block: StoredBlock, { fields, bytes }: Change, ofCommit: boolean): StoredBlock {
  if (!ofCommit) return { ...block, blockBytes: mutateBytes(mutateWire(block.blockBytes, fields), bytes) };
  try {
    return { ...block, commit: decodeCommit(mutateBytes(mutateWire(encodeCommit(block.commit), fields), bytes)) };
  } catch (error) {
    // The decoder of the answer has refused it before the engine sees it.
    if (error instanceof LedgerError) return block;
    throw error;
  }
}
