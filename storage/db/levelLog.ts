import { crc32c } from "./crc32c.ts";
import { hasUnwrittenSector, isZero } from "./sectors.ts";
import { corruptFile } from "./storeError.ts";

/**
 * LevelDB's log format, which its write-ahead logs and manifests share (leveldb doc/log_format.md): blocks of 32 KiB, in each
 * records of crc32c (4, masked, little-endian) ‖ length (2) ‖ type (1) ‖ payload; a long record is cut into first, middle, last.
 */
const BLOCK_BYTES = 32_768;
const HEADER_BYTES = 7;
const FULL = 1;
const FIRST = 2;
const MIDDLE = 3;
const LAST = 4;

export interface LevelLog {
  readonly records: readonly { readonly offset: number; readonly payload: Uint8Array }[];
  /** Bytes at the end that a crash left unfinished: never acknowledged, and LevelDB drops them too. */
  readonly tornBytes: number;
}

/**
 * Reads every record of a log and checks it. LevelDB itself skips records that fail their checksum without a word, and opens
 * with the rest; here only a tail that a crash explains is forgiven.
 * @throws StoreError STORE_CORRUPT
 */
export function readLevelLog(file: string, bytes: Uint8Array): LevelLog {
  const records: { offset: number; payload: Uint8Array }[] = [];
  let fragments: Uint8Array[] = [];
  let recordStart = 0;
  let at = 0;
  while (at < bytes.length) {
    const leftInBlock = BLOCK_BYTES - (at % BLOCK_BYTES);
    if (leftInBlock < HEADER_BYTES) {
      if (!isZero(bytes, at, Math.min(at + leftInBlock, bytes.length)))
        throw corruptFile(file, at, "the end of a log block is not zero");
      at += leftInBlock;
      continue;
    }
    if (fragments.length === 0) recordStart = at;
    const problem = checkFragment(bytes, at, leftInBlock, fragments.length > 0);
    if (problem !== undefined) {
      if (problem === "torn" ? hasRecordAfter(bytes, at) : !isUnwritten(bytes, at))
        throw corruptFile(file, at, problem === "torn" ? "a log record has a wrong length" : problem);
      break;
    }
    const length = fragmentLength(bytes, at);
    const type = bytes[at + 6];
    fragments.push(bytes.subarray(at + HEADER_BYTES, at + HEADER_BYTES + length));
    if (type === FULL || type === LAST) {
      records.push({
        offset: recordStart,
        payload: fragments.length === 1 ? (fragments[0] as Uint8Array) : Buffer.concat(fragments),
      });
      fragments = [];
    }
    at += HEADER_BYTES + length;
  }
  const end = fragments.length > 0 ? recordStart : Math.min(at, bytes.length);
  return { records, tornBytes: bytes.length - end };
}

/** Why the fragment at `at` is not whole; undefined when it is. */
function checkFragment(bytes: Uint8Array, at: number, leftInBlock: number, isContinued: boolean): string | undefined {
  if (at + HEADER_BYTES > bytes.length) return "torn";
  const length = fragmentLength(bytes, at);
  if (HEADER_BYTES + length > leftInBlock) return "a log record is longer than its block";
  // Within its block but beyond the file: the file ends in the middle of the write.
  if (at + HEADER_BYTES + length > bytes.length) return "torn";
  const stored = new DataView(bytes.buffer, bytes.byteOffset).getUint32(at, true);
  if (unmask(stored) !== crc32c(bytes, 0, at + 6, at + HEADER_BYTES + length)) return "a log record fails its checksum";
  const type = bytes[at + 6] as number;
  if (type < FULL || type > LAST) return "a log record is of an unknown type";
  if ((type === MIDDLE || type === LAST) !== isContinued) return "a part of a log record is missing";
  return undefined;
}

function fragmentLength(bytes: Uint8Array, at: number): number {
  return (bytes[at + 4] as number) | ((bytes[at + 5] as number) << 8);
}

/** LevelDB stores a rotated and shifted checksum, so that a checksum over data with checksums in it stays a good one (util/crc32c.h). */
export function unmask(masked: number): number {
  const rotated = (masked - 0xa282ead8) >>> 0;
  return ((rotated >>> 17) | (rotated << 15)) >>> 0;
}

/** Whether the fragment at `at` has the trace of a write that power loss interrupted. */
function isUnwritten(bytes: Uint8Array, at: number): boolean {
  const end = at + HEADER_BYTES + fragmentLength(bytes, at);
  return hasUnwrittenSector(bytes, at, end) || isZero(bytes, at, bytes.length);
}

/** Whether a whole record starts somewhere behind a fragment that seems to reach beyond the file: then the length is wrong, not the file short. */
function hasRecordAfter(bytes: Uint8Array, at: number): boolean {
  for (let next = at + HEADER_BYTES; next + HEADER_BYTES < bytes.length; next++) {
    const type = bytes[next + 6];
    if (type !== FULL && type !== FIRST) continue;
    if (checkFragment(bytes, next, BLOCK_BYTES - (next % BLOCK_BYTES), false) === undefined) return true;
  }
  return false;
}
