import {
  countOf,
  type ExactJson,
  isList,
  member,
  parseExactJson,
  scaledInteger,
  showJson,
  textOf,
} from "../exactJson.ts";
import { type RejectedPart, rejectedPart } from "../frame.ts";
import { parseIsoTime } from "../isoTime.ts";
import type { RejectionReason } from "../source.ts";

/** The price of energy over a period, start included, end not. */
export interface PriceInterval {
  /** PRICE: of what is taken; EXPORT_PRICE: of what is given. */
  readonly type: "PRICE" | "EXPORT_PRICE";
  readonly startMs: number;
  readonly endMs: number;
  /** 10^-5 of the currency for a kWh, half to even; negative when taking is paid for. */
  readonly price: number;
  /** ISO 4217. */
  readonly currency: string;
}

/** What of an OpenADR 3 event is a price: each of its values is in one of the two. */
export interface DecodedPrices {
  /** Of the event; empty where it has none. */
  readonly eventName: string;
  /** In time order, those of one type without overlap. */
  readonly intervals: readonly PriceInterval[];
  readonly rejected: readonly RejectedPart[];
}

/** Intervals of one event: a month of quarter hours has 2 976. */
export const MAX_PRICE_INTERVALS = 10_000;
const TYPES = ["PRICE", "EXPORT_PRICE"] as const;
/** Energy unit of a descriptor → the power of ten that makes a price of it one of 10^-5 for a kWh. */
const UNIT_EXPONENTS: ReadonlyMap<string, number> = new Map([
  ["KWH", 5],
  ["MWH", 2],
]);

interface Period {
  readonly startMs: number | undefined;
  readonly durationMs: number | undefined;
}

interface Descriptor {
  readonly exponent: number | undefined;
  readonly currency: string | undefined;
}

/**
 * The prices of an OpenADR 3 event. Intervals without a start of their own follow each other from that of the event; those without a duration have the
 * event's. Units and currency come from the event's payload descriptors, or else the program's. Never throws.
 */
export function decodeOpenAdrPrices(eventText: string, programText?: string): DecodedPrices {
  const event = parseExactJson(eventText);
  const list = member(event, "intervals");
  const eventName = textOf(event, "eventName") ?? "";
  if (!isList(list)) return { eventName, intervals: [], rejected: [rejectedPart("unknown-format", eventText)] };
  if (list.length > MAX_PRICE_INTERVALS)
    return { eventName, intervals: [], rejected: [rejectedPart("too-long", `${list.length} intervals`)] };
  const program = programText === undefined ? undefined : parseExactJson(programText);
  const whole = periodOf(member(event, "intervalPeriod"));
  const found: PriceInterval[] = [];
  const rejected: RejectedPart[] = [];
  let nextMs = whole?.startMs;
  for (const interval of list) {
    const own = periodOf(member(interval, "intervalPeriod"));
    const startMs = own?.startMs ?? nextMs;
    const durationMs = own?.durationMs ?? whole?.durationMs;
    // A period that is there and cannot be read also leaves unknown where the next interval begins.
    const isReadable = own !== undefined && whole !== undefined && startMs !== undefined && durationMs !== undefined;
    nextMs = isReadable ? startMs + durationMs : undefined;
    const payloads = member(interval, "payloads");
    for (const payload of isList(payloads) ? payloads : [null]) {
      const time = isReadable ? { startMs, endMs: startMs + durationMs } : undefined;
      const price = priceOf(payload, (type) => descriptorOf(type, event, program), time);
      if (typeof price === "string")
        rejected.push(rejectedPart(price, `${countOf(interval, "id") ?? "?"} ${showJson(payload)}`));
      else found.push(price);
    }
  }
  return { eventName, ...withoutOverlaps(found, rejected) };
}

