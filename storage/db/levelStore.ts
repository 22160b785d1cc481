import { join } from "node:path";
import { crc32 } from "node:zlib";
import { Level } from "level";
import { bucketNameOf, keyWithinBucketHex } from "./buckets.ts";
import { checkLevelDirectory } from "./levelCheck.ts";
import { checkClosedMark, writeClosedMark } from "./levelClosedMark.ts";
import { levelError } from "./levelError.ts";
import { directoryBytes } from "./levelSize.ts";
import { checkOperation, type KeyRange, type Store, type StoreEntry } from "./store.ts";
import { StoreError } from "./storeError.ts";

/** Bytes before each value: crc32 of key ‖ value, big-endian, so that a value under a wrong key is noticed as well. */
const FRAME_BYTES = 4;

/** What an iterator fetches at once: a call into LevelDB costs some 10 µs, whatever it brings. */
const ITERATOR_CHUNK_ENTRIES = 1000;
const ITERATOR_CHUNK_BYTES = 1024 * 1024;

/** LevelDB's cache of table blocks; a light node on a Raspberry Pi has 64 MB in all. */
const DEFAULT_CACHE_BYTES = 8 * 1024 * 1024;

/** What LevelDB gathers in memory before it writes a table; while that happens there are two of them. LevelDB's own default. */
const DEFAULT_WRITE_BUFFER_BYTES = 4 * 1024 * 1024;

export interface LevelStore extends Store {
  /** What a crash left unfinished at the end of LevelDB's logs, and opening dropped; none of it was acknowledged. */
  readonly torn: readonly { readonly file: string; readonly bytes: number }[];
  /**
   * Rewrites the tables of a range, so that nothing of what was deleted or overwritten in it is left in any file.
   * @throws StoreError STORE_CLOSED, STORE_IO_FAILED
   */
  compact(range: { readonly gte: Uint8Array; readonly lt: Uint8Array }): Promise<void>;
}

/**
 * Opens the LevelDB database in `directory`, or makes one, after checking all of its files (levelCheck.ts).
 * @throws StoreError STORE_LOCKED, STORE_CORRUPT, STORE_DISK_FULL, STORE_IO_FAILED
 */
export async function openLevelStore(
  directory: string,
  options: { readonly cacheBytes?: number; readonly writeBufferBytes?: number } = {},
): Promise<LevelStore> {
  // Node cannot lock files and LevelDB locks only when it opens, which is too late for the check. So an empty database is the lock:
  // the kernel releases it whatever becomes of this process.
  const guardDirectory = join(directory, "guard");
  const guard = new Level(guardDirectory, { cacheSize: 0, writeBufferSize: 65_536 });
  try {
    await guard.open().catch((error: unknown) => {
      const known = levelError(error, guardDirectory, "open");
      throw known.code === "STORE_LOCKED" ? levelError(error, directory, "open") : known;
    });
    const { torn } = await checkLevelDirectory(directory);
    await checkClosedMark(directory, torn);
    const database = new Level<Uint8Array, Uint8Array>(directory, {
      keyEncoding: "view",
      valueEncoding: "view",
      cacheSize: options.cacheBytes ?? DEFAULT_CACHE_BYTES,
      writeBufferSize: options.writeBufferBytes ?? DEFAULT_WRITE_BUFFER_BYTES,
    });
    await database.open();
    return { ...storeOver(database, guard, directory), torn };
  } catch (error) {
    await guard.close();
    throw levelError(error, directory, "open");
  }
}

type Database = Level<Uint8Array, Uint8Array>;

/** What `level` has on disk and not in a browser, so that its types leave it out. */
interface Compactable {
  compactRange(start: Uint8Array, end: Uint8Array): Promise<void>;
}

