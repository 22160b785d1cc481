import type { AppendFile, FileSystem } from "./fileSystem.ts";
import { WalError } from "./walError.ts";
import { corruptAt, openWalSegments, segmentPath, type WalRecovery, type WalSegment } from "./walOpen.ts";
import {
  END_HEIGHT_BYTES,
  encodeWalRecord,
  MAX_WAL_PAYLOAD_BYTES,
  readWalSegment,
  type WalRecord,
} from "./walSegment.ts";

/** A segment is read whole when a node starts; a height of a full block takes some 2.5 MB. */
export const DEFAULT_SEGMENT_BYTES = 16 * 1024 * 1024;

/** What waits in memory for the next sync; a record of a block part fills it alone. */
export const WAL_BUFFER_BYTES = 64 * 1024;

/**
 * The write-ahead log of a validator: everything that goes into its consensus state machine, in order, so that after a crash it goes in
 * again and the machine is where it was. Messages are the caller's bytes.
 */
export interface Wal {
  /** What opening found and repaired; undefined when the log was whole. */
  readonly recovery: WalRecovery | undefined;

  /** On disk after the next `sync`; handed to the file system when 64 KiB have gathered. @throws WalError, StoreError */
  append(payload: Uint8Array): void;

  /** One fdatasync: everything appended is on disk when this returns. Nothing to do when nothing was appended. */
  sync(): void;

  /** Marks a height as decided and stored, and syncs. */
  endHeight(height: number): void;

  /** The height marked last; undefined in a new log. */
  lastEndHeight(): number | undefined;

  /** The messages behind the mark of `height`, in order, later marks left out; undefined when there is no such mark. Includes unsynced ones. */
  replay(height: number): Generator<Uint8Array> | undefined;

  /** Removes the segments that hold nothing behind the mark of `height`. */
  prune(height: number): void;

  close(): void;
}

export interface WalOptions {
  readonly fileSystem: FileSystem;
  readonly directory: string;
  /** A segment that has grown to this size is followed by a new one. */
  readonly maxSegmentBytes?: number;
}

/**
 * Opens the log in `directory`, or makes one. What a crash left unfinished at its end is copied to a side file and cut off.
 * @throws WalError WAL_CORRUPT, WAL_SEGMENT_MISSING; StoreError STORE_DISK_FULL, STORE_IO_FAILED
 */
