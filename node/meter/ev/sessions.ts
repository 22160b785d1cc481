import { parse } from "csv-parse/sync";
import { sha256 } from "#storage/crypto/hash.ts";
import { isMeterId, MAX_READING_PERIOD_MS, QUALITY, type Reading } from "#storage/types/reading.ts";
import { MAX_DRIFT_MS } from "../ahead.ts";
import { type ExactJson, isList, member, parseExactJson, scaledInteger, showJson, textOf } from "../exactJson.ts";
import { type DecodedFrame, type RejectedPart, rejectedFrame, rejectedPart } from "../frame.ts";
import { isMeterTime, parseIsoTime } from "../isoTime.ts";
import type { RejectionReason } from "../source.ts";

export interface SessionsContext {
  readonly receivedMs: number;
  /** Of one charging point, W: a session's mean power beyond it is made up. */
  readonly maxPowerW: number;
}

/** Sessions of one file. */
export const MAX_SESSIONS = 1_000_000;
const MAX_ROW_CHARS = 4096;
const WORKPLACE_COLUMNS = ["kwhTotal", "created", "ended", "stationId"];

/** A charging session: the energy of its period, end-stamped, at the station. Who charged is not read. */
interface Session {
  readonly stationId: string;
  readonly startMs: number | undefined;
  readonly endMs: number | undefined;
  readonly energyKwh: ExactJson | undefined;
  readonly timeQuality: Reading["timeQuality"];
  readonly quality: number;
}

/**
 * ACN-Data sessions (Caltech, PowerFlex): a JSON list, times as RFC 1123 has them, energy in kWh. `doneChargingTime` may be null; one behind the disconnection is
 * wrong, and makes the session SUSPECT. The energy belongs to the time from connection to disconnection. Never throws.
 */
export function decodeAcnSessions(bytes: Uint8Array, context: SessionsContext): DecodedFrame {
  const json = parseExactJson(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8"));
  // The API answers {"_items": [...]}, exports are the bare list.
  const list = isList(json) ? json : member(json, "_items");
  if (!isList(list)) return rejectedFrame("unknown-format", "no list of sessions");
  if (list.length > MAX_SESSIONS) return rejectedFrame("too-long", `${list.length} sessions`);
  const rawHash = sha256(bytes);
  const sessions = list.map((one): [Session, string, Uint8Array] => {
    const endMs = parseRfc1123(textOf(one, "disconnectTime"));
    const doneMs = parseRfc1123(textOf(one, "doneChargingTime"));
    const isLate = doneMs !== undefined && endMs !== undefined && doneMs > endMs;
    const session = {
      stationId: textOf(one, "stationID") ?? "",
      startMs: parseRfc1123(textOf(one, "connectionTime")),
      endMs,
      energyKwh: member(one, "kWhDelivered"),
      timeQuality: "synced" as const,
      quality: isLate ? QUALITY.SUSPECT : 0,
    };
    return [session, shownAcn(one), rawHash];
  });
  return frameOf(sessions, context);
}

/**
 * The workplace charging data set (Asensio): CSV with `created` and `ended` in a local time without a zone, taken as UTC and `no-zone`. Its published years are 0014 and
 * 0015: such a row is rejected, for 2014 would be a guess. Never throws.
 */
export function decodeWorkplaceCsv(bytes: Uint8Array, context: SessionsContext): DecodedFrame {
  let rows: { raw: string; record: Record<string, string> }[];
  try {
    rows = parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), {
      raw: true,
      encoding: "latin1",
      columns: true,
      bom: true,
      relax_column_count: true,
      skip_empty_lines: true,
      max_record_size: MAX_ROW_CHARS,
      quote: null,
    }) as unknown as typeof rows;
  } catch {
    return rejectedFrame("unknown-format", "no CSV");
  }
  if (rows.length > MAX_SESSIONS) return rejectedFrame("too-long", `${rows.length} sessions`);
  const names = Object.keys(rows[0]?.record ?? {});
  if (!WORKPLACE_COLUMNS.every((name) => names.includes(name))) return rejectedFrame("unknown-format", names.join());
  const sessions = rows.map(({ raw, record }): [Session, string, Uint8Array] => {
    const [start, end] = [parseIsoTime(record.created ?? ""), parseIsoTime(record.ended ?? "")];
    const session = {
      stationId: record.stationId ?? "",
      startMs: start?.ms,
      endMs: end?.ms,
      energyKwh: record.kwhTotal,
      timeQuality: end?.hasZone === true ? ("synced" as const) : ("no-zone" as const),
      quality: 0,
    };
    const shown = `${record.stationId} ${record.created} ${record.ended} ${record.kwhTotal}`;
    return [session, shown, sha256(Buffer.from(raw.replace(/[\r\n]+$/, ""), "latin1"))];
  });
  return frameOf(sessions, context);
}

function frameOf(
  sessions: readonly (readonly [Session, string, Uint8Array])[],
  context: SessionsContext,
): DecodedFrame {
  const readings: Reading[] = [];
  const rejected: RejectedPart[] = [];
  for (const [session, shown, rawHash] of sessions) {
    const reading = readingOf(session, rawHash, context);
    if (typeof reading === "string") rejected.push(rejectedPart(reading, shown));
    else readings.push(reading);
  }
  return { readings, rejected };
}

function readingOf(
  session: Session,
  rawHash: Uint8Array,
  { receivedMs, maxPowerW }: SessionsContext,
): Reading | RejectionReason {
  const { stationId, startMs, endMs, energyKwh, quality } = session;
  const meterId = `ev:${stationId}`;
  if (stationId === "" || !isMeterId(meterId)) return "bad-meter-id";
  if (startMs === undefined || endMs === undefined) return "bad-timestamp";
  const periodMs = endMs - startMs;
  if (periodMs <= 0 || periodMs > MAX_READING_PERIOD_MS) return "bad-timestamp";
  const energy = scaledInteger(energyKwh, 6);
  if ("reason" in energy) return energy.reason;
  if (energy.value < 0) return "negative";
  if (energy.value > (maxPowerW * periodMs) / 3600) return "over-limit";
  const timeQuality = endMs > receivedMs + MAX_DRIFT_MS ? "drifting" : session.timeQuality;
  const time = { timestampMs: endMs, periodMs, receivedMs, timeSource: "concentrator", timeQuality } as const;
  return {
    meterId,
    quantity: "activeEnergyImport",
    kind: "interval",
    phase: 0,
    tariff: 0,
    value: energy.value,
    ...time,
    quality,
    rawHash,
  };
}

/** Of a session only what it is rejected by: the rest names its driver. */
function shownAcn(json: ExactJson): string {
  const fields = ["stationID", "connectionTime", "disconnectTime", "kWhDelivered"].map((name) => member(json, name));
  return fields.map((value) => (typeof value === "string" ? value : showJson(value))).join(" ");
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/** "Sat, 01 May 2021 20:42:47 GMT"; the day of the week must be right. */
export function parseRfc1123(text: string | undefined): number | undefined {
  const match = /^(\w{3}), (\d\d) (\w{3}) (\d{4}) (\d\d):(\d\d):(\d\d) GMT$/.exec(text ?? "");
  if (match === null) return undefined;
  const [, weekday = "", day, month = "", year, hour, minute, second] = match;
  const ms = Date.UTC(Number(year), MONTHS.indexOf(month), Number(day), Number(hour), Number(minute), Number(second));
  const date = new Date(ms);
  const isReal = MONTHS.includes(month) && date.toUTCString() === text && DAYS[date.getUTCDay()] === weekday;
  return isReal && isMeterTime(ms) ? ms : undefined;
}
