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
  // What was measured before goes behind: a register goes on from the first reading that there is of it.
  const isOfThePast = ({ a, c, d }: TelegramObject) => a === 0 && c === 98 && d === 1;
  const { objects } = context.telegram;
  for (const object of [...objects.filter((one) => !isOfThePast(one)), ...objects.filter(isOfThePast)]) {
    const reason = isOfThePast(object) ? past(context, object.values) : electricityObject(context, object);
    if (reason !== undefined) context.collector.reject(reason, object.text);
  }
}

function electricityObject(context: TelegramContext, object: TelegramObject): RejectionReason | undefined {
  const { a, b, c, d, e, f, values, text } = object;
  const isSubMeter = a === 0 && b > 0 && c === 24;
  if (isSubMeter) return undefined;
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

/** 0-0:98.1.0: a list of peaks in Belgium, the registers at the end of the month before in Hungary. */
function past(context: TelegramContext, values: readonly string[]): RejectionReason | undefined {
  return /^\d{12}[SW]?$/.test(values[0] ?? "") ? monthEnd(context, values) : peakHistory(context, values);
}

/** What stands behind the time, as C.D.E: energy with two tariffs, reactive energy by direction and quadrant, the sum of both directions. */
const MONTH_END = ["1.8.0", "1.8.1", "1.8.2", "2.8.0", "2.8.1", "2.8.2"].concat([
  ...["3.8.0", "4.8.0", "5.8.0", "6.8.0", "7.8.0", "8.8.0", "15.8.0"],
]);
/** Behind them the highest quarters of an hour, 1.6.0 to 1.6.2 and 2.6.0 to 2.6.2: when they were is not said, so that they are no readings. */
const MONTH_END_PEAKS = 6;

/** "(200401000000S)(000512.340*kWh)(000300.100*kWh)...": registers as they stood then. */
function monthEnd(context: TelegramContext, values: readonly string[]): RejectionReason | undefined {
  const [timeText = "", ...registers] = values;
  if (registers.length !== MONTH_END.length + MONTH_END_PEAKS) return "unknown-format";
  const time = readTelegramTime(timeText, context.meter.zone);
  if ("rejected" in time) return time.rejected;
  for (const [index, valueText] of registers.entries()) {
    const code = MONTH_END[index];
    const text = `0-0:98.1.0 (${timeText}) ${code ?? "peak"} (${valueText})`;
    const [c = 0, d = 0, tariff = 0] = code?.split(".").map(Number) ?? [];
    const meaning = electricityMeaning(c, d);
    const value = meaning === undefined ? undefined : readMeasuredValue(valueText, meaning.quantity);
    if (meaning === undefined || value === undefined) context.collector.reject("unknown-quantity", text);
    else if ("rejected" in value) context.collector.reject(value.rejected, text);
    else context.addAt({ meaning, tariff, value: value.value, text }, time, context.stamp);
  }
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
