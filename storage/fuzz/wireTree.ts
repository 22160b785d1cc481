/**
 * Protobuf bytes taken apart without a schema, changed as a tree, and put together again: a change of the structure gets much deeper
 * into a decoder than a flipped bit, which most often only breaks a length. A tree that was not changed gives the same bytes.
 */
export interface WireField {
  readonly number: number;
  readonly wireType: number;
  /** Varints. */
  readonly value: bigint;
  /** Everything else: the bytes, or the fields of what reads like a message. */
  readonly content: Uint8Array | readonly WireField[];
  /** Deliberate faults: superfluous groups in the varint of the key, of the value or the length; and what the length says too much. */
  readonly keyPadding?: number;
  readonly padding?: number;
  readonly lengthError?: bigint;
}

export const VARINT = 0;
export const FIXED64 = 1;
export const BYTES = 2;
export const FIXED32 = 5;

const FIXED_BYTES: Readonly<Record<number, number>> = { [FIXED64]: 8, [FIXED32]: 4 };

/** Field numbers of our own messages are smaller: a hash or a text seldom reads like a message of such fields. */
const MAX_NUMBER = 31;
const MAX_DEPTH = 8;

/** The fields of `bytes`, or undefined where they are no message. */
export function parseWire(bytes: Uint8Array, depth = 0): readonly WireField[] | undefined {
  const fields: WireField[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    const key = readVarint(bytes, offset);
    if (key === undefined) return undefined;
    offset = key.end;
    const number = Number(key.value >> 3n);
    const wireType = Number(key.value & 7n);
    if (number === 0 || number > MAX_NUMBER) return undefined;
    if (wireType === VARINT) {
      const read = readVarint(bytes, offset);
      if (read === undefined) return undefined;
      fields.push({ number, wireType, value: read.value, content: EMPTY });
      offset = read.end;
      continue;
    }
    let length = FIXED_BYTES[wireType];
    if (wireType === BYTES) {
      const read = readVarint(bytes, offset);
      if (read === undefined) return undefined;
      length = Number(read.value);
      offset = read.end;
    }
    if (length === undefined || offset + length > bytes.length) return undefined;
    const content = bytes.subarray(offset, offset + length);
    const nested = wireType === BYTES && length > 0 && depth < MAX_DEPTH ? parseWire(content, depth + 1) : undefined;
    fields.push({ number, wireType, value: 0n, content: nested ?? Uint8Array.from(content) });
    offset += length;
  }
  return fields;
}

export function formatWire(fields: readonly WireField[]): Uint8Array {
  return Buffer.concat(fields.map(formatField));
}

export function contentBytes({ content }: WireField): Uint8Array {
  return content instanceof Uint8Array ? content : formatWire(content);
}

function formatField(field: WireField): Uint8Array {
  const key = varint(BigInt(field.number) * 8n + BigInt(field.wireType), field.keyPadding);
  if (field.wireType === VARINT) return Buffer.concat([key, varint(field.value, field.padding)]);
  const content = contentBytes(field);
  if (field.wireType !== BYTES) return Buffer.concat([key, content]);
  const length = BigInt.asUintN(64, BigInt(content.length) + (field.lengthError ?? 0n));
  return Buffer.concat([key, varint(length, field.padding), content]);
}

/** `padding` groups of zero bits more than are needed. */
export function varint(value: bigint, padding = 0): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  for (let group = 0; group < padding; group++) {
    bytes[bytes.length - 1] = (bytes.at(-1) as number) | 0x80;
    bytes.push(0);
  }
  return Uint8Array.from(bytes);
}

const EMPTY = new Uint8Array(0);

/** Shortest form only: what is padded could not be given back byte for byte. */
function readVarint(bytes: Uint8Array, start: number): { readonly value: bigint; readonly end: number } | undefined {
  let value = 0n;
  for (let offset = start; offset < start + 10; offset++) {
    const byte = bytes[offset];
    if (byte === undefined) return undefined;
    value |= BigInt(byte & 0x7f) << BigInt(7 * (offset - start));
    if (byte >= 0x80) continue;
    return (byte === 0 && offset > start) || value >> 64n !== 0n ? undefined : { value, end: offset + 1 };
  }
  return undefined;
}
