import { isMeterTime } from "../isoTime.ts";
import type { ValueSpec } from "../mqtt/messageReadings.ts";
import { deviceTime, type MessageTimeResult } from "../mqtt/messageTime.ts";
import { type CodecContext, type LoraCodec, PayloadReader, secondsTime, shownHex } from "./codec.ts";

type Field = ValueSpec & { readonly factor: number };

/** 4 bytes each; registers unsigned, the others signed. */
const FIELDS: ReadonlyMap<number, Field> = new Map<number, Field>([
  [0x06, { quantity: "activeEnergyImport", kind: "register", tariff: 1, factor: 1000 }],
  [0x08, { quantity: "activeEnergyImport", kind: "register", tariff: 2, factor: 1000 }],
  [0x0a, { quantity: "activeEnergyExport", kind: "register", tariff: 1, factor: 1000 }],
  [0x0c, { quantity: "activeEnergyExport", kind: "register", tariff: 2, factor: 1000 }],
  [0x22, { quantity: "voltage", kind: "instant", phase: 1, factor: 100 }],
  [0x23, { quantity: "voltage", kind: "instant", phase: 2, factor: 100 }],
  [0x24, { quantity: "voltage", kind: "instant", phase: 3, factor: 100 }],
  [0x26, { quantity: "current", kind: "instant", phase: 1, factor: 1000 }],
  [0x28, { quantity: "current", kind: "instant", phase: 2, factor: 1000 }],
  [0x2a, { quantity: "current", kind: "instant", phase: 3, factor: 1000 }],
]);

/** Power in W from the grid, and into it: type → phase. One signed number comes of the two. */
const TAKEN: ReadonlyMap<number, number> = new Map([
  [0x10, 0],
  [0x2c, 1],
  [0x2e, 2],
  [0x30, 3],
]);
const GIVEN: ReadonlyMap<number, number> = new Map([
  [0x12, 0],
  [0x32, 1],
  [0x33, 2],
  [0x34, 3],
]);

/** Times and values of meters on the M-Bus, whose unit the message does not say. */
const SUB_METERS = [0x50, 0x60, 0x70, 0x80];
const OTHER_BYTES: ReadonlyMap<number, number> = new Map([
  ...[0x00, 0x0e, 0x46, 0x56, 0x66, 0x76, 0x71, 0x81].map((type): [number, number] => [type, 2]),
  ...[0x14, 0x1a, 0x1c, 0x1e, 0x1f, 0x20, 0x21, 0xd1, 0xd2].map((type): [number, number] => [type, 4]),
  ...[0x72, 0x82].map((type): [number, number] => [type, 1]),
  ...SUB_METERS.map((type): [number, number] => [type, 8]),
]);

const DEVICE_TIME = 0xfe;
const TELEGRAM_TIME = 0x02;
const POWER_FAILURES = 0x18;
const LAST_MEASURING_PORT = 10;

/**
 * Yobiiq iQ-DSMR, a P1 port over LoRaWAN: channel, type, big-endian value. The telegram's time is local time written as if it were UTC: with a `zone` it is
 * read as such, without one the device's own clock is taken, which is set by the network.
 */
export const decodeYobiiqDsmr: LoraCodec = (frame, context) => {
  const { payload, fPort } = context.uplink;
  if (fPort > LAST_MEASURING_PORT || payload.length === 1) return;
  const values = readValues(payload);
  if (values === undefined) {
    frame.reject("truncated", shownHex(payload));
    return;
  }
  const time = timeOf(values, context);
  if ("rejected" in time) {
    frame.reject(time.rejected, time.text);
    return;
  }
  const powers = new Map<number, number>();
  for (const [type, raw] of values) {
    const field = FIELDS.get(type);
    const [taken, given] = [TAKEN.get(type), GIVEN.get(type)];
    if (field !== undefined) {
      const value = field.kind === "register" ? raw : raw | 0;
      frame.addInteger(context.meterId, time, field, `type ${type.toString(16)}`, value * field.factor);
    } else if (taken !== undefined) powers.set(taken, (powers.get(taken) ?? 0) + (raw | 0));
    else if (given !== undefined) powers.set(given, (powers.get(given) ?? 0) - (raw | 0));
    else if (SUB_METERS.includes(type)) frame.reject("unknown-unit", `type ${type.toString(16)} ${raw}`);
  }
  for (const [phase, watts] of powers)
    frame.addInteger(context.meterId, time, { quantity: "activePower", kind: "instant", phase }, "power", watts * 1000);
};

/** Type → value, as unsigned integers; undefined for a payload that is cut off or has a type nobody knows. */
function readValues(payload: Uint8Array): ReadonlyMap<number, number> | undefined {
  const reader = new PayloadReader(payload);
  const values = new Map<number, number>();
  while (reader.left > 0) {
    if (reader.left < 2) return undefined;
    reader.skip(1);
    const type = reader.uint(1);
    if (type === POWER_FAILURES) {
      const events = reader.left < 4 ? Number.NaN : reader.uint(4);
      if (!(events * 8 <= reader.left)) return undefined;
      reader.skip(events * 8);
      continue;
    }
    const isTime = type === DEVICE_TIME || type === TELEGRAM_TIME;
    const isValue = FIELDS.has(type) || TAKEN.has(type) || GIVEN.has(type) || isTime;
    const bytes = isValue ? 4 : OTHER_BYTES.get(type);
    if (bytes === undefined || reader.left < bytes) return undefined;
    if (bytes === 8) reader.skip(4);
    values.set(type, reader.uint(Math.min(bytes, 4)));
  }
  return values;
}

function timeOf(values: ReadonlyMap<number, number>, context: CodecContext): MessageTimeResult {
  const telegram = values.get(TELEGRAM_TIME);
  const device = values.get(DEVICE_TIME);
  const { zone, receivedMs } = context;
  if (telegram === undefined || zone === undefined)
    return device === undefined ? context.networkTime : secondsTime(device, receivedMs);
  const wall = new Date(telegram * 1000);
  const { utcMs, isAmbiguous } = zone.toUtc({
    year: wall.getUTCFullYear(),
    month: wall.getUTCMonth() + 1,
    day: wall.getUTCDate(),
    hour: wall.getUTCHours(),
    minute: wall.getUTCMinutes(),
    second: wall.getUTCSeconds(),
  });
  const ms = isMeterTime(utcMs) ? utcMs : undefined;
  return deviceTime(ms, String(telegram), receivedMs, isAmbiguous ? "dst-ambiguous" : "synced");
}
