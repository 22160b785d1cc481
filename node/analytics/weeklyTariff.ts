import { AnalyticsError } from "./analyticsError.ts";
import { deriveSchedule, isBand, type TariffSchedule } from "./tariff.ts";
import { momentsOf, weekdayOf, type Zone } from "./zone.ts";

const DAY_MS = 86_400_000;
const QUARTER_MS = 900_000;
const MAX_WINDOWS = 64;
/** Three years: deriving a day takes 96 looks at the windows. */
const MAX_DAYS = 1100;
const DAY_NAMES = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"] as const;

interface Window {
  readonly band: string;
  readonly days: ReadonlySet<number>;
  readonly fromMs: number;
  readonly untilMs: number;
}

/**
 * A tariff that repeats every week, local time: `{from: "2026-01-01", until: "2027-01-01", default: "Day", windows: [{band: "Night",
 * days?: ["mon", …], from: "23:30", until: "06:30"}]}`, times in quarters of an hour, until 24:00; a window whose end is not behind its
 * start runs into the next day. Of windows that overlap the last one counts.
 * @throws AnalyticsError TARIFF_MALFORMED
 */
export function readWeeklyTariff(value: unknown, zone: Zone, file: string): TariffSchedule {
  const refuse = (row: number, reason: string) => new AnalyticsError({ code: "TARIFF_MALFORMED", file, row, reason });
  if (typeof value !== "object" || value === null) throw refuse(0, "not an object");
  const { from, until, default: usual, windows } = value as Record<string, unknown>;
  const [firstMs, endMs] = [dateMs(from), dateMs(until)];
  if (firstMs === undefined || endMs === undefined || endMs <= firstMs || endMs - firstMs > MAX_DAYS * DAY_MS)
    throw refuse(0, `from and until are not two dates in order, at most ${MAX_DAYS} days apart`);
  if (typeof usual !== "string" || !isBand(usual)) throw refuse(0, "default is no band");
  if (!Array.isArray(windows) || windows.length > MAX_WINDOWS) throw refuse(0, `not at most ${MAX_WINDOWS} windows`);
  const read = windows.map((window: unknown, i) => {
    const result = readWindow(window);
    if (typeof result === "string") throw refuse(i + 1, result);
    return result;
  });

  const startOf = (localMs: number) => momentsOf(zone, localMs)[0] ?? localMs - zone.offsetMs(localMs - DAY_MS);
  const range = { fromMs: startOf(firstMs), untilMs: startOf(endMs), stepMs: QUARTER_MS };
  return deriveSchedule(zone, range, (localMs) => read.findLast((window) => isInside(window, localMs))?.band ?? usual);
}

function isInside({ days, fromMs, untilMs }: Window, localMs: number): boolean {
  const day = Math.floor(localMs / DAY_MS);
  const timeMs = localMs - day * DAY_MS;
  if (untilMs > fromMs) return days.has(weekdayOf(day)) && timeMs >= fromMs && timeMs < untilMs;
  return (days.has(weekdayOf(day)) && timeMs >= fromMs) || (days.has(weekdayOf(day - 1)) && timeMs < untilMs);
}

/** The window, or why it is none. */
function readWindow(value: unknown): Window | string {
  if (typeof value !== "object" || value === null) return "a window is not an object";
  const { band, days = DAY_NAMES, from, until } = value as Record<string, unknown>;
  if (typeof band !== "string" || !isBand(band)) return "band is not 1 to 32 letters, digits, - _ .";
  const numbers = Array.isArray(days) ? days.map((day) => DAY_NAMES.indexOf(day as (typeof DAY_NAMES)[number])) : [];
  if (numbers.length === 0 || numbers.includes(-1)) return `days are not of ${DAY_NAMES.join(", ")}`;
  const [fromMs, untilMs] = [timeMs(from), timeMs(until)];
  if (fromMs === undefined || untilMs === undefined) return "from and until are not HH:MM in quarters of an hour";
  return { band, days: new Set(numbers), fromMs, untilMs };
}

function timeMs(text: unknown): number | undefined {
  const match = typeof text === "string" ? /^(\d\d):(00|15|30|45)$/.exec(text) : null;
  if (match === null) return undefined;
  const ms = (Number(match[1]) * 60 + Number(match[2])) * 60_000;
  return ms <= DAY_MS ? ms : undefined;
}

function dateMs(text: unknown): number | undefined {
  if (typeof text !== "string" || !/^\d{4}-\d\d-\d\d$/.test(text)) return undefined;
  const ms = Date.parse(`${text}T00:00:00Z`);
  return ms >= 0 && new Date(ms).toISOString().slice(0, 10) === text ? ms : undefined;
}
