import { FormatError } from "./formatError.ts";

/**
 * Protobuf wire format, as far as CometBFT's structures use it. Canonical both ways: fields in number order, proto3 zero values left
 * out, sub-messages that gogoproto declares non-nullable always written, every varint in its shortest form.
 */

export const HASH_BYTES = 32;
export const ADDRESS_BYTES = 20;
/** Ed25519 and secp256k1 alike (CometBFT MaxSignatureSize). */
export const SIGNATURE_BYTES = 64;
export const MAX_INT32 = 0x7fff_ffff;
export const EMPTY_BYTES = new Uint8Array(0);

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

const MAX_UINT32 = 0xffff_ffff;

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** Most messages are smaller: a header, a vote, an event. */
const INITIAL_BYTES = 128;

/** A varint of 64 bits. */
const MAX_VARINT_BYTES = 10;

/** Collects the fields of one message; callers write them in ascending order. */
export class FieldWriter {
  #bytes = Buffer.allocUnsafe(INITIAL_BYTES);
  #length = 0;

  /** int32, int64, uint32, uint64: zero is left out, a negative number takes ten bytes. */
  int(field: number, value: number | bigint): this {
    return value === 0 || value === 0n ? this : this.presentInt(field, value);
  }

  /** A number that is there even when it is zero: of a oneof, or declared optional. */
  presentInt(field: number, value: number | bigint): this {
    this.#reserve(2 * MAX_VARINT_BYTES);
    this.#varint(field * 8 + VARINT);
    this.#varint(value);
    return this;
  }

  /** sfixed64, zero left out. */
  fixed64(field: number, value: number): this {
    if (value === 0) return this;
    this.#reserve(MAX_VARINT_BYTES + 8);
    this.#varint(field * 8 + FIXED64);
    this.#length = this.#bytes.writeBigInt64LE(BigInt(value), this.#length);
    return this;
  }

  /** Bytes, empty ones left out. */
  bytes(field: number, value: Uint8Array): this {
    return value.length === 0 ? this : this.message(field, value);
  }

  /** A string, an empty one left out. */
  text(field: number, value: string): this {
    if (value === "") return this;
    const length = Buffer.byteLength(value, "utf8");
    this.#startBytes(field, length);
    this.#length += this.#bytes.write(value, this.#length, length, "utf8");
    return this;
  }

  /** A sub-message or an element of a repeated field: written even when empty. */
  message(field: number, value: Uint8Array): this {
    this.#startBytes(field, value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
    return this;
  }

  finish(): Uint8Array {
    return new Uint8Array(this.#bytes.subarray(0, this.#length));
  }

  /** The message with its length in front, as CometBFT signs it. */
  finishDelimited(): Uint8Array {
    const delimited = new FieldWriter();
    delimited.#reserve(MAX_VARINT_BYTES + this.#length);
    delimited.#varint(this.#length);
    delimited.#bytes.set(this.#bytes.subarray(0, this.#length), delimited.#length);
    delimited.#length += this.#length;
    return delimited.finish();
  }

  #startBytes(field: number, length: number): void {
    this.#reserve(2 * MAX_VARINT_BYTES + length);
    this.#varint(field * 8 + BYTES);
    this.#varint(length);
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, 2 * this.#bytes.length));
    larger.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = larger;
  }

  /** Room is reserved. */
  #varint(value: number | bigint): void {
    let rest = value >= 0 && value <= MAX_UINT32 ? Number(value) : this.#highVarint(value);
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#bytes[this.#length++] = rest;
  }

  /** Writes the low groups of a value beyond 32 bits; what is left fits. */
  #highVarint(value: number | bigint): number {
    let rest = BigInt.asUintN(64, BigInt(value));
    while (rest > MAX_UINT32) {
      this.#bytes[this.#length++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    return Number(rest);
  }
}

/**
 * Walks the fields of one message. `next()` moves to the following field, then exactly one typed method reads it or `refuse()`s
 * it. Nothing is allocated for a length that the input does not hold, and what is returned is a copy unless it says view:
 * the input may be a network buffer that is used again.
 */
export class FieldReader {
  /** Number of the present field. */
  number = 0;
  readonly #format: string;
  readonly #bytes: Uint8Array;
  #offset = 0;
  #wireType = VARINT;

  constructor(format: string, bytes: Uint8Array) {
    this.#format = format;
    this.#bytes = bytes;
  }

