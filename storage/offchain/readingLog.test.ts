import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Reading } from "../types/reading.ts";
import { ReadingError } from "../types/reading.ts";
import type { ReadingLog } from "./readingLog.ts";
import { openReadingLog, type ReadingRange } from "./readingLog.ts";
import type { ReadingLogFile } from "./readingLogFile.ts";
import { MAX_BATCH_BYTES, ReadingLogError } from "./readingLogFormat.ts";

let directory = "";

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "reading-log-"));
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

function reading(timestampMs: number, meterId = "sim:A"): Reading {
  return {
    meterId,
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
  };
}

function readings(from: number, to: number, meterId?: string): Reading[] {
  return Array.from({ length: to - from + 1 }, (_, i) => reading(from + i, meterId));
}

async function timesIn(log: ReadingLog, range?: ReadingRange): Promise<number[]> {
  const times: number[] = [];
  for await (const { timestampMs } of log.scan(range)) times.push(timestampMs);
  return times;
}

async function detailsOf(act: Promise<unknown>): Promise<unknown> {
  try {
    await act;
  } catch (error) {
    if (error instanceof ReadingLogError || error instanceof ReadingError) return error.details;
    throw error;
  }
  return undefined;
}

/** A disk whose writes and syncs are counted, held back and made to fail. */
function controlledDisk() {
  const disk = { writes: 0, syncs: 0, failure: undefined as string | undefined, chunk: Number.POSITIVE_INFINITY };
  let held: Promise<void> | undefined;
  let release = (): void => {};
  const openFile = async (path: string, flags: "wx" | "r+"): Promise<ReadingLogFile> => {
    const file = await open(path, flags);
    return {
      write: (bytes, offset, length, position) => {
        disk.writes += 1;
        if (disk.failure === undefined) return file.write(bytes, offset, Math.min(length, disk.chunk), position);
        return Promise.reject(Object.assign(new Error(disk.failure), { code: disk.failure }));
      },
      datasync: async () => {
        disk.syncs += 1;
        await held;
        await file.datasync();
      },
      close: () => file.close(),
    };
  };
  const hold = (): void => {
    held = new Promise((resolve) => {
      release = resolve;
    });
  };
  return { disk, openFile, hold, release: () => release() };
}

test("what was acknowledged is read back in order after reopening, each field as it was", async () => {
  const full: Reading = { ...reading(4, "sim:B"), seq: 9, registerValue: 77, quality: 3, value: -5 };
  const log = await openReadingLog(directory);
  await log.append(readings(1, 3));
  await log.append([full, reading(5)]);
  await log.close();

  const again = await openReadingLog(directory);
  expect(again.report).toMatchObject({ segments: 1, batches: 2, readings: 5 });
  expect(await timesIn(again)).toStrictEqual([1, 2, 3, 4, 5]);
  expect((await again.scan({ meterId: "sim:B" }).next()).value).toStrictEqual(full);
  expect([again.lastTimestampMs("sim:A"), again.lastTimestampMs("sim:B")]).toStrictEqual([5, 4]);
  expect(again.lastTimestampMs("sim:")).toBeUndefined();
  expect([...again.meterIds()].sort()).toStrictEqual(["sim:A", "sim:B"]);
  await again.append([reading(6)]);
  expect(await timesIn(again)).toStrictEqual([1, 2, 3, 4, 5, 6]);
  await again.close();
});

test("a scan is half-open, by meter, and can be left early", async () => {
  const log = await openReadingLog(directory);
  await log.append([...readings(1, 5), ...readings(1, 5, "sim:AA")]);
  expect(await timesIn(log, { afterMs: 2, untilMs: 4 })).toStrictEqual([3, 4, 3, 4]);
  expect(await timesIn(log, { meterId: "sim:AA", afterMs: 4 })).toStrictEqual([5]);
  expect(await timesIn(log, { meterId: "sim:none" })).toStrictEqual([]);
  for await (const { timestampMs } of log.scan()) if (timestampMs === 2) break;
  await log.close();
});

test("concurrent appends share syncs and keep their order, also when the disk writes in pieces", async () => {
  const { disk, openFile } = controlledDisk();
  disk.chunk = 1000;
  const log = await openReadingLog(directory, { openFile });
  await Promise.all(Array.from({ length: 500 }, (_, i) => log.append([reading(i + 1)])));
  expect(disk.syncs).toBeLessThanOrEqual(2);
  expect(await timesIn(log)).toStrictEqual(Array.from({ length: 500 }, (_, i) => i + 1));
  await log.close();
});

