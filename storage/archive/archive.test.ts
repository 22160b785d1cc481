import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { sha256 } from "../crypto/hash.ts";
import { LedgerError } from "../error.ts";
import type { StoredReading } from "../offchain/readingStore.ts";
import { encodeReading, QUALITY, type Reading, TIME_QUALITIES, TIME_SOURCES } from "../types/reading.ts";
import { archiveCid, IPFS_CHUNK_BYTES, importArchive } from "./archiveCid.ts";
import { BLOCK_READINGS } from "./archiveColumns.ts";
import { encodeItem, readingCountOf } from "./archiveFormat.ts";
import { openArchive } from "./archiveReader.ts";
import { ArchiveWriter } from "./archiveWriter.ts";
import { archiveOf, minuteReadings } from "./testArchive.ts";

const PERIOD = { fromMs: Date.UTC(2026, 9, 1), untilMs: Date.UTC(2026, 10, 1) };
const METER = "lora:fc48c900000001c5/import";
const READINGS = minuteReadings(METER, PERIOD, 100);

function codeOf(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    if (error instanceof LedgerError) return error.details;
    throw error;
  }
  return undefined;
}

const readingsIn = (bytes: Uint8Array) =>
  [...openArchive(bytes).items()].map((item) => (item.type === "reading" ? item.reading : item));

const reading: fc.Arbitrary<Partial<Reading>> = fc.record(
  {
    value: fc.maxSafeInteger(),
    receivedMs: fc.nat({ max: 253_402_300_799_999 }),
    timeSource: fc.constantFrom(...TIME_SOURCES),
    timeQuality: fc.constantFrom(...TIME_QUALITIES),
    quality: fc.nat({ max: 255 }),
    rawHash: fc.integer({ min: 0, max: 2 }).map((byte) => new Uint8Array(32).fill(byte)),
    seq: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
    registerValue: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
    kind: fc.constantFrom("interval", "average"),
    phase: fc.nat({ max: 3 }),
  },
  { requiredKeys: [] },
);

test("every reading comes back as it was, whatever its fields", () => {
  fc.assert(
    fc.property(fc.array(reading, { maxLength: 40 }), (changes) => {
      const readings = changes.map((change, index) => ({ ...READINGS[index]!, ...change }));
      const back = readingsIn(archiveOf(METER, PERIOD, readings)) as readonly Reading[];
      const inOrder = (list: readonly Reading[]) => list.toSorted((a, b) => a.timestampMs - b.timestampMs);
      expect(inOrder(back)).toStrictEqual(inOrder(readings));
    }),
    { numRuns: 60 },
  );
});

test("the same readings give the same bytes in whatever order their series come", () => {
  const exported = READINGS.map((each): Reading => ({ ...each, quantity: "activeEnergyExport" }));
  const bytes = archiveOf(METER, PERIOD, [...READINGS, ...exported]);
  expect(Buffer.compare(bytes, archiveOf(METER, PERIOD, [...exported, ...READINGS]))).toBe(0);
  expect(openArchive(bytes).header.series.map(({ series, readings }) => [series.quantity, readings])).toEqual([
    ["activeEnergyImport", 100],
    ["activeEnergyExport", 100],
  ]);
});

test("the bytes of an archive, and so its CID, do not change from version to version", async () => {
  const bytes = archiveOf(METER, PERIOD, READINGS);
  expect([bytes.length, String(await archiveCid(bytes))]).toEqual([
    1192,
    "bafkreihgrzyx4ihyqfz3zd6b6z63zs4pejr2abpik6kosnp7joqyhzuo7m",
  ]);
});

test("a month of one-minute readings, twenty to a frame, takes 10 bytes a reading", () => {
  const month = minuteReadings(METER, PERIOD, 43_200);
  const bytes = archiveOf(METER, PERIOD, month);
  expect(month.length).toBeGreaterThan(10 * BLOCK_READINGS);
  expect(bytes.length / month.length).toBeLessThan(10);
  const { header, items } = openArchive(bytes);
  expect(readingCountOf(header)).toBe(43_200);
  let index = 0;
  for (const item of items()) {
    const back = item.type === "reading" ? encodeReading(item.reading) : Buffer.of();
    if (Buffer.compare(back, encodeReading(month[index++]!)) !== 0) expect(item).toEqual(month[index - 1]);
  }
  expect(index).toBe(43_200);
});