function priceOf(
  payload: ExactJson,
  descriptor: (type: string) => Descriptor,
  time: { readonly startMs: number; readonly endMs: number } | undefined,
): PriceInterval | RejectionReason {
  const type = TYPES.find((known) => known === textOf(payload, "type"));
  if (type === undefined) return textOf(payload, "type") === undefined ? "unknown-format" : "unknown-quantity";
  const values = member(payload, "values");
  if (!isList(values) || values.length !== 1) return "unknown-format";
  if (time === undefined) return "bad-timestamp";
  const { exponent, currency } = descriptor(type);
  if (exponent === undefined || currency === undefined) return "unknown-unit";
  const result = scaledInteger(values[0], exponent);
  return "reason" in result ? result.reason : { type, ...time, price: result.value, currency };
}

function descriptorOf(type: string, ...holders: readonly (ExactJson | undefined)[]): Descriptor {
  for (const holder of holders) {
    const list = member(holder, "payloadDescriptors");
    const found = isList(list) ? list.find((one) => textOf(one, "payloadType") === type) : undefined;
    if (found === undefined) continue;
    const currency = textOf(found, "currency");
    const exponent = UNIT_EXPONENTS.get(textOf(found, "units")?.toUpperCase() ?? "");
    return { exponent, currency: /^[A-Z]{3}$/.test(currency ?? "") ? currency : undefined };
  }
  return { exponent: undefined, currency: undefined };
}

/** Undefined when the period is there and cannot be read; what it leaves out is undefined in it. */
function periodOf(json: ExactJson | undefined): Period | undefined {
  if (json === undefined || json === null) return { startMs: undefined, durationMs: undefined };
  const start = member(json, "start");
  const time = typeof start === "string" ? parseIsoTime(start) : undefined;
  const duration = member(json, "duration");
  const durationMs = typeof duration === "string" ? parseDuration(duration) : undefined;
  const isWrong =
    (start !== undefined && time?.hasZone !== true) || (duration !== undefined && durationMs === undefined);
  return isWrong ? undefined : { startMs: time?.ms, durationMs };
}

/** At most a year. */
const MAX_DURATION_MS = 366 * 86_400_000;

/** ISO 8601 durations of days, hours, minutes and seconds: months and years have no length of their own. */
export function parseDuration(text: string): number | undefined {
  const match = /^P(?:(\d{1,3})D)?(?:T(?:(\d{1,4})H)?(?:(\d{1,6})M)?(?:(\d{1,8})S)?)?$/.exec(text);
  if (match === null || /[PT]$/.test(text)) return undefined;
  const [days = 0, hours = 0, minutes = 0, seconds = 0] = match.slice(1).map((part) => Number(part ?? 0));
  const ms = (((days * 24 + hours) * 60 + minutes) * 60 + seconds) * 1000;
  return ms > 0 && ms <= MAX_DURATION_MS ? ms : undefined;
}

/** Of two prices for the same time the first in the event stays. */
function withoutOverlaps(
  found: readonly PriceInterval[],
  rejected: readonly RejectedPart[],
): Pick<DecodedPrices, "intervals" | "rejected"> {
  const conflicts: RejectedPart[] = [];
  const kept = TYPES.flatMap((type) => {
    const ordered = found.map((one, order) => ({ one, order })).filter(({ one }) => one.type === type);
    const sorted = ordered.toSorted((a, b) => a.one.startMs - b.one.startMs || a.order - b.order);
    const result: typeof sorted = [];
    for (const next of sorted) {
      const last = result.at(-1);
      if (last === undefined || last.one.endMs <= next.one.startMs) result.push(next);
      else {
        const loser = next.order < last.order ? last : next;
        if (loser === last) result[result.length - 1] = next;
        conflicts.push(
          rejectedPart("conflict", `${loser.one.type} ${new Date(loser.one.startMs).toISOString()} ${loser.one.price}`),
        );
      }
    }
    return result.map(({ one }) => one);
  });
  return { intervals: kept.toSorted((a, b) => a.startMs - b.startMs), rejected: [...rejected, ...conflicts] };
}
