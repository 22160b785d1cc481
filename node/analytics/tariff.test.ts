import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { readLclTariff } from "./lclTariff.ts";
import { bandDurations, deriveSchedule, TariffReader, tariffText, usualBand } from "./tariff.ts";
import { readWeeklyTariff } from "./weeklyTariff.ts";
import { createZone, UTC } from "./zone.ts";

const HOUR_MS = 3_600_000;
const LONDON = createZone("Europe/London");
const at = (text: string) => Date.parse(text);

function file(name: string): string {
  return readFileSync(new URL(`./testdata/${name}`, import.meta.url), "utf8");
}

test("in spring two rows of the London tariff have no place, and the others move by an hour against UTC", () => {
  const text = file("tariff-march.csv");
  const { schedule, skipped, repeated, rows } = readLclTariff(text, LONDON, "march");
  expect({ skipped, repeated, rows }).toEqual({ skipped: 2, repeated: 0, rows: 2016 });
  expect(schedule.untilMs - (schedule.entries[0]?.fromMs ?? 0)).toBe((42 * 24 - 1) * HOUR_MS);
  const reader = new TariffReader(schedule);
  for (const line of text.trim().split("\n").slice(1)) {
    const [time = "", band] = line.split(",");
    const localMs = Date.parse(`${time.replace(" ", "T")}Z`);
    if (/^2013-03-31 01/.test(time)) continue;
    const utcMs = localMs - (localMs >= at("2013-03-31T01:00:00Z") ? HOUR_MS : 0);
    expect(reader.bandAt(utcMs), time).toBe(band);
  }
  expect([...bandDurations(schedule).keys()].sort()).toEqual(["High", "Low", "Normal"]);
  expect(usualBand(schedule)).toBe("Normal");
});

test("in autumn the repeated hour has its band twice", () => {
  const { schedule, skipped, repeated } = readLclTariff(file("tariff-october.csv"), LONDON, "october");
  expect({ skipped, repeated }).toEqual({ skipped: 0, repeated: 2 });
  expect(schedule.untilMs - (schedule.entries[0]?.fromMs ?? 0)).toBe((14 * 24 + 1) * HOUR_MS);
});

test("every moment has the band that the local schedule says, and none before, behind and in holes", () => {
  const text = "TariffDateTime,Tariff\n2013-01-01 00:00:00,A\n2013-01-01 00:30:00,B\n2013-01-01 02:00:00,A\n";
  const { schedule } = readLclTariff(text, LONDON, "holes");
  const reader = new TariffReader(schedule);
  const bands = [-1, 0, 29, 30, 59, 60, 119, 120, 149, 150].map((minute) =>
    reader.bandAt(at("2013-01-01T00:00:00Z") + minute * 60_000),
  );
  expect(bands).toEqual(["", "A", "A", "B", "B", "", "", "A", "A", ""]);
  // In any order of asking.
  expect([120, 0, 59, 150, 30].map((minute) => reader.bandAt(at("2013-01-01T00:00:00Z") + minute * 60_000))).toEqual([
    "A",
    "A",
    "B",
    "",
    "B",
  ]);
});

test("the hash covers bands, times, zone and edition of the time zone database", () => {
  const derive = (zone = UTC, band = "A", untilMs = HOUR_MS) =>
    deriveSchedule(zone, { fromMs: 0, untilMs, stepMs: HOUR_MS }, () => band);
  const hashes = [
    derive(),
    derive({ ...UTC, tzdataVersion: "1999z" }),
    derive({ ...UTC, id: "Etc/UTC" }),
    derive(UTC, "B"),
    derive(UTC, "A", 2 * HOUR_MS),
  ].map(({ hash }) => Buffer.from(hash).toString("hex"));
  expect(new Set(hashes).size).toBe(5);
  expect(derive().hash).toEqual(derive().hash);
  expect(tariffText({ ...derive(), tzdataVersion: "2025b" })).toBe(
    "energy-ledger tariff 1\nUTC\n2025b\n3600000\n0 A\n",
  );
});

test.each([
  ["another header", "Time,Tariff\n2013-01-01 00:00:00,A\n", 0],
  ["no rows", "TariffDateTime,Tariff\n", 0],
  ["a day that is none", "TariffDateTime,Tariff\n2013-02-30 00:00:00,A\n", 1],
  ["a quarter of an hour", "TariffDateTime,Tariff\n2013-02-03 00:15:00,A\n", 1],
  ["minute 60", "TariffDateTime,Tariff\n2013-02-03 00:60:00,A\n", 1],
  ["a band with a space", "TariffDateTime,Tariff\n2013-02-03 00:00:00,A B\n", 1],
  ["two bands at once", "TariffDateTime,Tariff\n2013-02-03 00:00:00,A\n2013-02-03 00:00:00,B\n", 2],
  ["only a skipped hour", "TariffDateTime,Tariff\n2013-03-31 01:00:00,A\n", 0],
  ["rows decades apart", "TariffDateTime,Tariff\n1971-01-01 01:00:00,A\n2013-01-01 00:00:00,A\n", 0],
])("a tariff file with %s is refused and says where", (_name, text, row) => {
  expect(() => readLclTariff(text, LONDON, "f.csv")).toThrow(
    expect.objectContaining({ code: "TARIFF_MALFORMED", details: expect.objectContaining({ file: "f.csv", row }) }),
  );
});

test("a weekly tariff: nights run into the next day, weekends differ, clocks change", () => {
  const weekly = {
    from: "2013-03-25",
    until: "2013-04-08",
    default: "Day",
    windows: [
      { band: "Night", from: "23:30", until: "06:30" },
      { band: "Weekend", days: ["sat", "sun"], from: "06:30", until: "23:30" },
    ],
  };
  const schedule = readWeeklyTariff(weekly, LONDON, "w.json");
  const reader = new TariffReader(schedule);
  const band = (text: string) => reader.bandAt(at(text));
  expect(band("2013-03-28T06:15:00Z")).toBe("Night");
  expect(band("2013-03-28T06:30:00Z")).toBe("Day");
  expect(band("2013-03-30T12:00:00Z")).toBe("Weekend");
  // From the 31st on London is an hour ahead.
  expect(band("2013-04-03T05:15:00Z")).toBe("Night");
  expect(band("2013-04-03T05:30:00Z")).toBe("Day");
  expect(band("2013-04-07T23:15:00Z")).toBe("");
  const nightHours = (bandDurations(schedule).get("Night") ?? 0) / HOUR_MS;
  expect(nightHours).toBe(14 * 7 - 1);
});

test.each([
  ["no object", 7],
  ["dates in the wrong order", { from: "2013-04-01", until: "2013-03-01", default: "A", windows: [] }],
  ["a date that is none", { from: "2013-02-30", until: "2013-03-05", default: "A", windows: [] }],
  ["a time off the grid", weeklyWith({ band: "B", from: "01:10", until: "02:00" })],
  ["a time after midnight", weeklyWith({ band: "B", from: "01:00", until: "24:15" })],
  ["a day that is none", weeklyWith({ band: "B", days: ["day"], from: "01:00", until: "02:00" })],
  ["a band that is none", weeklyWith({ band: "", from: "01:00", until: "02:00" })],
])("a weekly tariff with %s is refused", (_name, value) => {
  expect(() => readWeeklyTariff(value, LONDON, "w.json")).toThrow(
    expect.objectContaining({ code: "TARIFF_MALFORMED" }),
  );
});

function weeklyWith(window: object) {
  return { from: "2013-01-01", until: "2013-02-01", default: "A", windows: [window] };
}
