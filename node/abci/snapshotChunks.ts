import { FormatError } from "#storage/types/formatError.ts";
import { EMPTY_BYTES, FieldReader, FieldWriter } from "#storage/types/wire.ts";

/** One entry of the application's bucket. */
export type StateEntry = readonly [key: Uint8Array, value: Uint8Array];

/** Bytes of entries after which a chunk ends; CometBFT takes chunks of up to 16 MB. */
const CHUNK_TARGET_BYTES = 1024 * 1024;

const MAX_KEY_BYTES = 1024;
const MAX_VALUE_BYTES = 15 * 1024 * 1024;

/**
 * A chunk is protobuf: repeated entry = 1 {key = 1, value = 2}, in the order of their keys, and a new chunk begins after the entry with which
 * CHUNK_TARGET_BYTES are reached: every node that holds the same state cuts the same chunks. There is always one.
 */
export async function* encodeSnapshotChunks(entries: AsyncIterable<StateEntry>): AsyncGenerator<Uint8Array> {
  let writer = new FieldWriter();
  let bytes = 0;
  let isFirst = true;
  for await (const [key, value] of entries) {
    writer.message(1, new FieldWriter().bytes(1, key).bytes(2, value).finish());
    bytes += key.length + value.length;
    if (bytes < CHUNK_TARGET_BYTES) continue;
    yield writer.finish();
    isFirst = false;
    writer = new FieldWriter();
    bytes = 0;
  }
  if (bytes > 0 || isFirst) yield writer.finish();
}

/** Undefined when the bytes are no chunk. */
export function decodeSnapshotChunk(bytes: Uint8Array): readonly StateEntry[] | undefined {
  try {
    const entries: StateEntry[] = [];
    const fields = new FieldReader("snapshotChunk", bytes);
    while (fields.next()) {
      if (fields.number === 1) entries.push(readEntry(fields.message()));
      else fields.refuse();
    }
    return entries;
  } catch (error) {
    if (error instanceof FormatError) return undefined;
    throw error;
  }
}

function readEntry(bytes: Uint8Array): StateEntry {
  let key: Uint8Array = EMPTY_BYTES;
  let value: Uint8Array = EMPTY_BYTES;
  const fields = new FieldReader("snapshotEntry", bytes);
  while (fields.next()) {
    if (fields.number === 1) key = fields.bytesUpTo("snapshotEntry.key", MAX_KEY_BYTES);
    else if (fields.number === 2) value = fields.bytesUpTo("snapshotEntry.value", MAX_VALUE_BYTES);
    else fields.refuse();
  }
  return [key, value];
}
