import { MAX_REJECTED_CHARS, rejectedPart } from "../frame.ts";
import type { RejectionReason } from "../source.ts";
import type { Framed, Framer } from "../stream/framer.ts";
import { FLAG, hasWrongHeader, hdlcFrameBytes, MAX_HDLC_FRAME_BYTES, readHdlcFrame } from "./hdlc.ts";

/**
 * Cuts a stream into HDLC frames by their length, for a flag may stand inside of one, and takes a frame only when its check sequences are right. After
 * damage the next frame is looked for behind the flag at which the damaged one began. The flags of two frames may be one.
 */
export function createHdlcFramer(): Framer {
  let kept: Buffer = Buffer.alloc(0);
  let lost = { bytes: 0, shown: "", reason: "truncated" as RejectionReason };

  function lose(count: number, reason: RejectionReason): void {
    const bytes = kept.subarray(0, count);
    kept = kept.subarray(count);
    // Flags between frames are no loss.
    if (lost.bytes === 0 && reason === "truncated" && bytes.every((byte) => byte === FLAG)) return;
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
    while (kept.length > 1) {
      if (lost.bytes >= MAX_HDLC_FRAME_BYTES) reportLost(found);
      const start = kept.indexOf(FLAG);
      if (start !== 0) {
        lose(start < 0 ? kept.length : start, "truncated");
        continue;
      }
      // A length of two bytes behind the flag.
      if (kept.length < 3 && kept[1] !== FLAG && !isEnd) break;
      const length = hdlcFrameBytes(kept);
      if (length === undefined) {
        lose(1, "truncated");
        continue;
      }
      if (kept.length < length) {
        const isDamaged = hasWrongHeader(kept);
        if (!isEnd && !isDamaged) break;
        lose(1, isDamaged ? "crc-wrong" : "truncated");
        continue;
      }
      const frame = kept.subarray(0, length);
      if (readHdlcFrame(frame) === undefined) {
        lose(1, "crc-wrong");
        continue;
      }
      reportLost(found);
      found.push({ bytes: Buffer.from(frame) });
      // The closing flag may be the opening one of the next.
      kept = kept.subarray(length - 1);
    }
    if (!isEnd) return found;
    lose(kept.length, "truncated");
    reportLost(found);
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
