import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import { sha256 } from "#storage/crypto/hash.ts";
import { QUANTITIES, type Quantity, type Reading } from "#storage/types/reading.ts";
import { MAX_DRIFT_MS } from "../ahead.ts";
import {
  countOf,
  type ExactJson,
  isList,
  JsonNumber,
  member,
  parseExactJson,
  scaledInteger,
  showJson,
} from "../exactJson.ts";
import { type DecodedFrame, type RejectedPart, rejectedFrame, rejectedPart } from "../frame.ts";
import { OptionReader } from "../inputOptions.ts";
import { isMeterTime, parseIsoTime } from "../isoTime.ts";
import type { RejectionReason } from "../source.ts";
import { unitExponent } from "../units.ts";

/**
 * Which fields of a vehicle's message are readings. Nothing else of it is looked at: where the car stands, how fast it goes and whose it is are read
 * nowhere, so that they can be stored nowhere; the hash of the message commits to them.
 */
export interface TelemetryProfile {
  readonly name: string;
  /** Paths are member names with dots between. */
  readonly id: string;
  readonly time: string;
  readonly timeUnit: "iso" | "s" | "ms";
  readonly values: readonly TelemetryValue[];
}

interface TelemetryValue {
  readonly path: string;
  /** A flag that is true when the value is there. */
  readonly present: string | undefined;
  readonly quantity: Quantity;
  readonly unit: string;
  /** What the vehicle writes when it has no value, as it spells it. */
  readonly sentinels: readonly string[];
}

export interface TelemetryContext {
  readonly profile: TelemetryProfile;
  readonly receivedMs: number;
  /** By which vehicle ids become pseudonyms. */
  readonly idSecret: string;
}

/** Vehicles of one message. */
export const MAX_VEHICLES = 1000;
const MAX_VEHICLE_ID_CHARS = 128;
/** 100 %, in thousandths. */
const MAX_CHARGE = 100_000;
const PATH = {
  pattern: /^[0-9A-Za-z_@-]{1,64}(\.[0-9A-Za-z_@-]{1,64}){0,15}$/,
  form: "member names with dots between",
};

export const TELEMETRY_PROFILES: readonly TelemetryProfile[] = (
  JSON.parse(readFileSync(new URL("./telemetryProfiles.json", import.meta.url), "utf8")) as unknown[]
).map((json) => readTelemetryProfile(json, "profile"));

/** @throws MeterSourceError METER_OPTION_INVALID */
export function readTelemetryProfile(json: unknown, path: string): TelemetryProfile {
  const reader = new OptionReader(json, path, ["name", "id", "time", "timeUnit", "values"]);
  return {
    name: reader.text("name", { pattern: /^[\x21-\x7e]{1,64}$/, form: "1 to 64 visible characters" }),
    id: reader.text("id", PATH),
    time: reader.text("time", PATH),
    timeUnit: reader.choice("timeUnit", ["iso", "s", "ms"], "iso"),
    values: reader.list("values", { min: 1, max: 50 }, readValue),
  };
}

function readValue(json: unknown, path: string): TelemetryValue {
  const reader = new OptionReader(json, path, ["path", "present", "quantity", "unit", "sentinels"]);
  const quantity = reader.choice("quantity", QUANTITIES);
  const unit = reader.text("unit", { pattern: /^\S{1,10}$/, form: "a unit" });
  if (unitExponent(quantity, unit) === undefined) throw reader.fault("unit", `is no unit of ${quantity}`);
  const sentinels = reader.list("sentinels", { min: 0, max: 20 }, (item) => {
    if (typeof item === "string") return item;
    throw reader.fault("sentinels", "must be texts");
  });
  return { path: reader.text("path", PATH), present: reader.optionalText("present", PATH), quantity, unit, sentinels };
}

