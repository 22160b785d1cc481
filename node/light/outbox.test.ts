import { expect, test } from "vitest";
import { bucketKey } from "#storage/db/buckets.ts";
import { createMemoryStore } from "#storage/db/memoryStore.ts";
import type { ClosedAmendment } from "../meter/amendments.ts";
import type { ClosedInterval } from "../meter/intervalBuilder.ts";
import { deviceKeyOf, meterSecretOf } from "./meterKeys.ts";
import { openOutbox } from "./outbox.ts";
import { leavesKey } from "./outboxRows.ts";

const HOUR_MS = 3_600_000;
const METER = "sim:H0001/import";
const bytes = (fill: number) => new Uint8Array(32).fill(fill);

const closed: ClosedInterval = {
  meterId: METER,
  startMs: 0,
  endMs: HOUR_MS,
  periodStartMs: 0,
  count: 60,
  sum: 1830n,
  fingerprint: bytes(1),
  readingsRoot: bytes(2),
  salt: bytes(3),
  commitment: bytes(4),
};

test("the outbox gives back what was queued, and counts what became final", async () => {
  const store = createMemoryStore();
  const later = { ...closed, startMs: HOUR_MS, endMs: 2 * HOUR_MS, registerEnd: 99n };
  const before = await openOutbox(store);
  await before.add([closed, later]);
  await before.settle([closed], { state: "final", txId: "ab", height: 3, index: 0 }, undefined);
  const after = await openOutbox(store);
  expect(after.queuedMeters()).toEqual([METER]);
  expect(await after.queuedOf(METER, 0, 9)).toEqual([later]);
  expect(after.closedUntilMs(METER)).toBe(2 * HOUR_MS);
  expect(after.totals()).toMatchObject({
    intervals: 2,
    queued: 1,
    finalised: 1,
    finalisedReadings: 60,
    finalisedMwh: 1830n,
  });
});

test("amendments stand beside their interval, and are queued when no interval is", async () => {
  const store = createMemoryStore();
  const outbox = await openOutbox(store);
  const amendment = (number: number): ClosedAmendment => ({
    ...closed,
    ...{ amendment: number, previousFingerprint: bytes(number), timestampsMs: [5, 9 + number], count: 2 },
  });
  await outbox.add([closed]);
  await outbox.addAmendments([amendment(1), amendment(2)]);
  const again = await openOutbox(store);
  expect(await again.amendedInterval(METER, HOUR_MS)).toEqual({
    interval: closed,
    amendments: [amendment(1), amendment(2)],
  });
  expect(await again.amendedInterval(METER, 2 * HOUR_MS)).toBeUndefined();
  expect(await again.queuedOf(METER, 0, 9)).toEqual([closed]);
  await again.settle([closed], { state: "final", txId: "ab", height: 3, index: 0 }, undefined);
  expect(await again.queuedOf(METER, 0, 1)).toEqual([amendment(1)]);
  await again.settle([amendment(1), amendment(2)], { state: "rejected", code: "61" }, undefined);
  expect((await openOutbox(store)).totals()).toMatchObject({ intervals: 3, queued: 0, finalised: 1, rejected: 2 });
});

test("leaves and transactions are kept beside intervals and amendments, and not read back with them", async () => {
  const store = createMemoryStore();
  const outbox = await openOutbox(store);
  const leaves = new Uint8Array(64).map((_, index) => index);
  const amendment = { ...closed, amendment: 1, previousFingerprint: bytes(1), timestampsMs: [5], count: 1 };
  await outbox.add([{ ...closed, leaves }]);
  await outbox.addAmendments([{ ...amendment, leaves: bytes(9) }]);
  expect(await outbox.amendedInterval(METER, HOUR_MS)).toEqual({ interval: closed, amendments: [amendment] });
  expect(await store.get(leavesKey(closed))).toEqual(leaves);
  expect(await store.get(leavesKey(amendment))).toEqual(bytes(9));
  const inclusion = { index: 0, total: 1, leafHash: bytes(7), aunts: [] };
  const proof = { txId: bytes(8), height: 3, inclusion, result: undefined };
  const final = { state: "final", txId: "08".repeat(32), height: 3, index: 0 } as const;
  await outbox.settle([closed], final, proof, Uint8Array.of(1, 2, 3));
  expect(await store.get(bucketKey("ownTransaction", bytes(8)))).toEqual(Uint8Array.of(1, 2, 3));
  expect(await store.get(leavesKey(closed))).toEqual(leaves);
});

test("every meter has its own device key and secret, and they are the same at every start", () => {
  const root = { type: "ed25519" as const, bytes: new Uint8Array(32).fill(1) };
  const keys = ["a", "b"].map((meterId) => Buffer.from(deviceKeyOf(root, meterId).bytes).toString("hex"));
  expect(new Set([...keys, Buffer.from(meterSecretOf(root, "a")).toString("hex")]).size).toBe(3);
  expect(Buffer.from(deviceKeyOf(root, "a").bytes).toString("hex")).toBe(keys[0]);
});