test("an erased reading stays as its time and its leaf hash", () => {
  const { meterId, quantity, kind, phase, tariff } = READINGS[0]!;
  const series = { meterId, quantity, kind, phase, tariff };
  const graves: StoredReading[] = [
    { type: "erased", series, timestampMs: PERIOD.fromMs + 1, leafHash: undefined },
    { type: "erased", series, timestampMs: PERIOD.fromMs + 7, leafHash: new Uint8Array(sha256(Buffer.from("leaf"))) },
  ];
  const bytes = archiveOf(METER, PERIOD, [...READINGS, ...graves]);
  expect([...openArchive(bytes).items()].slice(-2)).toStrictEqual(graves);
  expect(openArchive(bytes).header.series[0]).toMatchObject({ readings: 100, erased: 2 });
});

test("no readings make an archive of a header alone", () => {
  expect(readingsIn(archiveOf(METER, PERIOD, []))).toEqual([]);
});

test("a reading of another meter, of another period, or out of order is refused by name", () => {
  const [first, second] = [READINGS[0]!, READINGS[1]!];
  const refused = (...readings: readonly Reading[]) => codeOf(() => archiveOf(METER, PERIOD, readings));
  expect(refused({ ...first, meterId: "other" })).toMatchObject({ code: "ARCHIVE_READING_FOREIGN", field: "meterId" });
  expect(refused({ ...first, timestampMs: PERIOD.fromMs })).toMatchObject({ field: "timestampMs" });
  expect(refused({ ...first, timestampMs: PERIOD.untilMs + 1 })).toMatchObject({ field: "timestampMs" });
  expect(refused(second, first)).toMatchObject({ field: "order", at: first.timestampMs });
  expect(refused(first, first)).toMatchObject({ field: "order" });
  expect(refused({ ...first, timestampMs: PERIOD.untilMs })).toBeUndefined();
});

test("a meter with more series than any has is refused", () => {
  const writer = new ArchiveWriter({ ledgerId: "grid-1", meterId: METER }, PERIOD);
  for (const quantity of ["voltage", "current", "frequency", "activePower"] as const)
    for (const kind of ["register", "interval", "instant", "average", "max"] as const)
      for (const phase of [0, 1, 2, 3])
        for (const tariff of [0, 1, 2, 3]) {
          const periodMs = kind === "register" || kind === "instant" ? 0 : 60_000;
          writer.add({ type: "reading", reading: { ...READINGS[0]!, quantity, kind, phase, tariff, periodMs } });
        }
  expect(codeOf(() => writer.finish())).toEqual({ code: "ARCHIVE_TOO_LARGE", what: "series", limit: 256 });
});

test("every byte that is changed is noticed", () => {
  const bytes = archiveOf(METER, PERIOD, READINGS);
  for (let at = 0; at < bytes.length; at += 7)
    for (const flip of [1, 0x80]) {
      const changed = Uint8Array.from(bytes);
      changed[at]! ^= flip;
      // Where the header says another ledger or period it is another archive, which its record on the ledger tells.
      const whole = (file: Uint8Array) => [openArchive(file).header, readingsIn(file)];
      const back = codeOf(() => expect(whole(changed)).not.toEqual(whole(bytes)));
      if (back !== undefined) expect(String((back as { code: string }).code)).toMatch(/^ARCHIVE_/);
    }
});

test("a changed value does not lead to the root of its series", () => {
  const readings = READINGS.map((each, index) => (index === 50 ? { ...each, value: each.value + 1000 } : each));
  const [good, other] = [archiveOf(METER, PERIOD, READINGS), archiveOf(METER, PERIOD, readings)];
  const at = good.findIndex((byte, index) => index > 300 && byte !== other[index]);
  const spliced = Buffer.concat([good.subarray(0, at), other.subarray(at)]);
  expect(codeOf(() => readingsIn(spliced))).toMatchObject({ code: "ARCHIVE_ROOT_MISMATCH" });
});

