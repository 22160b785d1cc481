import { type HDNodeWallet, Wallet } from "ethers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { bridgeKeyMessage, sealMessage } from "#consensus/application/testLedger.ts";
import { startTestEvm, type TestEvm } from "#contracts/testing.ts";
import { txId } from "#storage/types/transaction.ts";
import { blockLeafOf, succeededTxIds } from "./blockLeaf.ts";
import { type BridgeClient, openBridgeClient } from "./evm/bridgeClient.ts";
import { proveBlock, proveTx } from "./proofs.ts";
import { Relayer, type RelayerOptions, type RelayReport, type RelaySource } from "./relayer.ts";
import { CADENCE_MS, type FollowingBridge, followingBridge, SECOND_KEYS } from "./testFollowing.ts";

const TIMEOUT_MS = 60_000;
const GWEI = 1_000_000_000n;

let evm: TestEvm;
let now = 0;

beforeAll(async () => {
  evm = await startTestEvm({ slotsInAnEpoch: 2 });
}, TIMEOUT_MS);
afterAll(async () => evm[Symbol.asyncDispose]());

function privateKeyOf(index: number): Uint8Array {
  return Buffer.from((evm.wallets[index] as HDNodeWallet).privateKey.slice(2), "hex");
}

function clientOf(bridge: FollowingBridge, privateKey = privateKeyOf(5)): BridgeClient {
  return openBridgeClient({ url: evm.anvil.url, chainId: bridge.domain.chainId, contract: bridge.address, privateKey });
}

function relayerOf(
  bridge: FollowingBridge,
  options: Partial<RelayerOptions> = {},
  client: BridgeClient = clientOf(bridge),
  source: RelaySource = bridge.source(),
): Relayer {
  const defaults = {
    domain: bridge.domain,
    reorgMargin: 2,
    maxFeePerGas: 500n * GWEI,
    bumpAfterMs: 5000,
    nowMs: () => now,
  };
  return new Relayer(client, source, { ...defaults, ...options });
}

/** Until it has nothing more to do, or waits for the contract although blocks go by. */
async function relayAll(relayer: Relayer): Promise<RelayReport> {
  for (let waits = 0; ; ) {
    const report = await relayer.tick();
    const isOver = report.state !== "sent" && report.state !== "pending" && report.state !== "waitingForContract";
    waits = report.state === "sent" ? 0 : waits + 1;
    if (isOver || waits === 12) return report;
    // The block of a transaction comes by itself; but what a reorganisation has put back into the node's pool waits for another.
    if (waits > 6) await evm.provider.send("evm_mine", []);
  }
}

/** `count` minutes of a block each. */
async function minutes(bridge: FollowingBridge, count: number): Promise<void> {
  for (let i = 0; i < count; i += 1) bridge.followed.mine([], CADENCE_MS);
  await bridge.plan();
}

test("blocks of a real ledger are anchored, one step after the other after days without a relayer; a transaction is proved by a call", {
  timeout: TIMEOUT_MS,
}, async () => {
  const bridge = await followingBridge(evm);
  const { followed } = bridge;
  const tx = followed.ledger.sign([sealMessage(0)], ["device"]);
  followed.mine([tx]);
  const height = followed.height();
  await minutes(bridge, 6);
  const report = await relayAll(relayerOf(bridge));
  expect(report).toMatchObject({ state: "idle", head: { seq: 6n, toHeight: followed.height() } });

  const [first] = bridge.steps;
  if (first?.kind !== "anchor") throw new Error("no anchor");
  const { fromHeight, toHeight } = first.anchor;
  const blocks = await Promise.all(
    Array.from({ length: toHeight - fromHeight + 1 }, (_, i) => followed.block(fromHeight + i)),
  );
  const executed = blocks.map((block) => {
    if (block === undefined) throw new Error("no block");
    return block;
  });
  const block = executed[height - fromHeight];
  if (block === undefined) throw new Error("not in the anchor");
  const proof = proveTx(proveBlock(first.anchor, executed.map(blockLeafOf), height), succeededTxIds(block), txId(tx));
  const [provedHeight] = await bridge.bridge.verifyTx.staticCall(txId(tx), proof);
  expect(provedHeight).toBe(BigInt(height));
});

