import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { createHouseholdSource } from "./householdSource.ts";
import { limitsOfFile } from "./simulatorLimits.ts";

const folder = mkdtempSync(join(tmpdir(), "simulator-limits-"));
afterAll(() => rmSync(folder, { recursive: true }));
const path = join(folder, "limits.json");

test("a household keeps to what its manager is told, from the first to the last moment of a span, and goes on as before", async () => {
  const startMs = Date.UTC(2026, 0, 5, 12);
  writeFileSync(path, JSON.stringify([{ fromMs: startMs + 20_000, untilMs: startMs + 40_000, limitW: 36 }]));
  let looks = 0;
  const source = createHouseholdSource({
    ...{ households: 1, firstHousehold: 2, seed: 1, startMs, readingMs: 10_000, speed: 1, limitW: limitsOfFile(path) },
    nowMs: () => startMs + 1_000_000 + (looks++ === 0 ? 0 : 60_000),
  });
  const stop = new AbortController();
  const taken: number[] = [];
  for await (const item of source.readings(stop.signal)) {
    if (item.type === "reading") taken.push(item.reading.value);
    if (taken.length === 6) stop.abort();
  }
  // 36 W for 10 s are 100 mWh; a rest of less than one mWh comes from the reading before.
  expect(taken.slice(2, 4).every((mwh) => mwh === 100 || mwh === 101)).toBe(true);
  expect([...taken.slice(0, 2), ...taken.slice(4)].every((mwh) => mwh > 101)).toBe(true);
});

test("the file is read again, the lowest of limits holds, and without it nothing is limited", () => {
  rmSync(path, { force: true });
  const limitW = limitsOfFile(path);
  expect(limitW(5)).toBe(Number.POSITIVE_INFINITY);
  writeFileSync(path, '[{"fromMs":0,"untilMs":10,"limitW":500},{"fromMs":4,"untilMs":6,"limitW":200}]');
  expect([limitW(3), limitW(4), limitW(6), limitW(10)]).toEqual([500, 200, 500, Number.POSITIVE_INFINITY]);
  rmSync(path);
  expect(limitW(5)).toBe(Number.POSITIVE_INFINITY);
});

test.each(["", "[", "{}", '[{"fromMs":0}]', '[{"fromMs":0,"untilMs":10,"limitW":-1}]', "[null]"])(
  "what is no list of limits changes none: %s",
  (text) => {
    writeFileSync(path, '[{"fromMs":0,"untilMs":10,"limitW":500}]');
    const limitW = limitsOfFile(path);
    expect(limitW(5)).toBe(500);
    writeFileSync(path, text);
    expect(limitW(5)).toBe(500);
  },
);
