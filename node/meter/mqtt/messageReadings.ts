import { sha256 } from "#storage/crypto/hash.ts";
import { isMeterId, type Quantity, type Reading, type ReadingKind } from "#storage/types/reading.ts";
import { type ExactJson, scaledInteger, showJson } from "../exactJson.ts";
import { type DecodedFrame, type RejectedPart, rejectedPart } from "../frame.ts";
import type { RejectionReason } from "../source.ts";
import type { MessageTime } from "./messageTime.ts";

/** What a value of a message is. exponent: the power of ten from the message's unit to the ledger's (units.ts): kWh 6, W and Wh 3; none is 0. */
export interface ValueSpec {
  readonly quantity: Quantity;
  readonly kind: ReadingKind;
  readonly exponent?: number;
  readonly phase?: number;
  readonly tariff?: number;
  readonly periodMs?: number;
  readonly quality?: number;
}

/** No mains run outside of this; unconnected inputs of current meters report 160 or 198 Hz. In mHz. */
const MIN_MAINS_MHZ = 40_000;
const MAX_MAINS_MHZ = 70_000;

/** Channels put a suffix behind the id of the device. */
export const MAX_DEVICE_ID_CHARS = 80;

export function isDeviceId(meterId: string): boolean {
  return meterId.length <= MAX_DEVICE_ID_CHARS && isMeterId(meterId);
}

/** Collects what one message says: each value ends as a reading or as a rejected part. */
export class MessageReadings {
  readonly #readings: Reading[] = [];
  readonly #rejected: RejectedPart[] = [];
  readonly #receivedMs: number;
  readonly #rawHash: Uint8Array;
  readonly #seq: number | undefined;

  /** bytes: the message exactly as it was received. */
  constructor(bytes: Uint8Array, receivedMs: number, seq?: number) {
    this.#receivedMs = receivedMs;
    this.#rawHash = sha256(bytes);
    this.#seq = seq;
  }

  /** A value by its digits. `name` is how the message calls it, for the text of a rejection. */
  add(meterId: string, time: MessageTime, spec: ValueSpec, name: string, value: ExactJson | undefined): void {
    const scaled = scaledInteger(value, spec.exponent ?? 0);
    if ("reason" in scaled) this.reject(scaled.reason, `${name} ${showJson(value)}`);
    else this.addInteger(meterId, time, spec, name, scaled.value);
  }

  /** A value that is an integer in the ledger's unit already. Registers are cumulative: below zero there is none. */
  addInteger(
    meterId: string,
    time: MessageTime,
    spec: ValueSpec,
    name: string,
    value: number,
    registerValue?: number,
  ): void {
    const fault = faultOf(meterId, spec, value);
    if (fault !== undefined) {
      this.reject(fault, `${name} ${fault === "bad-meter-id" ? `of ${meterId}` : value}`);
      return;
    }
    this.#readings.push({
      meterId,
      quantity: spec.quantity,
      kind: spec.kind,
      phase: spec.phase ?? 0,
      tariff: spec.tariff ?? 0,
      value,
      timestampMs: time.timestampMs,
      periodMs: spec.periodMs ?? 0,
      receivedMs: this.#receivedMs,
      timeSource: time.timeSource,
      timeQuality: time.timeQuality,
      ...(this.#seq === undefined ? {} : { seq: this.#seq }),
      ...(registerValue === undefined ? {} : { registerValue }),
      quality: spec.quality ?? 0,
      rawHash: this.#rawHash,
    });
  }

  reject(reason: RejectionReason, text: string): void {
    this.#rejected.push(rejectedPart(reason, text));
  }

  frame(): DecodedFrame {
    return { readings: this.#readings, rejected: this.#rejected };
  }
}

function faultOf(meterId: string, spec: ValueSpec, value: number): RejectionReason | undefined {
  if (!isDeviceId(meterId)) return "bad-meter-id";
  if (value < 0 && spec.kind === "register") return "negative";
  const isMains = value >= MIN_MAINS_MHZ && value <= MAX_MAINS_MHZ;
  return spec.quantity === "frequency" && !isMains ? "sentinel" : undefined;
}
