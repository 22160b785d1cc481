import { AnalyticsError } from "./analyticsError.ts";
import { deriveSchedule, isBand, MAX_BANDS, type TariffSchedule } from "./tariff.ts";
import { momentsOf, type Zone } from "./zone.ts";

const HALF_HOUR_MS = 1_800_000;
const HEADER = "TariffDateTime,Tariff";
/** Half hours of eleven years. */
const MAX_ROWS = 200_000;
const ROW = /^(\d{4})-(\d\d)-(\d\d) (\d\d):(\d\d)(?::00)?,(.*)$/;

/** What of a local schedule has no place in UTC, or two. */
export interface LclTariff {
  readonly schedule: TariffSchedule;
  readonly rows: number;
  /** Rows of local half hours that never were: clocks skipped them. */
  readonly skipped: number;
  /** Rows whose half hour was there twice: both get the band. */
  readonly repeated: number;
}

/**
 * The tariff file of Low Carbon London: `TariffDateTime,Tariff`, wall clock of `zone`, the START of each half hour, while readings are
 * stamped in UTC with its END. So the band of a reading is that of the local time half an hour before its stamp (research/data.md §3.1).
 * file: its name, for errors. @throws AnalyticsError TARIFF_MALFORMED
 */
export function readLclTariff(text: string, zone: Zone, file: string): LclTariff {
  const refuse = (row: number, reason: string) => new AnalyticsError({ code: "TARIFF_MALFORMED", file, row, reason });
  const [header, ...lines] = text.replace(/^\ufeff/, "").split(/\r?\n/);
  if (header?.trim() !== HEADER) throw refuse(0, `the header is not ${HEADER}`);
  if (lines.at(-1) === "") lines.pop();
  if (lines.length === 0 || lines.length > MAX_ROWS) throw refuse(0, `not 1 to ${MAX_ROWS} rows`);

  const bands = new Map<number, string>();
  for (const [i, line] of lines.entries()) {
    const match = ROW.exec(line.trim());
    if (match === null) throw refuse(i + 1, "not YYYY-MM-DD HH:MM:00,BAND");
    const [year, month, day, hour, minute] = match.slice(1, 6).map(Number) as [number, number, number, number, number];
    const localMs = Date.UTC(year, month - 1, day, hour, minute);
    const isTime = hour < 24 && minute < 60 && minute % 30 === 0;
    const isDay = year >= 1970 && month >= 1 && month <= 12 && new Date(localMs).getUTCDate() === day;
    if (!isTime || !isDay) throw refuse(i + 1, "not a half hour of the calendar");
    const band = (match[6] as string).trim();
    if (!isBand(band)) throw refuse(i + 1, "the band is not 1 to 32 letters, digits, - _ .");
    if ((bands.get(localMs) ?? band) !== band) throw refuse(i + 1, "a half hour has two bands");
    bands.set(localMs, band);
  }
  if (new Set(bands.values()).size > MAX_BANDS) throw refuse(0, `more than ${MAX_BANDS} bands`);

  const moments = [...bands.keys()].map((localMs) => momentsOf(zone, localMs));
  const all = moments.flat();
  const [fromMs, lastMs] = all.reduce(
    ([least, most], utcMs) => [Math.min(least, utcMs), Math.max(most, utcMs)],
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  );
  if (all.length === 0) throw refuse(0, "no half hour of it ever was");
  const range = { fromMs, untilMs: lastMs + HALF_HOUR_MS, stepMs: HALF_HOUR_MS };
  if (range.untilMs - fromMs > MAX_ROWS * HALF_HOUR_MS) throw refuse(0, "its first and last rows are too far apart");
  return {
    schedule: deriveSchedule(zone, range, (localMs) => bands.get(localMs)),
    rows: lines.length,
    skipped: moments.filter(({ length }) => length === 0).length,
    repeated: moments.filter(({ length }) => length > 1).length,
  };
}
