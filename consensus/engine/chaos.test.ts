import { expect, test } from "vitest";
import { signConflictingVotes } from "./testFaults.ts";
import type { TestNet } from "./testNet.ts";
import { createTestNet } from "./testNet.ts";

const CHAOS_MS = 40_000;
const HEAL_MS = 180_000;
const TXS = 10;

test.each([1, 2, 3, 4, 5, 6])(
  "loss, partitions and crashes at once: no fork, and everything is decided after they end (seed %i)",
  async (seed) => {
    const net = await createTestNet({ seed, validators: 4, fullNodes: seed % 2 });
    await chaos(net);
    for (const node of net.nodes) expect(node.reports).toEqual([]);
  },
);

test.each([11, 12, 13, 14])("the same with one equivocating validator among four (seed %i)", async (seed) => {
  const net = await createTestNet({ seed, validators: 4, fullNodes: seed % 2 });
  signConflictingVotes(net, 3, seed % 2 === 0 ? "prevote" : "precommit", () => true);
  await chaos(net);
});

/** Everything goes wrong for a while, then nothing more: the net must agree all along, and catch up at the end. */
async function chaos(net: TestNet): Promise<void> {
  const { random } = net;
  const startMs = net.nowMs();
  const isOver = () => net.nowMs() >= startMs + CHAOS_MS;
  Object.assign(net.faults, {
    dropRate: random() * 0.3,
    duplicateRate: random() * 0.2,
    delayMaxMs: 5 + random() * 200,
  });
  net.crashRate = 0.03;
  const revive = (): void => {
    for (const node of net.nodes) if (!node.isRunning) void node.start();
    net.schedule(200 + random() * 2000, revive);
  };
  const split = (): void => {
    const groups: number[][] = [[], []];
    for (const { index } of net.nodes) groups[random() < 0.5 ? 0 : 1]?.push(index);
    if (isOver() || random() < 0.5) net.partition();
    else net.partition(...groups);
    if (!isOver()) net.schedule(random() * 3000, split);
  };
  revive();
  split();
  for (let i = 0; i < TXS; i++)
    net.schedule(random() * CHAOS_MS, () => {
      for (const node of net.nodes) node.addTx(`tx ${i}`);
    });
  await net.run(CHAOS_MS);
  net.checkAgreement();

  net.crashRate = 0;
  Object.assign(net.faults, { dropRate: 0, duplicateRate: 0, delayMaxMs: 20 });
  net.partition();
  const highest = Math.max(...net.nodes.map((node) => node.height()));
  const isHealed = () => net.nodes.every((node) => node.isRunning && node.height() >= highest + 3);
  await net.runUntil(() => isHealed() && net.nodes.every(({ app }) => app.committed.length === TXS), HEAL_MS);
  net.checkAgreement();
  for (const { app } of net.nodes) expect(new Set(app.committed).size).toBe(TXS);
}
