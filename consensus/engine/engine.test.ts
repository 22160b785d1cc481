import { describe, expect, test } from "vitest";
import { compareTimestamps } from "#storage/types/time.ts";
import { signConflictingVotes } from "./testFaults.ts";
import type { TestNet, TestNetOptions } from "./testNet.ts";
import { createTestNet } from "./testNet.ts";

const MINUTE_MS = 60_000;

describe("a net of four validators", () => {
  test("agrees over twenty heights in round 0 and executes each transaction once", async () => {
    const net = await createTestNet({ seed: 1, validators: 4, fullNodes: 1 });
    addTxs(net, 30);
    await net.runUntil(() => net.height() >= 20, MINUTE_MS);
    net.checkAgreement();
    expectEachTxOnce(net, 30);
    const records = [...(net.nodes[4]?.disk.blocks.values() ?? [])].map(({ record }) => record);
    expect(records.map(({ seenCommit }) => seenCommit.round)).toEqual(records.map(() => 0));
    expect(net.nodes.flatMap((node) => node.reports)).toEqual([]);
  });

  test("proposers take turns, and block time grows by the median of the votes", async () => {
    const net = await createTestNet({ seed: 2, validators: 4 });
    await net.runUntil(() => net.height() >= 8, MINUTE_MS);
    const headers = [...(net.nodes[0]?.disk.blocks.values() ?? [])].map(({ record }) => record.block.header);
    const proposers = headers.slice(0, 8).map(({ proposerAddress }) => Buffer.from(proposerAddress).toString("hex"));
    expect(new Set(proposers.slice(0, 4)).size).toBe(4);
    expect(proposers.slice(4)).toEqual(proposers.slice(0, 4));
    for (const [i, header] of headers.slice(1).entries())
      expect(compareTimestamps(header.time, headers[i]?.time ?? header.time)).toBeGreaterThan(0);
  });

  test.each([3, 4, 5, 6])(
    "agrees while a fifth of all messages is lost and many are doubled (seed %i)",
    async (seed) => {
      const net = await createTestNet({ seed, validators: 4, fullNodes: 1 });
      Object.assign(net.faults, { dropRate: 0.2, duplicateRate: 0.1, delayMaxMs: 60 });
      addTxs(net, 10);
      await net.runUntil(() => net.height() >= 8, 5 * MINUTE_MS);
      net.checkAgreement();
      expectEachTxOnce(net, 10);
      expect(net.nodes.flatMap((node) => node.reports)).toEqual([]);
    },
  );

  test("goes on without one validator", async () => {
    const net = await createTestNet({ seed: 7, validators: 4, late: [2] });
    await net.runUntil(() => net.height() >= 6, MINUTE_MS);
    net.checkAgreement();
  });

  test("stops without a fork when two are down, and goes on when one is back", async () => {
    const net = await createTestNet({ seed: 8, validators: 4 });
    await net.runUntil(() => net.height() >= 3, MINUTE_MS);
    net.nodes[1]?.crash();
    net.nodes[3]?.crash();
    await net.run(2000);
    const stalled = net.height();
    await net.run(10_000);
    expect(net.height()).toBe(stalled);
    await net.nodes[3]?.start();
    await net.runUntil(() => net.height() >= stalled + 3, 2 * MINUTE_MS);
    net.checkAgreement();
  });

  test("a partition into halves decides nothing and heals", async () => {
    const net = await createTestNet({ seed: 9, validators: 4, fullNodes: 1 });
    await net.runUntil(() => net.height() >= 2, MINUTE_MS);
    net.partition([0, 1, 4], [2, 3]);
    await net.run(1000);
    const stalled = Math.max(...net.nodes.map((node) => node.height()));
    await net.run(10_000);
    expect(Math.max(...net.nodes.map((node) => node.height()))).toBe(stalled);
    net.partition();
    await net.runUntil(() => net.height() >= stalled + 3, 2 * MINUTE_MS);
    net.checkAgreement();
  });

  test("the minority of a partition catches up from the majority", async () => {
    const net = await createTestNet({ seed: 10, validators: 4 });
    net.partition([0, 1, 2], [3]);
    await net.runUntil(() => (net.nodes[0]?.height() ?? 0) >= 10, MINUTE_MS);
    expect(net.nodes[3]?.height()).toBe(0);
    net.partition();
    await net.runUntil(() => net.height() >= 15, MINUTE_MS);
    net.checkAgreement();
  });

  test("unequal powers: one validator with a third of the power stops the chain by itself", async () => {
    const net = await createTestNet({ seed: 11, validators: 4, powers: [3n, 2n, 2n, 2n], late: [0] });
    await net.run(5000);
    expect(net.height()).toBe(0);
    await net.nodes[0]?.start();
    await net.runUntil(() => net.height() >= 2, MINUTE_MS);
  });

  test("a single validator decides alone", async () => {
    const net = await createTestNet({ seed: 12, validators: 1, fullNodes: 1 });
    addTxs(net, 3);
    await net.runUntil(() => net.height() >= 5, MINUTE_MS);
    net.checkAgreement();
    expectEachTxOnce(net, 3);
  });

  test("a block of many parts reaches everybody, with loss", async () => {
    const net = await createTestNet({ seed: 13, validators: 4, fullNodes: 1 });
    net.faults.dropRate = 0.1;
    for (const node of net.nodes) for (let i = 0; i < 6; i++) node.addTx(`${i}`.repeat(100_000));
    await net.runUntil(() => net.nodes.every((node) => node.app.committed.length === 6), 5 * MINUTE_MS);
    net.checkAgreement();
  });
});