test("an append resolves only after the sync of its batch", async () => {
  const { disk, openFile, hold, release } = controlledDisk();
  hold();
  const log = await openReadingLog(directory, { openFile });
  let acknowledged = false;
  const append = log.append([reading(1)]).then(() => {
    acknowledged = true;
  });
  await expect.poll(() => disk.syncs).toBe(1);
  expect([acknowledged, log.lastTimestampMs("sim:A"), await timesIn(log)]).toStrictEqual([false, undefined, []]);
  release();
  await append;
  expect([log.lastTimestampMs("sim:A"), await timesIn(log)]).toStrictEqual([1, [1]]);
  await log.close();
});

test("appends wait for room in turn, and one more than may wait is refused with a code", async () => {
  const { disk, openFile, hold, release } = controlledDisk();
  hold();
  const log = await openReadingLog(directory, { openFile, maxPendingBytes: 200, maxWaitingAppends: 2 });
  const appends = [
    log.append([reading(1)]),
    log.append([reading(2)]),
    log.append([reading(3)]),
    log.append([reading(4)]),
  ];
  await expect.poll(() => disk.syncs).toBe(1);
  expect(log.pendingBytes).toBe(2 * 92);
  expect(await detailsOf(log.append([reading(5)]))).toStrictEqual({
    code: "READING_LOG_FULL",
    pendingBytes: 184,
    waitingAppends: 2,
  });
  release();
  await Promise.all(appends);
  expect(log.pendingBytes).toBe(0);
  await log.append([reading(6)]);
  expect(await timesIn(log)).toStrictEqual([1, 2, 3, 4, 6]);
  await log.close();
});

test("an append larger than a batch is refused and the largest that fits is kept", async () => {
  const log = await openReadingLog(directory);
  const most = Math.floor(MAX_BATCH_BYTES / 92);
  expect(await detailsOf(log.append(Array.from({ length: most + 1 }, () => reading(1))))).toMatchObject({
    code: "READING_LOG_APPEND_TOO_LARGE",
    maxBytes: MAX_BATCH_BYTES,
  });
  await log.append(Array.from({ length: most }, () => reading(1)));
  expect(await timesIn(log)).toHaveLength(most);
  await log.close();
});

test("a reading that is none is refused and the others of the log are not touched", async () => {
  const log = await openReadingLog(directory);
  expect(await detailsOf(log.append([reading(1), { ...reading(2), phase: 9 }]))).toMatchObject({
    code: "READING_FIELD_INVALID",
  });
  await log.append([reading(3)]);
  await log.append([]);
  expect(await timesIn(log)).toStrictEqual([3]);
  await log.close();
});

test.each([
  ["ENOSPC", "READING_LOG_DISK_FULL"],
  ["EFBIG", "READING_LOG_DISK_FULL"],
  ["EIO", "READING_LOG_IO_FAILED"],
])("after %s nothing is accepted any more, and what was acknowledged is there after reopening", async (errno, code) => {
  const { disk, openFile } = controlledDisk();
  const log = await openReadingLog(directory, { openFile });
  await log.append([reading(1)]);
  disk.failure = errno;
  const both = [log.append([reading(2)]), log.append([reading(3)])];
  for (const append of both) expect(await detailsOf(append)).toMatchObject({ code, directory });
  disk.failure = undefined;
  expect(await detailsOf(log.append([reading(4)]))).toMatchObject({ code: "READING_LOG_FAILED" });
  await log.close();
  const again = await openReadingLog(directory);
  expect(await timesIn(again)).toStrictEqual([1]);
  await again.append([reading(5)]);
  await again.close();
});

test("a closed log keeps what was appended before and refuses more", async () => {
  const log = await openReadingLog(directory);
  const append = log.append([reading(1)]);
  await log.close();
  await append;
  await log.close();
  expect(await detailsOf(log.append([reading(2)]))).toStrictEqual({ code: "READING_LOG_CLOSED" });
});

/** Three segments of one batch each, then a last one with three batches; returns the names of the segments. */
async function writeSegments(): Promise<string[]> {
  const log = await openReadingLog(directory, { segmentBytes: 400 });
  for (const [from, to] of [
    [1, 4],
    [5, 8],
    [9, 12],
  ] as const)
    await log.append(readings(from, to));
  for (const time of [13, 14, 15]) await log.append([reading(time)]);
  await log.close();
  return readdirSync(directory).sort();
}

test("a segment is left before it grows beyond its limit, and a scan runs through all", async () => {
  const names = await writeSegments();
  expect(names).toStrictEqual(
    ["0000000000000001", "0000000000000002", "0000000000000003", "0000000000000004"].map((name) => `${name}.readings`),
  );
  const log = await openReadingLog(directory, { segmentBytes: 400 });
  expect(await timesIn(log)).toHaveLength(15);
  expect(log.report).toMatchObject({ segments: 4, batches: 6, readings: 15 });
  await log.close();
});

