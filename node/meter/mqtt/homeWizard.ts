import {
  type ExactJson,
  isList,
  isObject,
  JsonNumber,
  member,
  parseExactJson,
  showJson,
  textOf,
} from "../exactJson.ts";
import { type DecodedFrame, rejectedFrame } from "../frame.ts";
import { unitExponent } from "../units.ts";
import { MessageReadings, type ValueSpec } from "./messageReadings.ts";
import { localTime, type MessageContext, receiverTime } from "./messageTime.ts";

/** Capacity tariffs are by the quarter hour. */
const QUARTER_HOUR_MS = 900_000;
/** Devices on the meter's M-Bus: it has four channels. */
const MAX_EXTERNAL = 8;

/** `type` of an external meter → what it measures. */
const EXTERNAL: ReadonlyMap<string, ValueSpec["quantity"]> = new Map([
  ["gas_meter", "gasVolume"],
  ["water_meter", "waterVolume"],
  ["warm_water_meter", "waterVolume"],
  ["heat_meter", "heat"],
  ["inlet_heat_meter", "heat"],
]);

/** Member → what it is; version 1 says "total_power_import_t1_kwh" where version 2 says "energy_import_t1_kwh". */
const FIELDS: readonly (readonly [pattern: RegExp, spec: (found: string) => ValueSpec])[] = [
  [
    /^(?:total_power|energy)_(import|export)(?:_t([1-4]))?_kwh$/,
    (found) => ({
      quantity: found.includes("import") ? "activeEnergyImport" : "activeEnergyExport",
      kind: "register",
      exponent: 6,
      tariff: Number(/_t([1-4])_/.exec(found)?.[1] ?? 0),
    }),
  ],
  [
    /^(?:active_)?power(?:_l[123])?_w$/,
    (found) => ({ quantity: "activePower", kind: "instant", exponent: 3, ...phaseOf(found) }),
  ],
  [
    /^(?:active_)?voltage(?:_l[123])?_v$/,
    (found) => ({ quantity: "voltage", kind: "instant", exponent: 3, ...phaseOf(found) }),
  ],
  [
    /^(?:active_)?current(?:_l[123])?_a$/,
    (found) => ({ quantity: "current", kind: "instant", exponent: 3, ...phaseOf(found) }),
  ],
  [/^(?:active_)?frequency_hz$/, () => ({ quantity: "frequency", kind: "instant", exponent: 3 })],
];

/** Measured, and no quantity of readings; the running average of a quarter hour is not over yet. */
const UNKNOWN = /(apparent|reactive)_|power_factor|power_average_w$|^average_power_15m_w$/;

/**
 * What HomeWizard's P1 dongle says of a meter, API v1 (`/api/v1/data`) and v2 (`/api/measurement`), sent on over MQTT. null is not measured. Version 1 has no
 * time and gets the receiver's; version 2 and the external meters have local time.
 */
export function decodeHomeWizard(bytes: Uint8Array, context: MessageContext): DecodedFrame {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
  const body = parseExactJson(text);
  if (!isObject(body) || !Object.keys(body).some((name) => specOf(name) !== undefined))
    return rejectedFrame("unknown-format", text);
  const uniqueId = textOf(body, "unique_id");
  if (uniqueId !== undefined && /^0*$/.test(uniqueId)) return rejectedFrame("sentinel", `unique_id ${uniqueId}`);
  const name = context.device ?? (uniqueId === undefined ? undefined : `homewizard/${uniqueId}`);
  if (name === undefined) return rejectedFrame("bad-meter-id", "unique_id is missing");
  const stamp = member(body, "timestamp");
  const time = stamp === undefined ? receiverTime(context) : localTime(stampText(stamp), context);
  if ("rejected" in time) return rejectedFrame(time.rejected, time.text);

  const meterId = `mqtt:${name}`;
  const frame = new MessageReadings(bytes, context.receivedMs);
  for (const [key, value] of Object.entries(body)) {
    const spec = specOf(key);
    if (spec !== undefined) frame.add(meterId, time, spec, key, value);
    else if (UNKNOWN.test(key)) frame.reject("unknown-quantity", key);
  }
  // The maker's own spelling, and what it will be once it is put right.
  for (const month of ["montly", "monthly"]) {
    const peak = { quantity: "activePower", kind: "max", exponent: 3, periodMs: QUARTER_HOUR_MS } as const;
    addStamped(frame, meterId, context, body, `${month}_power_peak_w`, `${month}_power_peak_timestamp`, peak);
  }
  const gas = { quantity: "gasVolume", kind: "register", exponent: 6 } as const;
  if (!isList(member(body, "external")))
    addStamped(frame, meterId, context, body, "total_gas_m3", "gas_timestamp", gas);
  addExternal(frame, context, member(body, "external"));
  return frame.frame();
}

function specOf(name: string): ValueSpec | undefined {
  return FIELDS.find(([pattern]) => pattern.test(name))?.[1](name);
}

function phaseOf(name: string): { readonly phase: number } {
  return { phase: Number(/_l([123])_/.exec(name)?.[1] ?? 0) };
}

/** A value that has a time of its own. */
function addStamped(
  frame: MessageReadings,
  meterId: string,
  context: MessageContext,
  body: ExactJson,
  name: string,
  timeName: string,
  spec: ValueSpec,
): void {
  const value = member(body, name);
  if (value === undefined) return;
  const time = localTime(stampText(member(body, timeName)), context);
  if ("rejected" in time) frame.reject(time.rejected, `${name}: ${time.text}`);
  else if (spec.kind === "max" && time.timeSource === "receiver")
    frame.reject("bad-timestamp", `${name}: the day of a peak needs the zone of the device`);
  else frame.add(meterId, time, spec, name, value);
}

function addExternal(frame: MessageReadings, context: MessageContext, list: ExactJson | undefined): void {
  if (list === undefined || list === null) return;
  if (!isList(list)) {
    frame.reject("unknown-format", `external ${showJson(list)}`);
    return;
  }
  for (const meter of list.slice(0, MAX_EXTERNAL)) {
    const id = textOf(meter, "unique_id") ?? "";
    const quantity = EXTERNAL.get(textOf(meter, "type") ?? "");
    const unit = textOf(meter, "unit") ?? "";
    const exponent = quantity === undefined ? undefined : unitExponent(quantity, unit);
    const time = localTime(stampText(member(meter, "timestamp")), context);
    const shown = showJson(meter);
    if (/^0*$/.test(id)) frame.reject(id === "" ? "bad-meter-id" : "sentinel", shown);
    else if (quantity === undefined) frame.reject("unknown-quantity", shown);
    else if (exponent === undefined) frame.reject("unknown-unit", shown);
    else if ("rejected" in time) frame.reject(time.rejected, shown);
    else
      frame.add(
        `mqtt:homewizard/${id}`,
        time,
        { quantity, kind: "register", exponent },
        `external ${id}`,
        member(meter, "value"),
      );
  }
  if (list.length > MAX_EXTERNAL) frame.reject("too-long", `external has ${list.length} meters`);
}

/** Version 1 writes 210314112233 for 2021-03-14T11:22:33, as a number. */
function stampText(stamp: ExactJson | undefined): string | undefined {
  if (typeof stamp === "string") return stamp;
  const digits =
    stamp instanceof JsonNumber ? /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(stamp.text.padStart(12, "0")) : null;
  if (digits === null) return undefined;
  const [, year, month, day, hour, minute, second] = digits;
  return `20${year}-${month}-${day}T${hour}:${minute}:${second}`;
}
