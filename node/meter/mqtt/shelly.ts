import { type ExactJson, isObject, member, parseExactJson, scaledInteger, showJson, textOf } from "../exactJson.ts";
import { type DecodedFrame, rejectedFrame } from "../frame.ts";
import { isMeterTime } from "../isoTime.ts";
import { MessageReadings, type ValueSpec } from "./messageReadings.ts";
import {
  deviceTime,
  type MessageContext,
  type MessageTime,
  type MessageTimeResult,
  receiverTime,
} from "./messageTime.ts";

const POWER = { quantity: "activePower", kind: "instant", exponent: 3 } as const;
const VOLTAGE = { quantity: "voltage", kind: "instant", exponent: 3 } as const;
const CURRENT = { quantity: "current", kind: "instant", exponent: 3 } as const;
const FREQUENCY = { quantity: "frequency", kind: "instant", exponent: 3 } as const;
const IMPORT = { quantity: "activeEnergyImport", kind: "register", exponent: 3 } as const;
const EXPORT = { quantity: "activeEnergyExport", kind: "register", exponent: 3 } as const;

type Fields = ReadonlyMap<string, ValueSpec>;

const PHASES = [
  ["a", 1],
  ["b", 2],
  ["c", 3],
] as const;

const EM: Fields = new Map<string, ValueSpec>([
  ...PHASES.flatMap(([name, phase]): [string, ValueSpec][] => [
    [`${name}_act_power`, { ...POWER, phase }],
    [`${name}_voltage`, { ...VOLTAGE, phase }],
    [`${name}_current`, { ...CURRENT, phase }],
    [`${name}_freq`, { ...FREQUENCY, phase }],
  ]),
  ["total_act_power", POWER],
  ["total_current", CURRENT],
]);

const EM_DATA: Fields = new Map<string, ValueSpec>([
  ...PHASES.flatMap(([name, phase]): [string, ValueSpec][] => [
    [`${name}_total_act_energy`, { ...IMPORT, phase }],
    [`${name}_total_act_ret_energy`, { ...EXPORT, phase }],
  ]),
  ["total_act", IMPORT],
  ["total_act_ret", EXPORT],
]);

const EM1: Fields = new Map<string, ValueSpec>([
  ["act_power", POWER],
  ["voltage", VOLTAGE],
  ["current", CURRENT],
  ["freq", FREQUENCY],
]);

const EM1_DATA: Fields = new Map<string, ValueSpec>([
  ["total_act_energy", IMPORT],
  ["total_act_ret_energy", EXPORT],
]);

/** Plugs, relays and plain meters of one phase; their energy is one level deeper. */
const SWITCH: Fields = new Map<string, ValueSpec>([
  ["apower", POWER],
  ["voltage", VOLTAGE],
  ["current", CURRENT],
  ["freq", FREQUENCY],
  ["aenergy.total", IMPORT],
  ["ret_aenergy.total", EXPORT],
]);

/** Component → its fields, and the part of the device that it measures. */
const COMPONENTS: ReadonlyMap<string, readonly [fields: Fields, part: string]> = new Map([
  ["em", [EM, "em"]],
  ["emdata", [EM_DATA, "em"]],
  ["em1", [EM1, "em1"]],
  ["em1data", [EM1_DATA, "em1"]],
  ["switch", [SWITCH, "switch"]],
  ["pm1", [SWITCH, "pm1"]],
  ["cover", [SWITCH, "cover"]],
]);

const COMPONENT = /^([a-z][a-z0-9]{1,9}):(\d{1,3})$/;
const UNKNOWN = /(aprt_power|(^|_)pf|n_current)$/;
const METHODS = ["NotifyStatus", "NotifyFullStatus"];

/**
 * Shelly of the second and third generation: `<prefix>/events/rpc` with NotifyStatus, which has the time of the device, and `<prefix>/status/<component>`,
 * which has none. A message holds what changed: a field that is not there is no value. The component is taken from its key, for the id inside can be another.
 */
export function decodeShelly(bytes: Uint8Array, context: MessageContext): DecodedFrame {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
  const body = parseExactJson(text);
  if (!isObject(body)) return rejectedFrame("unknown-format", text);
  const frame = new MessageReadings(bytes, context.receivedMs);
  const status = /(?:^|\/)([^/]+)\/status\/([^/]+)$/.exec(context.topic);
  if (status !== null) {
    const [, prefix = "", component = ""] = status;
    const time = receiverTime(context);
    if ("rejected" in time) return rejectedFrame(time.rejected, time.text);
    if (!addComponent(frame, `mqtt:${context.device ?? prefix}`, time, component, body))
      return rejectedFrame("unknown-format", text);
    return frame.frame();
  }
  const method = textOf(body, "method");
  const params = member(body, "params");
  if (method === undefined || !METHODS.includes(method) || !isObject(params))
    return rejectedFrame("unknown-format", text);
  const source = textOf(body, "src") ?? "";
  if (source === "" && context.device === undefined) return rejectedFrame("bad-meter-id", "src is missing");
  const time = notifyTime(member(params, "ts"), context.receivedMs);
  if ("rejected" in time) return rejectedFrame(time.rejected, time.text);
  for (const [key, component] of Object.entries(params))
    addComponent(frame, `mqtt:${context.device ?? source}`, time, key, component);
  return frame.frame();
}

/** Unix seconds with a fraction. */
function notifyTime(ts: ExactJson | undefined, receivedMs: number): MessageTimeResult {
  const ms = scaledInteger(ts, 3);
  const isTime = "value" in ms && isMeterTime(ms.value);
  return deviceTime(isTime ? ms.value : undefined, showJson(ts), receivedMs);
}

/** false when the component measures nothing that is known here: wifi, sys, input. */
function addComponent(
  frame: MessageReadings,
  deviceId: string,
  time: MessageTime,
  key: string,
  component: ExactJson,
): boolean {
  const [, kind = "", index = ""] = COMPONENT.exec(key) ?? [];
  const known = COMPONENTS.get(kind);
  if (known === undefined || !isObject(component)) return false;
  const [fields, part] = known;
  // The three-phase meter of a device is the device; of several circuits each is a meter of its own.
  const meterId = part === "em" && index === "0" ? deviceId : `${deviceId}/${part}:${index}`;
  for (const [name, spec] of fields) {
    const [outer = "", inner] = name.split(".");
    const found = member(component, outer);
    const value = inner === undefined ? found : member(found, inner);
    if (value !== undefined) frame.add(meterId, time, spec, `${key} ${name}`, value);
  }
  for (const name of Object.keys(component)) if (UNKNOWN.test(name)) frame.reject("unknown-quantity", `${key} ${name}`);
  return true;
}
