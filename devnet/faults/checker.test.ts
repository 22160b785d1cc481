import { expect, test } from "vitest";
import { createTestChain } from "#consensus/light/testChain.ts";
import { protocolsOf } from "#node/network/protocols.ts";
import { decodeHeightRange, encodeStoredBlocks } from "#node/serve/messages.ts";
import { encodeBlock, txId } from "#storage/types/block.ts";
import type { Vote } from "#storage/types/vote.ts";
import { checkChains } from "./checker.ts";
import { createVoteNotes } from "./voteWatch.ts";

const tx = (byte: number) => Uint8Array.of(byte, byte);
const id = (byte: number) => Buffer.from(txId(tx(byte))).toString("hex");

/** Validators by name, each with the transactions of its blocks. */
function networkOf(chains: Readonly<Record<string, readonly (readonly number[])[]>>) {
  const stored = Object.fromEntries(
    Object.entries(chains).map(([name, blocks]) => {
      const chain = createTestChain();
      const list = blocks.map((bytes) => {
        const txs = bytes.map(tx);
        const { header, commit } = chain.append({ txs }).signedHeader;
        return { blockBytes: encodeBlock({ header, txs, evidence: [], lastCommit: commit }), commit };
      });
      return [name, list];
    }),
  );
  return {
    protocols: protocolsOf("test-chain"),
    async request(peer: string, _protocol: unknown, bytes: Uint8Array) {
      const { from } = decodeHeightRange(bytes);
      return encodeStoredBlocks((stored[peer] ?? []).slice(from - 1, from + 1));
    },
  };
}

const check = (chains: Parameters<typeof networkOf>[0], acknowledged: readonly number[]) =>
  checkChains(networkOf(chains), Object.keys(chains), new Set(acknowledged.map(id)));

test("equal chains that hold everything acknowledged once are in order", async () => {
  const blocks = [[1], [], [2, 3], [4]];
  expect(await check({ a: blocks, b: blocks.slice(0, 3) }, [1, 2, 3])).toEqual({
    height: 3,
    forks: [],
    lost: [],
    repeated: [],
    txs: 3,
  });
});

test("a lost, a repeated and a forked transaction are each found", async () => {
  expect(await check({ a: [[1], [2]], b: [[1], [2]] }, [1, 2, 9])).toMatchObject({ lost: [id(9)] });
  expect(await check({ a: [[1], [1, 2]], b: [[1], [1, 2]] }, [1])).toMatchObject({ repeated: [id(1)] });
  expect((await check({ a: [[1], [2]], b: [[1], [3]] }, [1])).forks).toEqual([2]);
});

test("a validator that signs two blocks, or one block at two times, is found; one that repeats its vote is not", () => {
  const notes = createVoteNotes("test-chain");
  const vote: Vote = {
    type: "prevote",
    height: 5,
    round: 0,
    blockId: { hash: new Uint8Array(32).fill(1), partSetHeader: { total: 1, hash: new Uint8Array(32).fill(2) } },
    timestamp: { seconds: 1n, nanos: 0 },
    validatorAddress: new Uint8Array(20).fill(3),
    validatorIndex: 0,
    signature: new Uint8Array(64),
  };
  notes.note(vote);
  notes.note({ ...vote, signature: new Uint8Array(64).fill(1) });
  notes.note({ ...vote, round: 1 });
  notes.note({ ...vote, type: "precommit" });
  expect([notes.seen, notes.doubleSigned]).toEqual([3, []]);
  notes.note({ ...vote, timestamp: { seconds: 2n, nanos: 0 } });
  notes.note({
    ...vote,
    round: 1,
    blockId: { hash: new Uint8Array(0), partSetHeader: { total: 0, hash: new Uint8Array(0) } },
  });
  expect(notes.doubleSigned).toMatchObject([
    { height: 5, round: 0, type: "prevote" },
    { height: 5, round: 1 },
  ]);
});
