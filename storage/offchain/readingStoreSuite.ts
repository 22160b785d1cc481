import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import type { Reading } from "../types/reading.ts";
import { proveReading, ReadingsRootStream, readingLeafHash, verifyReading } from "../types/readingsRoot.ts";
import { type ReadingStore, seriesName, seriesOf } from "./readingStore.ts";
import { collect, testReading, testReadings, testSample } from "./testReadings.ts";

export interface StoreUnderTest {
  readonly store: ReadingStore;
  /** Closes the store and opens what it left. */
  readonly reopen: () => Promise<ReadingStore>;
  readonly dispose: () => Promise<void>;
}

const DAY_MS = 86_400_000;

/** The claims every ReadingStore must meet. */
export function testReadingStore(name: string, open: () => Promise<StoreUnderTest>, timeoutMs = 5000): void {
  const withStore = (claim: string, run: (subject: StoreUnderTest) => Promise<void>) =>
    test(`${name}: ${claim}`, { timeout: timeoutMs }, async () => {
      const subject = await open();
      try {
        await run(subject);
      } finally {
        await subject.dispose();
      }
    });

  withStore("a reading comes back as it was put, also after closing", async ({ store, reopen }) => {
    const readings = [
      testReading(1000, { seq: 7, registerValue: 2 ** 53 - 1, quality: 0xff, phase: 3, tariff: 4 }),
      testReading(1000, { meterId: `x:${"~".repeat(94)}`, value: -(2 ** 53 - 1), timeQuality: "drifting" }),
    ];
    expect(await store.put(readings)).toStrictEqual({ stored: 2, duplicates: 0, conflicts: 0, erased: 0 });
    const opened = await reopen();
    for (const reading of readings)
      expect(await collect(opened.read(seriesOf(reading)))).toStrictEqual([{ type: "reading", reading }]);
  });

  withStore("readings of a series come by time, whatever the order they were put in", async ({ store }) => {
    const days = [3, 0, 2, 1].map((day) => testReading(day * DAY_MS + 5));
    await store.put(days);
    await store.put([testReading(DAY_MS + 4), testReading(DAY_MS + 6), testReading(0)]);
    await store.put([testReading(DAY_MS + 5, { meterId: "sim:B" }), testReading(DAY_MS + 5, { phase: 1 })]);
    const all = [0, 5, DAY_MS + 4, DAY_MS + 5, DAY_MS + 6, 2 * DAY_MS + 5, 3 * DAY_MS + 5];
    const series = seriesOf(testReading(0));
    expect(await timesIn(store, series)).toStrictEqual(all);
    expect(await timesIn(store, series, { afterMs: DAY_MS + 4, untilMs: 2 * DAY_MS + 5 })).toStrictEqual(
      all.slice(3, 6),
    );
    expect(await timesIn(store, series, { afterMs: 3 * DAY_MS + 5 })).toStrictEqual([]);
    expect(await timesIn(store, series, { untilMs: 0 })).toStrictEqual([0]);
    expect(await timesIn(store, series, { afterMs: 10, untilMs: 5 })).toStrictEqual([]);
  });

  withStore("the series of a meter are listed, and those of all", async ({ store }) => {
    const readings = [
      testReading(1),
      testReading(2),
      testSample(1),
      testReading(1, { tariff: 2 }),
      testReading(1, { meterId: "sim:A2" }),
      testReading(1, { meterId: "sim:" }),
    ];
    await store.put(readings);
    const listed = (await collect(store.series())).map(seriesName);
    expect(listed.toSorted()).toStrictEqual(
      [...new Set(readings.map((reading) => seriesName(seriesOf(reading))))].sort(),
    );
    const ofOne = await collect(store.series("sim:A"));
    expect(ofOne.map(({ meterId }) => meterId)).toStrictEqual(["sim:A", "sim:A", "sim:A"]);
    expect(await collect(store.series("sim:none"))).toStrictEqual([]);
  });

  withStore("the same measurement with the same value is stored once", async ({ store, reopen }) => {
    const readings = testReadings(1, 20);
    await store.put(readings);
    const again = await store.put([...readings.slice(10), ...testReadings(21, 5), testReading(25), testReading(7)]);
    expect(again).toStrictEqual({ stored: 5, duplicates: 12, conflicts: 0, erased: 0 });
    const opened = await reopen();
    expect(await opened.put(readings)).toStrictEqual({ stored: 0, duplicates: 20, conflicts: 0, erased: 0 });
    expect(await timesIn(opened, seriesOf(testReading(1)))).toHaveLength(25);
  });

  withStore(
    "of two values of one measurement the first stays and the second is a conflict",
    async ({ store, reopen }) => {
      const series = seriesOf(testReading(1));
      const [first, second, third] = [5, -7, 6].map((value) => testReading(10, { value })) as [
        Reading,
        Reading,
        Reading,
      ];
      await store.put([first, testReading(11)]);
      expect(await store.put([second])).toStrictEqual({ stored: 0, duplicates: 0, conflicts: 1, erased: 0 });
      const inOnePut = [testReading(12, { value: 1 }), testReading(12, { value: 2 }), third, third];
      expect(await store.put(inOnePut)).toStrictEqual({ stored: 1, duplicates: 1, conflicts: 2, erased: 0 });
      const opened = await reopen();
      expect(await opened.put([second, first])).toStrictEqual({ stored: 0, duplicates: 2, conflicts: 0, erased: 0 });
      expect(await collect(opened.read(series, { untilMs: 10 }))).toStrictEqual([{ type: "reading", reading: first }]);
      expect(await collect(opened.conflicts(series))).toStrictEqual([
        { kept: first, rejected: second },
        { kept: first, rejected: third },
        { kept: inOnePut[0], rejected: inOnePut[1] },
      ]);
      expect(await collect(opened.conflicts(series, { afterMs: 10 }))).toHaveLength(1);
    },
  );

  withStore("of puts at the same time every measurement has one first value", async ({ store }) => {
    const puts = Array.from({ length: 8 }, (_, value) => store.put(testReadings(1, 5, { value })));
    const counts = await Promise.all(puts);
    expect(counts.reduce((sum, { stored }) => sum + stored, 0)).toBe(5);
    expect(counts.reduce((sum, { conflicts }) => sum + conflicts, 0)).toBe(35);
    expect(await collect(store.conflicts(seriesOf(testReading(1))))).toHaveLength(35);
    expect(await timesIn(store, seriesOf(testReading(1)))).toStrictEqual([1, 2, 3, 4, 5]);
  });

  withStore("a put of nothing, and one with a reading that is none", async ({ store }) => {
    expect(await store.put([])).toStrictEqual({ stored: 0, duplicates: 0, conflicts: 0, erased: 0 });
    const bad = [testReading(1), testReading(2, { phase: 4 })];
    await expect(store.put(bad)).rejects.toMatchObject({ code: "READING_FIELD_INVALID" });
    expect(await timesIn(store, seriesOf(testReading(1)))).toStrictEqual([]);
  });

  withStore("an erasure leaves tombstones, and the proofs of the neighbours hold", async ({ store, reopen }) => {
    const readings = Array.from({ length: 9 }, (_, i) => testSample(1 + i));
    const salt = (timestampMs: number) => createHash("sha256").update(`salt ${timestampMs}`).digest();
    const leafOf = ({ timestampMs, value }: Reading) => readingLeafHash(salt(timestampMs), value, timestampMs);
    const root = new ReadingsRootStream();
    for (const reading of readings) root.appendLeafHash(leafOf(reading));
    await store.put(readings);
    await store.put([testSample(4, { value: 1 })]);
    const series = seriesOf(testSample(1));
    const erasure = await store.erase(series, { afterMs: 2, untilMs: 5 }, leafOf);
    expect(erasure).toStrictEqual({ erased: 3, conflicts: 1, earlier: 0 });

    const opened = await reopen();
    const left = await collect(opened.read(series));
    expect(left.map(({ type }) => type).join()).toBe(
      "reading,reading,erased,erased,erased,reading,reading,reading,reading",
    );
    expect(left[3]).toStrictEqual({ type: "erased", series, timestampMs: 4, leafHash: leafOf(testSample(4)) });
    expect(await collect(opened.conflicts(series))).toStrictEqual([]);
    const leaves = left.map((stored) =>
      stored.type === "reading" ? leafOf(stored.reading) : (stored.leafHash ?? new Uint8Array(32)),
    );
    const { value, timestampMs } = readings[5] as Reading;
    const proof = proveReading(leaves, 5, { salt: salt(timestampMs), value, timestampMs });
    expect(verifyReading({ root: root.root(), count: 9 }, proof)).toStrictEqual({ accepted: true });
  });

  withStore("what was erased does not come back, and erasing again finds tombstones", async ({ store }) => {
    const series = seriesOf(testSample(1));
    const readings = [1, 2, 3].map((time) => testSample(time));
    await store.put(readings);
    await store.erase(series, { untilMs: 2 }, () => undefined);
    const again = await store.put([...readings, testSample(2, { value: 9 })]);
    expect(again).toStrictEqual({ stored: 0, duplicates: 1, conflicts: 0, erased: 3 });
    const leafHash = new Uint8Array(32).fill(1);
    expect(await store.erase(series, {}, () => leafHash)).toStrictEqual({ erased: 1, conflicts: 0, earlier: 2 });
    expect(
      (await collect(store.read(series))).map((stored) => (stored.type === "erased" ? stored.leafHash : 0)),
    ).toEqual([undefined, undefined, leafHash]);
    expect(await store.erase(series, { afterMs: 100 }, () => undefined)).toMatchObject({ erased: 0, earlier: 0 });
  });

  withStore("values that bills are made of are not erased", async ({ store }) => {
    await store.put([testReading(1)]);
    const series = seriesOf(testReading(1));
    expect(store.retentionOf(series)).toBe("billing");
    expect(store.retentionOf(seriesOf(testSample(1)))).toBe("raw");
    await expect(store.erase(series, {}, () => undefined)).rejects.toMatchObject({
      code: "READING_STORE_RETENTION_KEPT",
    });
    expect(await timesIn(store, series)).toStrictEqual([1]);
  });

  withStore("verifying counts everything and finds nothing wrong", async ({ store }) => {
    await store.put([...testReadings(1, 30), ...testReadings(1, 3, { meterId: "sim:B" })]);
    await store.put([testSample(1), testSample(2), testReading(4, { value: 0 })]);
    await store.erase(seriesOf(testSample(1)), { untilMs: 1 }, () => undefined);
    expect(await store.verify()).toStrictEqual({
      series: 3,
      readings: 34,
      erased: 1,
      conflicts: 1,
      faults: [],
      faultCount: 0,
    });
  });

  withStore("a closed store takes and gives nothing", async ({ store }) => {
    await store.close();
    const closed = { code: "READING_STORE_CLOSED" };
    await expect(store.put([testReading(1)])).rejects.toMatchObject(closed);
    await expect(collect(store.read(seriesOf(testReading(1))))).rejects.toMatchObject(closed);
    await store.close();
  });
}

async function timesIn(store: ReadingStore, ...query: Parameters<ReadingStore["read"]>): Promise<number[]> {
  return (await collect(store.read(...query))).map((stored) =>
    stored.type === "reading" ? stored.reading.timestampMs : stored.timestampMs,
  );
}
