import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { byteMutation, mutateBytes } from "../fuzz/mutateBytes.ts";
import { FUZZ_TIMEOUT_MS, fuzzAsync } from "../fuzz/runs.ts";
import type { Reading } from "../types/reading.ts";
import { openReadingLog } from "./readingLog.ts";
import { ReadingLogError } from "./readingLogFormat.ts";

const folder = mkdtempSync(join(tmpdir(), "reading-fuzz-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const reading = (timestampMs: number): Reading => ({
  meterId: "sim:A",
  quantity: "activeEnergyImport",
  kind: "interval",
  phase: 0,
  tariff: 0,
  value: timestampMs * 10,
  timestampMs,
  periodMs: 1,
  receivedMs: timestampMs,
  timeSource: "meter",
  timeQuality: "synced",
  quality: 0,
  rawHash: new Uint8Array(32),
});

/** Segments by name, of some batches each. */
let segments: readonly (readonly [name: string, bytes: Uint8Array])[] = [];
const TIMES = Array.from({ length: 40 }, (_, index) => index + 1);

beforeAll(async () => {
  const directory = join(folder, "whole");
  const log = await openReadingLog(directory, { segmentBytes: 1500 });
  for (let at = 0; at < TIMES.length; at += 4) await log.append(TIMES.slice(at, at + 4).map(reading));
  await log.close();
  segments = readdirSync(directory).map((name) => [name, readFileSync(join(directory, name))]);
  expect(segments.length).toBeGreaterThan(2);
});

test(
  "of a changed log the readings that were written are read, up to a torn end, or it is refused with segment and offset",
  async () => {
    const change = fc.record({ at: fc.nat(), mutations: fc.array(byteMutation, { minLength: 1, maxLength: 2 }) });
    let opened = 0;
    await fuzzAsync("reading log", change, 120, async ({ at, mutations }) => {
      const directory = join(folder, "changed");
      rmSync(directory, { recursive: true, force: true });
      mkdirSync(directory);
      for (const [index, [name, bytes]] of segments.entries())
        writeFileSync(join(directory, name), index === at % segments.length ? mutateBytes(bytes, mutations) : bytes);
      try {
        const log = await openReadingLog(directory);
        opened += 1;
        const times: number[] = [];
        for await (const { timestampMs } of log.scan()) times.push(timestampMs);
        await log.close();
        expect(times).toEqual(TIMES.slice(0, times.length));
      } catch (error) {
        expect(error).toBeInstanceOf(ReadingLogError);
        expect((error as ReadingLogError).details).toMatchObject({ code: "READING_LOG_CORRUPT" });
      }
    });
    expect(opened).toBeGreaterThan(0);
  },
  FUZZ_TIMEOUT_MS,
);
