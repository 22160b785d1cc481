import type { DecodedFrame } from "../frame.ts";
import { electricityMeaning } from "../obis.ts";
import { unitExponent } from "../units.ts";
import { createZone, type Zone } from "../zoneTime.ts";
import type { AxdrValue } from "./axdr.ts";
import { readCosemList } from "./cosemList.ts";
import { COSEM_TIME_BYTES, readCosemTime } from "./cosemTime.ts";
import { readDataNotification } from "./notification.ts";

/** A time as the other decoder writes it. */
export interface SampleTime {
  readonly raw: string;
  readonly local: string;
  readonly deviationMinutes: number | null;
  readonly clockStatus: number;
  readonly dstActive: boolean;
  readonly utc: string | null;
}

interface ExpectedObject {
  readonly type?: string;
  readonly value: number | string | SampleTime;
  readonly scaler?: number;
  readonly unit?: string;
  readonly time?: SampleTime;
}

export type ExpectedObjects = Readonly<Record<string, ExpectedObject>>;

/** Names of the other decoder for what is called by its code here. */
const NAMES: Readonly<Record<string, string>> = {
  "1-1:0.2.129.255": "listVersion",
  "0-0:96.1.0.255": "meterId",
  "0-0:96.1.7.255": "meterType",
};
const UNITS: Readonly<Record<number, string>> = { 27: "W", 29: "var", 30: "Wh", 32: "varh", 33: "A", 35: "V" };
const KAIFA_UNITS: readonly (readonly [RegExp, number, string])[] = [
  [/:[12]\.7\.0/, 0, "W"],
  [/:[34]\.7\.0/, 0, "var"],
  [/:[357]1\.7\.0/, -3, "A"],
  [/:[357]2\.7\.0/, -1, "V"],
  [/:[12]\.8\.0/, 0, "Wh"],
  [/:[34]\.8\.0/, 0, "varh"],
];

/** The objects of an LLC PDU in the other decoder's words. */
export function objectsOf(pdu: Buffer): { readonly objects: unknown; readonly invokeIdAndPriority: number } {
  const notification = readDataNotification(pdu.subarray(3));
  if (notification === undefined) throw new Error("no data-notification");
  const list = readCosemList(notification.body);
  if (list === undefined) throw new Error("no list");
  const isPositional = list.form === "positional";
  const objects: Record<string, unknown> = {};
  for (const { obis, value, scaler, unitCode, classId, attribute } of list.objects) {
    const code = isPositional ? obis.replace(/\.255$/, "") : obis;
    const isVersion = list.form === "alternating" && obis === "1-1:0.2.129.255";
    const name = isPositional || isVersion ? (NAMES[obis] ?? code) : code;
    const named = isVersion ? { value: textOf(value) } : described(value, isPositional);
    const kaifa = isPositional ? KAIFA_UNITS.find(([pattern]) => pattern.test(obis)) : undefined;
    const scale = kaifa === undefined ? {} : { scaler: kaifa[1], unit: kaifa[2] };
    const own = scaler === undefined ? {} : { scaler, unit: UNITS[unitCode as number] };
    objects[name] = { ...(classId === undefined ? {} : { classId, attribute }), ...named, ...scale, ...own };
  }
  // A list of one value has no version; the other decoder calls the value that, too.
  if (isPositional && list.objects.length === 1) {
    const [only] = list.objects;
    if (only?.value.type === "integer") objects.listVersion = { value: only.value.value };
  }
  return { objects, invokeIdAndPriority: notification.invokeIdAndPriority };
}

function described(value: AxdrValue, isPositional: boolean): Record<string, unknown> {
  if (value.type === "integer") return { type: value.name, value: Number(value.value) };
  if (value.type === "text") return { type: "visible", value: value.text };
  if (value.type !== "octets") return { type: value.type };
  if (value.bytes.length !== COSEM_TIME_BYTES) return { type: "octets", value: textOf(value) };
  const time = timeOf(value.bytes);
  return isPositional ? { type: "octets", value: time } : { type: "octets", value: time.raw, time };
}

