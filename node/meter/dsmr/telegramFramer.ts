import { MAX_REJECTED_CHARS, rejectedPart } from "../frame.ts";
import type { RejectionReason } from "../source.ts";
import type { Framed, Framer } from "../stream/framer.ts";
import { MAX_TELEGRAM_BYTES } from "./telegram.ts";

const [SLASH, BANG, CR, LF, GENERAL_GLO_CIPHERING] = [0x2f, 0x21, 0x0d, 0x0a, 0xdb];
const CRC_DIGITS = 4;
/** 0xdb, length of the system title, the title of 8 bytes, 0x82 and a length of two bytes. */
const CIPHER_HEADER_BYTES = 13;

export interface TelegramFramerOptions {
  /** Telegrams are ciphered (Luxembourg, Austria): binary, with a length of their own. */
  readonly isCiphered: boolean;
}

/** What is at the beginning of the bytes: a telegram, bytes that belong to none, or nothing that can be told yet. */
type Head =
  | { readonly telegram: number }
  | { readonly lost: number; readonly reason: RejectionReason }
  | { readonly wait: true };

/** Telegrams begin with "/" and end with "!" and up to four digits of a CRC. Neither sign occurs elsewhere in them. */
export function createDsmrFramer({ isCiphered }: TelegramFramerOptions = { isCiphered: false }): Framer {
  const headOf = isCiphered ? headOfCiphered : headOfPlain;
  let kept: Buffer = Buffer.alloc(0);
  /** Bytes in a row that belong to no telegram, the first of them to be shown. */
  let lost = { bytes: 0, shown: "", reason: "truncated" as RejectionReason };

  function lose(count: number, reason: RejectionReason): void {
    const bytes = kept.subarray(0, count);
    kept = kept.subarray(count);
    if (lost.bytes === 0) {
      if (bytes.every(isFill)) return;
      lost.reason = reason;
    }
    lost.bytes += count;
    if (lost.shown.length < MAX_REJECTED_CHARS) lost.shown += bytes.toString("latin1", 0, MAX_REJECTED_CHARS);
  }

  function reportLost(found: Framed[]): void {
    if (lost.bytes > 0) found.push({ rejected: rejectedPart(lost.reason, lost.shown) });
    lost = { bytes: 0, shown: "", reason: "truncated" };
  }

  function cut(isEnd: boolean): Framed[] {
    const found: Framed[] = [];
    for (;;) {
      const head = headOf(kept, isEnd);
      if ("wait" in head) break;
      if ("lost" in head) {
        // What began as a telegram is one loss, whatever was lost before it.
        if (headBegins(kept, isCiphered) || lost.bytes >= MAX_TELEGRAM_BYTES) reportLost(found);
        lose(head.lost, head.reason);
        continue;
      }
      reportLost(found);
      found.push({ bytes: Buffer.from(kept.subarray(0, head.telegram)) });
      kept = kept.subarray(head.telegram);
    }
    if (!isEnd) return found;
    if (headBegins(kept, isCiphered)) reportLost(found);
    lose(kept.length, "truncated");
    reportLost(found);
    return found;
  }

  return {
    push(bytes) {
      kept = Buffer.concat([kept, bytes]);
      return cut(false);
    },
    flush: () => cut(true),
  };
}

function headBegins(bytes: Buffer, isCiphered: boolean): boolean {
  return bytes[0] === (isCiphered ? GENERAL_GLO_CIPHERING : SLASH);
}

function headOfPlain(bytes: Buffer, isEnd: boolean): Head {
  if (bytes.length === 0) return { wait: true };
  const start = bytes.indexOf(SLASH);
  if (start !== 0) return { lost: start < 0 ? bytes.length : start, reason: "truncated" };
  const window = bytes.subarray(0, MAX_TELEGRAM_BYTES);
  const next = window.indexOf(SLASH, 1);
  const bang = window.indexOf(BANG);
  // A telegram that begins before the one before has ended: the first one was cut off.
  if (next > 0 && (bang < 0 || next < bang)) return { lost: next, reason: "truncated" };
  if (bang >= 0) return endBehind(bytes, bang, isEnd);
  return bytes.length < MAX_TELEGRAM_BYTES ? { wait: true } : { lost: MAX_TELEGRAM_BYTES, reason: "too-long" };
}

/** The CRC is over with its fourth digit, or with the end of the line: a meter that drops leading zeros writes "!B9F". */
function endBehind(bytes: Buffer, bang: number, isEnd: boolean): Head {
  let end = bang + 1;
  while (end < bytes.length && end - bang <= CRC_DIGITS && isHexDigit(bytes[end] as number)) end += 1;
  const isKnown = end - bang > CRC_DIGITS || end < bytes.length || isEnd;
  return isKnown ? { telegram: end } : { wait: true };
}

function headOfCiphered(bytes: Buffer): Head {
  if (bytes.length === 0) return { wait: true };
  const start = bytes.indexOf(GENERAL_GLO_CIPHERING);
  if (start !== 0) return { lost: start < 0 ? bytes.length : start, reason: "truncated" };
  if (!canBeCipherHeader(bytes)) return { lost: 1, reason: "truncated" };
  if (bytes.length < CIPHER_HEADER_BYTES) return { wait: true };
  const telegram = CIPHER_HEADER_BYTES + bytes.readUInt16BE(CIPHER_HEADER_BYTES - 2);
  if (telegram > MAX_TELEGRAM_BYTES) return { lost: 1, reason: "too-long" };
  return bytes.length < telegram ? { wait: true } : { telegram };
}

/** True also for the beginning of one. */
function canBeCipherHeader(bytes: Buffer): boolean {
  return (bytes.length < 2 || bytes[1] === 8) && (bytes.length < 11 || bytes[10] === 0x82);
}

/** Line ends between telegrams are no loss. */
function isFill(byte: number): boolean {
  return byte === CR || byte === LF || byte === 0;
}

function isHexDigit(byte: number): boolean {
  return (byte >= 0x30 && byte <= 0x39) || (byte >= 0x41 && byte <= 0x46) || (byte >= 0x61 && byte <= 0x66);
}
