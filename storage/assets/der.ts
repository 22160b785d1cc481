import { concatBytes } from "../crypto/hash.ts";

/** One DER element (X.690): identifier octet, definite length in its shortest form, content. */
export interface DerElement {
  readonly tag: number;
  readonly content: Uint8Array;
}

/** Elements one after another; undefined unless they fill `bytes` exactly. Tags of one byte, lengths up to four. */
export function decodeDer(bytes: Uint8Array): readonly DerElement[] | undefined {
  const elements: DerElement[] = [];
  let at = 0;
  while (at < bytes.length) {
    const tag = bytes[at] as number;
    const first = bytes[at + 1];
    if (first === undefined) return undefined;
    at += 2;
    let length = first;
    if (first >= 0x80) {
      const lengthBytes = first - 0x80;
      if (lengthBytes < 1 || lengthBytes > 4 || at + lengthBytes > bytes.length) return undefined;
      length = unsigned(bytes.subarray(at, at + lengthBytes));
      at += lengthBytes;
      if (length < 0x80 || length < 2 ** (8 * (lengthBytes - 1))) return undefined;
    }
    if (length > bytes.length - at) return undefined;
    elements.push({ tag, content: bytes.subarray(at, at + length) });
    at += length;
  }
  return elements;
}

export function encodeDer(tag: number, ...contents: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const content of contents) length += content.length;
  const size = length < 0x80 ? [length] : longLength(length);
  return concatBytes(Uint8Array.of(tag, ...size), ...contents);
}

/** SET OF: its elements in order of their bytes. */
export function encodeDerSet(tag: number, elements: readonly Uint8Array[]): Uint8Array {
  return encodeDer(tag, ...elements.toSorted(Buffer.compare));
}

/** INTEGER 0 to 2^32 - 1. */
export function encodeDerInteger(tag: number, value: number): Uint8Array {
  const bytes = bigEndian(value);
  return encodeDer(tag, Uint8Array.from((bytes[0] as number) >= 0x80 ? [0, ...bytes] : bytes));
}

/** Undefined for what is negative, beyond 2^32 - 1 or not in its shortest form. */
export function decodeDerInteger(content: Uint8Array): number | undefined {
  const [first, second] = content;
  if (first === undefined || first >= 0x80 || content.length > 5) return undefined;
  if (first === 0 && second !== undefined && second < 0x80) return undefined;
  const value = unsigned(content);
  return value <= 0xffff_ffff ? value : undefined;
}

function longLength(length: number): number[] {
  const bytes = bigEndian(length);
  return [0x80 + bytes.length, ...bytes];
}

function bigEndian(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; rest > 0 || bytes.length === 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return bytes;
}

function unsigned(bytes: Uint8Array): number {
  return bytes.reduce((value, byte) => value * 256 + byte, 0);
}
