import { idempotencyKey, isMeterId, type Reading } from "#storage/types/reading.ts";
import { type DecodedFrame, type RejectedPart, rejectedPart } from "./frame.ts";
import type { ObisMeaning } from "./obis.ts";
import type { RejectionReason } from "./source.ts";

/** A connection of three phases of 100 A at 230 V (research/data.md §4): more than it lets through is not measured but made up. */
export const DEFAULT_MAX_POWER_W = 69_000;
/** The largest `maxPowerW` that may be configured: 100 MW. */
export const MAX_POWER_W = 100_000_000;

/** What the readings of one device in one frame have in common. */
export type ReadingStamp = Pick<
  Reading,
  "meterId" | "timestampMs" | "receivedMs" | "timeSource" | "timeQuality" | "seq" | "quality" | "rawHash"
>;

export interface MeasuredObject {
  readonly meaning: ObisMeaning;
  /** 0..4 */
  readonly tariff: number;
  /** In the unit of the reading; undefined when the object is there without a value, or with one that is refused. */
  readonly value: number | undefined;
  /** The object as it stands in the frame. */
  readonly text: string;
}

interface Group {
  readonly stamp: ReadingStamp;
  readonly tariff: number;
  readonly objects: Map<ObisMeaning["part"], MeasuredObject>;
}

/**
 * Puts the objects of one frame together to its readings: signed power out of its two directions, reactive energy out of its quadrants, and nothing
 * twice. Every object ends in a reading or is rejected.
 */
export class ReadingCollector {
  readonly #maxPowerMw: number;
  readonly #groups = new Map<string, Group>();
  readonly #rejected: RejectedPart[] = [];

  constructor(limits: { readonly maxPowerW: number }) {
    this.#maxPowerMw = limits.maxPowerW * 1000;
  }

  reject(reason: RejectionReason, text: string): void {
    this.#rejected.push(rejectedPart(reason, text));
  }

  add(object: MeasuredObject, stamp: ReadingStamp): void {
    const { quantity, kind, phase, part } = object.meaning;
    if (!isMeterId(stamp.meterId)) {
      this.reject("bad-meter-id", `${stamp.meterId} ${object.text}`);
      return;
    }
    if (object.tariff > 4) {
      this.reject("unknown-quantity", object.text);
      return;
    }
    const key = `${stamp.meterId} ${quantity} ${kind} ${phase} ${object.tariff} ${stamp.timestampMs}`;
    const group = this.#groups.get(key) ?? { stamp, tariff: object.tariff, objects: new Map() };
    this.#groups.set(key, group);
    const first = group.objects.get(part);
    if (first === undefined) group.objects.set(part, object);
    else if (first.value !== object.value) this.reject("conflict", object.text);
  }

  frame(): DecodedFrame {
    const readings = new Map<string, Reading>();
    for (const group of this.#groups.values()) {
      const reading = this.#reading(group);
      if (reading !== undefined) readings.set(idempotencyKey(reading), reading);
    }
    return { readings: [...readings.values()], rejected: this.#rejected };
  }

  #reading({ stamp, tariff, objects }: Group): Reading | undefined {
    const [{ meaning, text }] = [...objects.values()] as [MeasuredObject];
    const rejectAll = (reason: RejectionReason): undefined => {
      for (const object of objects.values()) if (object.value !== undefined) this.reject(reason, object.text);
    };
    const sum = sumOf(objects);
    if (typeof sum === "string") return rejectAll(sum);
    const { quantity, kind, phase, periodMs } = meaning;
    if (!Number.isSafeInteger(sum)) return rejectAll("over-limit");
    if (quantity === "activePower" && Math.abs(sum) > this.#maxPowerMw) return rejectAll("over-limit");
    if (sum < 0 && (kind === "register" || quantity === "voltage" || quantity === "frequency")) {
      this.reject("negative", text);
      return undefined;
    }
    return { ...stamp, quantity, kind, phase, tariff, value: sum, periodMs };
  }
}

/** A part without a value takes the other one with it: the difference would be a made-up number. */
function sumOf(objects: ReadonlyMap<ObisMeaning["part"], MeasuredObject>): number | RejectionReason {
  const whole = objects.get("whole");
  if (whole !== undefined) return whole.value ?? "empty-value";
  const [taken, given] = [objects.get("taken"), objects.get("given")];
  if (taken !== undefined || given !== undefined) {
    const [plus, minus] = [taken === undefined ? 0 : taken.value, given === undefined ? 0 : given.value];
    return plus === undefined || minus === undefined ? "empty-value" : plus - minus;
  }
  const [first, second] = [objects.get("firstQuadrant"), objects.get("secondQuadrant")];
  if (first === undefined || second === undefined) return "unknown-quantity";
  return first.value === undefined || second.value === undefined ? "empty-value" : first.value + second.value;
}