export function openWal(options: WalOptions): Wal {
  const { fileSystem, directory } = options;
  const maxSegmentBytes = options.maxSegmentBytes ?? DEFAULT_SEGMENT_BYTES;
  const opened = openWalSegments(fileSystem, directory);
  /** Oldest first; the last one is written to. */
  const segments: WalSegment[] = [...opened.segments];
  let file: AppendFile;
  let waiting: Uint8Array[] = [];
  let waitingBytes = 0;
  let isSynced = true;
  let failure: string | undefined;
  let isClosed = false;

  const current = () => segments.at(-1) as WalSegment;

  /** Runs a step that writes; after one that failed, what is on disk is unknown, so none is tried again. */
  function write<Result>(step: () => Result): Result {
    checkUsable();
    try {
      return step();
    } catch (error) {
      failure = error instanceof Error ? error.message : String(error);
      throw error;
    }
  }

  function checkUsable(): void {
    if (isClosed) throw new WalError({ code: "WAL_CLOSED" });
    if (failure !== undefined) throw new WalError({ code: "WAL_FAILED", earlier: failure });
  }

  function flush(): void {
    if (waitingBytes === 0) return;
    file.append(waiting.length === 1 ? (waiting[0] as Uint8Array) : Buffer.concat(waiting, waitingBytes));
    waiting = [];
    waitingBytes = 0;
  }

  function flushAndSync(): void {
    flush();
    if (isSynced) return;
    file.sync();
    isSynced = true;
  }

  function startSegment(number: number, previousBytes: number): void {
    const path = segmentPath(directory, number);
    file = fileSystem.open(path, "create");
    segments.push({ number, bytes: 0, marks: [] });
    add({ kind: "segmentStart", segment: number, previousBytes });
    flushAndSync();
    fileSystem.syncDirectory(directory);
  }

  function add(record: WalRecord): void {
    const segment = current();
    const bytes = encodeWalRecord(record, segment.number, segment.bytes);
    segment.bytes += bytes.length;
    waiting.push(bytes);
    waitingBytes += bytes.length;
    isSynced = false;
    if (waitingBytes >= WAL_BUFFER_BYTES) flush();
  }

  function addAndRotate(record: WalRecord): void {
    if (current().bytes >= maxSegmentBytes) {
      flushAndSync();
      file.close();
      startSegment(current().number + 1, current().bytes);
    }
    add(record);
  }

  /** Messages of the segments from `first` on that end within `bytes` of each, the size it had when this was asked for. */
  function* messagesFrom(first: number, start: number, sizes: readonly number[]): Generator<Uint8Array> {
    for (const [index, { number }] of segments.slice(first).entries()) {
      const path = segmentPath(directory, number);
      const { records, end } = readWalSegment(fileSystem.read(path), number);
      const size = sizes[index] ?? 0;
      // Every record was good when the log was opened or written.
      if (end < size) throw corruptAt(path, end, path, size);
      for (const { offset, end, record } of records) {
        if (end > size) break;
        if (record.kind === "message" && (index > 0 || offset > start)) yield record.payload.slice();
      }
    }
  }

  if (segments.length === 0) startSegment(1, 0);
  else if (current().bytes === 0) {
    // A crash cut the last segment at its very start.
    const { number } = segments.pop() as WalSegment;
    startSegment(number, segments.at(-1)?.bytes ?? 0);
  } else {
    file = fileSystem.open(segmentPath(directory, current().number), "append");
    // A process that was killed may have written what no sync has put on disk. It is replayed now, and what it leads to is signed: a
    // power cut must not take it back afterwards.
    file.sync();
    fileSystem.syncDirectory(directory);
  }

  return {
    recovery: opened.recovery,

    append(payload) {
      if (payload.length > MAX_WAL_PAYLOAD_BYTES)
        throw new WalError({ code: "WAL_PAYLOAD_TOO_LONG", bytes: payload.length, maxBytes: MAX_WAL_PAYLOAD_BYTES });
      write(() => addAndRotate({ kind: "message", payload }));
    },

    sync: () => write(flushAndSync),

    endHeight(height) {
      write(() => {
        addAndRotate({ kind: "endHeight", height });
        flushAndSync();
        current().marks.push({ height, offset: current().bytes - END_HEIGHT_BYTES });
      });
    },

    lastEndHeight: () => segments.findLast((segment) => segment.marks.length > 0)?.marks.at(-1)?.height,

    replay(height) {
      write(flush);
      // The last mark of a height counts: there are two when a node died between writing one and storing the block.
      const first = segments.findLastIndex((segment) => segment.marks.some((mark) => mark.height === height));
      const mark = segments[first]?.marks.findLast((each) => each.height === height);
      if (mark === undefined) return undefined;
      return messagesFrom(
        first,
        mark.offset,
        segments.slice(first).map((segment) => segment.bytes),
      );
    },

    prune(height) {
      write(() => {
        const keepFrom = segments.findLastIndex((segment) => segment.marks.some((mark) => mark.height <= height));
        if (keepFrom <= 0) return;
        // Oldest first, so that a crash in between leaves no gap.
        for (const segment of segments.splice(0, keepFrom)) fileSystem.remove(segmentPath(directory, segment.number));
        fileSystem.syncDirectory(directory);
      });
    },

    close() {
      if (isClosed) return;
      if (failure === undefined) write(flushAndSync);
      isClosed = true;
      file.close();
    },
  };
}
