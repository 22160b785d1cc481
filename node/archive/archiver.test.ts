import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CID } from "multiformats/cid";
import pino from "pino";
import { afterAll, expect, test } from "vitest";
import { type ArchivePeriod, archivePeriodOf } from "#storage/archive/archivePeriods.ts";
import { openArchive } from "#storage/archive/archiveReader.ts";
import { archiveKeyOf } from "#storage/archive/encryptArchive.ts";
import { minuteReadings } from "#storage/archive/testArchive.ts";
import { openAnyArchive, verifyArchiveContents, verifyArchiveFile } from "#storage/archive/verifyArchive.ts";
import { type ReadingSeries, type StoredReading, seriesOf, type TimeRange } from "#storage/offchain/readingStore.ts";
import type { Reading } from "#storage/types/reading.ts";
import { openArchiveBlocks } from "./archiveBlocks.ts";
import { type ArchiveReadings, readingsOfLog, readingsOfStore } from "./archiveReadings.ts";
import { type LocalArchive, openArchiveRecords } from "./archiveRecords.ts";
import { type ArchiverPorts, createArchiver, runArchiver, type SealRequest } from "./archiver.ts";
import { createKubo } from "./kubo.ts";
import { startTestKubo } from "./testKubo.ts";

const folder = mkdtempSync(join(tmpdir(), "archiver-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let homes = 0;

const METER = "lora:fc48c900000001c5/import";
const DAY_MS = 86_400_000;
const START_MS = Date.UTC(2026, 9, 1);
const GRACE_MS = 3_600_000;
const OPTIONS = { ledgerId: "grid-1", every: "day", graceMs: GRACE_MS } as const;
const dayOf = (day: number): ArchivePeriod => ({
  fromMs: START_MS + day * DAY_MS,
  untilMs: START_MS + (day + 1) * DAY_MS,
});
const SECRET = new Uint8Array(32).fill(4);
const keyOf = (meterId: string, period: ArchivePeriod) =>
  archiveKeyOf({ ledgerId: "grid-1", meterId, secret: SECRET }, period);

/** Archives as the ledger takes them: version by version. */
function createLedger() {
  const sealed: SealRequest[] = [];
  const of = (meterId: string, { fromMs, untilMs }: ArchivePeriod) =>
    sealed.filter((each) => each.meterId === meterId && each.fromMs === fromMs && each.untilMs === untilMs);
  return {
    sealed,
    isAway: false,
    /** The next transaction takes effect and nobody is told. */
    loseAnswer: false,
    ports() {
      return {
        sealed: async (meterId: string, period: ArchivePeriod) => of(meterId, period),
        seal: async (request: SealRequest) => {
          if (this.isAway) throw new Error("ledger is away");
          if (request.version !== of(request.meterId, request).length + 1) throw new Error("ARCHIVE_VERSION_MISMATCH");
          sealed.push(request);
          if (this.loseAnswer) {
            this.loseAnswer = false;
            throw new Error("connection lost");
          }
          return { txId: `${sealed.length}`, height: sealed.length };
        },
      };
    },
  };
}

function createNode(readings: (Reading | StoredReading)[], change: Partial<ArchiverPorts> = {}) {
  const home = join(folder, String(homes++));
  const ledger = createLedger();
  const clock = { nowMs: START_MS };
  const blocks = openArchiveBlocks(join(home, "blocks"));
  const records = openArchiveRecords(join(home, "records"));
  const source: ArchiveReadings = {
    async *periods(every) {
      const found = readings.map((each) => archivePeriodOf(every, timeOf(each) ?? 0));
      for (const period of found.filter(({ fromMs }, at) => found.findIndex((each) => each.fromMs === fromMs) === at))
        yield { meterId: METER, period };
    },
    async *read(_meterId, { fromMs, untilMs }) {
      for (const each of readings.toSorted((a, b) => (timeOf(a) ?? 0) - (timeOf(b) ?? 0)))
        if ((timeOf(each) ?? 0) > fromMs && (timeOf(each) ?? 0) <= untilMs)
          yield "type" in each ? each : { type: "reading", reading: each };
    },
  };
  /** As after a restart: nothing is remembered but what is on disk. */
  const start = (other: Partial<ArchiverPorts> = {}) =>
    createArchiver(OPTIONS, {
      readings: source,
      blocks,
      records,
      ledger: ledger.ports(),
      keyOf,
      nowMs: () => clock.nowMs,
      log: pino({ level: "silent" }),
      ...change,
      ...other,
    });
  return { ledger, clock, blocks, records, start };
}

const timeOf = (each: Reading | StoredReading | undefined) =>
  each === undefined
    ? undefined
    : "type" in each && each.type === "reading"
      ? each.reading.timestampMs
      : (each as Reading).timestampMs;

const summary = (archives: readonly LocalArchive[]) =>
  archives.map(({ fromMs, version, readingCount, sealed }) => [
    (fromMs - START_MS) / DAY_MS,
    version,
    readingCount,
    sealed !== undefined,
  ]);

test("when a period is over, and its grace too, its readings become one file that is sealed; nothing is done twice", async () => {
  const { ledger, clock, blocks, records, start } = createNode([...minuteReadings(METER, dayOf(0), 1500)]);
  const archiver = start();
  clock.nowMs = dayOf(0).untilMs + GRACE_MS - 1;
  expect(archiver.nextDueMs()).toBe(dayOf(0).untilMs + GRACE_MS);
  expect(await archiver.step()).toBe(0);
  expect(ledger.sealed).toEqual([]);
  clock.nowMs += 1;
  for (let times = 0; times < 3; times++) expect(await archiver.step()).toBe(0);
  expect(archiver.nextDueMs()).toBe(dayOf(1).untilMs + GRACE_MS);
  expect(summary(await records.list())).toEqual([[0, 1, 1440, true]]);

  const [seal] = ledger.sealed;
  const file = await blocks.get(CID.decode(seal!.cid));
  const record = { ...seal!, ledgerId: "grid-1" };
  expect(await verifyArchiveFile(file, record)).toEqual({ accepted: true });
  expect(verifyArchiveContents(file, record, keyOf(METER, dayOf(0)))).toEqual({ accepted: true });
  expect(verifyArchiveContents(file, record, undefined)).toMatchObject({ code: "ARCHIVE_ENCRYPTED" });
});

test("a node that was away makes up for every period, the empty ones not", async () => {
  const readings = [...minuteReadings(METER, dayOf(0), 10), ...minuteReadings(METER, dayOf(3), 10)];
  const { ledger, clock, records, start } = createNode(readings);
  clock.nowMs = dayOf(5).untilMs;
  expect(await start().step()).toBe(0);
  expect(ledger.sealed.map(({ fromMs }) => (fromMs - START_MS) / DAY_MS)).toEqual([0, 3]);
  expect(summary(await records.list())).toEqual([
    [0, 1, 10, true],
    [3, 1, 10, true],
  ]);
  await start().step();
  expect(ledger.sealed.length).toBe(2);
});

test("a crash between any two steps leaves one archive, sealed once", async () => {
  for (const fault of ["blocks", "record", "kubo", "delivery", "seal", "answer"] as const) {
    const { ledger, clock, blocks, records, start } = createNode([...minuteReadings(METER, dayOf(0), 1440)]);
    clock.nowMs = dayOf(1).fromMs + GRACE_MS;
    await using server = await startTestKubo();
    const kubo = createKubo({ url: server.url }, { fetch });
    const given: number[] = [];
    const parts = {
      kubo,
      deliveries: [
        { name: "mdms", deliver: async (_: unknown, { version }: LocalArchive) => void given.push(version) },
      ],
    };
    const crash = async () => {
      throw new Error(`crash at ${fault}`);
    };
    const faulty = start({
      ...parts,
      ...(fault === "blocks" ? { blocks: { ...blocks, add: crash } } : {}),
      ...(fault === "record" ? { records: { ...records, save: crash } } : {}),
      ...(fault === "kubo" ? { kubo: { ...kubo, add: crash } } : {}),
      ...(fault === "delivery" ? { deliveries: [{ name: "mdms", deliver: crash }] } : {}),
    });
    ledger.isAway = fault === "seal";
    ledger.loseAnswer = fault === "answer";
    expect(await faulty.step(), fault).toBe(1);
    ledger.isAway = false;
    expect(await start(parts).step(), fault).toBe(0);
    expect(summary(await records.list()), fault).toEqual([[0, 1, 1440, true]]);
    expect(ledger.sealed.length, fault).toBe(1);
    expect([server.pins.size, given.length], fault).toEqual([1, 1]);
  }
});

test("late readings make a new version, and only they", async () => {
  const readings = [...minuteReadings(METER, dayOf(0), 100)];
  const { ledger, clock, records, start } = createNode(readings);
  clock.nowMs = dayOf(1).fromMs + GRACE_MS;
  await start().step();
  readings.push({ ...readings[99]!, timestampMs: readings[99]!.timestampMs + 60_000 });
  await start().step();
  expect(ledger.sealed.length).toBe(1);
  await start().markStale(METER, readings[100]!.timestampMs);
  expect(await start().step()).toBe(0);
  expect(summary(await records.list())).toEqual([
    [0, 1, 100, true],
    [0, 2, 101, true],
  ]);
  await start().markStale(METER, readings[0]!.timestampMs);
  expect(await start().step()).toBe(0);
  expect((await records.list()).every(({ isStale }) => !isStale)).toBe(true);
  expect(ledger.sealed.map(({ version, readingCount }) => [version, readingCount])).toEqual([
    [1, 100],
    [2, 101],
  ]);
});

test("an interval that is closed or amended when its period is over leads to a new version; one of the present period to nothing", async () => {
  const readings = [...minuteReadings(METER, dayOf(0), 100)];
  const { clock, records, start } = createNode(readings);
  clock.nowMs = dayOf(1).fromMs + GRACE_MS;
  const archiver = start();
  expect(await archiver.note(METER, dayOf(0).untilMs)).toBe(true);
  expect(await archiver.note(METER, dayOf(0).fromMs + 1)).toBe(false);
  expect(await archiver.note(METER, dayOf(0).untilMs + 1)).toBe(false);
  await archiver.step();
  readings.push({ ...readings[99]!, timestampMs: readings[99]!.timestampMs + 60_000 });
  expect(await archiver.note(METER, dayOf(0).untilMs)).toBe(true);
  expect((await records.list())[0]?.isStale).toBe(true);
  await archiver.step();
  expect(summary(await records.list()).at(-1)).toEqual([0, 2, 101, true]);
});

test("a version that was never sealed is replaced when readings came meanwhile, and its file is gone", async () => {
  const readings = [...minuteReadings(METER, dayOf(0), 100)];
  const { ledger, clock, blocks, records, start } = createNode(readings);
  clock.nowMs = dayOf(1).fromMs + GRACE_MS;
  ledger.isAway = true;
  expect(await start().step()).toBe(1);
  const [first] = await records.list();
  readings.push({ ...readings[99]!, timestampMs: readings[99]!.timestampMs + 60_000 });
  ledger.isAway = false;
  expect(await start().step()).toBe(0);
  expect(summary(await records.list())).toEqual([[0, 1, 101, true]]);
  await expect(blocks.get(CID.parse(first!.cid))).rejects.toMatchObject({ code: "ARCHIVE_NOT_FOUND" });
});

test("what another node has sealed first is taken over when it is the same file, and is followed by a version when it is not", async () => {
  const { ledger, clock, records, start } = createNode([...minuteReadings(METER, dayOf(0), 100)]);
  clock.nowMs = dayOf(1).fromMs + GRACE_MS;
  const [other] = [
    {
      meterId: METER,
      ...dayOf(0),
      version: 1,
      cid: new Uint8Array(36),
      fileBytes: 1,
      readingCount: 1,
      fileHash: new Uint8Array(32),
    },
  ];
  ledger.sealed.push(other!);
  await start().step();
  expect(summary(await records.list())).toEqual([[0, 2, 100, true]]);

  const same = createNode([...minuteReadings(METER, dayOf(0), 100)]);
  same.clock.nowMs = clock.nowMs;
  same.ledger.sealed.push({ ...ledger.sealed[1]!, version: 1 });
  expect(await same.start().step()).toBe(0);
  expect(same.ledger.sealed.length).toBe(1);
  expect((await same.records.list())[0]?.sealed).toEqual({ txId: "", height: 0 });
});

test("after an erasure the older file is removed here and at the IPFS node, and a new version has the tombstone", async () => {
  const readings: (Reading | StoredReading)[] = [...minuteReadings(METER, dayOf(0), 100)];
  await using server = await startTestKubo();
  const kubo = createKubo({ url: server.url }, { fetch });
  const { clock, blocks, records, start } = createNode(readings, { kubo });
  clock.nowMs = dayOf(1).fromMs + GRACE_MS;
  await start().step();
  const { meterId, quantity, kind, phase, tariff, timestampMs } = readings[7] as Reading;
  readings[7] = {
    type: "erased",
    series: { meterId, quantity, kind, phase, tariff },
    timestampMs,
    leafHash: undefined,
  };
  await start().markStale(METER, timestampMs);
  expect(await start().step()).toBe(0);
  const [old, now] = await records.list();
  expect([old?.isRemoved, old?.version, now?.version, now?.erasedCount]).toEqual([true, 1, 2, 1]);
  expect([...server.pins]).toEqual([now?.cid]);
  await expect(blocks.get(CID.parse(old!.cid))).rejects.toMatchObject({ code: "ARCHIVE_NOT_FOUND" });
  const back = openAnyArchive(await blocks.get(CID.parse(now!.cid)), keyOf(METER, dayOf(0)));
  expect([...back.items()].at(-1)).toMatchObject({ type: "erased", timestampMs });
  expect(await start().step()).toBe(0);
});

test("a file that an erasure removed while the node was stopped goes at the IPFS node too, and its period is archived anew", async () => {
  const readings: (Reading | StoredReading)[] = [...minuteReadings(METER, dayOf(0), 100)];
  await using server = await startTestKubo();
  const kubo = createKubo({ url: server.url }, { fetch });
  const { clock, blocks, records, start } = createNode(readings, { kubo });
  clock.nowMs = dayOf(1).fromMs + GRACE_MS;
  await start().step();
  const [made] = await records.list();
  await blocks.remove(CID.parse(made!.cid), []);
  await records.save({ ...made!, isRemoved: true, isStale: true });
  const { timestampMs, ...reading } = readings[7] as Reading;
  readings[7] = { type: "erased", series: seriesOf({ ...reading, timestampMs }), timestampMs, leafHash: undefined };
  expect(await start().step()).toBe(0);
  const [old, now] = await records.list();
  expect([old?.isRemoved, old?.isStale, old?.pinnedBy, now?.version, now?.erasedCount]).toEqual([
    true,
    false,
    [],
    2,
    1,
  ]);
  expect([...server.pins]).toEqual([now?.cid]);
  expect(await start().step()).toBe(0);
});

test("a version whose file shares blocks with the next one is removed without them", async () => {
  const month = { fromMs: START_MS, untilMs: START_MS + 30 * DAY_MS };
  const readings: (Reading | StoredReading)[] = [...minuteReadings(METER, month, 40_000)];
  const { ledger, blocks, records, start } = createNode(readings, { keyOf: undefined });
  const first = await start().make(METER, month);
  const { meterId, quantity, kind, phase, tariff, timestampMs } = readings[39_000] as Reading;
  readings[39_000] = {
    type: "erased",
    series: { meterId, quantity, kind, phase, tariff },
    timestampMs,
    leafHash: undefined,
  };
  const second = await start().make(METER, month);
  expect([ledger.sealed.length, (await records.list())[0]?.isRemoved]).toEqual([2, true]);
  expect((await blocks.get(CID.parse(second!.cid))).length).toBe(second!.fileBytes);
  await expect(blocks.get(CID.parse(first!.cid))).rejects.toMatchObject({ code: "ARCHIVE_NOT_FOUND" });
});

test("an archive is not given up for a file with fewer readings; it is when all of them were erased", async () => {
  const readings: (Reading | StoredReading)[] = [...minuteReadings(METER, dayOf(0), 3)];
  const { ledger, clock, blocks, records, start } = createNode(readings);
  clock.nowMs = dayOf(1).fromMs + GRACE_MS;
  await start().step();
  const [reading] = readings.splice(0, 1) as Reading[];
  await start().markStale(METER, reading!.timestampMs);
  expect(await start().step()).toBe(0);
  expect([ledger.sealed.length, (await records.list())[0]?.isStale]).toEqual([1, false]);
  const { meterId, quantity, kind, phase, tariff } = reading!;
  const series = { meterId, quantity, kind, phase, tariff };
  const graves = [1, 2, 3].map((minute) => dayOf(0).fromMs + minute * 60_000);
  readings.splice(
    0,
    2,
    ...graves.map((timestampMs) => ({ type: "erased", series, timestampMs, leafHash: undefined }) as const),
  );
  await start().markStale(METER, reading!.timestampMs);
  expect(await start().step()).toBe(0);
  expect([ledger.sealed.length, (await records.list())[0]?.isRemoved]).toEqual([1, true]);
  await expect(blocks.get(CID.decode(ledger.sealed[0]!.cid))).rejects.toMatchObject({ code: "ARCHIVE_NOT_FOUND" });
});

test("periods with readings are the same of a store and of a log", async () => {
  const all = [
    ...minuteReadings(METER, dayOf(3), 3),
    ...minuteReadings(METER, dayOf(0), 3),
    ...minuteReadings("sim:B", dayOf(1), 2),
  ];
  const store = {
    async *series(meterId?: string) {
      for (const each of [METER, "sim:B"])
        if (meterId === undefined || each === meterId) yield seriesOf({ ...all[0]!, meterId: each });
    },
    async *read({ meterId }: ReadingSeries, { afterMs = -1, untilMs = Number.MAX_SAFE_INTEGER }: TimeRange = {}) {
      for (const reading of all
        .filter((each) => each.meterId === meterId)
        .toSorted((a, b) => a.timestampMs - b.timestampMs))
        if (reading.timestampMs > afterMs && reading.timestampMs <= untilMs)
          yield { type: "reading", reading } as const;
    },
  };
  const log = readingsOfLog({
    async *scan() {
      yield* all;
    },
  });
  for (const source of [readingsOfStore(store), log]) {
    const found: string[] = [];
    for await (const { meterId, period } of source.periods("day"))
      found.push(`${meterId} ${(period.fromMs - START_MS) / DAY_MS}`);
    expect(found.toSorted()).toEqual([`${METER} 0`, `${METER} 3`, "sim:B 1"]);
    const items: StoredReading[] = [];
    for await (const item of source.read(METER, dayOf(0))) items.push(item);
    expect(items).toEqual(all.slice(3, 6).map((reading) => ({ type: "reading", reading })));
  }
});

test("one meter's failure does not keep the others from their archives", async () => {
  const all = [METER, "sim:B"].flatMap((meterId) => [...minuteReadings(meterId, dayOf(0), 10)]);
  const log = readingsOfLog({
    async *scan() {
      yield* all;
    },
  });
  const { ledger, clock, start } = createNode([], { readings: log, keyOf: undefined });
  clock.nowMs = dayOf(1).fromMs + GRACE_MS;
  const seal = ledger.ports().seal;
  const faulty = {
    ...ledger.ports(),
    seal: (request: SealRequest) => (request.meterId === METER ? Promise.reject(new Error("no")) : seal(request)),
  };
  expect(await start({ ledger: faulty }).step()).toBe(1);
  expect(ledger.sealed.map(({ meterId }) => meterId)).toEqual(["sim:B"]);
});

test("an archive may be made of any span, and of none where there are no readings", async () => {
  const { ledger, blocks, start } = createNode([...minuteReadings(METER, dayOf(0), 100)], { keyOf: undefined });
  const span = { fromMs: dayOf(0).fromMs + 10 * 60_000, untilMs: dayOf(0).fromMs + 20 * 60_000 };
  const made = await start().make(METER, span);
  expect(ledger.sealed.length).toBe(1);
  expect([...openArchive(await blocks.get(CID.parse(made!.cid))).items()].length).toBe(10);
  expect(await start().make(METER, dayOf(9))).toBeUndefined();
});

test("the job steps at once, less and less often while something fails, and then when the next period is over", async () => {
  const clock = { nowMs: dayOf(0).untilMs };
  const results = [1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0];
  const waits: number[] = [];
  const stop = new AbortController();
  await runArchiver(
    {
      step: async () => {
        const result = results.shift() ?? 0;
        if (results.length === 0) stop.abort();
        return result;
      },
      nextDueMs: () => clock.nowMs + 3 * 3_600_000,
    },
    {
      nowMs: () => clock.nowMs,
      wait: async (ms) => {
        waits.push(ms / 60_000);
        clock.nowMs += ms;
        return waits.length === 9 ? "woken" : "passed";
      },
    },
    stop.signal,
  );
  expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60, 60, 60, 60]);
});