test("truncated and prolonged files, other formats and deep nesting are refused", () => {
  const bytes = archiveOf(METER, PERIOD, READINGS);
  for (let length = 0; length < bytes.length; length += 13)
    expect(codeOf(() => readingsIn(bytes.subarray(0, length)))).toMatchObject({ code: "ARCHIVE_MALFORMED" });
  expect(codeOf(() => readingsIn(Buffer.concat([bytes, Buffer.of(0x40)])))).toMatchObject({
    code: "ARCHIVE_MALFORMED",
    offset: bytes.length,
  });
  expect(codeOf(() => openArchive(encodeItem({ format: "energy-ledger archive 2" })))).toEqual({
    code: "ARCHIVE_FORMAT_UNKNOWN",
    format: "energy-ledger archive 2",
  });
  const deep = Buffer.alloc(100_000, 0x81);
  const head = Buffer.of(0x5a, 0, 1, 0x86, 0xa0);
  expect(codeOf(() => openArchive(Buffer.concat([head, deep])))).toMatchObject({
    code: "ARCHIVE_MALFORMED",
    offset: 0,
  });
});

test("an item may be as long as the largest block, and no longer", () => {
  const item = (bytes: number) => Buffer.concat([Buffer.of(0x5a), uint32(bytes), new Uint8Array(bytes)]);
  expect(codeOf(() => openArchive(item(512 * 1024 + 1)))).toMatchObject({ reason: "an item of 524289 bytes" });
  expect(codeOf(() => openArchive(item(512 * 1024)))).not.toMatchObject({
    reason: expect.stringContaining("an item of"),
  });
});

test("a full block of the longest numbers is no larger than an item may be", () => {
  const wild = Array.from(
    { length: BLOCK_READINGS },
    (_, index): Reading => ({
      ...READINGS[0]!,
      value: index % 2 === 0 ? Number.MAX_SAFE_INTEGER : -Number.MAX_SAFE_INTEGER,
      timestampMs: PERIOD.fromMs + 1 + index * 600_000 + (index % 3),
      periodMs: 2 ** 32 - 1 - index,
      receivedMs: index % 2 === 0 ? 0 : 253_402_300_799_999,
      timeSource: index % 2 === 0 ? "meter" : "receiver",
      quality: index % 2 === 0 ? 255 : QUALITY.LATE,
      seq: index % 2 === 0 ? Number.MAX_SAFE_INTEGER : 0,
      registerValue: index % 2 === 0 ? 0 : Number.MAX_SAFE_INTEGER,
      rawHash: new Uint8Array(sha256(Buffer.from(String(index)))),
    }),
  );
  const period = { fromMs: PERIOD.fromMs, untilMs: PERIOD.fromMs + 86_400_000 * 40 };
  const bytes = archiveOf(METER, period, wild);
  expect(bytes.length).toBeLessThan(400 * 1024);
  const back = readingsIn(bytes) as readonly Reading[];
  expect(back.map((each) => Buffer.from(encodeReading(each)).toString("hex"))).toEqual(
    wild.map((each) => Buffer.from(encodeReading(each)).toString("hex")),
  );
});

interface CidVector {
  readonly length: number;
  readonly cid: string;
}
const VECTORS = JSON.parse(
  readFileSync(new URL("../testdata/ipfs.json", import.meta.url), "utf8"),
) as readonly CidVector[];

test.each(VECTORS)("a file of $length bytes has the CID that Kubo's importer gives it", async ({ length, cid }) => {
  const bytes = new Uint8Array(length);
  for (let index = 0; index < length; index++) bytes[index] = index * 31 + Math.floor(index / 251);
  expect(String(await archiveCid(bytes))).toBe(cid);
});

test("the blocks of a file are its leaves and the nodes above them", async () => {
  const bytes = new Uint8Array(2 * IPFS_CHUNK_BYTES + 5).map((_, index) => index >> 11);
  const blocks = new Map<string, number>();
  const cid = await importArchive(bytes, { put: (each, block) => void blocks.set(String(each), block.length) });
  expect([...blocks.values()].toSorted((a, b) => a - b).slice(2)).toEqual([IPFS_CHUNK_BYTES, IPFS_CHUNK_BYTES]);
  expect([...blocks.keys()]).toContain(String(cid));
});

function uint32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