function timeOf(bytes: Buffer): SampleTime & { readonly note?: string } {
  const time = readCosemTime(bytes);
  if (time === undefined) throw new Error("no time");
  const { wall, deviationMinutes, status } = time;
  const asUtcMs = Date.UTC(wall.year, wall.month - 1, wall.day, wall.hour, wall.minute, wall.second);
  const iso = (ms: number) => new Date(ms).toISOString().slice(0, 19);
  const isKnown = deviationMinutes !== undefined;
  return {
    raw: bytes.toString("hex"),
    local: iso(asUtcMs),
    deviationMinutes: deviationMinutes ?? null,
    clockStatus: status,
    dstActive: (status & 0x80) !== 0,
    utc: isKnown ? `${iso(asUtcMs + deviationMinutes * 60_000)}Z` : null,
    ...(isKnown ? { note: "UTC = local + deviation (COSEM sign). Some meters invert the sign - see report" } : {}),
  };
}

function textOf(value: AxdrValue): string {
  if (value.type === "text") return value.text;
  if (value.type !== "octets") throw new Error(`${value.type} is no text`);
  return /^[\x20-\x7e]*$/.test(value.bytes.toString("latin1"))
    ? value.bytes.toString("latin1")
    : value.bytes.toString("hex");
}

/** Kamstrup does not send its scales: they are those of its users. */
const KAMSTRUP: readonly (readonly [RegExp, number, string])[] = [
  [/^1-1:[12]\.7\.0/, 0, "W"],
  [/^1-1:[357]1\.7\.0/, -2, "A"],
  [/^1-1:[357]2\.7\.0/, 0, "V"],
  [/^1-1:[12]\.8\.0/, 1, "Wh"],
];

/** The readings that expected objects stand for, as `readingsOf` writes them; receivedMs: two seconds behind the meter's clock. */
export function expectedReadings(
  objects: ExpectedObjects,
  time: SampleTime | undefined,
  zone: string,
): { readonly readings: readonly string[]; readonly receivedMs: number } {
  const clock = Object.entries(objects).find(([code]) => /^0-[01]:1\.0\.0/.test(code))?.[1];
  const own = typeof clock?.value === "object" ? clock.value : (clock?.time ?? time);
  const meterMs = own === undefined ? undefined : msOf(own, zone);
  const receivedMs = (meterMs ?? Date.UTC(2024, 0, 1)) + 2000;
  const names = ["meterId", "0-0:42.0.0.255", "0-0:96.1.0.255", "1-1:0.0.5.255"];
  const id = names.map((name) => objects[name]?.value).find((value) => typeof value === "string") ?? "unnamed";
  const values = new Map<string, number>();
  for (const [code, { value, scaler, unit }] of Object.entries(objects)) {
    const [, a, c, d, e] = (/^(\d+)-\d+:(\d+)\.(\d+)\.(\d+)/.exec(code) ?? []).map(Number);
    if (a !== 1 || typeof value !== "number" || c === undefined || d === undefined) continue;
    const meaning = electricityMeaning(c, d);
    const known =
      unit === undefined ? KAMSTRUP.find(([pattern]) => pattern.test(code)) : ([code, scaler ?? 0, unit] as const);
    if (meaning === undefined || known === undefined) continue;
    const exponent = unitExponent(meaning.quantity, known[2]);
    if (exponent === undefined) throw new Error(`${code} in ${known[2]}`);
    const sign = meaning.part === "given" ? -1 : 1;
    const key = `dlms:${id} ${meaning.quantity} ${meaning.kind} ${meaning.phase} ${e}`;
    values.set(key, (values.get(key) ?? 0) + sign * value * 10 ** (exponent + known[1]));
  }
  const at = meterMs === undefined ? `receiver ${receivedMs}` : `meter ${meterMs}`;
  const quality = own === undefined || own.utc !== null ? "synced" : "no-zone";
  return { readings: [...values].map(([key, value]) => `${key} ${value} ${at} ${quality}`).sort(), receivedMs };
}

export function readingsOf({ readings }: DecodedFrame): string[] {
  return readings
    .map(
      ({ meterId, quantity, kind, phase, tariff, value, timeSource, timestampMs, timeQuality }) =>
        `${meterId} ${quantity} ${kind} ${phase} ${tariff} ${value} ${timeSource} ${timestampMs} ${timeQuality}`,
    )
    .sort();
}

function msOf({ local, utc }: SampleTime, zone: string): number {
  if (utc !== null) return Date.parse(utc);
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = local.split(/[-T:.]/).map(Number);
  return (createZone(zone) as Zone).toUtc({ year, month, day, hour, minute, second }).utcMs;
}
