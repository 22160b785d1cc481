import { QUALITY } from "#storage/types/reading.ts";
import type { ObisMeaning } from "../obis.ts";
import type { RejectionReason } from "../source.ts";
import { readMeasuredValue } from "./measuredValue.ts";
import { MBUS_QUANTITIES } from "./profiles.ts";
import type { TelegramObject } from "./telegram.ts";
import { isDeviceId, type TelegramContext } from "./telegramContext.ts";
import { readTelegramTime, type TelegramTimeResult } from "./telegramTime.ts";

interface Channel {
  /** undefined: no such object; "": nothing is attached. */
  id: string | undefined;
  type: number | undefined;
  readonly registers: TelegramObject[];
}

/** Gas, water, heat and further electricity meters on the M-Bus behind the meter, objects 0-n:24.*: each is a device of its own. */
export function subMeterObjects(context: TelegramContext): void {
  const channels = new Map<number, Channel>();
  for (const object of context.telegram.objects) {
    const { a, b, c, d } = object;
    if (a !== 0 || b === 0) continue;
    const channel = channels.get(b) ?? { id: undefined, type: undefined, registers: [] };
    channels.set(b, channel);
    // 96.1.0 in the Netherlands, 96.1.1 in Belgium.
    if (c === 96 && d === 1) channel.id ??= object.values[0];
    else if (c === 24 && d === 1) channel.type ??= Number.parseInt(object.values[0] as string, 10);
    else if (c === 24 && (d === 2 || d === 3)) channel.registers.push(object);
  }
  for (const [number, channel] of channels) {
    for (const object of channel.registers) {
      const reason = register(context, number, channel, object);
      if (reason !== undefined) context.collector.reject(reason, object.text);
    }
  }
}

function register(
  context: TelegramContext,
  number: number,
  channel: Channel,
  object: TelegramObject,
): RejectionReason | undefined {
  const { meter, stamp } = context;
  const { text } = object;
  const parts = object.d === 2 ? partsOf(object.values) : partsBeforeDsmr4(object.values);
  if (parts === undefined) return "unknown-format";
  const time: TelegramTimeResult = readTelegramTime(parts.time, meter.zone);
  if ("rejected" in time) return time.rejected;
  // An empty id says that nothing is attached: what stands there is left over.
  if (channel.id === "") return "bad-meter-id";
  const quantity = MBUS_QUANTITIES[channel.type ?? Number.NaN];
  if (quantity === undefined) return "unknown-quantity";
  const value = readMeasuredValue(parts.value, quantity);
  if ("rejected" in value) return value.rejected;
  const meaning: ObisMeaning = { quantity, kind: "register", phase: 0, periodMs: 0, part: "whole" };
  const meterId =
    channel.id !== undefined && isDeviceId(channel.id) ? `dsmr:${channel.id}` : behind(stamp.meterId, number);
  const quality = stamp.quality | (parts.isDoubtful ? QUALITY.SUSPECT : 0);
  context.addAt({ meaning, tariff: 0, value: value.value, text }, time, { ...stamp, meterId, quality });
  return undefined;
}

/** A sub-meter without an id is named by its place; "": a telegram without an id has no place either. */
function behind(meterId: string, channel: number): string {
  return meterId === "" ? "" : `${meterId}.mbus${channel}`;
}

interface RegisterParts {
  readonly time: string;
  /** With its unit behind "*". */
  readonly value: string;
  readonly isDoubtful: boolean;
}

/** "(161129200000W)(00981.443*m3)" */
function partsOf(values: readonly string[]): RegisterParts | undefined {
  const [time = "", value = ""] = values;
  return values.length === 2 ? { time, value, isDoubtful: false } : undefined;
}

/** DSMR 2.2 and 3.0: "(090212160000)(00)(60)(1)(0-1:24.2.1)(m3)(00001.001)", the second the status, the fourth the number of values. */
function partsBeforeDsmr4(values: readonly string[]): RegisterParts | undefined {
  const [time = "", status, , count, , unit = "", value = ""] = values;
  if (values.length !== 7 || count !== "1") return undefined;
  return { time, value: value === "" ? "" : `${value}*${unit}`, isDoubtful: status !== "00" };
}
