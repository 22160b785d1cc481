import { expect, test } from "vitest";
import { createZone, isWallTime, type WallTime, type Zone } from "./zoneTime.ts";

const HOUR_MS = 3_600_000;

function wall(text: string): WallTime {
  const [year, month, day, hour, minute, second] = text.split(/[-T:]/).map(Number) as number[];
  return { year, month, day, hour, minute, second } as WallTime;
}

function utcOf(zone: string, text: string): string {
  const { utcMs, isAmbiguous } = (createZone(zone) as Zone).toUtc(wall(text));
  return `${new Date(utcMs).toISOString()}${isAmbiguous ? " ?" : ""}`;
}

test.each([
  ["Europe/Amsterdam", "2020-01-25T13:09:30", "2020-01-25T12:09:30.000Z"],
  ["Europe/Amsterdam", "2020-07-25T13:09:30", "2020-07-25T11:09:30.000Z"],
  ["Europe/Amsterdam", "2020-10-25T01:59:59", "2020-10-24T23:59:59.000Z"],
  ["Europe/Amsterdam", "2020-10-25T02:00:00", "2020-10-25T00:00:00.000Z ?"],
  ["Europe/Amsterdam", "2020-10-25T02:59:59", "2020-10-25T00:59:59.000Z ?"],
  ["Europe/Amsterdam", "2020-10-25T03:00:00", "2020-10-25T02:00:00.000Z"],
  ["Europe/Amsterdam", "2020-03-29T01:59:59", "2020-03-29T00:59:59.000Z"],
  ["Europe/Amsterdam", "2020-03-29T02:30:00", "2020-03-29T01:30:00.000Z ?"],
  ["Europe/Amsterdam", "2020-03-29T03:00:00", "2020-03-29T01:00:00.000Z"],
  ["Europe/Dublin", "2021-02-01T12:00:00", "2021-02-01T12:00:00.000Z"],
  ["Europe/Dublin", "2021-07-01T12:00:00", "2021-07-01T11:00:00.000Z"],
  ["Europe/Dublin", "2021-10-31T01:30:00", "2021-10-31T00:30:00.000Z ?"],
  ["Etc/GMT-1", "2017-09-12T23:18:42", "2017-09-12T22:18:42.000Z"],
  ["Australia/Lord_Howe", "2021-04-04T01:45:00", "2021-04-03T14:45:00.000Z ?"],
])("in %s %s is %s", (zone, text, expected) => {
  expect(utcOf(zone, text)).toBe(expected);
});

test("every hour of a year comes back, but for the two that the clocks change", () => {
  const zone = createZone("Europe/Amsterdam") as Zone;
  const [from, until] = [Date.UTC(2021, 0, 1), Date.UTC(2022, 0, 1)];
  let ambiguous = 0;
  for (let utcMs = from; utcMs < until; utcMs += HOUR_MS) {
    const local = new Date(utcMs + zone.offsetMs(utcMs)).toISOString().slice(0, 19);
    const back = zone.toUtc(wall(local));
    if (back.isAmbiguous) ambiguous += 1;
    else expect(back.utcMs).toBe(utcMs);
  }
  expect(ambiguous).toBe(2);
});

test("a zone that nobody knows is none", () => {
  expect(createZone("Europe/Atlantis")).toBeUndefined();
});

test.each([
  "2021-02-29T00:00:00",
  "2021-13-01T00:00:00",
  "2021-01-01T24:00:00",
  "1969-12-31T00:00:00",
  "2021-00-01T00:00:00",
])("%s is no time of the calendar", (text) => {
  expect(isWallTime(wall(text))).toBe(false);
});

test("the 29th of February of a leap year is a day", () => {
  expect(isWallTime(wall("2024-02-29T23:59:59"))).toBe(true);
});
