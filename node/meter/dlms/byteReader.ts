/** Reads big-endian values in order. Beyond the end it yields zeros and is overrun, so that a parser looks once, at its end. */
export class ByteReader {
  readonly #bytes: Buffer;
  #at = 0;
  #isOverrun = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  get isOverrun(): boolean {
    return this.#isOverrun;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  /** The next byte without taking it; undefined at the end. */
  peek(ahead = 0): number | undefined {
    return this.#bytes[this.#at + ahead];
  }

  uint8(): number {
    return this.#take(1)?.readUInt8() ?? 0;
  }

  uint16(): number {
    return this.#take(2)?.readUInt16BE() ?? 0;
  }

  uint32(): number {
    return this.#take(4)?.readUInt32BE() ?? 0;
  }

  /** A view of the next `length` bytes; empty when there are fewer. */
  bytes(length: number): Buffer {
    return this.#take(length) ?? Buffer.alloc(0);
  }

  /** A-XDR and BER length: one byte below 0x80, else 0x81..0x84 and as many bytes. */
  length(): number {
    const first = this.uint8();
    if (first < 0x80) return first;
    const count = first & 0x7f;
    if (count === 0 || count > 4) {
      this.#isOverrun = true;
      return 0;
    }
    return this.#take(count)?.readUIntBE(0, count) ?? 0;
  }

  rest(): Buffer {
    return this.bytes(this.left);
  }

  #take(length: number): Buffer | undefined {
    if (this.#isOverrun || length < 0 || length > this.left) {
      this.#isOverrun = true;
      return undefined;
    }
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }
}
