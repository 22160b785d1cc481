export const MBUS_START = 0x68;
const STOP = 0x16;
/** 68 L L 68 before what L counts, and the sum and 16 behind it. */
const HEAD_BYTES = 4;
const TAIL_BYTES = 2;
/** Control, address, control information, source and destination service access point. */
const FIELD_BYTES = 5;
/** L is one byte. Sagemcom's T210-D sends frames of up to 256 + 4, with the lower byte of their length: a length below that of the fields is one of these. */
export const MAX_MBUS_FRAME_BYTES = 0x100 + FIELD_BYTES - 1 + HEAD_BYTES + TAIL_BYTES;
/** Of the control information: this segment is the last; the four bits below count the segments from 0 on. */
const LAST = 0x10;
const SEQUENCE_MASK = 0x0f;

/** A long frame of the wired M-Bus (EN 13757-2) that carries a part of a DLMS message (EN 13757-1, transport layer for M-Bus). */
export interface MbusFrame {
  readonly sequence: number;
  readonly isLast: boolean;
  readonly data: Buffer;
}

/** Bytes of the whole frame by its two equal lengths; undefined: no frame begins like that. As far as it is there. */
export function mbusFrameBytes(bytes: Buffer): number | undefined {
  const [start, length = FIELD_BYTES, again = length, startAgain = MBUS_START] = bytes;
  if (start !== MBUS_START || startAgain !== MBUS_START || length !== again) return undefined;
  return (length < FIELD_BYTES ? length + 0x100 : length) + HEAD_BYTES + TAIL_BYTES;
}

/** One whole frame; undefined: its sum, its end or its control information is not that of one. */
export function readMbusFrame(bytes: Buffer): MbusFrame | undefined {
  if (bytes.length < HEAD_BYTES + FIELD_BYTES + TAIL_BYTES || mbusFrameBytes(bytes) !== bytes.length) return undefined;
  const body = bytes.subarray(HEAD_BYTES, -TAIL_BYTES);
  if (bytes.at(-1) !== STOP || bytes.at(-TAIL_BYTES) !== sumOf(body)) return undefined;
  const information = body[2] as number;
  if ((information & ~(LAST | SEQUENCE_MASK)) !== 0) return undefined;
  return {
    sequence: information & SEQUENCE_MASK,
    isLast: (information & LAST) !== 0,
    data: body.subarray(FIELD_BYTES),
  };
}

/** Of all bytes, modulo 256. */
export function sumOf(bytes: Uint8Array): number {
  return bytes.reduce((sum, byte) => (sum + byte) & 0xff, 0);
}
