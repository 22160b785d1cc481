import { type FileHandle, open } from "node:fs/promises";
import { crc32c } from "../db/crc32c.ts";
import { syncDirectory } from "./readingLogRecovery.ts";

/**
 * How far a queue's consumer has come: a file of two slots, written in turn, so that one is whole whatever happens to the other. Big-endian:
 *   0 uint32 CRC-32C of the rest · 4 uint64 number of the write, from 1 · 12 uint64 first batch not acknowledged · 20 uint32 prefetch
 */
const SLOT_BYTES = 24;
/** A sector each: a torn write of one slot cannot reach the other. */
const SLOT_DISTANCE = 4096;

export interface ConsumerPlace {
  /** The first batch that is not acknowledged. */
  readonly nextBatch: number;
  /** Batches behind it that may have been handed out. */
  readonly prefetch: number;
}

export interface OpenedCursor {
  readonly cursor: QueueCursor;
  readonly place: ConsumerPlace;
  /** Offsets of slots that are not what was written: by a crash in the middle of a write, or by somebody. */
  readonly damagedOffsets: readonly number[];
}

/** Opens or creates the file. With no slot left, the place is the start. */
export async function openQueueCursor(path: string, directory: string): Promise<OpenedCursor> {
  const file = await open(path, "a+").then(async (created) => {
    await created.close();
    await syncDirectory(directory);
    return open(path, "r+");
  });
  const damagedOffsets: number[] = [];
  let [write, place]: [number, ConsumerPlace] = [0, { nextBatch: 1, prefetch: 0 }];
  for (const offset of [0, SLOT_DISTANCE]) {
    const slot = Buffer.alloc(SLOT_BYTES);
    const { bytesRead } = await file.read(slot, 0, SLOT_BYTES, offset);
    if (slot.every((byte) => byte === 0)) continue;
    const number = Number(slot.readBigUInt64BE(4));
    if (bytesRead < SLOT_BYTES || slot.readUInt32BE(0) !== crc32c(slot, 0, 4)) damagedOffsets.push(offset);
    else if (number > write)
      [write, place] = [number, { nextBatch: Number(slot.readBigUInt64BE(12)), prefetch: slot.readUInt32BE(20) }];
  }
  return { cursor: new QueueCursor(file, write), place, damagedOffsets };
}

/** Where a file is not what was written: in a slot, or in the zeros between the two. */
export function faultOfQueueCursor(file: Uint8Array): { readonly offset: number; readonly reason: string } | undefined {
  const bytes = Buffer.from(file.buffer, file.byteOffset, file.length);
  for (const offset of [0, SLOT_DISTANCE]) {
    const slot = bytes.subarray(offset, offset + SLOT_BYTES);
    const isWritten = slot.some((byte) => byte !== 0);
    if (isWritten && (slot.length < SLOT_BYTES || slot.readUInt32BE(0) !== crc32c(slot, 0, 4)))
      return { offset, reason: "the slot does not have its checksum" };
    const behind = bytes.subarray(offset + SLOT_BYTES, offset + SLOT_DISTANCE).findIndex((byte) => byte !== 0);
    if (behind !== -1) return { offset: offset + SLOT_BYTES + behind, reason: "there is something beside the slots" };
  }
  return undefined;
}

/** A place that is lost makes deliveries come again, never fewer; so writing it costs no sync, except before batches are removed. */
export class QueueCursor {
  readonly #file: FileHandle;
  #write: number;

  constructor(file: FileHandle, write: number) {
    this.#file = file;
    this.#write = write;
  }

  /** One at a time. */
  async save({ nextBatch, prefetch }: ConsumerPlace): Promise<void> {
    this.#write += 1;
    const slot = Buffer.alloc(SLOT_BYTES);
    slot.writeBigUInt64BE(BigInt(this.#write), 4);
    slot.writeBigUInt64BE(BigInt(nextBatch), 12);
    slot.writeUInt32BE(prefetch, 20);
    slot.writeUInt32BE(crc32c(slot, 0, 4), 0);
    await this.#file.write(slot, 0, SLOT_BYTES, (this.#write % 2) * SLOT_DISTANCE);
  }

  async sync(): Promise<void> {
    await this.#file.datasync();
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}
