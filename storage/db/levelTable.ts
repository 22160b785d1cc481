import { crc32c } from "./crc32c.ts";
import { unmask } from "./levelLog.ts";
import { corruptFile } from "./storeError.ts";

/**
 * LevelDB's table files (leveldb doc/table_format.md): blocks, each followed by its compression type (1) and crc32c (4, masked), an index
 * block that names them, and a footer. LevelDB checks these checksums only when asked to, and `level` has no way to ask.
 */
const TRAILER_BYTES = 5;
const FOOTER_BYTES = 48;
const MAGIC = Uint8Array.of(0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb);
const UNCOMPRESSED = 0;
const SNAPPY = 1;

/** Bytes of an index block after decompression: 2 MiB tables have indexes of some 20 KB. */
const MAX_INDEX_BYTES = 64 * 1024 * 1024;

interface BlockHandle {
  readonly offset: number;
  readonly bytes: number;
}

/**
 * Checks every block of a table file, and that the blocks fill it from the first byte to the last.
 * @throws StoreError STORE_CORRUPT
 */
export function checkLevelTable(file: string, bytes: Uint8Array): void {
  const footerAt = bytes.length - FOOTER_BYTES;
  if (footerAt < 0) throw corruptFile(file, 0, "the table is shorter than its footer");
  if (!MAGIC.every((byte, index) => bytes[bytes.length - MAGIC.length + index] === byte))
    throw corruptFile(file, footerAt, "the table does not end in LevelDB's magic number");
  try {
    const footer = new Cursor(bytes.subarray(footerAt, bytes.length - MAGIC.length));
    const metaIndex = footer.handle();
    const index = footer.handle();
    if (!footer.rest().every((byte) => byte === 0)) throw new Malformed("the footer's padding is not zero");
    const handles = [
      ...handlesIn(readBlock(file, bytes, index)),
      ...handlesIn(readBlock(file, bytes, metaIndex)),
      metaIndex,
      index,
    ];
    let end = 0;
    for (const handle of handles) {
      if (handle.offset !== end) throw new Malformed(`the blocks leave a gap at ${end}`);
      checkBlock(file, bytes, handle);
      end = handle.offset + handle.bytes + TRAILER_BYTES;
    }
    if (end !== footerAt) throw new Malformed(`the blocks end at ${end}`);
  } catch (error) {
    if (error instanceof Malformed || error instanceof RangeError)
      throw corruptFile(file, footerAt, error.message, error);
    throw error;
  }
}

/** What a table's own structure says wrong; becomes STORE_CORRUPT with the file's name. */
class Malformed extends Error {}

function checkBlock(file: string, bytes: Uint8Array, handle: BlockHandle): void {
  const end = handle.offset + handle.bytes;
  if (end + TRAILER_BYTES > bytes.length - FOOTER_BYTES) throw new Malformed("a block reaches beyond the table");
  const stored = new DataView(bytes.buffer, bytes.byteOffset).getUint32(end + 1, true);
  if (unmask(stored) !== crc32c(bytes, 0, handle.offset, end + 1))
    throw corruptFile(file, handle.offset, "a table block fails its checksum");
}

function readBlock(file: string, bytes: Uint8Array, handle: BlockHandle): Uint8Array {
  checkBlock(file, bytes, handle);
  const end = handle.offset + handle.bytes;
  const block = bytes.subarray(handle.offset, end);
  if (bytes[end] === UNCOMPRESSED) return block;
  if (bytes[end] === SNAPPY) return decompressSnappy(block);
  throw new Malformed("a block has an unknown compression");
}

/** The block handles that are the values of an index block, in order. */
function handlesIn(block: Uint8Array): BlockHandle[] {
  if (block.length < 4) throw new Malformed("an index block is too short");
  const restarts = new DataView(block.buffer, block.byteOffset + block.length - 4).getUint32(0, true);
  const entries = new Cursor(block.subarray(0, Math.max(0, block.length - 4 - restarts * 4)));
  const handles: BlockHandle[] = [];
  while (!entries.isAtEnd()) {
    entries.varint(); // bytes shared with the key before
    const keyBytes = entries.varint();
    const valueBytes = entries.varint();
    entries.take(keyBytes);
    handles.push(new Cursor(entries.take(valueBytes)).handle());
  }
  return handles;
}

class Cursor {
  private readonly bytes: Uint8Array;
  private at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  isAtEnd(): boolean {
    return this.at >= this.bytes.length;
  }

  varint(): number {
    let value = 0;
    for (let shift = 0; shift < 49; shift += 7) {
      const byte = this.take(1)[0] as number;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new Malformed("a number is too long");
  }

  take(count: number): Uint8Array {
    if (this.at + count > this.bytes.length) throw new Malformed("a block ends early");
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }

  handle(): BlockHandle {
    return { offset: this.varint(), bytes: this.varint() };
  }

  rest(): Uint8Array {
    return this.bytes.subarray(this.at);
  }
}

/** Snappy's block format (google/snappy format_description.txt): a length, then literals and copies of earlier output. */
function decompressSnappy(compressed: Uint8Array): Uint8Array {
  const input = new Cursor(compressed);
  const length = input.varint();
  if (length > MAX_INDEX_BYTES) throw new Malformed("a compressed block is too large");
  const output = new Uint8Array(length);
  let at = 0;
  while (!input.isAtEnd()) {
    const tag = input.take(1)[0] as number;
    if ((tag & 3) === 0) {
      const short = tag >>> 2;
      const count = (short < 60 ? short : littleEndian(input.take(short - 59))) + 1;
      output.set(input.take(count), at); // a RangeError when it does not fit
      at += count;
      continue;
    }
    let count = (tag >>> 2) + 1;
    let distance: number;
    if ((tag & 3) === 1) {
      count = ((tag >>> 2) & 7) + 4;
      distance = ((tag >>> 5) << 8) | (input.take(1)[0] as number);
    } else distance = littleEndian(input.take((tag & 3) === 2 ? 2 : 4));
    if (distance === 0 || distance > at || at + count > length)
      throw new Malformed("a compressed block copies from nowhere");
    for (let copied = 0; copied < count; copied++, at++) output[at] = output[at - distance] as number;
  }
  if (at !== length) throw new Malformed("a compressed block ends early");
  return output;
}

function littleEndian(bytes: Uint8Array): number {
  return bytes.reduceRight((value, byte) => value * 256 + byte, 0);
}
