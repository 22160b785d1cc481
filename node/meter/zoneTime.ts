/** A time as a clock on the wall shows it. month: 1..12. */
export interface WallTime {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly second: number;
}

export interface ZonedTime {
  readonly utcMs: number;
  /** The clocks show this time twice, or never, on that day: which instant was meant is not known. */
  readonly isAmbiguous: boolean;
}

/** A zone of the IANA database, its offsets looked up once an hour of the meter's time. */
export interface Zone {
  readonly name: string;
  /** Local time minus UTC at `utcMs`, in ms. */
  offsetMs(utcMs: number): number;
  /** Without a flag: of two instants the earlier is taken (summer time); of none, the one by the offset before the gap. */
  toUtc(wall: WallTime): ZonedTime;
}

const HOUR_MS = 3_600_000;
/** Hours whose offset is remembered; meters send hours that are near to each other. */
const MAX_KEPT_OFFSETS = 256;
const FIRST_YEAR = 1970;
const LAST_YEAR = 9998;

/** undefined when there is no such zone. */
export function createZone(name: string): Zone | undefined {
  const format = formatOf(name);
  if (format === undefined) return undefined;
  const offsets = new Map<number, number>();

  /** Offsets change on the quarter hour at the finest, everywhere since 1970. */
  function offsetMs(utcMs: number): number {
    const slot = Math.floor(utcMs / (HOUR_MS / 4));
    const known = offsets.get(slot);
    if (known !== undefined) return known;
    if (offsets.size >= MAX_KEPT_OFFSETS) offsets.clear();
    const offset = lookUp(format as Intl.DateTimeFormat, slot * (HOUR_MS / 4));
    offsets.set(slot, offset);
    return offset;
  }

  return {
    name,
    offsetMs,
    toUtc(wall) {
      const asUtcMs = wallMs(wall);
      // The offsets half a day to either side are those of the only two instants that can be meant.
      const before = offsetMs(asUtcMs - 12 * HOUR_MS);
      const after = offsetMs(asUtcMs + 12 * HOUR_MS);
      const [early, late] = before >= after ? [before, after] : [after, before];
      const fits = [early, late].filter((offset) => offsetMs(asUtcMs - offset) === offset);
      if (early === late) return { utcMs: asUtcMs - early, isAmbiguous: false };
      if (fits.length === 1) return { utcMs: asUtcMs - (fits[0] as number), isAmbiguous: false };
      return { utcMs: asUtcMs - (fits.length === 2 ? early : before), isAmbiguous: true };
    },
  };
}

/** The wall time as if it were UTC, in ms. */
export function wallMs({ year, month, day, hour, minute, second }: WallTime): number {
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

/** Whether the calendar has this day and the clock this time; second 60 does not occur in meters. */
export function isWallTime(wall: WallTime): boolean {
  const { year, month, day, hour, minute, second } = wall;
  if (!(year >= FIRST_YEAR && year <= LAST_YEAR && month >= 1 && month <= 12 && day >= 1)) return false;
  if (!(hour >= 0 && hour <= 23 && minute >= 0 && minute <= 59 && second >= 0 && second <= 59)) return false;
  return new Date(Date.UTC(year, month - 1, day)).getUTCDate() === day;
}

function formatOf(name: string): Intl.DateTimeFormat | undefined {
  try {
    return new Intl.DateTimeFormat("en-US", {
      timeZone: name,
      calendar: "iso8601",
      numberingSystem: "latn",
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
  } catch {
    return undefined;
  }
}

function lookUp(format: Intl.DateTimeFormat, utcMs: number): number {
  const parts = new Map(format.formatToParts(utcMs).map(({ type, value }) => [type, Number(value)]));
  const part = (type: Intl.DateTimeFormatPartTypes): number => parts.get(type) ?? Number.NaN;
  const [year, month, day] = [part("year"), part("month"), part("day")];
  return wallMs({ year, month, day, hour: part("hour"), minute: part("minute"), second: part("second") }) - utcMs;
}
