import type { TimeQuality } from "#storage/types/reading.ts";
import { isWallTime, type WallTime, wallMs, type Zone } from "../zoneTime.ts";

export const COSEM_TIME_BYTES = 12;

/** date-time of COSEM (Blue Book 4.1.6.1). */
export interface CosemTime {
  readonly wall: WallTime;
  /** UTC is local time plus this; undefined: not specified. */
  readonly deviationMinutes: number | undefined;
  readonly status: number;
}

/** What a meter makes of the deviation, which some fill in as it comes to them. */
export const DEVIATIONS = ["cosem", "inverted", "ignored"] as const;
export type Deviation = (typeof DEVIATIONS)[number];

const NOT_SPECIFIED = 0xff;
const NO_DEVIATION = -0x8000;
const MAX_DEVIATION_MINUTES = 720;
const DAYLIGHT_SAVING = 0x80;
/** Invalid or doubtful value. */
const DOUBTFUL = 0x03;

/** 12 bytes: year (2), month, day, weekday, hour, minute, second, hundredths, deviation (2), status. undefined: no time of the calendar. */
export function readCosemTime(bytes: Buffer): CosemTime | undefined {
  if (bytes.length !== COSEM_TIME_BYTES) return undefined;
  const [month = 0, day = 0, , hour = 0, minute = 0, second = 0] = bytes.subarray(2);
  const wall = { year: bytes.readUInt16BE(), month, day, hour, minute, second: second === NOT_SPECIFIED ? 0 : second };
  const deviation = bytes.readInt16BE(9);
  const isSpecified = deviation !== NO_DEVIATION;
  if (!isWallTime(wall) || (isSpecified && Math.abs(deviation) > MAX_DEVIATION_MINUTES)) return undefined;
  return { wall, deviationMinutes: isSpecified ? deviation : undefined, status: bytes[11] as number };
}

export interface CosemInstant {
  readonly utcMs: number;
  readonly quality: Extract<TimeQuality, "synced" | "no-zone" | "dst-ambiguous">;
  /** The meter itself says so. */
  readonly isDoubtful: boolean;
}

/** Without a deviation it is the wall clock of the zone; a daylight saving bit that is set tells the two hours of October apart, one that is not says nothing. */
export function cosemInstant(
  { wall, deviationMinutes, status }: CosemTime,
  zone: Zone,
  deviation: Deviation,
): CosemInstant {
  const isDoubtful = (status & DOUBTFUL) !== 0;
  if (deviationMinutes !== undefined && deviation !== "ignored") {
    const minutes = deviation === "inverted" ? -deviationMinutes : deviationMinutes;
    return { utcMs: wallMs(wall) + minutes * 60_000, quality: "synced", isDoubtful };
  }
  // Of two instants the zone takes the one of summer time.
  const { utcMs, isAmbiguous } = zone.toUtc(wall);
  const isKnown = !isAmbiguous || (status & DAYLIGHT_SAVING) !== 0;
  return { utcMs, quality: isKnown ? "no-zone" : "dst-ambiguous", isDoubtful };
}
