import type { TimeQuality } from "#storage/types/reading.ts";
import type { RejectionReason } from "../source.ts";
import { isWallTime, type WallTime, wallMs, type Zone } from "../zoneTime.ts";

export interface TelegramTime {
  readonly utcMs: number;
  readonly quality: Extract<TimeQuality, "synced" | "no-zone" | "dst-ambiguous">;
  /** The flag says summer while the zone has winter, or the other way round. */
  readonly contradictsZone: boolean;
}

export type TelegramTimeResult =
  | TelegramTime
  | { readonly rejected: Extract<RejectionReason, "bad-timestamp" | "sentinel" | "empty-value"> };

const TIME = /^(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})([SW]?)$/;

/** Times that stand for none: never set, the epoch of Unix, and that of a clock that lost its battery. */
const SENTINELS = /^(?:632525252525|700101\d{6}|0{12})[SW]?$/;

const HOUR_MS = 3_600_000;

/**
 * YYMMDDhhmmss with S (summer) or W (winter), of this century. With a flag the offset is the zone's winter offset, plus an hour for S, whatever the
 * calendar says; without one (DSMR 2.2 and 3.0) it is the zone's wall clock.
 */
export function readTelegramTime(text: string, zone: Zone): TelegramTimeResult {
  if (text === "") return { rejected: "empty-value" };
  if (SENTINELS.test(text)) return { rejected: "sentinel" };
  const match = TIME.exec(text);
  if (match === null) return { rejected: "bad-timestamp" };
  const [year, month, day, hour, minute, second] = match.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const wall: WallTime = { year: 2000 + year, month, day, hour, minute, second };
  if (!isWallTime(wall)) return { rejected: "bad-timestamp" };
  const flag = match[7];
  if (flag === "") {
    const { utcMs, isAmbiguous } = zone.toUtc(wall);
    return { utcMs, quality: isAmbiguous ? "dst-ambiguous" : "no-zone", contradictsZone: false };
  }
  const utcMs = wallMs(wall) - winterOffsetMs(zone, wall.year) - (flag === "S" ? HOUR_MS : 0);
  return { utcMs, quality: "synced", contradictsZone: wallMs(wall) - zone.offsetMs(utcMs) !== utcMs };
}

/** The smaller of the offsets in the middle of winter and of summer. */
function winterOffsetMs(zone: Zone, year: number): number {
  return Math.min(zone.offsetMs(Date.UTC(year, 0, 1)), zone.offsetMs(Date.UTC(year, 6, 1)));
}
