import { type RejectedPart, rejectedPart } from "../frame.ts";
import { ByteReader } from "./byteReader.ts";
import { readHdlcFrame } from "./hdlc.ts";

/** Bytes of one message out of segments or blocks; the longest seen has 688. */
export const MAX_MESSAGE_BYTES = 16_384;

const LLC = Buffer.from("e6e700", "hex");
const GENERAL_BLOCK_TRANSFER = 0xe0;
/** Of the block control byte: this is the last block; the other bits are of the dialogue, which a push has not. */
const LAST_BLOCK = 0x80;

/** A whole message of the application layer, and the frames that it came in. */
export interface DlmsMessage {
  readonly apdu: Buffer;
  readonly raw: Buffer;
}

export interface Reassembler {
  /** One HDLC frame, or what is in one: an LLC PDU. */
  push(frame: Buffer): { readonly messages: readonly DlmsMessage[]; readonly rejected: readonly RejectedPart[] };
  /** Nothing more comes: what was begun is lost. */
  flush(): readonly RejectedPart[];
}

/** What was received of one message so far. */
interface Begun {
  readonly parts: Buffer[];
  readonly raw: Buffer[];
  bytes: number;
}

/**
 * Puts messages together out of HDLC segments and out of the blocks of a general block transfer (Green Book 9.3.13). One message at a time: blocks that
 * come twice, in another order or without the last one leave no way to know what was meant, so that the whole message is dropped.
 */
export function createReassembler(): Reassembler {
  let segments: Begun | undefined;
  let blocks: Begun | undefined;
  /** Segments that follow a fault are of the message that was dropped. */
  let isLosing = false;
  /** Blocks that follow a fault are of the message that was dropped. */
  let isDropping = false;
  let rejected: RejectedPart[] = [];

  function drop(begun: Begun, reason: "truncated" | "too-long", why: string): undefined {
    rejected.push(rejectedPart(reason, `${why}: ${Buffer.concat(begun.raw).toString("hex", 0, 60)}`));
    return undefined;
  }

  function withSegment(frame: Buffer): DlmsMessage | undefined {
    if (frame.length > MAX_MESSAGE_BYTES) {
      rejected.push(rejectedPart("too-long", frame.toString("hex", 0, 60)));
      return undefined;
    }
    if (frame.subarray(0, LLC.length).equals(LLC)) return { apdu: frame, raw: frame };
    const hdlc = readHdlcFrame(frame);
    if (hdlc === undefined) {
      rejected.push(rejectedPart("crc-wrong", frame.toString("hex", 0, 60)));
      return undefined;
    }
    const { information, isSegmented } = hdlc;
    if (information.length === 0) return undefined;
    if (information.subarray(0, LLC.length).equals(LLC)) {
      if (segments !== undefined) drop(segments, "truncated", "segments without an end");
      segments = isSegmented ? { parts: [], raw: [], bytes: 0 } : undefined;
      isLosing = false;
    }
    if (segments === undefined) return withoutBeginning(information, frame, isSegmented);
    const begun = segments;
    const whole = append(begun, information, frame);
    if (begun.bytes > MAX_MESSAGE_BYTES) {
      segments = undefined;
      isLosing = isSegmented;
      return drop(begun, "too-long", "segments");
    }
    if (isSegmented) return undefined;
    segments = undefined;
    return whole();
  }

  /** A frame of its own (later blocks of a transfer have no LLC header), or what is left of segments. */
  function withoutBeginning(information: Buffer, frame: Buffer, isSegmented: boolean): DlmsMessage | undefined {
    if (!isSegmented && !isLosing) return { apdu: information, raw: frame };
    if (!isLosing)
      rejected.push(rejectedPart("truncated", `segments without a beginning: ${frame.toString("hex", 0, 60)}`));
    isLosing = isSegmented;
    return undefined;
  }

  function withBlock({ apdu: pdu, raw }: DlmsMessage): DlmsMessage | undefined {
    const apdu = pdu.subarray(0, LLC.length).equals(LLC) ? pdu.subarray(LLC.length) : pdu;
    if (apdu[0] !== GENERAL_BLOCK_TRANSFER) {
      if (blocks !== undefined) drop(blocks, "truncated", "blocks without an end");
      blocks = undefined;
      isDropping = false;
      return { apdu, raw };
    }
    const reader = new ByteReader(apdu.subarray(1));
    const control = reader.uint8();
    const number = reader.uint16();
    reader.uint16();
    const data = reader.bytes(reader.length());
    if (number === 1) {
      if (blocks !== undefined) drop(blocks, "truncated", "blocks without an end");
      blocks = { parts: [], raw: [], bytes: 0 };
      isDropping = false;
    }
    if (isDropping) return undefined;
    const begun = blocks ?? { parts: [], raw: [], bytes: 0 };
    const expected = begun.parts.length + 1;
    const whole = append(begun, data, raw);
    blocks = undefined;
    isDropping = true;
    if (reader.isOverrun || reader.left > 0) return drop(begun, "truncated", "a block of another length");
    if (number !== expected) return drop(begun, "truncated", `block ${number} where ${expected} was due`);
    if (begun.bytes > MAX_MESSAGE_BYTES) return drop(begun, "too-long", "blocks");
    isDropping = false;
    if ((control & LAST_BLOCK) !== 0) return whole();
    blocks = begun;
    return undefined;
  }

  function takeRejected(): RejectedPart[] {
    const taken = rejected;
    rejected = [];
    return taken;
  }

  return {
    push(frame) {
      const pdu = withSegment(frame);
      const message = pdu === undefined ? undefined : withBlock(pdu);
      return { messages: message === undefined ? [] : [message], rejected: takeRejected() };
    },
    flush() {
      for (const begun of [segments, blocks]) if (begun !== undefined) drop(begun, "truncated", "no more came");
      segments = undefined;
      blocks = undefined;
      isDropping = false;
      isLosing = false;
      return takeRejected();
    },
  };
}

/** The message so far is put together only when it is asked for. */
function append(begun: Begun, part: Buffer, raw: Buffer): () => DlmsMessage {
  begun.parts.push(Buffer.from(part));
  begun.raw.push(Buffer.from(raw));
  // An empty part counts too: a stream of them is no way around the limit.
  begun.bytes += part.length + 1;
  return () => ({ apdu: Buffer.concat(begun.parts), raw: Buffer.concat(begun.raw) });
}
