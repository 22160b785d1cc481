import { expect, test } from "vitest";
import { decodeBlock, encodeBlock } from "#storage/types/block.ts";
import { createBlockSync } from "./blockSync.ts";
import { encodeMessage } from "./messages.ts";
import type { StoredBlock } from "./ports.ts";
import { createTestNet } from "./testNet.ts";

const MINUTE_MS = 60_000;

test("a late validator and a late full node fetch the chain and then take part", async () => {
  const net = await createTestNet({ seed: 1, validators: 4, fullNodes: 1, late: [3, 4] });
  for (const node of net.nodes) node.addTx("early");
  await net.runUntil(() => (net.nodes[0]?.height() ?? 0) >= 40, MINUTE_MS);
  await net.nodes[3]?.start();
  await net.nodes[4]?.start();
  expect(net.nodes[4]?.height()).toBe(0);
  await net.runUntil(() => net.nodes.every((node) => node.height() >= 45), MINUTE_MS);
  net.checkAgreement();
  expect(net.nodes[4]?.app.committed).toEqual(["early"]);
  expect(net.nodes[4]?.engine?.status().isCatchingUp).toBe(false);
  const signers = net.nodes[0]?.disk.blocks.get(45)?.record.block.lastCommit.signatures;
  expect(signers?.every(({ blockIdFlag }) => blockIdFlag === "commit")).toBe(true);
});

test("a node one height behind is given the decided commit and the parts it lacks", async () => {
  const engine = { createEmptyBlocks: false, emptyBlockIntervalMs: 0 };
  const net = await createTestNet({ seed: 2, validators: 4, engine });
  await net.run(3000);
  expect(net.height()).toBe(1);
  net.partition([0, 1, 2], [3]);
  for (const node of net.nodes) node.addTx("x");
  // The block with the transaction, and the one that proves it.
  await net.runUntil(() => (net.nodes[0]?.height() ?? 0) >= 3, MINUTE_MS);
  net.partition();
  await net.runUntil(() => net.height() >= 3, MINUTE_MS);
  net.checkAgreement();
});

const LIES: readonly {
  name: string;
  falsify: (blocks: readonly StoredBlock[]) => readonly StoredBlock[];
  code: string;
}[] = [
  {
    name: "another transaction in the block",
    falsify: ([first, ...rest]) => (first === undefined ? [] : [withTx(first), ...rest]),
    code: "COMMIT_BLOCK_ID_MISMATCH",
  },
  {
    name: "a commit with one signature replaced, although 2/3 remain",
    falsify: ([first, ...rest]) => (first === undefined ? [] : [withForgedSignature(first), ...rest]),
    code: "COMMIT_SIGNATURE_INVALID",
  },
  {
    name: "blocks of other heights",
    falsify: (blocks) => blocks.slice(1),
    code: "SYNC_BLOCK_HEIGHT",
  },
  {
    name: "bytes that are no block",
    falsify: ([first]) => (first === undefined ? [] : [{ ...first, blockBytes: first.blockBytes.subarray(1) }]),
    code: "SYNC_BLOCK_MALFORMED",
  },
];

test.each(LIES)(
  "a peer that sends $name is found out and left, the chain comes from another",
  async ({ falsify, code }) => {
    const net = await createTestNet({ seed: 3, validators: 4, fullNodes: 1, late: [4] });
    await net.runUntil(() => (net.nodes[0]?.height() ?? 0) >= 30, MINUTE_MS);
    // The honest one may be a few blocks behind the liars itself: to it they are honest.
    net.falsifyBlocks = (from, to, blocks) => (from === 3 || to === 3 ? blocks : falsify(blocks));
    await net.nodes[4]?.start();
    await net.runUntil(() => net.nodes.every((node) => node.height() >= 33), MINUTE_MS);
    net.checkAgreement();
    const reports = net.nodes[4]?.reports ?? [];
    expect(reports.length).toBeGreaterThan(0);
    for (const report of reports) expect([report.code, report.peer === "n3"]).toEqual([code, false]);
  },
);

test("a peer that claims a fantastic height delays nothing and is not believed for long", async () => {
  const net = await createTestNet({ seed: 4, validators: 4 });
  await net.runUntil(() => net.height() >= 2, MINUTE_MS);
  const claim = encodeMessage({
    type: "status",
    status: {
      height: 1e15,
      base: 1,
      round: 0,
      hasProposal: false,
      parts: [],
      votes: [],
      lastCommit: new Uint8Array(0),
    },
  });
  for (const to of [1, 2, 3]) net.send(0, to, claim);
  const before = net.height();
  await net.run(3000);
  expect(net.height()).toBeGreaterThan(before + 5);
  expect(net.nodes[1]?.engine?.status().isCatchingUp).toBe(false);
});

test("a peer that lowers its height is not waited for", () => {
  const sync = createBlockSync();
  sync.onStatus("a", 1, 100);
  expect(sync.next(50, 0)).toEqual({ peer: "a", fromHeight: 50, count: 16 });
  sync.onStatus("a", 1, 40);
  sync.onFailure("a", false, 0);
  expect(sync.bestHeight(10_000)).toBe(40);
  expect(sync.next(50, 10_000)).toBeUndefined();
});

test("requests go round the peers that have the blocks; silence is punished for a while, lies for ever", () => {
  const sync = createBlockSync();
  sync.onStatus("pruned", 60, 100);
  sync.onStatus("a", 1, 100);
  sync.onStatus("b", 1, 52);
  const first = sync.next(50, 0);
  expect(first?.peer).toBe("a");
  expect(sync.next(50, 0)).toBeUndefined();
  sync.onFailure("a", false, 0);
  expect(sync.next(50, 0)).toEqual({ peer: "b", fromHeight: 50, count: 3 });
  sync.onApplied("b", 3, 0);
  expect(sync.next(53, 1000)).toBeUndefined();
  expect(sync.next(53, 2000)?.peer).toBe("a");
  sync.onFailure("a", true, 2000);
  expect(sync.next(53, 1e9)).toBeUndefined();
  sync.onStatus("a", 1, 200);
  expect(sync.bestHeight(1e9)).toBe(100);
});

test("a peer that leaves frees its request", () => {
  const sync = createBlockSync();
  sync.onStatus("a", 1, 9);
  sync.onStatus("b", 1, 9);
  const first = sync.next(5, 0);
  sync.forget(first?.peer ?? "");
  expect(sync.next(5, 0)?.peer).not.toBe(first?.peer);
});

function withTx(stored: StoredBlock): StoredBlock {
  const block = decodeBlock(stored.blockBytes);
  return { ...stored, blockBytes: encodeBlock({ ...block, txs: [...block.txs, Buffer.from("forged")] }) };
}

function withForgedSignature({ blockBytes, commit }: StoredBlock): StoredBlock {
  const [first, ...rest] = commit.signatures;
  if (first === undefined) throw new TypeError("no signature");
  const signature = Uint8Array.from(first.signature, (byte, index) => (index === 0 ? byte ^ 1 : byte));
  return { blockBytes, commit: { ...commit, signatures: [{ ...first, signature }, ...rest] } };
}
