import { sha256 } from "#storage/crypto/hash.ts";
import { isMeterId, MAX_READING_PERIOD_MS, type Reading } from "#storage/types/reading.ts";
import { MAX_DRIFT_MS } from "../ahead.ts";
import { type ExactJson, isObject, JsonNumber, parseExactJson, scaledInteger, showJson } from "../exactJson.ts";
import { type DecodedFrame, type RejectedPart, rejectedFrame, rejectedPart } from "../frame.ts";
import { parseIsoTime } from "../isoTime.ts";
import type { RejectionReason } from "../source.ts";
import { unitExponent } from "../units.ts";
import type { AttributeMeaning, AttributeTable } from "./attributes.ts";
import { type Attribute, type Entity, entitiesOf, plainValue } from "./entity.ts";

export interface NgsiContext {
  readonly attributes: AttributeTable;
  readonly receivedMs: number;
  /** Header `Ngsiv2-AttrsFormat` of a notification. */
  readonly attrsFormat?: string | undefined;
  /** Most power, W: what is more is made up. */
  readonly maxPowerW: number;
  /** Of a query: what carries no time of its own may be as old as it likes, and is rejected. */
  readonly isQuery?: boolean;
}

type Stamp = Pick<Reading, "timestampMs" | "timeSource" | "timeQuality">;

/** A time as the entity or attribute says it, and whose clock that is. */
const ATTRIBUTE_TIMES = ["TimeInstant", "timestamp", "observedAt"] as const;
const ENTITY_TIMES = ["TimeInstant", "dateObserved"] as const;
const BROKER_TIMES = ["dateModified", "modifiedAt"] as const;

/** The readings of a notification, or of the answer to a query. Never throws. */
export function decodeNgsi(body: Uint8Array, context: NgsiContext): DecodedFrame {
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("utf8");
  if (/^(values|unique)$/i.test(context.attrsFormat ?? "")) return rejectedFrame("unknown-format", text);
  const entities = entitiesOf(parseExactJson(text));
  if (entities === undefined) return rejectedFrame("unknown-format", text);
  const rawHash = sha256(body);
  const readings: Reading[] = [];
  const rejected: RejectedPart[] = [];
  for (const entity of entities) readEntity(entity, { ...context, rawHash, readings, rejected });
  return { readings, rejected };
}

interface Output extends NgsiContext {
  readonly rawHash: Uint8Array;
  readonly readings: Reading[];
  readonly rejected: RejectedPart[];
}

function readEntity(entity: Entity, out: Output): void {
  const meterId = `ngsi:${entity.id}`;
  for (const attribute of entity.attributes) {
    const meaning = out.attributes.get(attribute.name);
    const shown = `${entity.id} ${attribute.name} ${showJson(attribute.value)}`;
    const reject = (reason: RejectionReason): void => void out.rejected.push(rejectedPart(reason, shown));
    if (meaning === undefined) {
      // What describes the meter (its name, its place, its owner) is no value and not kept; nor is a value that may be its place.
      if (!attribute.isDescriptive && isMeasured(attribute.value))
        out.rejected.push(rejectedPart("unknown-quantity", `${entity.id} ${attribute.name}`));
    } else if (!isMeterId(meterId)) reject("bad-meter-id");
    else readAttribute(meterId, attribute, meaning, stampOf(entity, attribute, out), out, shown);
  }
}

function readAttribute(
  meterId: string,
  attribute: Attribute,
  meaning: AttributeMeaning,
  stamp: Stamp | undefined,
  out: Output,
  shown: string,
): void {
  const { quantity } = meaning;
  const exponent = unitExponent(quantity, unitOf(attribute, meaning));
  const isCounter = /Energy|Volume|heat/.test(quantity);
  const period = isCounter ? { kind: "register" as const, periodMs: 0 } : periodOf(attribute);
  for (const [phase, value] of phasesOf(attribute.value, meaning.phase)) {
    const reject = (reason: RejectionReason): void => void out.rejected.push(rejectedPart(reason, shown));
    if (phase === undefined || period === undefined) reject("unknown-quantity");
    else if (exponent === undefined) reject("unknown-unit");
    else if (stamp === undefined) reject("bad-timestamp");
    else {
      const result = scaledInteger(value, exponent);
      if ("reason" in result) reject(result.reason);
      else if ((isCounter || quantity === "voltage" || quantity === "frequency") && result.value < 0)
        reject("negative");
      else if (quantity === "activePower" && Math.abs(result.value) > out.maxPowerW * 1000) reject("over-limit");
      else {
        const { receivedMs, rawHash } = out;
        const seen = { receivedMs, quality: 0, rawHash };
        out.readings.push({ meterId, quantity, ...period, phase, tariff: 0, value: result.value, ...stamp, ...seen });
      }
    }
  }
}

