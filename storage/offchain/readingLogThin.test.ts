import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { Reading } from "../types/reading.ts";
import { openReadingLog, type ReadingLog } from "./readingLog.ts";

function reading(timestampMs: number, meterId: string): Reading {
  return {
    ...{ meterId, quantity: "activeEnergyImport", kind: "interval", phase: 0, tariff: 0, value: timestampMs },
    ...{ timestampMs, periodMs: 1, receivedMs: timestampMs, timeSource: "meter", timeQuality: "synced", quality: 0 },
    rawHash: new Uint8Array(32),
  } as Reading;
}

/** A log of small segments, every reading once of a meter that is billed and once of one that is not. */
async function filled(): Promise<{ directory: string; log: ReadingLog }> {
  const directory = mkdtempSync(join(tmpdir(), "reading-log-thin-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const log = await openReadingLog(directory, { segmentBytes: 1000 });
  onTestFinished(() => log.close());
  for (let time = 1; time <= 40; time++) await log.append([reading(time, "billed"), reading(time, "raw")]);
  return { directory, log };
}

async function contents(log: ReadingLog): Promise<string[]> {
  const all: string[] = [];
  for await (const { meterId, timestampMs } of log.scan()) all.push(`${meterId} ${timestampMs}`);
  return all;
}

const isBilled = ({ meterId }: Reading) => meterId === "billed";
const nothing = async () => undefined;

test("what is not kept is gone, the rest stays in its order, also when the log is opened again and goes on", async () => {
  const { directory, log } = await filled();
  const before = await contents(log);
  const bytes = log.bytes;
  const names = log.closedSegments();
  expect(names.length).toBeGreaterThan(5);
  const told: number[] = [];
  let removed = 0;
  for (const name of names) removed += await log.thin(name, isBilled, async (count) => void told.push(count));
  expect(removed).toBe(told.reduce((sum, count) => sum + count, 0));
  const kept = before.filter((each, index) => each.startsWith("billed") || index >= 2 * removed);
  expect(await contents(log)).toEqual(kept);
  expect(log.bytes).toBeLessThan(0.65 * bytes);
  await log.append([reading(41, "raw")]);
  await log.close();
  const again = await openReadingLog(directory);
  onTestFinished(() => again.close());
  expect(await contents(again)).toEqual([...kept, "raw 41"]);
  expect(again.report.torn).toBeUndefined();
});

test("a segment in which everything is kept, and the one that is written to, are left alone", async () => {
  const { directory, log } = await filled();
  const bytes = log.bytes;
  expect(await log.thin(log.closedSegments()[0] ?? "", () => true, nothing)).toBe(0);
  expect(
    await log.thin(
      readdirSync(directory)
        .filter((name) => name.endsWith(".readings"))
        .sort()
        .at(-1) ?? "",
      isBilled,
      nothing,
    ),
  ).toBe(0);
  expect(log.bytes).toBe(bytes);
});

test("when it cannot be written down that something is removed, nothing is", async () => {
  const { log } = await filled();
  const before = await contents(log);
  const name = log.closedSegments()[0] ?? "";
  await expect(log.thin(name, isBilled, () => Promise.reject(new Error("no room")))).rejects.toThrow("no room");
  expect(await contents(log)).toEqual(before);
});

test("a scan under way sees each reading that stays exactly once, whenever a segment is thinned", async () => {
  const { log } = await filled();
  const names = [...log.closedSegments()];
  for (let at = 0; at < 80; at += 7) {
    const seen: string[] = [];
    let thinning: Promise<number> | undefined;
    for await (const { meterId, timestampMs } of log.scan()) {
      if (seen.length === at) thinning = log.thin(names.shift() ?? "", isBilled, nothing);
      seen.push(`${meterId} ${timestampMs}`);
    }
    await thinning;
    expect(seen.filter((each) => each.startsWith("billed"))).toHaveLength(40);
    expect(new Set(seen).size).toBe(seen.length);
  }
});

test("what a crash left of thinning is no segment", async () => {
  const { directory, log } = await filled();
  const before = await contents(log);
  await log.close();
  writeFileSync(join(directory, `${readdirSync(directory).sort()[0]}.thinned`), "half");
  const again = await openReadingLog(directory);
  onTestFinished(() => again.close());
  expect(await contents(again)).toEqual(before);
});
