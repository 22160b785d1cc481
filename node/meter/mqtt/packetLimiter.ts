const PUBLISH = 3;
/** MQTT 3.1.1 §2.2.3: the remaining length has one to four bytes. */
const MAX_LENGTH_BYTES = 4;

/**
 * Shortens the PUBLISH packets of a byte stream to `maxBytes` behind their fixed header, so that no broker can fill the memory: what is cut off is the end
 * of the payload, and topic and packet id stay, so that the message can be refused by name and acknowledged. Everything else passes as it is.
 */
export class PacketLimiter {
  readonly #maxBytes: number;
  /** First byte of the packet whose length is being read; undefined between packets. */
  #first: number | undefined;
  #length = 0;
  #lengthBytes = 0;
  /** Of the packet at hand: still to be passed on, and then to be dropped. */
  #passLeft = 0;
  #dropLeft = 0;

  /** maxBytes: at least what topic, packet id and properties take, and one byte more than the longest payload that is taken. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** What of a chunk goes on; undefined when it is no MQTT, or a packet that must not be so long. */
  take(chunk: Buffer): Buffer | undefined {
    const parts: Buffer[] = [];
    let offset = 0;
    while (offset < chunk.length) {
      if (this.#passLeft > 0 || this.#dropLeft > 0) {
        const passed = chunk.subarray(offset, offset + this.#passLeft);
        this.#passLeft -= passed.length;
        offset += passed.length;
        parts.push(passed);
        const dropped = Math.min(this.#dropLeft, this.#passLeft > 0 ? 0 : chunk.length - offset);
        this.#dropLeft -= dropped;
        offset += dropped;
        continue;
      }
      const byte = chunk[offset] as number;
      offset += 1;
      const header = this.#header(byte);
      if (header === "wrong") return undefined;
      if (header !== undefined) parts.push(header);
    }
    return parts.length === 1 ? parts[0] : Buffer.concat(parts);
  }

  /** The fixed header once it is whole, with the length that goes on. */
  #header(byte: number): Buffer | undefined | "wrong" {
    if (this.#first === undefined) {
      this.#first = byte;
      this.#length = 0;
      this.#lengthBytes = 0;
      return undefined;
    }
    this.#length += (byte & 0x7f) * 128 ** this.#lengthBytes;
    this.#lengthBytes += 1;
    if (byte > 0x7f) return this.#lengthBytes < MAX_LENGTH_BYTES ? undefined : "wrong";
    const first = this.#first;
    this.#first = undefined;
    const isTooLong = this.#length > this.#maxBytes;
    if (isTooLong && first >> 4 !== PUBLISH) return "wrong";
    this.#passLeft = Math.min(this.#length, this.#maxBytes);
    this.#dropLeft = this.#length - this.#passLeft;
    return Buffer.from([first, ...encodeLength(this.#passLeft)]);
  }
}

/** MQTT 3.1.1 §2.2.3. */
function encodeLength(length: number): number[] {
  const bytes: number[] = [];
  let left = length;
  do {
    const digit = left % 128;
    left = Math.floor(left / 128);
    bytes.push(left > 0 ? digit | 0x80 : digit);
  } while (left > 0);
  return bytes;
}
