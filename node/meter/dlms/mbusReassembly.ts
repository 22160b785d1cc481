import { type RejectedPart, rejectedPart } from "../frame.ts";
import { readMbusFrame } from "./mbus.ts";
import type { Reassembler } from "./reassembly.ts";

/** Segments of one message: four bits count them. With 250 bytes each a message stays below MAX_MESSAGE_BYTES. */
const MAX_SEGMENTS = 16;

/** Puts messages together out of the frames of the wired M-Bus. A segment that is missing, or comes twice, loses its message. */
export function createMbusReassembler(): Reassembler {
  let parts: Buffer[] = [];
  let raw: Buffer[] = [];

  function drop(why: string): RejectedPart {
    const part = rejectedPart("truncated", `${why}: ${Buffer.concat(raw).toString("hex", 0, 60)}`);
    parts = [];
    raw = [];
    return part;
  }

  return {
    push(frame) {
      const segment = readMbusFrame(frame);
      if (segment === undefined)
        return { messages: [], rejected: [rejectedPart("crc-wrong", frame.toString("hex", 0, 60))] };
      const rejected: RejectedPart[] = [];
      const { sequence, isLast, data } = segment;
      if (parts.length > 0 && sequence !== parts.length) rejected.push(drop("segments without an end"));
      raw.push(Buffer.from(frame));
      if (sequence !== parts.length)
        return { messages: [], rejected: [...rejected, drop("segments without a beginning")] };
      parts.push(Buffer.from(data));
      if (!isLast) {
        if (parts.length === MAX_SEGMENTS) rejected.push(drop("segments without an end"));
        return { messages: [], rejected };
      }
      const message = { apdu: Buffer.concat(parts), raw: Buffer.concat(raw) };
      parts = [];
      raw = [];
      return { messages: [message], rejected };
    },
    flush: () => (raw.length === 0 ? [] : [drop("no more came")]),
  };
}
