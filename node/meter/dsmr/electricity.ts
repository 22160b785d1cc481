import { DEMAND_PERIOD_MS, electricityMeaning, type ObisMeaning } from "../obis.ts";
import type { RejectionReason } from "../source.ts";
import { hasUnit, readMeasuredValue } from "./measuredValue.ts";
import { SETTINGS } from "./profiles.ts";
import type { TelegramObject } from "./telegram.ts";
import type { TelegramContext } from "./telegramContext.ts";
import { readTelegramTime } from "./telegramTime.ts";

/** F of a present value; others are those of past billing periods. */
const PRESENT = 255;

const MONTHLY_PEAK: ObisMeaning = {
  quantity: "activePower",
  kind: "max",
  phase: 0,
  periodMs: DEMAND_PERIOD_MS,
  part: "whole",
};

/** The objects of the electricity meter itself, and those that no meter here has. Sub-meters are in `subMeters.ts`. */
export function electricityObjects(context: TelegramContext): void {
  for (const object of context.telegram.objects) {
    const reason = electricityObject(context, object);
    if (reason !== undefined) context.collector.reject(reason, object.text);
  }
}

function electricityObject(context: TelegramContext, object: TelegramObject): RejectionReason | undefined {
  const { a, b, c, d, e, f, values, text } = object;
  const isSubMeter = a === 0 && b > 0 && c === 24;
  if (isSubMeter) return undefined;
  if (a === 0 && c === 98 && d === 1) return peakHistory(context, values);
  const meaning = a === 1 && f === PRESENT ? electricityMeaning(c, d) : undefined;
  // Measurements have units; ids, texts, counters and switches have none, and settings are known.
  if (meaning === undefined) return values.some(hasUnit) && !SETTINGS.has(`${c}.${d}`) ? "unknown-quantity" : undefined;
  const [first = "", second = ""] = values;
  if (meaning.kind === "max") return values.length === 2 ? peak(context, first, second, text) : "unknown-format";
  if (values.length !== 1) return "unknown-format";
  const value = readMeasuredValue(first, meaning.quantity);
  // A direction of power without its value is told to the other one too.
  context.add({ meaning, tariff: e, value: "value" in value ? value.value : undefined, text });
  return "rejected" in value ? value.rejected : undefined;
}

/** The highest quarter of an hour of the month, at its end (e-MUCS P1 1.7.1): "(200509134558S)(02.589*kW)". */
function peak(
  context: TelegramContext,
  timeText: string,
  valueText: string,
  text: string,
): RejectionReason | undefined {
  const time = readTelegramTime(timeText, context.meter.zone);
  if ("rejected" in time) return time.rejected;
  const value = readMeasuredValue(valueText, "activePower");
  if ("rejected" in value) return value.rejected;
  context.addAt({ meaning: MONTHLY_PEAK, tariff: 0, value: value.value, text }, time, context.stamp);
  return undefined;
}

/** "(3)(1-0:1.6.0)(1-0:1.6.0)" and for each month its end, the time of its peak and the peak. */
function peakHistory(context: TelegramContext, values: readonly string[]): RejectionReason | undefined {
  const [count = "", ...rest] = values;
  const codes = rest.splice(0, 2);
  if (rest.length !== Number(count) * 3 || !codes.every((code) => code === "1-0:1.6.0")) return "unknown-format";
  for (let at = 0; at < rest.length; at += 3) {
    const [, timeText = "", valueText = ""] = rest.slice(at, at + 3);
    const text = `0-0:98.1.0 (${timeText})(${valueText})`;
    const reason = peak(context, timeText, valueText, text);
    if (reason !== undefined) context.collector.reject(reason, text);
  }
  return undefined;
}