test("a last batch cut anywhere is taken off, kept aside and reported, and the log goes on", async () => {
  const [last = ""] = (await writeSegments()).slice(-1);
  const whole = readFileSync(join(directory, last));
  const batchBytes = whole.length / 3;
  for (const cut of [1, 23, 24, 60, batchBytes - 1]) {
    const length = 2 * batchBytes + cut;
    writeFileSync(join(directory, last), whole.subarray(0, length));
    const log = await openReadingLog(directory);
    expect(log.report.torn).toMatchObject({ segment: last, offset: 2 * batchBytes, bytes: cut });
    expect(readFileSync(join(directory, log.report.torn?.keptIn ?? ""))).toStrictEqual(
      whole.subarray(2 * batchBytes, length),
    );
    expect(await timesIn(log)).toHaveLength(14);
    await log.append([reading(16)]);
    await log.close();
    const again = await openReadingLog(directory);
    expect(again.report).not.toHaveProperty("torn");
    expect((await timesIn(again)).slice(-2)).toStrictEqual([14, 16]);
    await again.close();
  }
});

test("a tail of zeros, as a file system leaves after a crash, is taken off", async () => {
  const [last = ""] = (await writeSegments()).slice(-1);
  writeFileSync(join(directory, last), Buffer.concat([readFileSync(join(directory, last)), Buffer.alloc(5000)]));
  const log = await openReadingLog(directory);
  expect(log.report.torn).toMatchObject({ bytes: 5000 });
  expect(await timesIn(log)).toHaveLength(15);
  await log.close();
});

test("any flipped byte before the last batch is reported with its segment and the offset of its batch", async () => {
  const names = await writeSegments();
  const original = join(directory, "original");
  mkdirSync(original);
  for (const name of names) copyFileSync(join(directory, name), join(original, name));
  for (const name of [names[1]!, names[3]!]) {
    const bytes = readFileSync(join(original, name));
    const batchBytes = name === names[3] ? bytes.length / 3 : bytes.length;
    for (let at = 0; at < (name === names[3] ? 2 * batchBytes : batchBytes); at += 3) {
      const flipped = Buffer.from(bytes);
      flipped[at]! ^= 1 << (at % 8);
      writeFileSync(join(directory, name), flipped);
      expect(await detailsOf(openReadingLog(directory))).toMatchObject({
        code: "READING_LOG_CORRUPT",
        segment: name,
        offset: Math.floor(at / batchBytes) * batchBytes,
      });
    }
    copyFileSync(join(original, name), join(directory, name));
  }
});

test("a byte flipped while the log is open is found by the scan", async () => {
  const names = await writeSegments();
  const log = await openReadingLog(directory);
  const path = join(directory, names[2]!);
  const bytes = readFileSync(path);
  bytes[100]! ^= 1;
  writeFileSync(path, bytes);
  expect(await detailsOf(timesIn(log))).toMatchObject({ code: "READING_LOG_CORRUPT", segment: names[2], offset: 0 });
  truncateSync(path, 50);
  expect(await detailsOf(timesIn(log))).toMatchObject({ code: "READING_LOG_CORRUPT", segment: names[2], offset: 0 });
  await log.close();
});

test("a missing segment and a missing batch are reported", async () => {
  const names = await writeSegments();
  rmSync(join(directory, names[1]!));
  expect(await detailsOf(openReadingLog(directory))).toMatchObject({ code: "READING_LOG_CORRUPT", segment: names[2] });
});

test("a batch cut out of the middle is reported", async () => {
  const [last = ""] = (await writeSegments()).slice(-1);
  const bytes = readFileSync(join(directory, last));
  const batchBytes = bytes.length / 3;
  writeFileSync(join(directory, last), Buffer.concat([bytes.subarray(0, batchBytes), bytes.subarray(2 * batchBytes)]));
  expect(await detailsOf(openReadingLog(directory))).toMatchObject({ code: "READING_LOG_CORRUPT", offset: batchBytes });
});

test("a writer killed at any moment has lost nothing that it was told is kept", async () => {
  const child = fileURLToPath(new URL("./readingLogWriter.testChild.ts", import.meta.url));
  for (const acknowledgements of [1, 40, 300]) {
    const writer = spawn(process.execPath, [child, directory], { stdio: ["ignore", "pipe", "inherit"] });
    let output = "";
    writer.stdout.setEncoding("utf8");
    writer.stdout.on("data", (text: string) => {
      output += text;
      if (output.split("\n").length > acknowledgements) writer.kill("SIGKILL");
    });
    await once(writer, "close");
    const acknowledged = output.split("\n").slice(0, -1).map(Number);
    const log = await openReadingLog(directory);
    const times = await timesIn(log);
    expect(times).toStrictEqual(Array.from({ length: times.length }, (_, i) => i + 1));
    expect(times.length).toBeGreaterThanOrEqual(Math.max(...acknowledged));
    expect(times.length % 7).toBe(0);
    await log.close();
  }
});
