import { expect, test } from "vitest";
import { sha256 } from "../crypto/hash.ts";
import { LedgerError } from "../error.ts";
import type { StoredReading } from "../offchain/readingStore.ts";
import { readingSaltKey, readingSalts } from "../types/intervalSecrets.ts";
import type { Reading } from "../types/reading.ts";
import { ReadingsRootStream, readingLeafHash } from "../types/readingsRoot.ts";
import { archiveCid } from "./archiveCid.ts";
import { openArchive } from "./archiveReader.ts";
import { archiveKeyOf, decryptArchive, ENCRYPTION_BYTES, encryptArchive } from "./encryptArchive.ts";
import { archiveOf, minuteReadings } from "./testArchive.ts";
import {
  type ArchiveRecord,
  compareWithIntervals,
  openAnyArchive,
  type SealedRoot,
  sealedSeriesOf,
  verifyArchiveContents,
  verifyArchiveFile,
} from "./verifyArchive.ts";

const PERIOD = { fromMs: Date.UTC(2026, 9, 1), untilMs: Date.UTC(2026, 9, 2) };
const METER = "lora:fc48c900000001c5/import";
const READINGS = minuteReadings(METER, PERIOD, 240);
const OWNER = { ledgerId: "grid-1", meterId: METER, secret: new Uint8Array(32).fill(9) };
const KEY = archiveKeyOf(OWNER, PERIOD);
const HOUR_MS = 3_600_000;

async function recordOf(bytes: Uint8Array): Promise<ArchiveRecord> {
  const cid = await archiveCid(bytes);
  const { ledgerId, meterId } = OWNER;
  return {
    ledgerId,
    meterId,
    ...PERIOD,
    cid: cid.bytes,
    fileBytes: bytes.length,
    readingCount: READINGS.length,
    fileHash: sha256(bytes),
  };
}

/** The intervals of an hour each, as the pipeline seals them. */
const saltKeyOf = (startMs: number, endMs: number) => readingSaltKey(OWNER, startMs, endMs);
const INTERVALS: readonly SealedRoot[] = [0, 1, 2, 3].map((hour) => {
  const [startMs, endMs] = [PERIOD.fromMs + hour * HOUR_MS, PERIOD.fromMs + (hour + 1) * HOUR_MS];
  const root = new ReadingsRootStream();
  const saltOf = readingSalts(saltKeyOf(startMs, endMs));
  for (const { value, timestampMs } of READINGS)
    if (timestampMs > startMs && timestampMs <= endMs) root.append(saltOf(root.count), value, timestampMs);
  return { startMs, endMs, readingCount: root.count, readingsRoot: root.root() };
});

const findings = (items: Iterable<StoredReading>) =>
  [...compareWithIntervals(items, INTERVALS, saltKeyOf)].map(({ finding, archived, sealed }) => [
    finding,
    archived,
    sealed,
  ]);
const stored = (readings: readonly Reading[]): readonly StoredReading[] =>
  readings.map((reading) => ({ type: "reading", reading }));

test("an archive is the file of its record, plain or encrypted", async () => {
  const plain = archiveOf(METER, PERIOD, READINGS);
  for (const bytes of [plain, encryptArchive(KEY, plain)]) {
    const record = await recordOf(bytes);
    expect(await verifyArchiveFile(bytes, record)).toEqual({ accepted: true });
    expect(verifyArchiveContents(bytes, record, KEY)).toEqual({ accepted: true });
  }
});

test.each<[string, Partial<ArchiveRecord>]>([
  ["ARCHIVE_SIZE_MISMATCH", { fileBytes: 1 }],
  ["ARCHIVE_HASH_MISMATCH", { fileHash: new Uint8Array(32) }],
  ["ARCHIVE_CID_MISMATCH", { cid: new Uint8Array(36) }],
])("%s: a record of another file", async (code, change) => {
  const bytes = archiveOf(METER, PERIOD, READINGS);
  expect(await verifyArchiveFile(bytes, { ...(await recordOf(bytes)), ...change })).toMatchObject({ code });
});

test.each<[string, Partial<ArchiveRecord>]>([
  ["ARCHIVE_RECORD_MISMATCH", { ledgerId: "grid-2" }],
  ["ARCHIVE_RECORD_MISMATCH", { meterId: "other" }],
  ["ARCHIVE_RECORD_MISMATCH", { fromMs: 0 }],
  ["ARCHIVE_RECORD_MISMATCH", { untilMs: PERIOD.untilMs + 1 }],
  ["ARCHIVE_COUNT_MISMATCH", { readingCount: 239 }],
])("%s: contents that the record does not say, %j", async (code, change) => {
  const bytes = archiveOf(METER, PERIOD, READINGS);
  expect(verifyArchiveContents(bytes, { ...(await recordOf(bytes)), ...change }, undefined)).toMatchObject({ code });
});

