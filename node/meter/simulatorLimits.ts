import { readFileSync } from "node:fs";

/** A simulated household takes at most this much from one time on, until another (Unix ms). */
interface Limit {
  readonly fromMs: number;
  readonly untilMs: number;
  readonly limitW: number;
}

const MAX_LIMITS = 1000;
const MAX_CHARS = 100_000;

/**
 * The limits of a file, a JSON array of {fromMs, untilMs, limitW}, that is read again whenever it is asked for: as an energy manager in the house
 * that is told of an event. Of spans that overlap the lowest holds. Without the file nothing is limited; while somebody writes it, what it said before
 * holds.
 */
export function limitsOfFile(path: string): (unixMs: number) => number {
  let [text, limits]: [string, readonly Limit[]] = ["", []];
  return (unixMs) => {
    const now = textOf(path);
    if (now !== text) [text, limits] = [now, limitsIn(now) ?? limits];
    const held = limits.filter(({ fromMs, untilMs }) => unixMs >= fromMs && unixMs < untilMs);
    return Math.min(Number.POSITIVE_INFINITY, ...held.map(({ limitW }) => limitW));
  };
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8").slice(0, MAX_CHARS);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return "[]";
    throw error;
  }
}

/** Undefined for what is none. */
function limitsIn(text: string): readonly Limit[] | undefined {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return undefined;
  }
  return Array.isArray(json) && json.length <= MAX_LIMITS && json.every(isLimit) ? json : undefined;
}

function isLimit(json: unknown): json is Limit {
  if (typeof json !== "object" || json === null) return false;
  const { fromMs, untilMs, limitW } = json as Partial<Record<string, unknown>>;
  const isNumber = (value: unknown) => typeof value === "number" && Number.isFinite(value) && value >= 0;
  return isNumber(fromMs) && isNumber(untilMs) && isNumber(limitW);
}
