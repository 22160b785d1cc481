import { expect, test } from "vitest";
import { createZone, isWeekend, localDay, localDayAt, momentsOf, UTC, weekdayOf } from "./zone.ts";

const HOUR_MS = 3_600_000;
const at = (text: string) => Date.parse(text);

test("offsets follow the clocks of London, to the millisecond", () => {
  const london = createZone("Europe/London");
  expect(london.offsetMs(at("2013-03-31T00:59:59.999Z"))).toBe(0);
  expect(london.offsetMs(at("2013-03-31T01:00:00Z"))).toBe(HOUR_MS);
  expect(london.offsetMs(at("2013-10-27T00:59:59.999Z"))).toBe(HOUR_MS);
  expect(london.offsetMs(at("2013-10-27T01:00:00Z"))).toBe(0);
  expect(london.tzdataVersion).toMatch(/^20\d\d[a-z]$/);
});

test("offsets agree with Intl every quarter of an hour of a year, also where they are half hours", () => {
  for (const id of ["Australia/Lord_Howe", "Asia/Kathmandu", "America/St_Johns"]) {
    const zone = createZone(id);
    const format = new Intl.DateTimeFormat("en", {
      timeZone: id,
      hour: "numeric",
      minute: "numeric",
      hourCycle: "h23",
    });
    for (let utcMs = at("2026-01-01T00:00:00Z"); utcMs < at("2027-01-01T00:00:00Z"); utcMs += 7 * 900_000) {
      const local = new Date(utcMs + zone.offsetMs(utcMs));
      const [hour, minute] = format.format(utcMs).split(":").map(Number);
      expect([local.getUTCHours(), local.getUTCMinutes()], `${id} ${utcMs}`).toEqual([hour, minute]);
    }
  }
});

test("an hour that is skipped has no moment, one that is repeated two", () => {
  const london = createZone("Europe/London");
  expect(momentsOf(london, at("2013-03-31T01:30:00Z"))).toEqual([]);
  expect(momentsOf(london, at("2013-10-27T01:30:00Z"))).toEqual([
    at("2013-10-27T00:30:00Z"),
    at("2013-10-27T01:30:00Z"),
  ]);
  expect(momentsOf(london, at("2013-07-01T12:00:00Z"))).toEqual([at("2013-07-01T11:00:00Z")]);
});

test("civil days have 23, 24 and 25 hours, and begin late where clocks skip midnight", () => {
  const london = createZone("Europe/London");
  const hours = (text: string) => {
    const { startMs, endMs } = localDayAt(london, at(text));
    return (endMs - startMs) / HOUR_MS;
  };
  expect(["2013-03-31", "2013-06-01", "2013-10-27"].map((day) => hours(`${day}T12:00:00Z`))).toEqual([23, 24, 25]);
  const beirut = localDayAt(createZone("Asia/Beirut"), at("2026-03-29T12:00:00Z"));
  expect(new Date(beirut.startMs).toISOString()).toBe("2026-03-28T22:00:00.000Z");
  expect((beirut.endMs - beirut.startMs) / HOUR_MS).toBe(23);
  expect(localDay(UTC, 10)).toEqual({ number: 10, startMs: 864_000_000, endMs: 950_400_000 });
});

test("days of the week", () => {
  expect([0, 1, 2, 3, 4].map(weekdayOf)).toEqual([4, 5, 6, 0, 1]);
  expect([-4, 0, 2, 3, 4].map(isWeekend)).toEqual([true, false, true, true, false]);
});

test("a zone that does not exist is refused", () => {
  expect(() => createZone("Europe/Atlantis")).toThrow(expect.objectContaining({ code: "ANALYTICS_ZONE_UNKNOWN" }));
});