  next(): boolean {
    if (this.#offset === this.#bytes.length) return false;
    const key = this.#smallVarint(0xffff_ffff);
    this.#wireType = key & 7;
    this.number = key >>> 3;
    if (this.number === 0) throw this.#malformed("field number 0");
    return true;
  }

  /** This format has no such field. Unknown fields are refused: whoever re-encodes what it decoded would get other bytes. */
  refuse(): never {
    throw new FormatError({ code: "FORMAT_FIELD_UNKNOWN", format: this.#format, field: this.number });
  }

  /** Passes over a field of any kind, for formats that are not ours to refuse what is new in them. */
  skip(): void {
    if (this.#wireType === VARINT) this.#varint();
    else if (this.#wireType === BYTES) this.#view("skipped");
    else if (this.#wireType === FIXED64) this.#pass(8);
    else if (this.#wireType === FIXED32) this.#pass(4);
    else throw this.#malformed(`wire type ${this.#wireType}`);
  }

  uint64(field: string): bigint {
    this.#expect(VARINT, field);
    return this.#varint();
  }

  int64(field: string): bigint {
    return BigInt.asIntN(64, this.uint64(field));
  }

  /** An int64 that a number holds exactly. */
  integer(field: string): number {
    const value = this.int64(field);
    const number = Number(value);
    if (!Number.isSafeInteger(number)) {
      throw new FormatError({ code: "FORMAT_FIELD_RANGE", field, value: value.toString() });
    }
    return number;
  }

  /** An integer in 0..max; heights go up to 2^53 - 1 where Go goes up to 2^63 - 1. */
  count(field: string, max: number = Number.MAX_SAFE_INTEGER): number {
    const value = this.int64(field);
    if (value < 0n || value > BigInt(Math.floor(max))) {
      throw new FormatError({ code: "FORMAT_FIELD_RANGE", field, value: value.toString() });
    }
    return Number(value);
  }

  /** Exactly `length` bytes, or none. A copy. */
  bytesOf(field: string, length: number): Uint8Array {
    const view = this.#view(field);
    if (view.length !== length && view.length !== 0) {
      throw new FormatError({ code: "FORMAT_FIELD_LENGTH", field, length: view.length, expected: `0 or ${length}` });
    }
    return new Uint8Array(view);
  }

  /** At most `maxLength` bytes. A copy. */
  bytesUpTo(field: string, maxLength: number): Uint8Array {
    return new Uint8Array(this.#viewUpTo(field, maxLength));
  }

  /** Valid UTF-8 of at most `maxBytes`. */
  text(field: string, maxBytes: number): string {
    const view = this.#viewUpTo(field, maxBytes);
    try {
      return UTF8.decode(view);
    } catch {
      throw new FormatError({ code: "FORMAT_FIELD_RANGE", field, value: "not UTF-8" });
    }
  }

  /** A sub-message, as a view for the reader that takes it apart. */
  message(): Uint8Array {
    return this.#view(`${this.#format}.${this.number}`);
  }

  #viewUpTo(field: string, maxLength: number): Uint8Array {
    const view = this.#view(field);
    if (view.length <= maxLength) return view;
    throw new FormatError({
      code: "FORMAT_FIELD_LENGTH",
      field,
      length: view.length,
      expected: `at most ${maxLength}`,
    });
  }

  #view(field: string): Uint8Array {
    this.#expect(BYTES, field);
    const length = this.#smallVarint(this.#bytes.length);
    const end = this.#offset + length;
    if (end > this.#bytes.length) throw this.#malformed(`${field} has ${length} bytes, beyond the end`);
    const view = this.#bytes.subarray(this.#offset, end);
    this.#offset = end;
    return view;
  }

  #pass(length: number): void {
    if (this.#offset + length > this.#bytes.length) throw this.#malformed("a fixed number runs beyond the end");
    this.#offset += length;
  }

  #expect(wireType: number, field: string): void {
    if (this.#wireType !== wireType) throw this.#malformed(`${field} has wire type ${this.#wireType}`);
  }

  #smallVarint(max: number): number {
    const byte = this.#bytes[this.#offset];
    if (byte !== undefined && byte < 0x80 && byte <= max) {
      this.#offset += 1;
      return byte;
    }
    const value = this.#varint();
    if (value > BigInt(max)) throw this.#malformed(`varint ${value} is above ${max}`);
    return Number(value);
  }

  /** Unsigned 64 bits in the shortest form: at most ten bytes, no zero byte at the end, nothing above bit 63. */
  #varint(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#bytes[this.#offset];
      if (byte === undefined) throw this.#malformed("a varint runs beyond the end");
      this.#offset += 1;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte >= 0x80) continue;
      if (byte === 0 && shift > 0n) throw this.#malformed("a varint is not in its shortest form");
      if (value >> 64n !== 0n) throw this.#malformed("a varint exceeds 64 bits");
      return value;
    }
    throw this.#malformed("a varint has more than ten bytes");
  }

  #malformed(reason: string): FormatError {
    return new FormatError({ code: "FORMAT_WIRE_MALFORMED", format: this.#format, offset: this.#offset, reason });
  }
}

/**
 * Decodes `bytes` and accepts them only if they are what `encode` makes of the result: otherwise two byte strings with different
 * hashes would stand for the same block or vote, and a node that decodes and encodes again would compute another hash.
 * @throws FormatError FORMAT_TOO_LARGE before anything else, FORMAT_NOT_CANONICAL after everything else, and what `read` throws
 */
export function decodeCanonical<T>(
  format: string,
  maxBytes: number,
  bytes: Uint8Array,
  read: (bytes: Uint8Array) => T,
  encode: (value: T) => Uint8Array,
): T {
  if (bytes.length > maxBytes)
    throw new FormatError({ code: "FORMAT_TOO_LARGE", format, bytes: bytes.length, maxBytes });
  const value = read(bytes);
  if (Buffer.compare(encode(value), bytes) !== 0) throw new FormatError({ code: "FORMAT_NOT_CANONICAL", format });
  return value;
}
