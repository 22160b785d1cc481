import { type FileHandle, open, rename } from "node:fs/promises";
import { crc32c } from "../db/crc32c.ts";
import { decodeReading, encodeReading } from "../types/reading.ts";
import { syncDirectory } from "./readingLogRecovery.ts";
import { type DeadLetter, MAX_REFUSAL_CHARS, ReadingQueueError, type RefusedReading } from "./readingQueue.ts";

/**
 * Refused readings, a line each, for people as well: `<CRC-32C of the rest of the line, hex> {"reason": …, "reading": <record, hex>}`.
 * A line without its end is a write that a crash cut off; it was not acknowledged and is taken away at the next opening.
 */
const LINE = /^([0-9a-f]{8}) (.+)$/;

/** @throws ReadingQueueError READING_QUEUE_CORRUPT */
export async function openDeadLetterFile(path: string, directory: string, maxBytes: number): Promise<DeadLetterFile> {
  const file = await open(path, "a+");
  await syncDirectory(directory);
  const text = await readAll(file);
  const end = text.lastIndexOf("\n") + 1;
  if (end < text.length) {
    await file.truncate(end);
    await file.sync();
  }
  parseLines(path, text.slice(0, end));
  return new DeadLetterFile(file, { path, directory, maxBytes }, end);
}

interface Place {
  readonly path: string;
  readonly directory: string;
  readonly maxBytes: number;
}

/** One call at a time. */
export class DeadLetterFile {
  readonly #place: Place;
  #file: FileHandle;
  #bytes: number;

  constructor(file: FileHandle, place: Place, bytes: number) {
    this.#file = file;
    this.#place = place;
    this.#bytes = bytes;
  }

  /** Resolves when they are on disk. @throws ReadingQueueError READING_QUEUE_DEAD_LETTERS_FULL */
  async append(refused: readonly RefusedReading[]): Promise<void> {
    const text = refused.map(lineOf).join("");
    const bytes = this.#bytes + text.length;
    const { maxBytes } = this.#place;
    if (bytes > maxBytes) throw new ReadingQueueError({ code: "READING_QUEUE_DEAD_LETTERS_FULL", bytes, maxBytes });
    await this.#file.appendFile(text, "latin1");
    await this.#file.datasync();
    this.#bytes = bytes;
  }

  /** @throws ReadingQueueError READING_QUEUE_CORRUPT */
  async read(): Promise<readonly DeadLetter[]> {
    return parseLines(this.#place.path, (await readAll(this.#file)).slice(0, this.#bytes));
  }

  /** All or nothing, whatever happens meanwhile: the rest is in another file before this one goes. */
  async removeFirst(letters: number): Promise<void> {
    const lines = (await readAll(this.#file)).slice(0, this.#bytes).split("\n").slice(letters);
    const { path, directory } = this.#place;
    const rest = await open(`${path}.new`, "w+");
    await rest.writeFile(lines.join("\n"), "latin1");
    await rest.sync();
    await rename(`${path}.new`, path);
    await syncDirectory(directory);
    await this.#file.close();
    this.#file = await open(path, "a+");
    await rest.close();
    this.#bytes = lines.join("\n").length;
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

/** Where a file is not what was written. */
export function faultOfDeadLetters(path: string, text: string): { offset: number; reason: string } | undefined {
  const end = text.lastIndexOf("\n") + 1;
  try {
    parseLines(path, text.slice(0, end));
  } catch (error) {
    if (!(error instanceof ReadingQueueError) || error.details.code !== "READING_QUEUE_CORRUPT") throw error;
    return { offset: error.details.offset, reason: error.details.reason };
  }
  return end === text.length ? undefined : { offset: end, reason: "the line has no end" };
}

async function readAll(file: FileHandle): Promise<string> {
  const { size } = await file.stat();
  const bytes = Buffer.alloc(size);
  const { bytesRead } = await file.read(bytes, 0, size, 0);
  return bytes.toString("latin1", 0, bytesRead);
}

/** The reason in ASCII: a character is a byte, in the file as in the count of bytes. */
function lineOf({ reading, reason }: RefusedReading): string {
  const ascii = reason.slice(0, MAX_REFUSAL_CHARS).replace(/[^\x20-\x7e]/g, "?");
  const rest = JSON.stringify({ reason: ascii, reading: Buffer.from(encodeReading(reading)).toString("hex") });
  return `${checksumOf(rest)} ${rest}\n`;
}

function checksumOf(rest: string): string {
  return crc32c(Buffer.from(rest, "latin1")).toString(16).padStart(8, "0");
}

function parseLines(file: string, text: string): readonly DeadLetter[] {
  const letters: DeadLetter[] = [];
  let offset = 0;
  for (const line of text.split("\n").slice(0, -1)) {
    const [, checksum, rest = ""] = LINE.exec(line) ?? [];
    if (checksum === undefined || checksum !== checksumOf(rest))
      throw new ReadingQueueError({
        code: "READING_QUEUE_CORRUPT",
        file,
        offset,
        reason: "the line does not have its checksum",
      });
    const { reason, reading } = JSON.parse(rest) as { reason: string; reading: string };
    const bytes = new Uint8Array(Buffer.from(reading, "hex"));
    letters.push({ reading: decodeReading(bytes), bytes, reason });
    offset += line.length + 1;
  }
  return letters;
}