test("a changed validator set is handed over before anchors of the new one, which the old one's members need not sign", {
  timeout: TIMEOUT_MS,
}, async () => {
  const bridge = await followingBridge(evm);
  bridge.followed.send(bridgeKeyMessage("dso", 0, "new key 0"), "dso");
  await minutes(bridge, 2);
  expect(bridge.steps.map(({ kind }) => kind)).toEqual(["anchor", "rotation", "anchor", "anchor"]);
  expect(await relayAll(relayerOf(bridge))).toMatchObject({ state: "idle", head: { seq: 3n, valsetNonce: 1n } });
  await minutes(bridge, 1);
  // The key that was replaced signs for nothing: with it and one other there is no quorum.
  const few = bridge.source([SECOND_KEYS[0] ?? "", SECOND_KEYS[1] ?? ""]);
  const relayer = relayerOf(bridge, {}, clientOf(bridge), few);
  expect(await relayer.tick()).toMatchObject({ state: "waitingForSignatures", detail: "anchor 4: power 10 of 40" });
});

test("a rotation that comes too early waits, with the contract's own word for it", {
  timeout: TIMEOUT_MS,
}, async () => {
  const bridge = await followingBridge(evm, 3600);
  bridge.followed.send(bridgeKeyMessage("dso", 0, "new key 0"), "dso");
  await minutes(bridge, 1);
  const report = await relayAll(relayerOf(bridge));
  expect(report).toMatchObject({ state: "waitingForContract", detail: "rotation 1: RotationTooEarly" });
});

test("without more than 2/3 of the power nothing is sent, and signatures of strangers do not help", {
  timeout: TIMEOUT_MS,
}, async () => {
  const bridge = await followingBridge(evm);
  await minutes(bridge, 1);
  const source = bridge.source([SECOND_KEYS[0] ?? "", SECOND_KEYS[1] ?? "", "stranger", "another stranger"]);
  const report = await relayerOf(bridge, {}, clientOf(bridge), source).tick();
  expect(report).toMatchObject({
    state: "waitingForSignatures",
    detail: "anchor 1: power 20 of 40",
    txHash: undefined,
  });
});

test("a relayer without funds says so and sends nothing; with funds it goes on", { timeout: TIMEOUT_MS }, async () => {
  const bridge = await followingBridge(evm);
  await minutes(bridge, 1);
  const poor = Wallet.createRandom();
  const client = clientOf(bridge, Buffer.from(poor.privateKey.slice(2), "hex"));
  const relayer = relayerOf(bridge, {}, client);
  expect(await relayer.tick()).toMatchObject({ state: "noFunds", balanceWei: 0n, txHash: undefined });
  const gift = await (evm.wallets[1] as HDNodeWallet).sendTransaction({ to: poor.address, value: 10n ** 18n });
  await gift.wait();
  expect(await relayAll(relayer)).toMatchObject({ state: "idle", head: { seq: 1n } });
});

test("above the fee that it may pay it waits", { timeout: TIMEOUT_MS }, async () => {
  const bridge = await followingBridge(evm);
  await minutes(bridge, 1);
  expect(await relayerOf(bridge, { maxFeePerGas: 1n }).tick()).toMatchObject({
    state: "feesTooHigh",
    txHash: undefined,
  });
});