function storeOver(database: Database, guard: Level, directory: string): Omit<LevelStore, "torn"> {
  let failure: StoreError | undefined;
  let closing: Promise<void> | undefined;

  function checkOpen(): void {
    if (closing !== undefined) throw new StoreError({ code: "STORE_CLOSED" });
  }

  async function close(): Promise<void> {
    await database.close();
    if (failure === undefined) await writeClosedMark(directory);
    await guard.close();
  }

  return {
    async get(key) {
      checkOpen();
      // Typed as always there, but a missing key is undefined.
      const framed: Uint8Array | undefined = await database.get(key).catch((error: unknown) => {
        throw levelError(error, directory, "get");
      });
      return framed === undefined ? undefined : unframe(key, framed);
    },

    async batch(operations, { sync }) {
      checkOpen();
      if (failure !== undefined)
        throw new StoreError({ code: "STORE_FAILED", path: directory, earlier: failure.code }, { cause: failure });
      for (const operation of operations) checkOperation(operation);
      const framed = operations.map((operation) =>
        operation.type === "put"
          ? { type: operation.type, key: operation.key, value: frame(operation.key, operation.value) }
          : operation,
      );
      try {
        await database.batch(framed, { sync });
      } catch (error) {
        failure = levelError(error, directory, "batch");
        throw failure;
      }
    },

    iterate(range) {
      checkOpen();
      // LevelDB's iterator takes its snapshot when it is made, which is now.
      return readEntries(database.iterator(iteratorOptions(range)), checkOpen, directory);
    },

    async sizeBytes() {
      checkOpen();
      return directoryBytes(directory);
    },

    async compact({ gte, lt }) {
      checkOpen();
      await (database as unknown as Compactable).compactRange(gte, lt).catch((error: unknown) => {
        throw levelError(error, directory, "compact");
      });
    },

    close() {
      closing ??= close();
      return closing;
    },
  };
}

function iteratorOptions(range: KeyRange) {
  return {
    gte: range.gte,
    lt: range.lt,
    reverse: range.reverse ?? false,
    limit: range.limit ?? -1,
    highWaterMarkBytes: ITERATOR_CHUNK_BYTES,
  };
}

async function* readEntries(
  iterator: { nextv(size: number): Promise<[Uint8Array, Uint8Array][]>; close(): Promise<void> },
  checkOpen: () => void,
  directory: string,
): AsyncGenerator<StoreEntry> {
  try {
    for (;;) {
      checkOpen();
      const chunk = await iterator.nextv(ITERATOR_CHUNK_ENTRIES).catch((error: unknown) => {
        throw levelError(error, directory, "iterate");
      });
      if (chunk.length === 0) return;
      for (const [key, framed] of chunk) {
        checkOpen();
        yield [plain(key), unframe(key, framed)];
      }
    }
  } finally {
    await iterator.close();
  }
}

function frame(key: Uint8Array, value: Uint8Array): Uint8Array {
  const framed = new Uint8Array(FRAME_BYTES + value.length);
  framed.set(value, FRAME_BYTES);
  writeUint32(framed, crc32(value, crc32(key)));
  return framed;
}

/** @throws StoreError STORE_VALUE_CORRUPT */
function unframe(key: Uint8Array, framed: Uint8Array): Uint8Array {
  const value = plain(framed).subarray(FRAME_BYTES);
  if (framed.length < FRAME_BYTES || readUint32(framed) !== crc32(value, crc32(key)))
    throw new StoreError({
      code: "STORE_VALUE_CORRUPT",
      bucket: bucketNameOf(key),
      key: keyWithinBucketHex(key),
      reason: "the value fails its checksum",
    });
  return value;
}

/** LevelDB gives Buffers, whose `slice` shares memory where a Uint8Array's copies. */
function plain(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function writeUint32(bytes: Uint8Array, value: number): void {
  bytes[0] = value >>> 24;
  bytes[1] = value >>> 16;
  bytes[2] = value >>> 8;
  bytes[3] = value;
}

function readUint32(bytes: Uint8Array): number {
  const [a = 0, b = 0, c = 0, d = 0] = bytes;
  return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
}
