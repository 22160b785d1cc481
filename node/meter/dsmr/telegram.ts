import type { RejectionReason } from "../source.ts";
import { crc16 } from "./crc16.ts";

/** One line of a telegram: "1-0:1.8.1(000004.426*kWh)". */
export interface TelegramObject {
  /** Value groups of the OBIS code A-B:C.D.E*F; without "*F" F is 255, the present value. */
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly d: number;
  readonly e: number;
  readonly f: number;
  /** What stands in each pair of parentheses. */
  readonly values: readonly string[];
  /** The line as it was, its continuation included. */
  readonly text: string;
}

export interface Telegram {
  /** Behind the "/": manufacturer, baud rate letter, model. Bytes above 0x7f as Latin-1. */
  readonly ident: string;
  readonly objects: readonly TelegramObject[];
  /** Lines that are no objects. */
  readonly unknownLines: readonly string[];
  /** absent: nothing stands behind the "!", as before DSMR 4 and in IEC 62056-21. */
  readonly crc: "right" | "absent";
}

export interface TelegramFault {
  readonly reason: Extract<RejectionReason, "truncated" | "crc-wrong" | "too-long">;
  readonly text: string;
}

/** Bytes of one telegram. The longest seen has 1 423; texts of 1 024 characters and four sub-meters stay below 4 kB. */
export const MAX_TELEGRAM_BYTES = 8192;

/** Lines of one telegram; the longest seen has 41. */
export const MAX_TELEGRAM_LINES = 256;
/** Values in parentheses on one line: thirteen months of peaks have 3 each, a power failure log 2 each. */
const MAX_LINE_VALUES = 64;

const OBIS_LINE = /^(\d{1,3})-(\d{1,3}):(\d{1,3})\.(\d{1,3})(?:\.(\d{1,3}))?(?:\*(\d{1,3}))?(\(.*)$/;

/**
 * Takes a whole telegram apart, "/" to "!" with the CRC if it has one; line ends around it are fine. Checks, in order:
 *  a) it begins with "/" and has one "!" (truncated);
 *  b) what follows the "!" is nothing, or the CRC of all from "/" to "!" in up to four hex digits (crc-wrong);
 *  c) at most MAX_TELEGRAM_LINES lines (too-long).
 */
export function readTelegram(bytes: Uint8Array): Telegram | { readonly fault: TelegramFault } {
  const text = withoutLineEnds(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)).toString("latin1");
  const bang = text.indexOf("!");
  if (!text.startsWith("/") || bang < 0 || text.indexOf("/", 1) >= 0) return { fault: { reason: "truncated", text } };

  const tail = text.slice(bang + 1);
  const body = text.slice(0, bang + 1);
  if (tail !== "" && !isCrcOf(tail, body)) return { fault: { reason: "crc-wrong", text: `!${tail} ${text}` } };

  const lines = body.slice(1, -1).split(/\r\n|\n|\r/);
  if (lines.length > MAX_TELEGRAM_LINES) return { fault: { reason: "too-long", text } };
  const [ident = "", ...rest] = lines;
  const objects: TelegramObject[] = [];
  const unknownLines: string[] = [];
  for (const line of joinContinuations(rest)) {
    const object = readLine(line);
    if (object === undefined) unknownLines.push(line);
    else objects.push(object);
  }
  return { ident, objects, unknownLines, crc: tail === "" ? "absent" : "right" };
}

function withoutLineEnds(bytes: Buffer): Buffer {
  let [start, end] = [0, bytes.length];
  while (start < end && isLineEnd(bytes[start])) start += 1;
  while (end > start && isLineEnd(bytes[end - 1])) end -= 1;
  return bytes.subarray(start, end);
}

function isLineEnd(byte: number | undefined): boolean {
  return byte === 0x0d || byte === 0x0a || byte === 0;
}

function isCrcOf(tail: string, body: string): boolean {
  return /^[0-9A-Fa-f]{1,4}$/.test(tail) && Number.parseInt(tail, 16) === crc16(Buffer.from(body, "latin1"));
}

/** The gas value of DSMR 2.2 and 3.0 stands on a line of its own: "(00001.001)". */
function joinContinuations(lines: readonly string[]): string[] {
  const joined: string[] = [];
  for (const line of lines.map((each) => each.trim())) {
    if (line === "") continue;
    if (line.startsWith("(") && joined.length > 0) joined[joined.length - 1] += line;
    else joined.push(line);
  }
  return joined;
}

function readLine(text: string): TelegramObject | undefined {
  const match = OBIS_LINE.exec(text);
  if (match === null) return undefined;
  const [, a, b, c, d, e = "0", f = "255", rest = ""] = match;
  // Parentheses are not nested: every "(" closes before the next.
  if (!/^(\([^()]*\))+$/.test(rest)) return undefined;
  const values = rest.slice(1, -1).split(")(");
  if (values.length > MAX_LINE_VALUES) return undefined;
  return {
    a: Number(a),
    b: Number(b),
    c: Number(c),
    d: Number(d),
    e: Number(e),
    f: Number(f),
    values,
    text,
  };
}
