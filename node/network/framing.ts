import { NetworkError } from "./networkError.ts";

/** A frame is its length as an unsigned LEB128 varint, then that many bytes. */

/** Varint bytes of a length: four hold 268 MB, far beyond every frame limit. */
const MAX_LENGTH_BYTES = 4;

/** Bytes allocated on the word of a length alone; the rest is allocated as it arrives. */
const FIRST_ALLOCATION_BYTES = 4096;

export function encodeFrame(payload: Uint8Array): Uint8Array {
  const head: number[] = [];
  let rest = payload.length;
  while (rest > 0x7f) {
    head.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  head.push(rest);
  const frame = new Uint8Array(head.length + payload.length);
  frame.set(head);
  frame.set(payload, head.length);
  return frame;
}

export interface FrameReader {
  /**
   * Takes the next bytes of the stream and calls `onFrame` with every frame they complete, each in bytes of its own.
   * @throws NetworkError FRAME_TOO_LARGE, FRAME_LENGTH_MALFORMED; the reader is of no further use then
   */
  push(chunk: Uint8Array): void;
  /** @throws NetworkError FRAME_TRUNCATED if the stream ends here, inside a frame */
  end(): void;
}

export function createFrameReader(maxFrameBytes: number, onFrame: (frame: Uint8Array) => void): FrameReader {
  let length = 0;
  let lengthBytes = 0;
  let body: Uint8Array | undefined;
  let have = 0;

  const readLength = (byte: number): boolean => {
    length += (byte & 0x7f) * 2 ** (7 * lengthBytes);
    lengthBytes += 1;
    if ((byte & 0x80) !== 0) {
      if (lengthBytes >= MAX_LENGTH_BYTES) throw new NetworkError({ code: "FRAME_LENGTH_MALFORMED" });
      return false;
    }
    // A trailing zero group says nothing: every length has one form.
    if (byte === 0 && lengthBytes > 1) throw new NetworkError({ code: "FRAME_LENGTH_MALFORMED" });
    if (length > maxFrameBytes)
      throw new NetworkError({ code: "FRAME_TOO_LARGE", bytes: length, maxBytes: maxFrameBytes });
    return true;
  };

  const finish = (frame: Uint8Array) => {
    body = undefined;
    length = lengthBytes = have = 0;
    onFrame(frame);
  };

  return {
    push(chunk) {
      let offset = 0;
      while (offset < chunk.length) {
        if (body === undefined) {
          const complete = readLength(chunk[offset] ?? 0);
          offset += 1;
          if (!complete) continue;
          body = new Uint8Array(Math.min(length, FIRST_ALLOCATION_BYTES));
          if (length === 0) finish(body);
          continue;
        }
        const part = chunk.subarray(offset, offset + length - have);
        if (have + part.length > body.length)
          body = grown(body, have, Math.max(have + part.length, body.length * 2), length);
        body.set(part, have);
        have += part.length;
        offset += part.length;
        if (have === length) finish(body);
      }
    },
    end() {
      if (body !== undefined || lengthBytes > 0)
        throw new NetworkError({ code: "FRAME_TRUNCATED", have, need: length });
    },
  };
}

function grown(body: Uint8Array, have: number, wanted: number, length: number): Uint8Array {
  const larger = new Uint8Array(Math.min(wanted, length));
  larger.set(body.subarray(0, have));
  return larger;
}
