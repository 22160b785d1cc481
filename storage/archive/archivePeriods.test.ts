import fc from "fast-check";
import { expect, test } from "vitest";
import { ArchiveError } from "./archiveError.ts";
import { type ArchiveEvery, archivePeriodOf, parseArchiveEvery } from "./archivePeriods.ts";

const EVERY: readonly ArchiveEvery[] = ["month", "week", "day", "1h", "6h", "8784h"];

test.each<[ArchiveEvery, string, string, string]>([
  ["month", "2026-10-15T12:00:00Z", "2026-10-01T00:00:00.000Z", "2026-11-01T00:00:00.000Z"],
  ["month", "2026-11-01T00:00:00Z", "2026-10-01T00:00:00.000Z", "2026-11-01T00:00:00.000Z"],
  ["month", "2026-11-01T00:00:00.001Z", "2026-11-01T00:00:00.000Z", "2026-12-01T00:00:00.000Z"],
  ["month", "2024-02-29T23:59:59Z", "2024-02-01T00:00:00.000Z", "2024-03-01T00:00:00.000Z"],
  ["month", "2027-01-01T00:00:00Z", "2026-12-01T00:00:00.000Z", "2027-01-01T00:00:00.000Z"],
  ["week", "2026-11-21T12:00:00Z", "2026-11-16T00:00:00.000Z", "2026-11-23T00:00:00.000Z"],
  ["week", "1970-01-02T00:00:00Z", "1970-01-01T00:00:00.000Z", "1970-01-05T00:00:00.000Z"],
  ["day", "2026-03-29T01:30:00Z", "2026-03-29T00:00:00.000Z", "2026-03-30T00:00:00.000Z"],
  ["6h", "2026-11-21T12:00:00Z", "2026-11-21T06:00:00.000Z", "2026-11-21T12:00:00.000Z"],
])("every %s: %s lies in (%s, %s]", (every, time, from, until) => {
  const { fromMs, untilMs } = archivePeriodOf(every, Date.parse(time));
  expect([fromMs, untilMs].map((ms) => new Date(ms).toISOString())).toEqual([from, until]);
});

test("every reading lies in exactly one period, and periods follow each other without a gap", () => {
  fc.assert(
    fc.property(fc.constantFrom(...EVERY), fc.integer({ min: 1, max: 4_102_444_800_000 }), (every, timestampMs) => {
      const period = archivePeriodOf(every, timestampMs);
      expect(period.fromMs < timestampMs && timestampMs <= period.untilMs).toBe(true);
      expect(archivePeriodOf(every, period.untilMs)).toEqual(period);
      expect(archivePeriodOf(every, period.untilMs + 1).fromMs).toBe(period.untilMs);
    }),
  );
});

test("month, week, day and hours are periods, up to a year, and nothing else is", () => {
  for (const every of EVERY) expect(parseArchiveEvery(every)).toBe(every);
  for (const text of ["", "0h", "8785h", "99999h", "1.5h", "-1h", "year", "h", "01h"])
    expect(() => parseArchiveEvery(text), text).toThrow(ArchiveError);
});
