/** Nothing that meters send here was measured before: an earlier year is a clock that was never set (year 0014, 1970). */
export const MIN_METER_TIME_MS = Date.UTC(2000, 0, 1);
/** Year 2100. */
export const MAX_METER_TIME_MS = Date.UTC(2100, 0, 1);

const ISO = /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,9}))?\s?(Z|z|[+-]\d\d:?\d\d)?$/;

export interface IsoTime {
  /** Unix ms; digits beyond milliseconds are cut off. Without a zone as if it were UTC. */
  readonly ms: number;
  readonly hasZone: boolean;
}

/**
 * An ISO 8601 time as field devices write it: a comma for the point, a zone with or without its colon ("+0000"), or no zone at all.
 * Undefined for anything else, for days that do not exist, and outside MIN_METER_TIME_MS..MAX_METER_TIME_MS. Leap seconds are refused.
 */
export function parseIsoTime(text: string): IsoTime | undefined {
  const match = ISO.exec(text);
  if (match === null) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = match.slice(1, 7).map(Number);
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  const millis = Number((match[7] ?? "").padEnd(3, "0").slice(0, 3));
  const local = Date.UTC(year, month - 1, day, hour, minute, second, millis);
  const date = new Date(local);
  if (year < 2000 || date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return undefined;
  const zone = match[8];
  const offsetMs = zone === undefined ? 0 : zoneOffsetMs(zone);
  if (offsetMs === undefined) return undefined;
  const ms = local - offsetMs;
  return isMeterTime(ms) ? { ms, hasZone: zone !== undefined } : undefined;
}

export function isMeterTime(ms: number): boolean {
  return ms >= MIN_METER_TIME_MS && ms < MAX_METER_TIME_MS;
}

/** Of a local clock ahead of UTC positive; no zone of the world is 15 hours away. */
function zoneOffsetMs(zone: string): number | undefined {
  if (/z/i.test(zone)) return 0;
  const [hours, minutes] = [Number(zone.slice(1, 3)), Number(zone.slice(-2))];
  if (hours > 14 || minutes > 59) return undefined;
  return (zone[0] === "-" ? -1 : 1) * (hours * 60 + minutes) * 60_000;
}
