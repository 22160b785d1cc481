import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { openReadingLog } from "./readingLog.ts";
import { scanReadingLog } from "./readingLogScan.ts";
import { collect, testReadings } from "./testReadings.ts";

const folder = mkdtempSync(join(tmpdir(), "reading-scan-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("a log is read beside the process that writes it, and left as it is", async () => {
  const directory = join(folder, "open");
  const log = await openReadingLog(directory, { segmentBytes: 2000 });
  const readings = testReadings(1, 60);
  for (let at = 0; at < readings.length; at += 10) await log.append(readings.slice(at, at + 10));
  expect(await collect(scanReadingLog(directory))).toEqual(readings);
  const names = readdirSync(directory).sort();
  expect(names.length).toBeGreaterThan(2);
  const last = join(directory, names.at(-1) as string);
  const bytes = readFileSync(last);
  await log.close();
  writeFileSync(last, bytes.subarray(0, bytes.length - 5));
  expect((await collect(scanReadingLog(directory))).length).toBe(50);
  expect(readFileSync(last).length).toBe(bytes.length - 5);
  rmSync(join(directory, names[0] as string));
  expect((await collect(scanReadingLog(directory))).length).toBeLessThan(50);
});

test("a batch that is broken and has others behind it is an error; no log is no reading", async () => {
  const directory = join(folder, "broken");
  const log = await openReadingLog(directory);
  for (let at = 0; at < 3; at++) await log.append(testReadings(1 + at * 10, 10));
  await log.close();
  const [name = ""] = readdirSync(directory);
  const bytes = readFileSync(join(directory, name));
  bytes[100]! ^= 1;
  writeFileSync(join(directory, name), bytes);
  await expect(collect(scanReadingLog(directory))).rejects.toMatchObject({ code: "READING_LOG_CORRUPT" });
  expect(await collect(scanReadingLog(join(folder, "none")))).toEqual([]);
});
