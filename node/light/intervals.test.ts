import { expect, test } from "vitest";
import { createMemoryStore } from "#storage/db/memoryStore.ts";
import { fingerprintOf } from "#storage/types/interval.ts";
import { verifySumOpening } from "#storage/types/intervalHash.ts";
import { type IntervalOwner, periodSeed } from "#storage/types/intervalSecrets.ts";
import type { Reading } from "#storage/types/reading.ts";
import { type ClosedInterval, MeterIntervals } from "./intervals.ts";
import { deviceKeyOf, meterSecretOf } from "./meterKeys.ts";
import { openOutbox } from "./outbox.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MINUTE_MS = 60_000;
const owner: IntervalOwner = { ledgerId: "test", meterId: "sim:H0001/import", secret: new Uint8Array(32).fill(7) };

function reading(timestampMs: number, value: number): Reading {
  return {
    meterId: owner.meterId,
    quantity: "activeEnergyImport",
    kind: "interval",
    phase: 0,
    tariff: 0,
    value,
    timestampMs,
    periodMs: MINUTE_MS,
    receivedMs: timestampMs,
    timeSource: "meter",
    timeQuality: "synced",
    quality: 0,
    rawHash: new Uint8Array(32),
  };
}

const newMeter = (closedUntilMs = 0) =>
  new MeterIntervals(owner, { intervalMs: HOUR_MS, periodMs: DAY_MS, closedUntilMs });

function closeHour(): ClosedInterval {
  const meter = newMeter();
  for (let minute = 1; minute <= 60; minute++) expect(meter.add(reading(minute * MINUTE_MS, minute))).toBeUndefined();
  const closed = meter.add(reading(61 * MINUTE_MS, 1));
  if (closed === undefined) throw new Error("not closed");
  return closed;
}

test("an hour of minutes is one interval: half-open, sixty readings, closed by the first reading after it", () => {
  const closed = closeHour();
  expect([closed.startMs, closed.endMs, closed.count, closed.sum]).toEqual([0, HOUR_MS, 60, 1830n]);
});

test("the fingerprint is that of Fig. 21 over the same readings, and the commitment opens to sum and count", () => {
  const closed = closeHour();
  const readings = Array.from({ length: 60 }, (_, i) => ({ value: i + 1, timestampMs: (i + 1) * MINUTE_MS }));
  expect(Buffer.from(closed.fingerprint)).toEqual(Buffer.from(fingerprintOf(periodSeed(owner, 0), readings)));
  const { sum, count, salt } = closed;
  expect(verifySumOpening(closed.commitment, { sum, count, salt }).accepted).toBe(true);
  expect(verifySumOpening(closed.commitment, { sum: sum + 1n, count, salt }).accepted).toBe(false);
});

test("a reading behind a closed interval is late and changes nothing", () => {
  const meter = newMeter(HOUR_MS);
  expect(meter.add(reading(HOUR_MS, 5))).toBeUndefined();
  expect(meter.late).toBe(1);
  expect(meter.close()).toBeUndefined();
});

test("hours without readings are left out, not made up", () => {
  const meter = newMeter();
  meter.add(reading(MINUTE_MS, 1));
  const first = meter.add(reading(5 * HOUR_MS + MINUTE_MS, 2));
  expect(first?.endMs).toBe(HOUR_MS);
  expect(meter.close()?.startMs).toBe(5 * HOUR_MS);
});

test("the outbox gives back what was queued, and counts what became final", async () => {
  const store = createMemoryStore();
  const closed = closeHour();
  const later = { ...closed, startMs: HOUR_MS, endMs: 2 * HOUR_MS, registerEnd: 99n };
  const before = await openOutbox(store);
  await before.add([closed, later]);
  await before.settle([closed], { state: "final", txId: "ab", height: 3, index: 0 }, undefined);
  const after = await openOutbox(store);
  expect(after.queued()).toEqual([
    {
      ...later,
      fingerprint: Uint8Array.from(later.fingerprint),
      readingsRoot: Uint8Array.from(later.readingsRoot),
      salt: Uint8Array.from(later.salt),
      commitment: Uint8Array.from(later.commitment),
    },
  ]);
  expect(after.closedUntilMs(owner.meterId)).toBe(2 * HOUR_MS);
  expect(after.totals()).toMatchObject({
    intervals: 2,
    queued: 1,
    finalised: 1,
    finalisedReadings: 60,
    finalisedMwh: 1830n,
  });
});

test("every meter has its own device key and secret, and they are the same at every start", () => {
  const root = { type: "ed25519" as const, bytes: new Uint8Array(32).fill(1) };
  const keys = ["a", "b"].map((meterId) => Buffer.from(deviceKeyOf(root, meterId).bytes).toString("hex"));
  expect(new Set([...keys, Buffer.from(meterSecretOf(root, "a")).toString("hex")]).size).toBe(3);
  expect(Buffer.from(deviceKeyOf(root, "a").bytes).toString("hex")).toBe(keys[0]);
});
