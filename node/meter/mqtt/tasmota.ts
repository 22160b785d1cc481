import { QUALITY } from "#storage/types/reading.ts";
import { type ExactJson, isList, isObject, member, parseExactJson, textOf } from "../exactJson.ts";
import { type DecodedFrame, rejectedFrame } from "../frame.ts";
import { MessageReadings, type ValueSpec } from "./messageReadings.ts";
import { localTime, type MessageContext, type MessageTime } from "./messageTime.ts";
import { addTeleinfo } from "./teleinfo.ts";

/** Devices whose counter start is remembered; beyond it the one heard of longest ago is forgotten. */
const MAX_DEVICES = 1024;

/** The members of ENERGY. A list holds one value for each phase, or with `tariffs` for each tariff. */
const ENERGY: ReadonlyMap<string, ValueSpec & { readonly isTariffs?: boolean }> = new Map([
  ["Total", { quantity: "activeEnergyImport", kind: "register", exponent: 6 }],
  ["TotalTariff", { quantity: "activeEnergyImport", kind: "register", exponent: 6, isTariffs: true }],
  ["ExportActive", { quantity: "activeEnergyExport", kind: "register", exponent: 6 }],
  ["ExportTariff", { quantity: "activeEnergyExport", kind: "register", exponent: 6, isTariffs: true }],
  ["ImportReactive", { quantity: "reactiveEnergyImport", kind: "register", exponent: 6 }],
  ["ExportReactive", { quantity: "reactiveEnergyExport", kind: "register", exponent: 6 }],
  ["Power", { quantity: "activePower", kind: "instant", exponent: 3 }],
  ["Voltage", { quantity: "voltage", kind: "instant", exponent: 3 }],
  ["Current", { quantity: "current", kind: "instant", exponent: 3 }],
  ["Frequency", { quantity: "frequency", kind: "instant", exponent: 3 }],
]);

/** Measured, and no quantity of readings. Today, Yesterday and Period are parts of Total and no values of their own. */
const UNKNOWN = ["ApparentPower", "ReactivePower", "Factor", "Load"];

export interface MessageDecoder {
  /** Never throws: each value of the message is in the frame, or why it is not. */
  decode(bytes: Uint8Array, context: MessageContext): DecodedFrame;
}

/**
 * Tasmota's `tele/<device>/SENSOR` with ENERGY and, of French meters, TIC. The time is the device's local one. A new TotalStartTime says that the counter
 * began anew: its registers then carry QUALITY.RESET.
 */
export function createTasmotaDecoder(): MessageDecoder {
  /** Device → TotalStartTime. */
  const starts = new Map<string, string>();

  function resetBit(device: string, start: string | undefined): number {
    if (start === undefined || start.length > 40) return 0;
    const before = starts.get(device);
    starts.delete(device);
    starts.set(device, start);
    if (starts.size > MAX_DEVICES) starts.delete(starts.keys().next().value as string);
    return before === undefined || before === start ? 0 : QUALITY.RESET;
  }

  return {
    decode(bytes, context) {
      const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
      const body = parseExactJson(text);
      const energy = member(body, "ENERGY");
      const teleinfo = member(body, "TIC");
      if (!isObject(energy) && !isObject(teleinfo)) return rejectedFrame("unknown-format", text);
      const time = localTime(textOf(body, "Time"), context);
      if ("rejected" in time) return rejectedFrame(time.rejected, time.text);
      const frame = new MessageReadings(bytes, context.receivedMs);
      const meterId = `mqtt:${context.device ?? tasmotaDevice(context.topic)}`;
      if (isObject(energy))
        addEnergy(frame, meterId, time, energy, resetBit(meterId, textOf(energy, "TotalStartTime")));
      if (isObject(teleinfo)) addTeleinfo(frame, time, teleinfo);
      return frame.frame();
    },
  };
}

/** The topic without the parts that every device has: "home/tele/plug1/SENSOR" is "home/plug1". */
export function tasmotaDevice(topic: string): string {
  return topic
    .split("/")
    .filter((part) => part !== "tele" && part !== "SENSOR" && part !== "")
    .join("/");
}

function addEnergy(frame: MessageReadings, meterId: string, time: MessageTime, energy: ExactJson, reset: number): void {
  for (const [name, { isTariffs = false, ...spec }] of ENERGY) {
    const value = member(energy, name);
    if (value === undefined) continue;
    const quality = spec.kind === "register" ? reset : 0;
    if (!isList(value)) {
      frame.add(meterId, time, { ...spec, quality }, name, value);
      continue;
    }
    for (const [index, part] of value.entries()) {
      const number = index + 1;
      const place = isTariffs ? { tariff: number } : { phase: number };
      if (number > (isTariffs ? 4 : 3)) frame.reject("unknown-format", `${name} has ${value.length} values`);
      else frame.add(meterId, time, { ...spec, ...place, quality }, `${name} ${number}`, part);
      if (number > 4) break;
    }
  }
  for (const name of UNKNOWN) if (member(energy, name) !== undefined) frame.reject("unknown-quantity", name);
}