/** The readings of one message, of one vehicle or a list of them; the meter is `ev:` and the vehicle's pseudonym. Never throws. */
export function decodeTelemetry(body: Uint8Array, context: TelemetryContext): DecodedFrame {
  const text = Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString("utf8");
  const json = parseExactJson(text);
  const vehicles = isList(json) ? json : [json];
  // What is not understood is not shown either: it may be a place.
  if (json === undefined) return rejectedFrame("unknown-format", "no JSON");
  if (vehicles.length > MAX_VEHICLES) return rejectedFrame("too-long", `${vehicles.length} vehicles`);
  const rawHash = sha256(body);
  const readings: Reading[] = [];
  const rejected: RejectedPart[] = [];
  for (const vehicle of vehicles) {
    const meterId = pseudonymOf(at(vehicle, context.profile.id), context.idSecret);
    const timestampMs = timeOf(at(vehicle, context.profile.time), context.profile.timeUnit);
    for (const value of context.profile.values) {
      const found = at(vehicle, value.path);
      const reject = (reason: RejectionReason): void =>
        void rejected.push(rejectedPart(reason, `${value.path} ${showJson(found)}`));
      const result = readOne(vehicle, found, value);
      if (meterId === undefined) reject("bad-meter-id");
      else if (timestampMs === undefined) reject("bad-timestamp");
      else if ("reason" in result) reject(result.reason);
      else {
        const { receivedMs } = context;
        const { quantity } = value;
        const timeQuality = timestampMs > receivedMs + MAX_DRIFT_MS ? "drifting" : "synced";
        const kind = /Energy/.test(quantity) ? "register" : "instant";
        const time = { timestampMs, periodMs: 0, receivedMs, timeSource: "meter", timeQuality } as const;
        readings.push({
          meterId,
          quantity,
          kind,
          phase: 0,
          tariff: 0,
          value: result.value,
          ...time,
          quality: 0,
          rawHash,
        });
      }
    }
  }
  return { readings, rejected };
}

function readOne(
  vehicle: ExactJson | undefined,
  found: ExactJson | undefined,
  value: TelemetryValue,
): { readonly value: number } | { readonly reason: RejectionReason } {
  if (value.present !== undefined && at(vehicle, value.present) !== true) return { reason: "null-value" };
  const spelled = found instanceof JsonNumber ? found.text : typeof found === "string" ? found : undefined;
  if (spelled !== undefined && value.sentinels.includes(spelled)) return { reason: "sentinel" };
  const result = scaledInteger(found, unitExponent(value.quantity, value.unit) ?? 0);
  if ("reason" in result) return result;
  if (value.quantity === "stateOfCharge" && result.value > MAX_CHARGE) return { reason: "over-limit" };
  return result.value < 0 && value.quantity !== "activePower" && value.quantity !== "current"
    ? { reason: "negative" }
    : result;
}

/** A chassis number names its owner: the ledger sees a keyed hash of it, the same for the same vehicle as long as the secret is. */
function pseudonymOf(id: ExactJson | undefined, idSecret: string): string | undefined {
  const text = id instanceof JsonNumber ? id.text : typeof id === "string" ? id : "";
  if (text === "" || text.length > MAX_VEHICLE_ID_CHARS || /^0+$/.test(text)) return undefined;
  return `ev:${createHmac("sha256", idSecret).update(text).digest("hex").slice(0, 32)}`;
}

function timeOf(json: ExactJson | undefined, unit: TelemetryProfile["timeUnit"]): number | undefined {
  if (unit === "iso") {
    const time = typeof json === "string" ? parseIsoTime(json) : undefined;
    return time?.hasZone === true ? time.ms : undefined;
  }
  const count = countOf({ time: json ?? null }, "time");
  const ms = count === undefined ? Number.NaN : unit === "s" ? count * 1000 : count;
  return isMeterTime(ms) ? ms : undefined;
}

function at(json: ExactJson | undefined, path: string): ExactJson | undefined {
  return path.split(".").reduce<ExactJson | undefined>((inner, name) => member(inner, name), json);
}
