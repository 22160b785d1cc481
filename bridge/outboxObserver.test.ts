import { id } from "ethers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { mined, startTestEvm, type TestEvm } from "#contracts/testing.ts";
import { MAX_ETHEREUM_EVENTS } from "#storage/limits.ts";
import { EMPTY_OUTBOX_CHAIN } from "./contractEvents.ts";
import { openOutboxClient } from "./evm/outboxClient.ts";
import { type ObserverOptions, type OutboxClient, OutboxObserver } from "./outboxObserver.ts";
import { type FollowingBridge, followingBridge, SECOND_KEYS } from "./testFollowing.ts";

const TIMEOUT_MS = 60_000;
const KIND = id("test.event");

let evm: TestEvm;
let now = 0;

beforeAll(async () => {
  evm = await startTestEvm({ slotsInAnEpoch: 1 });
}, TIMEOUT_MS);
afterAll(async () => evm[Symbol.asyncDispose]());

function clientOf(bridge: FollowingBridge): OutboxClient {
  return openOutboxClient({ url: evm.anvil.url, chainId: bridge.domain.chainId, contract: bridge.outboxAddress });
}

function observerOf(
  bridge: FollowingBridge,
  signer: string,
  client: OutboxClient = clientOf(bridge),
  options: Partial<ObserverOptions> = {},
): OutboxObserver {
  const limits = { maxEvents: MAX_ETHEREUM_EVENTS, window: 64, voteAgainMs: 30_000, nowMs: () => now };
  const all = { chainId: bridge.domain.chainId, ...limits, ...options };
  return new OutboxObserver(client, bridge.votes(signer), all, { block: -1, ...EMPTY_OUTBOX_CHAIN });
}

async function emit(bridge: FollowingBridge, count: number, text = "event"): Promise<void> {
  for (let i = 0; i < count; i += 1) await mined(bridge.outbox.emitEvent(KIND, Buffer.from(`${text} ${i}`)));
}

/** Blocks until what is mined is final. */
async function finalise(): Promise<void> {
  await evm.provider.send("anvil_mine", ["0x3"]);
}

const applied = (bridge: FollowingBridge) => String(bridge.followed.ledger.query("/edream/ethereum")?.eventNonce);

test("an event of a final block is voted on by each validator and takes effect once, whatever else they read", {
  timeout: TIMEOUT_MS,
}, async () => {
  const bridge = await followingBridge(evm);
  const observers = SECOND_KEYS.map((name) => observerOf(bridge, name));
  await emit(bridge, 1);
  for (const observer of observers) await observer.tick();
  expect(applied(bridge)).toBe("0");
  await finalise();
  for (const observer of observers) await observer.tick();
  expect(applied(bridge)).toBe("1");
  expect(bridge.followed.ledger.query("/edream/ethereum-event", "1")).toMatchObject({
    event: { kind: KIND.slice(2), payload: Buffer.from("event 0").toString("hex") },
  });
  const height = bridge.followed.height();
  for (const observer of observers) expect(await observer.tick()).toMatchObject({ state: "caughtUp", applied: 1n });
  // One that starts anew reads everything again and has nothing to say.
  expect(await observerOf(bridge, "second key 3").tick()).toMatchObject({ state: "caughtUp" });
  expect(bridge.followed.height()).toBe(height);
});

test("many events while nobody looked are voted on in batches, in order, over several blocks", {
  timeout: TIMEOUT_MS,
}, async () => {
  const bridge = await followingBridge(evm);
  await emit(bridge, 40);
  await finalise();
  const observers = SECOND_KEYS.slice(0, 3).map((name) => observerOf(bridge, name));
  for (let round = 0; round < 12 && applied(bridge) !== "40"; round += 1) {
    for (const observer of observers) await observer.tick();
    now += 30_000;
  }
  expect(applied(bridge)).toBe("40");
  expect(bridge.followed.ledger.query("/edream/ethereum-event", "40")).toMatchObject({
    event: { payload: Buffer.from("event 39").toString("hex") },
  });
});