test("contents that are none have the reader's code", async () => {
  const bytes = archiveOf(METER, PERIOD, READINGS);
  const cut = bytes.subarray(0, bytes.length - 1);
  expect(verifyArchiveContents(cut, await recordOf(cut), undefined)).toMatchObject({ code: "ARCHIVE_MALFORMED" });
});

test("an encrypted archive is opened by its period's key alone, and the same readings give the same file", () => {
  const plain = archiveOf(METER, PERIOD, READINGS);
  const bytes = encryptArchive(KEY, plain);
  expect(bytes.length).toBe(plain.length + ENCRYPTION_BYTES);
  expect(Buffer.compare(bytes, encryptArchive(KEY, plain))).toBe(0);
  expect(Buffer.compare(decryptArchive(KEY, bytes), plain)).toBe(0);
  const code = (act: () => unknown) => {
    try {
      act();
    } catch (error) {
      if (error instanceof LedgerError) return error.code;
      throw error;
    }
    return undefined;
  };
  expect(code(() => openArchive(bytes))).toBe("ARCHIVE_ENCRYPTED");
  expect(code(() => openAnyArchive(bytes, undefined))).toBe("ARCHIVE_ENCRYPTED");
  const nextDay = archiveKeyOf(OWNER, { fromMs: PERIOD.untilMs, untilMs: PERIOD.untilMs + 24 * HOUR_MS });
  expect(code(() => decryptArchive(nextDay, bytes))).toBe("ARCHIVE_KEY_WRONG");
  for (const at of [5, 40, bytes.length - 1]) {
    const changed = Uint8Array.from(bytes);
    changed[at]! ^= 1;
    expect(code(() => decryptArchive(KEY, changed))).toBe("ARCHIVE_KEY_WRONG");
  }
  expect(code(() => decryptArchive(KEY, bytes.subarray(0, 52)))).toBe("ARCHIVE_MALFORMED");
  expect(code(() => decryptArchive(KEY, plain))).toBe("ARCHIVE_MALFORMED");
});

test("an encrypted archive tells nothing of the readings, not even whether two months are alike", () => {
  const plain = archiveOf(METER, PERIOD, READINGS);
  const other = archiveKeyOf({ ...OWNER, meterId: "lora:fc48c900000001c6/import" }, PERIOD);
  const [one, two] = [encryptArchive(KEY, plain), encryptArchive(other, plain)];
  for (let at = 5; at + 16 < one.length; at += 16) {
    expect(one.subarray(at, at + 16)).not.toEqual(two.subarray(at, at + 16));
    expect(Buffer.from(plain).includes(Buffer.from(one.subarray(at, at + 16)))).toBe(false);
  }
});

test("the archived readings lead to the roots of their intervals", () => {
  expect(findings(openArchive(archiveOf(METER, PERIOD, READINGS)).items())).toEqual(
    [1, 2, 3, 4].map(() => ["intact", 60, 60]),
  );
});

test("a changed, a missing and a late reading are found in their interval", () => {
  const changed = READINGS.map((each, at) => (at === 70 ? { ...each, value: each.value + 1 } : each)).toSpliced(5, 1);
  const late = { ...READINGS[239]!, timestampMs: READINGS[239]!.timestampMs - 1 };
  expect(findings(stored([...changed, late]))).toEqual([
    ["incomplete", 59, 60],
    ["altered", 60, 60],
    ["intact", 60, 60],
    ["more", 61, 60],
  ]);
});

test("an erased reading leaves its interval verifiable by its leaf", () => {
  const { value, timestampMs, quantity, kind, phase, tariff } = READINGS[10]!;
  const salt = readingSalts(saltKeyOf(INTERVALS[0]!.startMs, INTERVALS[0]!.endMs))(10);
  const series = { meterId: METER, quantity, kind, phase, tariff };
  const grave = { type: "erased", series, timestampMs, leafHash: readingLeafHash(salt, value, timestampMs) } as const;
  const unsealed = { type: "erased", series, timestampMs: timestampMs + 1, leafHash: undefined } as const;
  const bytes = archiveOf(METER, PERIOD, [...stored(READINGS.toSpliced(10, 1)), grave, unsealed]);
  expect(findings(openArchive(bytes).items())[0]).toEqual(["intact", 60, 60]);
});

test("the sealed series is the only one, or that of interval values over all phases", () => {
  const as = (change: Partial<Reading>) => READINGS.slice(0, 2).map((each): Reading => ({ ...each, ...change }));
  const register = as({ kind: "register", periodMs: 0 });
  const chosen = (...readings: readonly Reading[]) =>
    sealedSeriesOf(openArchive(archiveOf(METER, PERIOD, readings)).header)?.series.kind;
  expect(chosen(...register)).toBe("register");
  expect(chosen(...register, ...READINGS, ...as({ phase: 1 }))).toBe("interval");
  expect(chosen(...READINGS, ...as({ quantity: "activeEnergyExport" }))).toBeUndefined();
  expect(chosen()).toBeUndefined();
});
