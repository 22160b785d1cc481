import { endsWithFcs } from "./fcs.ts";

export const FLAG = 0x7e;
/** The upper half of the first byte behind the flag: frame format type 3. */
export const FORMAT_TYPE_3 = 0xa;
/** Eleven bits of length, and the two flags, which it does not count. */
export const MAX_HDLC_FRAME_BYTES = 0x7ff + 2;
/** Addresses have 1, 2 or 4 bytes. */
const MAX_ADDRESS_BYTES = 4;

/** What DLMS uses of an HDLC frame (Green Book 8.4): format, addresses, control, HCS, information, FCS. */
export interface HdlcFrame {
  /** The information goes on in the next frame. */
  readonly isSegmented: boolean;
  /** Destination and source, as hex. */
  readonly addresses: string;
  readonly information: Buffer;
}

/** Bytes of the whole frame with its flags, by the length behind the first flag. undefined: no frame begins like that. */
export function hdlcFrameBytes(bytes: Uint8Array): number | undefined {
  const [, high = 0, low = 0] = bytes;
  if (high >> 4 !== FORMAT_TYPE_3) return undefined;
  return (((high & 7) << 8) | low) + 2;
}

/**
 * One whole frame with its flags. undefined: its length, one of its check sequences or an address is wrong. There is no octet stuffing in this
 * type: 0x7e and 0x7d stand for themselves.
 */
export function readHdlcFrame(bytes: Buffer): HdlcFrame | undefined {
  if (bytes.length < 9 || hdlcFrameBytes(bytes) !== bytes.length || bytes[bytes.length - 1] !== FLAG) return undefined;
  const inner = bytes.subarray(1, -1);
  if (!endsWithFcs(inner)) return undefined;
  const source = endOfAddress(inner, 2);
  const control = source === undefined ? undefined : endOfAddress(inner, source);
  if (control === undefined) return undefined;
  const isSegmented = ((inner[0] as number) & 8) !== 0;
  const addresses = inner.toString("hex", 2, control);
  // The header has a check sequence of its own only before information.
  if (inner.length === control + 3) return { isSegmented, addresses, information: Buffer.alloc(0) };
  if (inner.length < control + 5 || !endsWithFcs(inner.subarray(0, control + 3))) return undefined;
  return { isSegmented, addresses, information: inner.subarray(control + 3, -2) };
}

/**
 * Whether the beginning of a frame is damaged, as far as it is there: a wrong length would otherwise be waited for while whole frames come in behind it.
 */
export function hasWrongHeader(bytes: Buffer): boolean {
  const length = hdlcFrameBytes(bytes);
  if (length === undefined) return true;
  const inner = bytes.subarray(1);
  if (inner.length < 2 + 2 * MAX_ADDRESS_BYTES + 3) return false;
  const source = endOfAddress(inner, 2);
  const control = source === undefined ? undefined : endOfAddress(inner, source);
  if (control === undefined) return true;
  return length > control + 5 && !endsWithFcs(inner.subarray(0, control + 3));
}

/** The last byte of an address is odd. */
function endOfAddress(inner: Buffer, start: number): number | undefined {
  for (let at = start; at < start + MAX_ADDRESS_BYTES && at < inner.length; at++)
    if (((inner[at] as number) & 1) === 1) return at + 1;
  return undefined;
}
