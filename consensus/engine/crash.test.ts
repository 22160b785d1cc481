import { expect, test } from "vitest";
import type { TestNet } from "./testNet.ts";
import { createTestNet } from "./testNet.ts";

const MINUTE_MS = 60_000;

test.each([1, 2, 3, 4, 5, 6, 7, 8])(
  "nodes that die at any disk operation come back, never sign twice and lose nothing (seed %i)",
  async (seed) => {
    const net = await createTestNet({ seed, validators: 4, fullNodes: 1 });
    Object.assign(net.faults, { dropRate: 0.05, delayMaxMs: 30 });
    net.crashRate = 0.03;
    keepAlive(net, 1000);
    for (let i = 0; i < 10; i++) for (const node of net.nodes) node.addTx(`tx ${i}`);
    const deaths = () => net.nodes.reduce((sum, node) => sum + node.deaths, 0);
    const lowest = () => Math.min(...net.nodes.map((node) => node.height()));
    await net.runUntil(() => lowest() >= 10 && deaths() >= 8, 30 * MINUTE_MS);
    net.checkAgreement();
    for (const { app } of net.nodes) expect(new Set(app.committed).size).toBe(app.committed.length);
    // Votes that left a node are checked one by one as they leave (testNode.ts); a signature given twice would have thrown.
    expect(net.nodes[0]?.votesSent.size).toBeGreaterThan(10);
  },
);

test("all validators dying together after they locked a block decide that block and no other", async () => {
  for (let seed = 100; seed < 112; seed++) {
    const net = await createTestNet({ seed, validators: 4 });
    await net.runUntil(() => net.height() >= 2, MINUTE_MS);
    // Somewhere within a height, by seed.
    await net.run(60 + 7 * (seed - 100));
    for (const node of net.nodes) node.crash();
    for (const node of net.nodes) await node.start();
    const before = Math.max(...net.nodes.map((node) => node.height()));
    await net.runUntil(() => net.height() >= before + 2, MINUTE_MS);
    net.checkAgreement();
  }
});

test("a validator that restarts in the middle of a height remembers its lock from the write-ahead log", async () => {
  const net = await createTestNet({ seed: 50, validators: 4 });
  await net.runUntil(() => net.height() >= 2, MINUTE_MS);
  // Nobody's precommit arrives: all lock, none decides.
  const send = net.send;
  net.send = (from, to, bytes) => {
    if (!isPrecommit(bytes)) send(from, to, bytes);
  };
  await net.runUntil(() => net.nodes.every((node) => node.engine?.status().step === "precommit"), MINUTE_MS);
  const locked = [...(net.nodes[0]?.votesSent ?? [])].findLast(([step]) => step.endsWith("precommit"))?.[1];
  for (const node of net.nodes) node.crash();
  for (const node of net.nodes) await node.start();
  expect(net.nodes.map((node) => node.engine?.status().step)).toEqual(net.nodes.map(() => "precommit"));
  net.send = send;
  await net.runUntil(() => net.height() >= 4, MINUTE_MS);
  const decided = net.nodes[0]?.disk.blocks.get(3)?.record.blockId.hash ?? new Uint8Array(0);
  expect(locked?.startsWith(Buffer.from(decided).toString("latin1"))).toBe(true);
});

test("dying between storing a block and marking it in the log neither repeats nor loses it", async () => {
  const net = await createTestNet({ seed: 60, validators: 1 });
  const [node] = net.nodes;
  node?.addTx("once");
  await net.runUntil(() => net.height() >= 1, MINUTE_MS);
  if (node === undefined) throw new TypeError("no node");
  for (let i = 0; i < 5; i++) {
    node.diesBeforeMark = true;
    await net.runUntil(() => !node.isRunning, MINUTE_MS);
    node.diesBeforeMark = false;
    const before = node.height();
    await node.start();
    await net.runUntil(() => net.height() > before, MINUTE_MS);
  }
  expect(node.app.committed).toEqual(["once"]);
});

/** Every node that is down starts again after `delayMs`. */
function keepAlive(net: TestNet, delayMs: number): void {
  const revive = (): void => {
    for (const node of net.nodes) if (!node.isRunning) void node.start();
    net.schedule(delayMs, revive);
  };
  net.schedule(delayMs, revive);
}

function isPrecommit(bytes: Uint8Array): boolean {
  // Tag of a vote, then field 1 (type) = 2.
  return bytes[0] === 4 && bytes[1] === 8 && bytes[2] === 2;
}

test("a lone validator that dies again and again within a height still decides it", async () => {
  for (let seed = 200; seed < 240; seed++) {
    const net = await createTestNet({ seed, validators: 1, crashRate: 0.3 });
    keepAlive(net, 300);
    await net.run(10_000);
    net.crashRate = 0;
    const before = net.nodes[0]?.height() ?? 0;
    await net.runUntil(() => (net.nodes[0]?.height() ?? 0) >= before + 2, MINUTE_MS);
  }
});
