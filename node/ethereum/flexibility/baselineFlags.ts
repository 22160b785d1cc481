import { createZone } from "../../analytics/zone.ts";
import { cliError } from "../../cli/cliError.ts";
import { type BaselineMethod, type BaselineOptions, MAX_LOOK_BACK_DAYS } from "./baselineMethods.ts";

/** How `flexibility baseline make` is told to make baselines. */
export interface MethodFlags {
  readonly mean?: string;
  readonly high?: string;
  readonly before?: string;
  readonly without?: readonly string[];
  readonly zone: string;
}

const MAX_BEFORE = 1000;

/** @throws CliError BASELINE_METHOD_INVALID, DATE_MALFORMED; AnalyticsError ANALYTICS_ZONE_UNKNOWN */
export function baselineOptionsOf(flags: MethodFlags, nowMs: number): BaselineOptions {
  return {
    method: methodOf(flags),
    zone: createZone(flags.zone),
    without: new Set((flags.without ?? []).map(dateOf)),
    untilMs: nowMs,
  };
}

function methodOf({ mean, high, before }: MethodFlags): BaselineMethod {
  if ([mean, high, before].filter((given) => given !== undefined).length !== 1) throw methodInvalid();
  if (mean !== undefined) return { name: "mean", days: numberOf(mean, MAX_LOOK_BACK_DAYS) };
  if (before !== undefined) return { name: "before", intervals: numberOf(before, MAX_BEFORE) };
  const [most, days, ...rest] = (high ?? "").split("/");
  const method = { high: numberOf(most, MAX_LOOK_BACK_DAYS), days: numberOf(days, MAX_LOOK_BACK_DAYS) };
  if (rest.length > 0 || method.high > method.days) throw methodInvalid();
  return { name: "high", ...method };
}

function numberOf(text: string | undefined, most: number): number {
  const value = /^\d{1,4}$/.test(text ?? "") ? Number(text) : 0;
  if (value >= 1 && value <= most) return value;
  throw methodInvalid();
}

function methodInvalid() {
  const hint = `give one of --mean 10, --high 5/10 (at most ${MAX_LOOK_BACK_DAYS} days) and --before 8 (at most ${MAX_BEFORE} intervals)`;
  return cliError("usage", "BASELINE_METHOD_INVALID", "a baseline is made by one method", hint);
}

function dateOf(text: string): string {
  const isDate = /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(`${text}T00:00:00Z`));
  if (isDate) return text;
  throw cliError("usage", "DATE_MALFORMED", `${JSON.stringify(text)} is no date`, "write 2026-12-24");
}
