import { expect, test } from "vitest";
import { createDialler, peerOf, reconnectDelayMs } from "./dialler.ts";
import { createManualClock } from "./manualClock.ts";

const PEER = "12D3KooWKnDdG3iXw9eTFijk3EWSunZcFi54Zka4wmtqtt6rPxc8";
const ADDRESS = `/ip4/127.0.0.1/tcp/4001/p2p/${PEER}`;
const settled = () => new Promise((resolve) => setImmediate(resolve));

function dialler(dials: boolean[]) {
  const clock = createManualClock();
  const connected = new Set<string>();
  const dialled: string[] = [];
  const subject = createDialler([ADDRESS, ADDRESS], {
    clock,
    isConnected: (peer) => connected.has(peer),
    async dial(address) {
      dialled.push(address);
      if (dials.shift() !== true) throw new Error("nobody there");
      connected.add(PEER);
      return PEER;
    },
  });
  return { clock, connected, dialled, subject };
}

test("a peer that is not there is dialled again, later and later, for ever", async () => {
  const { clock, dialled, subject } = dialler([]);
  subject.start();
  await settled();
  expect(dialled).toHaveLength(1);
  for (const ms of [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]) {
    clock.advance(ms - 1);
    await settled();
    const before = dialled.length;
    clock.advance(1);
    await settled();
    expect(dialled).toHaveLength(before + 1);
  }
});

test("a peer that was admitted and lost is dialled again quickly, and once", async () => {
  const { clock, connected, dialled, subject } = dialler([false, false, true, true]);
  subject.start();
  await settled();
  clock.advance(500);
  await settled();
  clock.advance(1000);
  await settled();
  expect(dialled).toHaveLength(3);
  subject.onAdmitted(PEER);
  clock.advance(100_000);
  expect(dialled).toHaveLength(3);
  connected.clear();
  subject.onGone(PEER);
  subject.onGone(PEER);
  clock.advance(500);
  await settled();
  expect(dialled).toHaveLength(4);
});

test("a peer that connects and is never admitted is not dialled quickly", async () => {
  const { clock, connected, dialled, subject } = dialler([true, true, true]);
  subject.start();
  await settled();
  for (const ms of [500, 1000]) {
    connected.clear();
    subject.onGone(PEER);
    clock.advance(ms);
    await settled();
  }
  connected.clear();
  subject.onGone(PEER);
  clock.advance(1999);
  await settled();
  expect(dialled).toHaveLength(3);
});

test("after stop nothing is dialled", async () => {
  const { clock, dialled, subject } = dialler([]);
  subject.start();
  await settled();
  subject.stop();
  clock.advance(1_000_000);
  expect(dialled).toHaveLength(1);
});

test("the delay is spread over half to one and a half times its base", () => {
  expect([reconnectDelayMs(0, 0), reconnectDelayMs(0, 0.999), reconnectDelayMs(50, 0)]).toEqual([250, 749.5, 15_000]);
});

test("an address shows its peer id, if any, and text that is no address is ADDRESS_MALFORMED", () => {
  expect([peerOf(ADDRESS), peerOf("/dns4/seed.example/tcp/4001")]).toEqual([PEER, undefined]);
  expect(() => peerOf("seed.example:4001")).toThrow(expect.objectContaining({ code: "ADDRESS_MALFORMED" }));
});