test("two relayers at once: each step is taken once, and both end with nothing to do", {
  timeout: TIMEOUT_MS,
}, async () => {
  const bridge = await followingBridge(evm);
  await minutes(bridge, 4);
  const relayers = [5, 6].map((index) => relayerOf(bridge, {}, clientOf(bridge, privateKeyOf(index))));
  const reports = await Promise.all(relayers.map(relayAll));
  // Whoever lost the last race hears of it the next time it looks.
  for (const relayer of relayers) expect(await relayAll(relayer)).toMatchObject({ state: "idle", head: { seq: 4n } });
  expect(reports).toHaveLength(2);
  const events = await bridge.bridge.queryFilter("Anchored");
  expect(events).toHaveLength(4);
});

test("its own transaction, which the next block holds, is pending, and no refusal of the contract", {
  timeout: TIMEOUT_MS,
}, async () => {
  const bridge = await followingBridge(evm);
  await minutes(bridge, 1);
  let isSent = false;
  const honest = clientOf(bridge);
  const relayer = relayerOf(
    bridge,
    {},
    {
      ...honest,
      preflight: async (data) => (isSent ? { refused: "SequenceWrong" } : honest.preflight(data)),
      // It stays in the pool of a node that makes no block.
      async send() {
        isSent = true;
        return { hash: `0x${"ab".repeat(32)}` };
      },
    },
  );
  expect(await relayer.tick()).toMatchObject({ state: "sent" });
  expect(await relayer.tick()).toMatchObject({ state: "pending" });
  // Of another relayer, which has sent nothing: the contract's word.
  const other = relayerOf(bridge, {}, { ...honest, preflight: async () => ({ refused: "SequenceWrong" }) });
  expect(await other.tick()).toMatchObject({ state: "waitingForContract" });
});

test("a frozen bridge, another chain, and an anchor that the ledger has not made stop it before anything is sent", {
  timeout: TIMEOUT_MS,
}, async () => {
  const bridge = await followingBridge(evm);
  await minutes(bridge, 2);
  const honest = clientOf(bridge);
  await relayAll(relayerOf(bridge));
  await minutes(bridge, 1);
  const lying = (lies: Partial<BridgeClient>) => relayerOf(bridge, {}, { ...honest, ...lies });
  expect(await lying({ chainId: async () => 1n }).tick()).toMatchObject({ state: "wrongChain" });
  expect(await lying({ anchorHash: async () => `0x${"ab".repeat(32)}` }).tick()).toMatchObject({ state: "disagrees" });
  const state = await honest.state("latest");
  const saying = (fields: object) => ({ state: (async () => ({ ...state, ...fields })) as BridgeClient["state"] });
  expect(await lying(saying({ frozen: true })).tick()).toMatchObject({ state: "frozen" });
  expect(await lying(saying({ valsetHash: `0x${"cd".repeat(32)}` })).tick()).toMatchObject({ state: "disagrees" });
  // A node that hides the last anchor makes it be sent again, and the contract refuses that for nothing.
  expect(await lying(saying({ seq: 1n })).tick()).toMatchObject({ state: "waitingForContract", txHash: undefined });
  expect(await relayAll(relayerOf(bridge))).toMatchObject({ state: "idle", head: { seq: 3n } });
});

test("a node that vanishes is waited for", { timeout: TIMEOUT_MS }, async () => {
  const bridge = await followingBridge(evm);
  await minutes(bridge, 1);
  const gone = openBridgeClient({
    url: "http://127.0.0.1:1",
    chainId: 31337n,
    contract: bridge.address,
    privateKey: privateKeyOf(5),
  });
  const relayer = relayerOf(bridge, {}, gone);
  expect(await relayer.tick()).toMatchObject({ state: "unreachable", head: undefined });
  expect(await relayer.tick()).toMatchObject({ state: "unreachable" });
});

/** As many blocks go as the reorganisation is deep, and come back empty. */
async function reorg(depth: number): Promise<void> {
  await evm.provider.send("anvil_reorg", [depth, []]);
}

