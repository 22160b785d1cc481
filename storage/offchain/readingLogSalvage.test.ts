import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import type { Reading } from "../types/reading.ts";
import { openReadingLog } from "./readingLog.ts";
import { type Salvaged, salvageReadingLog } from "./readingLogSalvage.ts";
import { testReadings } from "./testReadings.ts";

async function newLog(batches: number, perBatch: number, segmentBytes = 2048) {
  const directory = mkdtempSync(join(tmpdir(), "salvage-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const log = await openReadingLog(directory, { segmentBytes });
  const readings = testReadings(1_750_000_000_000, batches * perBatch);
  for (let batch = 0; batch < batches; batch++)
    await log.append(readings.slice(batch * perBatch, (batch + 1) * perBatch));
  await log.close();
  return { directory, readings, segments: readdirSync(directory).sort() };
}

async function salvage(directory: string, fromBatch?: number) {
  const items: Salvaged[] = [];
  for await (const item of salvageReadingLog(directory, fromBatch)) items.push(item);
  const readings = items.flatMap((item): Reading[] => (item.type === "reading" ? [item.reading] : []));
  return { readings, faults: items.flatMap((item) => (item.type === "fault" ? [item] : [])), items };
}

test("of an undamaged log everything is given, in order and with its place", async () => {
  const { directory, readings, segments } = await newLog(6, 5);
  expect(segments.length).toBeGreaterThan(1);
  const salvaged = await salvage(directory, 1);
  expect(salvaged.readings).toEqual(readings);
  expect(salvaged.faults).toEqual([]);
  const [first] = salvaged.items;
  expect(first).toMatchObject({ segment: segments[0], offset: 26 });
});

test("a bit that is flipped anywhere is located, costs at most the record it is in, and the log stays as it is", async () => {
  const { directory, readings, segments } = await newLog(6, 5);
  const places = fc.record({ segment: fc.constantFrom(...segments), at: fc.nat(), bit: fc.nat({ max: 7 }) });
  await fc.assert(
    fc.asyncProperty(places, async ({ segment, at, bit }) => {
      const path = join(directory, segment);
      const good = readFileSync(path);
      const bad = Buffer.from(good);
      const place = at % good.length;
      bad[place]! ^= 1 << bit;
      writeFileSync(path, bad);
      const salvaged = await salvage(directory, 1);
      expect(readFileSync(path)).toEqual(bad);
      writeFileSync(path, good);
      const [fault] = salvaged.faults;
      expect(salvaged.faults.length).toBe(1);
      expect(fault?.segment).toBe(segment);
      expect(place).toBeGreaterThanOrEqual(fault?.offset ?? place + 1);
      expect(place).toBeLessThan((fault?.offset ?? 0) + (fault?.bytes ?? 0));
      const kept = readings.filter((reading) => salvaged.readings.some((each) => same(each, reading)));
      expect(kept.length).toBeGreaterThanOrEqual(readings.length - 1);
    }),
    { numRuns: 60 },
  );
});

test("batches and segments that are gone are said", async () => {
  const { directory, readings, segments } = await newLog(14, 5);
  rmSync(join(directory, segments[1] as string));
  const { faults, readings: left } = await salvage(directory, 1);
  expect(faults.map(({ segment, reason }) => [segment, reason])).toEqual([
    [segments[2], expect.stringContaining("are missing")],
  ]);
  expect(left.length).toBeLessThan(readings.length);
  rmSync(join(directory, segments[0] as string));
  expect((await salvage(directory, 1)).faults[0]?.reason).toContain("batches 1 to");
  expect((await salvage(directory)).faults).toEqual([]);
});

test("a write that a crash cut off is a tail", async () => {
  const { directory, segments } = await newLog(2, 5, 1_000_000);
  const path = join(directory, segments[0] as string);
  writeFileSync(path, readFileSync(path).subarray(0, -7));
  const { faults } = await salvage(directory, 1);
  expect(faults).toMatchObject([{ isTail: true, reason: "the file ends within a batch" }]);
});

function same(a: Reading, b: Reading): boolean {
  return a.timestampMs === b.timestampMs && a.value === b.value && a.meterId === b.meterId;
}
