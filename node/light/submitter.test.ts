import { expect, test } from "vitest";
import { encodeRecord, newRecord } from "#consensus/application/stateRecords.ts";
import type { ClosedInterval } from "../meter/intervalBuilder.ts";
import { createSubmitter } from "./submitter.ts";

const pooled = (fill: number) => Buffer.allocUnsafe(32).fill(fill);

function intervalOf(meterId: string, index: number): ClosedInterval {
  return {
    meterId,
    startMs: index * 1000,
    endMs: (index + 1) * 1000,
    periodStartMs: 0,
    count: 1,
    sum: 5n,
    fingerprint: pooled(1),
    readingsRoot: pooled(2),
    salt: pooled(3),
    commitment: pooled(4),
  };
}

/** A submitter whose full node knows the account of every meter once `isReachable`, and puts no transaction into a block. */
function setUp() {
  const net = { isReachable: false, sent: 0 };
  const unused = () => {
    throw new Error("not asked in this test");
  };
  const submitter = createSubmitter(
    { chainId: "chain", meterKey: { type: "ed25519", bytes: new Uint8Array(32).fill(9) }, clearSums: false },
    {
      network: {
        publishTxs(txs: readonly Uint8Array[]) {
          net.sent += txs.length;
        },
      } as never,
      peers: { ask: unused } as never,
      proofs: {
        counts: { verified: 0, failed: 0 },
        transactions: async () => [],
        state: async () => {
          if (!net.isReachable) return undefined;
          return { value: encodeRecord("account", newRecord("account", { number: 1n, sequence: 2n })), height: 1 };
        },
      },
      outbox: { settle: unused } as never,
      log: { debug: unused, warn: unused } as never,
      nowMs: () => 0,
    },
  );
  return { net, submitter };
}

test("who adds intervals waits while too many are queued, until some are sent", async () => {
  const { net, submitter } = setUp();
  const signal = new AbortController().signal;
  submitter.enqueue(Array.from({ length: 40 }, (_, index) => intervalOf("meter", index)));
  await submitter.whenQueueBelow(41, signal);
  let goesOn = false;
  const waiting = submitter.whenQueueBelow(40, signal).then(() => {
    goesOn = true;
  });
  await submitter.step();
  expect([goesOn, net.sent]).toEqual([false, 0]);
  net.isReachable = true;
  await submitter.step();
  await waiting;
  expect(net.sent).toBe(1);
});

test("nobody waits once metering has ended", async () => {
  const { submitter } = setUp();
  submitter.enqueue([intervalOf("meter", 0), intervalOf("meter", 1)]);
  const metering = new AbortController();
  const waiting = submitter.whenQueueBelow(1, metering.signal);
  metering.abort();
  await waiting;
  await submitter.whenQueueBelow(1, metering.signal);
});
