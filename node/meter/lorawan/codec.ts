import { isMeterTime } from "../isoTime.ts";
import type { MessageReadings } from "../mqtt/messageReadings.ts";
import type { MessageTime, MessageTimeResult } from "../mqtt/messageTime.ts";
import { deviceTime } from "../mqtt/messageTime.ts";
import type { Zone } from "../zoneTime.ts";
import type { Uplink } from "./uplink.ts";

export interface CodecContext {
  readonly uplink: Uplink;
  /** `lora:<DevEUI>` */
  readonly meterId: string;
  /** The network server's clock, or where it says none the receiver's. */
  readonly networkTime: MessageTime;
  readonly receivedMs: number;
  /** Zone of the meter's clock, for codecs that carry local time. */
  readonly zone: Zone | undefined;
}

/** The bytes of one kind of device: puts each value of the payload into `frame`, or why it is none. Never throws. */
export type LoraCodec = (frame: MessageReadings, context: CodecContext) => void;

/** Reads big-endian integers from the front of a payload. */
export class PayloadReader {
  readonly #view: Buffer;
  #offset = 0;

  constructor(payload: Uint8Array) {
    this.#view = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  }

  get left(): number {
    return this.#view.length - this.#offset;
  }

  /** 1 to 6 bytes. The caller has looked at `left`. */
  uint(bytes: number): number {
    this.#offset += bytes;
    return this.#view.readUIntBE(this.#offset - bytes, bytes);
  }

  int(bytes: number): number {
    this.#offset += bytes;
    return this.#view.readIntBE(this.#offset - bytes, bytes);
  }

  uintLE(bytes: number): number {
    this.#offset += bytes;
    return this.#view.readUIntLE(this.#offset - bytes, bytes);
  }

  skip(bytes: number): void {
    this.#offset += bytes;
  }
}

/** Unix seconds of a device's own clock. */
export function secondsTime(seconds: number, receivedMs: number): MessageTimeResult {
  const ms = seconds * 1000;
  return deviceTime(isMeterTime(ms) ? ms : undefined, String(seconds), receivedMs);
}

export function shownHex(payload: Uint8Array): string {
  return Buffer.from(payload).toString("hex");
}