describe("empty blocks", () => {
  const quiet = { createEmptyBlocks: false, emptyBlockIntervalMs: 0 };

  test("are not made: the chain waits, decides a transaction, proves its app hash and waits again", async () => {
    const net = await createTestNet({ seed: 20, validators: 4, fullNodes: 1, engine: quiet });
    await net.run(10_000);
    // The first block of a chain is the proof of the genesis app hash.
    expect(net.height()).toBe(1);
    net.nodes[2]?.addTx("hello");
    net.nodes[0]?.addTx("hello");
    net.nodes[1]?.addTx("hello");
    net.nodes[3]?.addTx("hello");
    await net.run(10_000);
    expect(net.height()).toBe(3);
    const txs = [...(net.nodes[4]?.disk.blocks.values() ?? [])].map(({ record }) => record.block.txs.length);
    expect(txs).toEqual([0, 1, 0]);
  });

  test("a transaction that one node alone knows of is decided when that node's turn comes", async () => {
    const net = await createTestNet({ seed: 21, validators: 4, engine: quiet });
    await net.run(2000);
    net.nodes[2]?.addTx("mine");
    await net.runUntil(() => net.nodes.every((node) => node.app.committed.length === 1), MINUTE_MS);
  });

  test("the one that proves an urgent transaction does not wait for its time, and the next one does", async () => {
    const timeoutCommitMs = 5 * MINUTE_MS;
    const isUrgent: TestNetOptions["isUrgent"] = ({ txResults }) => txResults.length > 0;
    const net = await createTestNet({
      seed: 23,
      validators: 4,
      fullNodes: 1,
      engine: { ...quiet, timeoutCommitMs },
      isUrgent,
    });
    await net.run(2 * timeoutCommitMs);
    expect(net.height()).toBe(1);
    addTxs(net, 1);
    const askedMs = net.nowMs();
    await net.runUntil(() => net.height() >= 3, timeoutCommitMs);
    expect(net.nowMs() - askedMs).toBeLessThan(2000);
    net.nodes[0]?.addTx("later");
    for (const node of net.nodes) node.addTx("later");
    await net.run(timeoutCommitMs / 2);
    expect(net.height()).toBe(3);
    net.checkAgreement();
  });

  test("without one validator the proof of an urgent transaction waits for its time", async () => {
    const isUrgent: TestNetOptions["isUrgent"] = ({ txResults }) => txResults.length > 0;
    const engine = { ...quiet, timeoutCommitMs: MINUTE_MS };
    const net = await createTestNet({ seed: 24, validators: 4, engine, isUrgent, late: [2] });
    await net.run(2 * MINUTE_MS);
    addTxs(net, 1);
    await net.runUntil(() => net.height() >= 2, MINUTE_MS);
    await net.run(MINUTE_MS / 2);
    expect(net.height()).toBe(2);
    await net.runUntil(() => net.height() >= 3, 2 * MINUTE_MS);
  });

  test("the heartbeat makes one after the interval", async () => {
    const engine = { createEmptyBlocks: false, emptyBlockIntervalMs: 5000 };
    const net = await createTestNet({ seed: 22, validators: 4, engine });
    await net.run(21_000);
    expect(net.height()).toBeGreaterThanOrEqual(4);
    expect(net.height()).toBeLessThanOrEqual(6);
  });
});