/** The unit of the message where it names one; a type that says only that there is a number leaves it to the table. */
function unitOf({ unit }: Attribute, meaning: AttributeMeaning): string {
  return unit === undefined || /^(number|float|double|integer|string|text|none)?$/i.test(unit) ? meaning.unit : unit;
}

/** One number, or one for each phase; a phase without a number here (N, L12) is undefined. */
function phasesOf(value: ExactJson, phase: number): readonly (readonly [number | undefined, ExactJson])[] {
  if (!isObject(value)) return [[phase, value]];
  return Object.entries(value).map(([name, one]) => {
    const number = /^L([123])$/.exec(name)?.[1];
    return [number === undefined ? undefined : Number(number), one];
  });
}

/** Of Smart Data Models: measurementType average, rms, maximum ... over measurementInterval seconds; undefined for what readings have no kind for. */
function periodOf(attribute: Attribute): Pick<Reading, "kind" | "periodMs"> | undefined {
  const type = plainValue(attribute.metadata("measurementType"));
  const interval = scaledInteger(plainValue(attribute.metadata("measurementInterval")), 3);
  if (type === "minimum") return undefined;
  const periodMs = "value" in interval && interval.value > 0 ? interval.value : 0;
  if (periodMs === 0 || periodMs > MAX_READING_PERIOD_MS || type === "instant") return { kind: "instant", periodMs: 0 };
  if (type === "maximum") return { kind: "max", periodMs };
  return type === "average" || type === "rms" ? { kind: "average", periodMs } : { kind: "instant", periodMs: 0 };
}

/**
 * In this order: the attribute's own time, the entity's, the broker's, the receiver's. One that is there and cannot be read is not passed over.
 * Without a zone it is UTC, as NGSIv2 has it, and says so.
 */
function stampOf(entity: Entity, attribute: Attribute, { receivedMs, isQuery }: Output): Stamp | undefined {
  const ofEntity = (name: string): ExactJson | undefined =>
    plainValue(entity.attributes.find((one) => one.name === name)?.value);
  const times: (readonly [ExactJson | undefined, Reading["timeSource"]])[] = [
    ...ATTRIBUTE_TIMES.map((name) => [plainValue(attribute.metadata(name)), "meter"] as const),
    ...ENTITY_TIMES.map((name) => [ofEntity(name), "meter"] as const),
    ...BROKER_TIMES.flatMap((name) =>
      [plainValue(attribute.metadata(name)), ofEntity(name)].map((time) => [time, "network"] as const),
    ),
  ];
  const [json, timeSource] = times.find(([time]) => time !== undefined && time !== null) ?? [];
  if (json === undefined || timeSource === undefined)
    return isQuery === true ? undefined : { timestampMs: receivedMs, timeSource: "receiver", timeQuality: "synced" };
  // dateObserved may be an interval; its end is the end of the period.
  const time = typeof json === "string" ? parseIsoTime(json.split("/").at(-1) ?? "") : undefined;
  if (time === undefined) return undefined;
  const isDrifting = time.ms > receivedMs + MAX_DRIFT_MS;
  return {
    timestampMs: time.ms,
    timeSource,
    timeQuality: isDrifting ? "drifting" : time.hasZone ? "synced" : "no-zone",
  };
}

function isMeasured(value: ExactJson): boolean {
  if (value instanceof JsonNumber) return true;
  if (typeof value === "string") return /^[+-]?\d+(\.\d+)?$/.test(value);
  return isObject(value) && Object.values(value).some((one) => one instanceof JsonNumber);
}
