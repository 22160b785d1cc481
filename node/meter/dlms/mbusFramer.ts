import { MAX_REJECTED_CHARS, rejectedPart } from "../frame.ts";
import type { RejectionReason } from "../source.ts";
import type { Framed, Framer } from "../stream/framer.ts";
import { MAX_MBUS_FRAME_BYTES, MBUS_START, mbusFrameBytes, readMbusFrame } from "./mbus.ts";

/**
 * Cuts a stream into frames of the wired M-Bus by their length, and takes a frame only when its sum is right. After damage the next frame is looked for
 * behind the byte at which the damaged one began: a sum of one byte finds most damage, and the tag or the structure of the message the rest.
 */
export function createMbusFramer(): Framer {
  let kept: Buffer = Buffer.alloc(0);
  let lost = { bytes: 0, shown: "", reason: "truncated" as RejectionReason };

  function lose(count: number, reason: RejectionReason): void {
    const bytes = kept.subarray(0, count);
    kept = kept.subarray(count);
    if (reason === "crc-wrong") lost.reason = reason;
    lost.bytes += count;
    if (lost.shown.length < MAX_REJECTED_CHARS) lost.shown += bytes.toString("hex", 0, MAX_REJECTED_CHARS);
  }

  function reportLost(found: Framed[]): void {
    if (lost.bytes > 0) found.push({ rejected: rejectedPart(lost.reason, lost.shown) });
    lost = { bytes: 0, shown: "", reason: "truncated" };
  }

  function cut(isEnd: boolean): Framed[] {
    const found: Framed[] = [];
    while (kept.length > 0) {
      if (lost.bytes >= MAX_MBUS_FRAME_BYTES) reportLost(found);
      const start = kept.indexOf(MBUS_START);
      if (start !== 0) {
        lose(start < 0 ? kept.length : start, "truncated");
        continue;
      }
      const length = mbusFrameBytes(kept);
      if (length === undefined) {
        lose(1, "truncated");
        continue;
      }
      if (kept.length < length) {
        if (!isEnd) break;
        lose(1, "truncated");
        continue;
      }
      const frame = kept.subarray(0, length);
      if (readMbusFrame(frame) === undefined) {
        lose(1, "crc-wrong");
        continue;
      }
      reportLost(found);
      found.push({ bytes: Buffer.from(frame) });
      kept = kept.subarray(length);
    }
    if (isEnd) reportLost(found);
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