describe("the application", () => {
  test("a validator set change at H takes effect at H + 2", async () => {
    const net = await createTestNet({ seed: 30, validators: 4, fullNodes: 1 });
    const [, , , , newcomer] = net.genesis.validators;
    expect(newcomer).toBeUndefined();
    const removed = net.genesis.validators[3];
    const text = `val ${Buffer.from(removed?.publicKey.bytes ?? []).toString("hex")} 0`;
    for (const node of net.nodes) node.addTx(text);
    await net.runUntil(() => net.height() >= 8, MINUTE_MS);
    const blocks = net.nodes[0]?.disk.blocks;
    const changed = [...(blocks ?? [])].find(([, { record }]) => record.block.txs.length > 0)?.[0] ?? 0;
    const sizeAt = (height: number) => blocks?.get(height)?.record.stateBefore.validators.validators.length;
    expect(changed).toBeGreaterThan(0);
    expect([sizeAt(changed), sizeAt(changed + 1), sizeAt(changed + 2)]).toEqual([4, 4, 3]);
    expect(blocks?.get(changed)?.record.stateAfter.lastHeightValidatorsChanged).toBe(changed + 2);
    net.checkAgreement();
  });

  test("a validator that joins votes from then on", async () => {
    const net = await createTestNet({ seed: 31, validators: 3, fullNodes: 0, late: [] });
    await net.runUntil(() => net.height() >= 2, MINUTE_MS);
    const joiner = await createTestNet({ seed: 31, validators: 4 });
    const hex = Buffer.from(joiner.genesis.validators[3]?.publicKey.bytes ?? []).toString("hex");
    for (const node of net.nodes) node.addTx(`val ${hex} 1`);
    await net.runUntil(() => net.height() >= 8, MINUTE_MS);
    const last = net.nodes[0]?.disk.state;
    expect(last?.validators.validators).toHaveLength(4);
    expect(last?.validators.totalVotingPower).toBe(4n);
    net.checkAgreement();
  });

  test("a proposer whose own application refuses its block proposes an empty one instead of stalling", async () => {
    const net = await createTestNet({ seed: 32, validators: 4 });
    for (const node of net.nodes) node.addTx("refuse");
    await net.runUntil(() => net.height() >= 5, MINUTE_MS);
    expect(net.nodes[0]?.app.committed).toEqual([]);
    const rounds = [...(net.nodes[0]?.disk.blocks.values() ?? [])].map(({ record }) => record.seenCommit.round);
    expect(Math.max(...rounds)).toBe(0);
  });
});