test("what a reorganisation takes back before it is final was never voted on", { timeout: TIMEOUT_MS }, async () => {
  const bridge = await followingBridge(evm);
  await finalise();
  const observer = observerOf(bridge, "second key 0");
  await observer.tick();
  const before = bridge.followed.height();
  await emit(bridge, 1, "taken back");
  await observer.tick();
  await evm.provider.send("anvil_reorg", [1, []]);
  await evm.provider.send("anvil_dropAllTransactions", []);
  await finalise();
  expect(await observer.tick()).toMatchObject({ state: "caughtUp" });
  expect(bridge.followed.height()).toBe(before);
  await emit(bridge, 1, "stays");
  await finalise();
  for (const name of SECOND_KEYS.slice(0, 3)) await observerOf(bridge, name).tick();
  expect(bridge.followed.ledger.query("/edream/ethereum-event", "1")).toMatchObject({
    event: { payload: Buffer.from("stays 0").toString("hex") },
  });
});

test("a node that leaves events out, makes some up or changes a payload is not voted after; one that is honest goes on", {
  timeout: TIMEOUT_MS,
}, async () => {
  const bridge = await followingBridge(evm);
  await emit(bridge, 3);
  await finalise();
  const honest = clientOf(bridge);
  const height = bridge.followed.height();
  const lies: ((events: Awaited<ReturnType<OutboxClient["events"]>>) => Awaited<ReturnType<OutboxClient["events"]>>)[] =
    [
      (events) => events.slice(0, -1),
      (events) => events.slice(1),
      (events) => [...events, ...events.slice(-1).map((last) => ({ ...last, nonce: last.nonce + 1n }))],
      (events) => events.map((event) => ({ ...event, payload: "0x00" })),
      (events) => events.map((event) => ({ ...event, emitter: `0x${"11".repeat(20)}` })),
    ];
  for (const lie of lies) {
    const client = { ...honest, events: async (from: number, to: number) => lie(await honest.events(from, to)) };
    expect(await observerOf(bridge, "second key 0", client).tick()).toMatchObject({ state: "incomplete" });
  }
  const otherChain = { ...honest, chainId: async () => 5n };
  expect(await observerOf(bridge, "second key 0", otherChain).tick()).toMatchObject({ state: "wrongChain" });
  expect(bridge.followed.height()).toBe(height);
  const observer = observerOf(bridge, "second key 0");
  expect(await observer.tick()).toMatchObject({ state: "waiting" });
  expect(bridge.followed.height()).toBe(height + 1);
});

test("a node that refuses large ranges is asked for smaller ones, and one that vanishes is waited for", {
  timeout: TIMEOUT_MS,
}, async () => {
  const bridge = await followingBridge(evm);
  await emit(bridge, 2);
  await finalise();
  const honest = clientOf(bridge);
  let largest = 0;
  let isGone = true;
  const strict: OutboxClient = {
    ...honest,
    finalized: async () => {
      if (isGone) throw new Error("connection refused");
      return honest.finalized();
    },
    events: async (from, to) => {
      if (to - from > 5) throw new Error("query returned more than 10000 results");
      largest = Math.max(largest, to - from);
      return honest.events(from, to);
    },
  };
  const observer = observerOf(bridge, "second key 0", strict);
  expect(await observer.tick()).toMatchObject({ state: "unreachable", detail: "connection refused" });
  isGone = false;
  const finalized = await honest.finalized();
  for (let i = 0; i < 200 && observer.cursor.block < finalized; i += 1) await observer.tick();
  expect(observer.cursor).toMatchObject({ block: finalized, eventNonce: 2n });
  expect(largest).toBeLessThanOrEqual(5);
});

test("a vote that had no effect is sent again after a while, not before", { timeout: TIMEOUT_MS }, async () => {
  const bridge = await followingBridge(evm);
  await emit(bridge, 1);
  await finalise();
  const observer = observerOf(bridge, "second key 0");
  const start = bridge.followed.height();
  for (const [afterMs, votes] of [
    [0, 1],
    [10_000, 1],
    [20_000, 2],
    [29_999, 2],
    [1, 3],
  ] as const) {
    now += afterMs;
    await observer.tick();
    expect(bridge.followed.height() - start, `after ${afterMs}`).toBe(votes);
  }
});
