import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { type FileSystem, NODE_FILE_SYSTEM } from "./fileSystem.ts";
import { createSimulatedFileSystem, SimulatedCrash, type SimulatedFileSystem } from "./simulatedFileSystem.ts";
import { openWal, WAL_BUFFER_BYTES, type Wal } from "./wal.ts";
import { segmentPath } from "./walOpen.ts";
import { encodeWalRecord, findWalRecordAfter, MAX_WAL_PAYLOAD_BYTES } from "./walSegment.ts";

const DIRECTORY = "node/wal";
const FIRST = segmentPath(DIRECTORY, 1);

function sequence(seed: number): () => number {
  let state = Math.imul(seed + 1, 0x9e3779b1) >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

const newDisk = (seed = 1) => createSimulatedFileSystem({ random: sequence(seed) });
const message = (index: number) =>
  Uint8Array.from({ length: 5 + (index % 7) * 30 }, (_, at) => (index * 31 + at) & 0xff);
const replayed = (wal: Wal, height: number) =>
  [...(wal.replay(height) ?? [])].map((each) => Buffer.from(each).toString("hex"));
const hexOf = (...indexes: number[]) => indexes.map((index) => Buffer.from(message(index)).toString("hex"));

/** A log with the mark of height 1 and messages 0 to `count` - 1 behind it, closed. */
function writeLog(fileSystem: FileSystem, count: number, maxSegmentBytes = 1 << 20): void {
  const wal = openWal({ fileSystem, directory: DIRECTORY, maxSegmentBytes });
  wal.endHeight(1);
  for (let index = 0; index < count; index++) wal.append(message(index));
  wal.close();
}

test("what goes in comes out behind the mark of its height, and nothing of other heights", () => {
  const directory = mkdtempSync(join(tmpdir(), "ledger-wal-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const wal = openWal({ fileSystem: NODE_FILE_SYSTEM, directory });
  expect(wal.lastEndHeight()).toBeUndefined();
  expect(wal.replay(0)).toBeUndefined();
  wal.endHeight(0);
  wal.append(message(1));
  wal.endHeight(1);
  wal.append(message(2));
  wal.append(new Uint8Array(0));
  wal.append(message(3));
  // Before a sync, too: the caller's own process sees what it appended.
  expect(replayed(wal, 1)).toEqual([...hexOf(2), "", ...hexOf(3)]);
  wal.sync();
  wal.close();
  const again = openWal({ fileSystem: NODE_FILE_SYSTEM, directory });
  expect(again.recovery).toBeUndefined();
  expect(again.lastEndHeight()).toBe(1);
  expect(replayed(again, 1)).toEqual([...hexOf(2), "", ...hexOf(3)]);
  expect(replayed(again, 0)).toEqual([...hexOf(1, 2), "", ...hexOf(3)]);
  expect(again.replay(2)).toBeUndefined();
  again.close();
});

test("appends wait in memory until a sync or 64 KiB, and a sync is one sync", () => {
  const disk = newDisk();
  const wal = openWal({ fileSystem: disk, directory: DIRECTORY });
  const before = disk.effects;
  wal.append(message(1));
  wal.append(message(2));
  expect(disk.effects).toBe(before);
  wal.sync();
  expect(disk.effects).toBe(before + 2);
  wal.sync();
  expect(disk.effects).toBe(before + 2);
  wal.append(new Uint8Array(WAL_BUFFER_BYTES));
  expect(disk.effects).toBe(before + 3);
});

test("a message at the limit is kept, one past it is refused and leaves the log usable", () => {
  const disk = newDisk();
  const wal = openWal({ fileSystem: disk, directory: DIRECTORY });
  wal.endHeight(0);
  wal.append(new Uint8Array(MAX_WAL_PAYLOAD_BYTES).fill(7));
  expect(() => wal.append(new Uint8Array(MAX_WAL_PAYLOAD_BYTES + 1))).toThrow(
    expect.objectContaining({ code: "WAL_PAYLOAD_TOO_LONG" }),
  );
  wal.close();
  const [kept] = openWal({ fileSystem: disk, directory: DIRECTORY }).replay(0) ?? [];
  expect(kept?.length).toBe(MAX_WAL_PAYLOAD_BYTES);
});

test("a log cut at any byte gives the messages before the cut, keeps what it cut off, and goes on", () => {
  const whole = newDisk();
  writeLog(whole, 12);
  const bytes = whole.read(FIRST);
  let longest = -1;
  for (let length = 0; length <= bytes.length; length++) {
    const disk = newDisk();
    const file = disk.open(FIRST, "create");
    file.append(bytes.subarray(0, length));
    const wal = openWal({ fileSystem: disk, directory: DIRECTORY });
    const seen = replayed(wal, 1);
    expect(seen).toEqual(hexOf(...seen.keys()));
    expect(seen.length).toBeGreaterThanOrEqual(longest);
    longest = seen.length;
    if (wal.recovery !== undefined) {
      const { kind, offset, droppedBytes, backup } = wal.recovery;
      expect(kind).toBe("torn");
      expect(disk.read(backup)).toEqual(bytes.slice(offset, length));
      expect(droppedBytes).toBe(length - offset);
    }
    wal.endHeight(2);
    wal.append(message(99));
    wal.close();
    const again = openWal({ fileSystem: disk, directory: DIRECTORY });
    expect(again.recovery).toBeUndefined();
    expect(replayed(again, 2)).toEqual(hexOf(99));
  }
  expect(longest).toBe(12);
});

test("a flipped bit anywhere but in the last record is WAL_CORRUPT with both places; in the last it is cut off and told", () => {
  const whole = newDisk();
  writeLog(whole, 6);
  const bytes = whole.read(FIRST);
  const lastRecordAt = bytes.length - 12 - message(5).length;
  for (let offset = 0; offset < bytes.length; offset++) {
    const disk = newDisk();
    disk.open(FIRST, "create").append(bytes);
    disk.flip(FIRST, offset, 1 << (offset % 8));
    if (offset < lastRecordAt) {
      expect(() => openWal({ fileSystem: disk, directory: DIRECTORY })).toThrow(
        expect.objectContaining({ code: "WAL_CORRUPT", details: expect.objectContaining({ file: FIRST }) }),
      );
      expect(disk.read(FIRST).length).toBe(bytes.length);
    } else {
      const wal = openWal({ fileSystem: disk, directory: DIRECTORY });
      expect(wal.recovery?.offset).toBe(lastRecordAt);
      // A length that now reaches beyond the file looks cut; anything else does not.
      if (offset < lastRecordAt + 4 || offset >= lastRecordAt + 8) expect(wal.recovery?.kind).toBe("corrupt");
      expect(replayed(wal, 1)).toEqual(hexOf(0, 1, 2, 3, 4));
    }
  }
});

test("records inside a message are not taken for records of the log", () => {
  const whole = newDisk();
  writeLog(whole, 3);
  const end = whole.size(FIRST) as number;
  // Someone's message holds a record that is good at some offset, but not at the one where it lies.
  const hostile = Buffer.concat([
    new Uint8Array(40),
    ...[0, 1, 2].map((guess) => encodeWalRecord({ kind: "endHeight", height: 9 }, 1, end + guess)),
  ]);
  const wal = openWal({ fileSystem: whole, directory: DIRECTORY });
  wal.append(hostile);
  wal.close();
  whole.truncate(FIRST, (whole.size(FIRST) as number) - 1);
  const again = openWal({ fileSystem: whole, directory: DIRECTORY });
  expect(again.recovery?.kind).toBe("torn");
  expect(replayed(again, 1)).toEqual(hexOf(0, 1, 2));
});

test("segments stay within their size, are replayed in order and pruned behind the mark that is needed", () => {
  const disk = newDisk();
  const wal = openWal({ fileSystem: disk, directory: DIRECTORY, maxSegmentBytes: 500 });
  for (let height = 0; height < 10; height++) {
    wal.endHeight(height);
    for (let index = 0; index < 10; index++) wal.append(message(height * 10 + index));
  }
  wal.sync();
  const sizes = disk.list(DIRECTORY).map((name) => disk.size(`${DIRECTORY}/${name}`) as number);
  expect(sizes.length).toBeGreaterThan(10);
  expect(Math.max(...sizes)).toBeLessThan(500 + 12 + 185);
  expect(replayed(wal, 8)).toEqual(hexOf(...Array.from({ length: 20 }, (_, index) => 80 + index)));
  wal.prune(8);
  expect(disk.list(DIRECTORY).length).toBeLessThan(sizes.length / 2);
  expect(wal.replay(3)).toBeUndefined();
  wal.close();
  const again = openWal({ fileSystem: disk, directory: DIRECTORY, maxSegmentBytes: 500 });
  expect(replayed(again, 8)).toEqual(hexOf(...Array.from({ length: 20 }, (_, index) => 80 + index)));
  expect(again.lastEndHeight()).toBe(9);
});

test("messages appended while a replay is read are not part of it", () => {
  const disk = newDisk();
  writeLog(disk, 5);
  const wal = openWal({ fileSystem: disk, directory: DIRECTORY });
  const seen: string[] = [];
  for (const payload of wal.replay(1) ?? []) {
    seen.push(Buffer.from(payload).toString("hex"));
    wal.append(message(50));
    wal.sync();
  }
  expect(seen).toEqual(hexOf(0, 1, 2, 3, 4));
});

test("of two marks of one height the last counts", () => {
  const disk = newDisk();
  writeLog(disk, 2);
  const wal = openWal({ fileSystem: disk, directory: DIRECTORY });
  wal.endHeight(1);
  wal.append(message(7));
  expect(replayed(wal, 1)).toEqual(hexOf(7));
});

test("a segment that is gone or cut behind a later one is reported", () => {
  const gone = newDisk();
  writeLog(gone, 40, 300);
  gone.remove(segmentPath(DIRECTORY, 3));
  expect(() => openWal({ fileSystem: gone, directory: DIRECTORY })).toThrow(
    expect.objectContaining({
      code: "WAL_SEGMENT_MISSING",
      details: expect.objectContaining({ file: segmentPath(DIRECTORY, 3) }),
    }),
  );
  const whole = newDisk();
  writeLog(whole, 40, 300);
  const path = segmentPath(DIRECTORY, 2);
  const bytes = whole.read(path);
  for (let length = 0; length < bytes.length; length++) {
    const disk = newDisk();
    writeLog(disk, 40, 300);
    disk.truncate(path, length);
    expect(() => openWal({ fileSystem: disk, directory: DIRECTORY })).toThrow(
      expect.objectContaining({ code: "WAL_CORRUPT" }),
    );
  }
});

test("a failed sync or a full disk ends the log's use: nothing later is taken for synced", () => {
  for (const fault of ["sync", "full"] as const) {
    const disk = newDisk();
    const wal = openWal({ fileSystem: disk, directory: DIRECTORY });
    wal.endHeight(0);
    wal.append(message(1));
    wal.sync();
    wal.append(message(2));
    if (fault === "sync") disk.failNextSync();
    else disk.setCapacity((disk.size(FIRST) as number) + 20);
    const code = fault === "sync" ? "STORE_IO_FAILED" : "STORE_DISK_FULL";
    expect(() => wal.sync()).toThrow(expect.objectContaining({ code }));
    for (const use of [() => wal.sync(), () => wal.append(message(3)), () => wal.endHeight(1), () => wal.prune(0)])
      expect(use).toThrow(expect.objectContaining({ code: "WAL_FAILED" }));
    wal.close();
    expect(() => wal.sync()).toThrow(expect.objectContaining({ code: "WAL_CLOSED" }));
    disk.setCapacity(Number.POSITIVE_INFINITY);
    const again = openWal({ fileSystem: disk, directory: DIRECTORY });
    expect(replayed(again, 0)).toEqual(hexOf(1));
  }
});

/** Longer than a sector and without zeros, so that a crash can leave holes in it. */
const long = (index: number) => new Uint8Array(700 + (index % 7) * 300).fill(index + 1);

/** Runs heights with messages, rotation and pruning; says what was synced last, and what was appended in all. */
function runHeights(disk: SimulatedFileSystem, progress: { synced: number; appended: number; height: number }): void {
  const wal = openWal({ fileSystem: disk, directory: DIRECTORY, maxSegmentBytes: 4000 });
  if (wal.lastEndHeight() === undefined) wal.endHeight(0);
  for (let height = 1; height <= 3; height++) {
    for (let index = 0; index < 6; index++) {
      wal.append(long(height * 6 + index));
      progress.appended++;
      if (index % 2 === 1) {
        wal.sync();
        progress.synced = progress.appended;
      }
    }
    wal.endHeight(height);
    progress.height = height;
    progress.synced = 0;
    progress.appended = 0;
    wal.prune(height - 1);
  }
}

test("whatever effect a crash falls on, and whatever the disk loses: synced messages are replayed, in order, none invented", () => {
  const clean = newDisk();
  runHeights(clean, { synced: 0, appended: 0, height: 0 });
  const effects = clean.effects;
  expect(effects).toBeGreaterThan(40);
  for (let effect = 1; effect <= effects; effect++) {
    for (const point of ["before", "during", "after"] as const) {
      for (const loss of ["kill", "power"] as const) {
        const disk = newDisk(effect * 7 + point.length);
        const progress = { synced: 0, appended: 0, height: -1 };
        disk.crashAt(effect, point);
        expect(() => runHeights(disk, progress)).toThrow(SimulatedCrash);
        disk.restart(loss);
        const wal = openWal({ fileSystem: disk, directory: DIRECTORY, maxSegmentBytes: 4000 });
        if (progress.height < 0) continue;
        const last = wal.lastEndHeight() as number;
        expect([progress.height, progress.height + 1]).toContain(last);
        const seen = replayed(wal, progress.height);
        const base = (progress.height + 1) * 6;
        expect(seen).toEqual(seen.map((_, index) => Buffer.from(long(base + index)).toString("hex")));
        expect(seen.length).toBeGreaterThanOrEqual(progress.synced);
        expect(seen.length).toBeLessThanOrEqual(progress.appended + 1);
      }
    }
  }
});

test("sectors that a power loss left out within unsynced messages are a torn tail, whatever good records lie behind them", () => {
  let holesBeforeGood = 0;
  for (let seed = 0; seed < 300; seed++) {
    const disk = newDisk(seed);
    const wal = openWal({ fileSystem: disk, directory: DIRECTORY });
    wal.endHeight(0);
    for (let index = 0; index < 4; index++) wal.append(long(index));
    disk.crashAt(2, "before");
    expect(() => wal.sync()).toThrow(SimulatedCrash);
    disk.restart("power");
    const left = disk.read(FIRST);
    const again = openWal({ fileSystem: disk, directory: DIRECTORY });
    const seen = replayed(again, 0);
    expect(seen).toEqual(seen.map((_, index) => Buffer.from(long(index)).toString("hex")));
    if (again.recovery === undefined) continue;
    expect(again.recovery.kind).toBe("torn");
    if (findWalRecordAfter(left, 1, again.recovery.offset) !== undefined) holesBeforeGood++;
  }
  expect(holesBeforeGood).toBeGreaterThan(0);
});

test("what was replayed after a kill survives a power cut that follows", () => {
  for (let seed = 0; seed < 20; seed++) {
    const disk = newDisk(seed);
    const wal = openWal({ fileSystem: disk, directory: DIRECTORY, maxSegmentBytes: 200 });
    wal.endHeight(1);
    // Flushed by the replay, not synced: the process that is killed leaves it in the page cache.
    for (let index = 0; index < 4; index++) wal.append(message(index));
    expect(replayed(wal, 1)).toEqual(hexOf(0, 1, 2, 3));
    disk.restart("kill");
    const again = openWal({ fileSystem: disk, directory: DIRECTORY, maxSegmentBytes: 200 });
    expect(replayed(again, 1)).toEqual(hexOf(0, 1, 2, 3));
    disk.restart("power");
    expect(replayed(openWal({ fileSystem: disk, directory: DIRECTORY }), 1)).toEqual(hexOf(0, 1, 2, 3));
  }
});