test("a reorganisation within the margin takes anchors back, and they are sent again; signatures are given up only behind it", {
  timeout: TIMEOUT_MS,
}, async () => {
  const bridge = await followingBridge(evm);
  await minutes(bridge, 3);
  const settled: bigint[] = [];
  const source = { ...bridge.source(), confirmed: ({ seq }: { readonly seq: bigint }) => void settled.push(seq) };
  const relayer = relayerOf(bridge, { reorgMargin: 2 }, clientOf(bridge), source);
  expect(await relayAll(relayer)).toMatchObject({ state: "idle", head: { seq: 3n } });
  await reorg(2);
  const { seq } = await bridge.bridge.head();
  expect(seq).toBeLessThan(3n);
  expect(settled.at(-1)).toBeLessThanOrEqual(seq);
  expect(await relayAll(relayer)).toMatchObject({ state: "idle", head: { seq: 3n } });
});

test("a reorganisation deeper than the margin: steps are planned still, so that the bridge catches up all the same", {
  timeout: TIMEOUT_MS,
}, async () => {
  const bridge = await followingBridge(evm);
  await minutes(bridge, 4);
  const relayer = relayerOf(bridge, { reorgMargin: 1 });
  expect(await relayAll(relayer)).toMatchObject({ state: "idle", head: { seq: 4n } });
  await reorg(4);
  expect((await bridge.bridge.head()).seq).toBe(0n);
  expect(await relayAll(relayer)).toMatchObject({ state: "idle", head: { seq: 4n } });
});

/** Nothing is mined until it is asked for. */
async function withoutMining(body: () => Promise<void>): Promise<void> {
  await evm.provider.send("evm_setAutomine", [false]);
  try {
    await body();
  } finally {
    await evm.provider.send("evm_setAutomine", [true]);
    await evm.provider.send("evm_mine", []);
  }
}

test("one that is killed between sending and mining leaves nothing behind that the next one pays for twice", {
  timeout: TIMEOUT_MS,
}, async () => {
  const bridge = await followingBridge(evm);
  await minutes(bridge, 1);
  const client = clientOf(bridge, privateKeyOf(7));
  const before = await client.nonce();
  await withoutMining(async () => {
    expect(await relayerOf(bridge, {}, client).tick()).toMatchObject({ state: "sent" });
    const next = relayerOf(bridge, {}, client);
    expect(await next.tick()).toMatchObject({ state: "waitingForContract", detail: "anchor 1: SequenceWrong" });
    await evm.provider.send("evm_mine", []);
    expect(await next.tick()).toMatchObject({ state: "idle", head: { seq: 1n } });
  });
  expect(await client.nonce()).toBe(before + 1);
});

test("a transaction that fees have left behind is sent again under its nonce with more, by itself and by one that knows nothing of it", {
  timeout: TIMEOUT_MS,
}, async () => {
  const bridge = await followingBridge(evm);
  await minutes(bridge, 2);
  const client = clientOf(bridge, privateKeyOf(8));
  const before = await client.nonce();
  for (const isSame of [true, false]) {
    const relayer = relayerOf(bridge, {}, client);
    await withoutMining(async () => {
      expect(await relayer.tick()).toMatchObject({ state: "sent" });
      const { baseFee } = await client.fees();
      const risen = baseFee * 4n + 10n * GWEI;
      await evm.provider.send("anvil_setNextBlockBaseFeePerGas", [`0x${risen.toString(16)}`]);
      await evm.provider.send("evm_mine", []);
      expect(await client.nonce()).toBe(before + (isSame ? 0 : 1));
      if (isSame) {
        expect(await relayer.tick()).toMatchObject({ state: "pending" });
        now += 5000;
      }
      const next = isSame ? relayer : relayerOf(bridge, {}, client);
      expect(await next.tick()).toMatchObject({ state: "sent" });
      await evm.provider.send("evm_mine", []);
    });
  }
  expect((await bridge.bridge.head()).seq).toBe(2n);
  expect(await client.nonce()).toBe(before + 2);
});
