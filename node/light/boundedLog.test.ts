import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { expect, onTestFinished, test } from "vitest";
import { openReadingLog } from "#storage/offchain/readingLog.ts";
import { testReading } from "../meter/testReadings.ts";
import { createBoundedLog, LogStoppedError, THINNED_FILE } from "./boundedLog.ts";

const DAY_MS = 86_400_000;

/** A log of small segments within 10 000 bytes, with a clock by hand; raw is what a meter "raw" sends. */
async function setUp({ rawDays = 0, isForwarding = false } = {}) {
  const directory = mkdtempSync(join(tmpdir(), "bounded-log-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const readings = await openReadingLog(directory, { segmentBytes: 1000 });
  onTestFinished(() => readings.close());
  const lines: string[] = [];
  const world = { sealedUntilMs: Number.POSITIVE_INFINITY, nowMs: 1_000, forwardedBefore: 1, appends: 0 };
  const forwarded = { forwardedBefore: () => world.forwardedBefore, wake: () => void world.appends++ };
  const bounded = createBoundedLog(
    { maxBytes: 10_000, rawDays },
    {
      ...{ readings, directory, nowMs: () => world.nowMs },
      ...(isForwarding && { forwarded }),
      isRaw: ({ meterId }) => meterId === "raw",
      isSealed: ({ timestampMs }) => timestampMs <= world.sealedUntilMs,
      log: pino({ base: null }, { write: (line: string) => void lines.push(line) }),
    },
  );
  onTestFinished(() => bounded.stop());
  const append = (meterId: string, time: number) => bounded.append([testReading(time, { meterId })]);
  const contents = async () => {
    const all: string[] = [];
    for await (const { meterId, timestampMs } of bounded.scan()) all.push(`${meterId} ${timestampMs}`);
    return all;
  };
  const said = (text: string) => lines.filter((line) => line.includes(text)).length;
  return { world, bounded, append, contents, said, directory };
}

test("at the bound the oldest raw samples go, what is billed stays, and each removal is written down", async () => {
  const { bounded, append, contents, directory } = await setUp();
  for (let time = 1; time <= 160; time++) await append(time % 4 === 0 ? "billed" : "raw", time);
  const left = await contents();
  expect(left.filter((each) => each.startsWith("billed"))).toHaveLength(40);
  expect(bounded.state()).toMatchObject({ isFull: false, thinned: 160 - left.length });
  expect(bounded.state().bytes).toBeLessThanOrEqual(10_000 + 200);
  const raw = left.filter((each) => each.startsWith("raw")).map((each) => Number(each.split(" ")[1]));
  expect(Math.min(...raw)).toBeGreaterThan(160 - left.length);
  const records = readFileSync(join(directory, THINNED_FILE), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(records.reduce((sum, { removed }) => sum + removed, 0)).toBe(160 - left.length);
  expect(records[0]).toMatchObject({ fromMs: 1, meters: ["raw"] });
});

test("raw samples stay as long as their intervals are open: meters wait, with an alarm, until one is closed", async () => {
  const { world, bounded, append, said } = await setUp();
  world.sealedUntilMs = 0;
  let time = 0;
  while (bounded.state().bytes + 120 <= 10_000) await append("raw", ++time);
  let isKept = false;
  const waiting = append("raw", ++time).then(() => {
    isKept = true;
  });
  while (said("meters wait") === 0) await new Promise((resolve) => setImmediate(resolve));
  expect([isKept, bounded.state().isFull, bounded.state().thinned]).toEqual([false, true, 0]);
  world.sealedUntilMs = 20;
  world.nowMs += 60_000;
  await waiting;
  expect(bounded.state()).toMatchObject({ isFull: false });
  expect(bounded.state().thinned).toBeGreaterThan(0);
  expect(said("room for readings again")).toBe(1);
});

test("when only what is billed is left, nothing is removed for it, and a node that stops tells its meters that it is not kept", async () => {
  const { bounded, append, contents, said } = await setUp();
  let time = 0;
  while (bounded.state().bytes + 130 <= 10_000) await append("billed", ++time);
  const waiting = append("billed", ++time);
  while (said("meters wait") === 0) await new Promise((resolve) => setImmediate(resolve));
  bounded.stop();
  await expect(waiting).rejects.toThrow(LogStoppedError);
  expect(await contents()).toHaveLength(time - 1);
  expect(said("meterMaxBytes")).toBe(1);
});

test("raw samples beyond their days go although there is room", async () => {
  const { world, append, contents, bounded } = await setUp({ rawDays: 2 });
  for (let time = 1; time <= 30; time++) await append("raw", time);
  world.nowMs = 2 * DAY_MS;
  await append("raw", 31);
  expect(bounded.state().thinned).toBe(0);
  world.nowMs = 2 * DAY_MS + 3_600_010;
  await append("raw", 32);
  expect(bounded.state().thinned).toBeGreaterThan(15);
  expect((await contents()).at(-1)).toBe("raw 32");
});

test("what the second tier has not got yet is not removed: meters wait, the alarm says why, and what it has got makes room", async () => {
  const { world, bounded, append, said } = await setUp({ isForwarding: true });
  let time = 0;
  while (bounded.state().bytes + 120 <= 10_000) await append("raw", ++time);
  expect(world.appends).toBe(time);
  const waiting = append("raw", ++time);
  while (said("queue or store of readings") === 0) await new Promise((resolve) => setImmediate(resolve));
  expect(bounded.state()).toMatchObject({ isFull: true, thinned: 0 });
  world.forwardedBefore = 20;
  world.nowMs += 60_000;
  await waiting;
  expect(bounded.state().thinned).toBeGreaterThan(0);
  expect(bounded.state().thinned).toBeLessThan(20);
});
