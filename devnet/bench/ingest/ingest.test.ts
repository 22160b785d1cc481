import { expect, test } from "vitest";
import { decodeTransaction, type Transaction } from "#storage/types/transaction.ts";
import { createMeterLoad, SAMPLE_MS } from "./meterLoad.ts";
import { decades, plotSvg } from "./prosumerPlot.ts";
import { figureRows, figures } from "./prosumerRows.ts";
import { factsOfReadings, READINGS_PER_INTERVAL } from "./realFacts.ts";
import { groupCommitWaits, percentilesOf, Samples } from "./samples.ts";
import { dueBy, dueMs } from "./schedule.ts";
import { factsWithoutReadings, groupedMeters, signSealRound } from "./sealLoad.ts";

test("percentiles are of the values, not of their order of arrival", () => {
  expect(percentilesOf([5, 1, 4, 2, 3])).toStrictEqual({ p50: 3, p99: 5 });
  expect(percentilesOf(Array.from({ length: 1000 }, (_, i) => 1000 - i))).toStrictEqual({ p50: 501, p99: 991 });
  expect(percentilesOf([])).toStrictEqual({ p50: 0, p99: 0 });
});

test("an open loop has everything due by the time it is due, and nothing before", () => {
  const schedule = { perSecond: 50_000, total: 100_000 };
  for (const item of [0, 1, 49_999, 99_999]) {
    const at = dueMs(schedule, item);
    expect(dueBy(schedule, at + 0.001)).toBe(item + 1);
    expect(dueBy(schedule, at - 0.001)).toBe(item);
  }
  expect(dueBy(schedule, 60_000)).toBe(schedule.total);
});

test("the load gives each meter its readings in order, and no measurement twice", () => {
  const readingOf = createMeterLoad(7);
  const seen = new Map<string, number>();
  for (let i = 0; i < 70; i++) {
    const { meterId, timestampMs } = readingOf(i);
    const before = seen.get(meterId);
    if (before !== undefined) expect(timestampMs).toBe(before + SAMPLE_MS);
    seen.set(meterId, timestampMs);
  }
  expect(seen.size).toBe(7);
});

test("a concentrator's transaction seals all of its meters with one signature, and is the next of its account each round", () => {
  const meters = groupedMeters(5, 2);
  const options = { chainId: "x", firstNumber: 9n, startMs: 0, intervalMs: 10_000, factsOf: factsWithoutReadings(3) };
  const rounds = [0, 1].map((round) => signSealRound(meters, round, options).map(decoded));
  for (const [round, txs] of rounds.entries()) {
    expect(txs.map(({ messages }) => messages.length)).toStrictEqual([2, 2, 1]);
    expect(txs.map(({ signers }) => signers.map(({ sequence }) => sequence))).toStrictEqual(
      Array.from({ length: 3 }, () => [BigInt(round)]),
    );
  }
});

function decoded(bytes: Uint8Array): Transaction {
  const result = decodeTransaction(bytes);
  if (!result.accepted) throw new Error(result.reason);
  return result.tx;
}

test("what is sealed as real is a quarter hour of readings of that meter", () => {
  const factsOf = factsOfReadings(2, 900_000);
  const [a, b] = [factsOf("load:0", 0), factsOf("load:1", 0)];
  expect([a.count, b.count]).toStrictEqual([READINGS_PER_INTERVAL, READINGS_PER_INTERVAL]);
  expect(a.fingerprint).not.toStrictEqual(b.fingerprint);
  expect(a.readingsRoot).not.toStrictEqual(b.readingsRoot);
});

test("a plot's axes reach over all points, and each point is drawn once", () => {
  expect(decades([0.2, 2000])).toStrictEqual({ from: -1, to: 4 });
  expect(decades([10])).toStrictEqual({ from: 1, to: 2 });
  const series = [{ name: "a < b", colour: "red", points: [100, 2000, 10_000].map((x) => ({ x, y: x / 500 })) }];
  const svg = plotSvg([{ title: "T", xLabel: "n", yLabel: "s", series }]);
  expect(svg.match(/<circle/g)).toHaveLength(4);
  expect(svg).toContain("a &lt; b");
  // 10 000 is the right end of the axis, 100 its left.
  expect(svg).toMatch(/<polyline points="84,[\d.]+ [\d.]+,[\d.]+ 484,/);
});

test("the figures are prosumers by rate, with D5.1's own points at 2000", () => {
  const rows = figureRows({
    readingsPerSecond: 50_000,
    deviceSealsPerSecond: 1_000,
    concentratorSealsPerSecond: 4_000,
  });
  expect(rows.at(-1)).toStrictEqual({
    prosumers: 10_000,
    sampleSeconds: 0.2,
    deviceIntervalSeconds: 10,
    concentratorIntervalSeconds: 2.5,
  });
  expect(rows.filter((row) => row.paperIntervalSeconds !== undefined)).toMatchObject([
    { prosumers: 2_000, sampleSeconds: 0.04, paperSampleSeconds: 0.2, paperIntervalSeconds: 540 },
  ]);
  expect(figures(rows).map(({ series }) => series.map(({ points }) => points.length))).toStrictEqual([
    [6, 1, 6],
    [6, 6, 1, 6],
  ]);
  const [, held] = figures(rows, { prosumers: 2_000, intervalSeconds: 10 });
  expect(held?.series.flatMap(({ points }) => points)).toContainEqual({ x: 2_000, y: 10 });
  // D5.1's own rate, for five times as many: five times as long.
  expect(held?.series.at(-1)?.points.at(-1)).toStrictEqual({ x: 10_000, y: 2_700 });
});

test("whoever comes while a disk syncs waits for the rest of that sync and for the next one", () => {
  // Evenly over a second of syncs of 1 ms: 1 to 2 ms.
  const even = groupCommitWaits(Array.from({ length: 1000 }, () => 1));
  expect(Math.abs(even.p50 - 1.5)).toBeLessThan(0.1);
  expect(Math.abs(even.p99 - 2)).toBeLessThan(0.1);
  // One sync in two hundred takes half of the time: p99 of syncs does not show it, half of those who come meet it.
  const uneven = groupCommitWaits(Array.from({ length: 1000 }, (_, i) => (i % 200 === 100 ? 200 : 1)));
  expect(percentilesOf(Array.from({ length: 1000 }, (_, i) => (i % 200 === 100 ? 200 : 1))).p99).toBe(1);
  expect(uneven.p99).toBeGreaterThan(100);
  expect(groupCommitWaits([])).toStrictEqual({ p50: 0, p99: 0 });
});

test("samples beyond the first block of memory are all kept", () => {
  const samples = new Samples();
  for (let i = 1; i <= 70_000; i++) samples.add(i);
  expect([samples.count, samples.values().length]).toStrictEqual([70_000, 70_000]);
  expect(percentilesOf(samples.values())).toStrictEqual({ p50: 35_001, p99: 69_301 });
});