describe("a node that cannot go on stops", () => {
  test("when its application computes another state than the others, at the next block", async () => {
    const net = await createTestNet({ seed: 50, validators: 4 });
    const app = net.nodes[2]?.app;
    if (app === undefined) throw new TypeError("no app");
    const { finalizeBlock } = app;
    Object.assign(app, {
      finalizeBlock: (request: Parameters<typeof finalizeBlock>[0]) => ({
        ...finalizeBlock(request),
        appHash: new Uint8Array(32),
      }),
    });
    const stopped = net.runUntil(() => net.height() >= 10, MINUTE_MS);
    await expect(stopped).rejects.toMatchObject({
      details: { code: "EXECUTOR_BLOCK_INVALID", blockCode: "BLOCK_APP_HASH" },
    });
    expect(net.nodes[2]?.height()).toBe(1);
  });

  test("when executing fails, and says nothing any more", async () => {
    const net = await createTestNet({ seed: 51, validators: 4 });
    const [node] = net.nodes;
    if (node === undefined) throw new TypeError("no node");
    Object.assign(node.app, {
      commit() {
        throw new RangeError("disk on fire");
      },
    });
    await expect(net.runUntil(() => false, MINUTE_MS)).rejects.toThrow("disk on fire");
    node.failure = undefined;
    const sent = node.votesSent.size;
    await net.runUntil(() => Math.min(...net.nodes.slice(1).map((other) => other.height())) >= 5, MINUTE_MS);
    expect([node.votesSent.size, node.height()]).toEqual([sent, 0]);
  });
});

describe("an equivocating validator", () => {
  test("is reported in a block once, with the time and power of its height, and the chain goes on", async () => {
    const net = await createTestNet({ seed: 40, validators: 4 });
    await net.runUntil(() => net.height() >= 2, MINUTE_MS);
    signConflictingVotes(net, 3, "prevote", (height) => height >= 4 && height <= 8);
    const reported = () =>
      [...(net.nodes[0]?.disk.blocks.values() ?? [])].flatMap(({ record }) => record.block.evidence);
    await net.runUntil(() => reported().length > 0, MINUTE_MS);
    await net.run(5000);
    net.checkAgreement();
    const [evidence] = reported();
    if (evidence?.type !== "duplicateVote") throw new Error("no duplicate vote");
    expect(Buffer.from(net.genesis.validators[3]?.address ?? [])).toEqual(Buffer.from(evidence.voteA.validatorAddress));
    const block = net.nodes[0]?.disk.blocks.get(evidence.voteA.height)?.record.block;
    expect(evidence.timestamp).toEqual(block?.header.time);
    expect([evidence.validatorPower, evidence.totalVotingPower]).toEqual([1n, 4n]);
    const keys = reported().map(
      (entry) => entry.type === "duplicateVote" && `${entry.voteA.height} ${entry.voteA.round}`,
    );
    expect(new Set(keys).size).toBe(keys.length);
  });

  test("cannot split the others by precommitting nil to one and the block to the rest", async () => {
    const net = await createTestNet({ seed: 41, validators: 4 });
    signConflictingVotes(net, 3, "precommit", () => true);
    await net.runUntil(() => Math.min(...[0, 1, 2].map((i) => net.nodes[i]?.height() ?? 0)) >= 10, 2 * MINUTE_MS);
    net.checkAgreement();
  });
});

function addTxs(net: TestNet, count: number): void {
  for (let i = 0; i < count; i++) for (const node of net.nodes) node.addTx(`tx ${i}`);
}

function expectEachTxOnce(net: TestNet, count: number): void {
  for (const { app, disk } of net.nodes) {
    expect(new Set(app.committed).size).toBe(app.committed.length);
    const inBlocks = [...disk.blocks.values()].flatMap(({ record }) =>
      record.block.txs.map((tx) => Buffer.from(tx).toString()),
    );
    expect(inBlocks).toEqual(app.committed);
  }
  expect(Math.max(...net.nodes.map(({ app }) => app.committed.length))).toBe(count);
}
