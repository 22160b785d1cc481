import fc from "fast-check";
import { expect, test } from "vitest";
import { floorOf, Histogram } from "./histogram.ts";
import { sparkline, svgPlot } from "./plot.ts";
import { compareTypicalDays, ProfileTally } from "./profile.ts";
import type { Slot } from "./slots.ts";
import { testSlots, times } from "./testSlots.ts";
import { createZone, UTC } from "./zone.ts";

const HOUR_MS = 3_600_000;
const LONDON = createZone("Europe/London");

function profileOf(slots: readonly Slot[], zone = UTC) {
  const tally = new ProfileTally("activeEnergyImport", zone);
  for (const slot of slots) tally.put(slot);
  return tally.profile();
}

test("days of a clock change have 46 and 50 half hours, and are complete with them", () => {
  const spring = profileOf(testSlots(times(3 * 48 - 2, 10), { startMs: Date.UTC(2013, 2, 30) }), LONDON);
  expect(spring.days.map(({ date, present, expected, total }) => [date, present, expected, total])).toEqual([
    ["2013-03-30", 48, 48, 480n],
    ["2013-03-31", 46, 46, 460n],
    ["2013-04-01", 48, 48, 480n],
  ]);
  expect(spring).toMatchObject({ present: 142, expected: 142, total: 1420n });
  const autumn = profileOf(testSlots(times(50, 10), { startMs: Date.UTC(2013, 9, 26, 23) }), LONDON);
  expect(autumn.days).toMatchObject([{ date: "2013-10-27", present: 50, expected: 50 }]);
  // 01:00 and 01:30 were there twice.
  expect(autumn.weekend.filter(({ count }) => count === 2).map(({ timeMs }) => timeMs / HOUR_MS)).toEqual([1, 1.5]);
});

test("a morning at seven stays at seven in local time", () => {
  const slots = testSlots(times(120 * 48, 0), { startMs: Date.UTC(2013, 1, 1) }).map((slot) => {
    const startMs = slot.endMs - slot.periodMs;
    return (startMs + LONDON.offsetMs(startMs)) % (24 * HOUR_MS) === 7 * HOUR_MS ? { ...slot, value: 900 } : slot;
  });
  const used = (zone: typeof UTC) =>
    profileOf(slots, zone).weekday.flatMap(({ timeMs, mean }) => (mean > 0 ? [timeMs / HOUR_MS] : []));
  expect(used(LONDON)).toEqual([7]);
  expect(used(UTC)).toEqual([6, 7]);
});

test("missing slots and missing days lower completeness", () => {
  const values = [...times(48, 1), ...times(48, undefined), ...times(47, 1)];
  expect(profileOf(testSlots(values))).toMatchObject({ present: 95, expected: 144 });
});

test("means and percentiles are per time of day and day type", () => {
  // Four weeks from a Monday; at 00:00 weekdays count up, weekends have 1000.
  const slots = testSlots(
    Array.from({ length: 28 * 48 }, (_, i) => {
      const day = Math.floor(i / 48);
      return i % 48 === 0 ? (day % 7 > 4 ? 1000 : day) : 7;
    }),
  );
  const { weekday, weekend } = profileOf(slots);
  // 0–4, 7–11, 14–18, 21–25: twenty values
  expect(weekday[0]).toEqual({ timeMs: 0, count: 20, mean: 12, percentiles: [0, 4, 11, 18, 24] });
  expect(weekend[0]).toMatchObject({ count: 8, mean: 1000 });
  expect(weekday).toHaveLength(48);
  expect(compareTypicalDays(weekend, weekday)[0]).toEqual({ timeMs: 0, mean: 1000, otherMean: 12, difference: 82_333 });
  expect(compareTypicalDays(weekend, weekday)[1]?.difference).toBe(0);
});

test("slots of two lengths are refused rather than mixed", () => {
  const tally = new ProfileTally("activeEnergyImport", UTC);
  for (const slot of testSlots([1])) tally.put(slot);
  expect(() => tally.put({ ...(testSlots([1])[0] as Slot), periodMs: HOUR_MS })).toThrow(
    expect.objectContaining({ code: "ANALYTICS_OPTION_INVALID" }),
  );
});

test("percentiles are within 0.8 % below the exact ones", () => {
  const values = fc.array(fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }), { minLength: 1, maxLength: 200 });
  fc.assert(
    fc.property(values, fc.integer({ min: 1, max: 100 }), (all, part) => {
      const histogram = new Histogram();
      for (const value of all) histogram.add(value);
      const exact = all.toSorted((a, b) => a - b)[Math.ceil((part * all.length) / 100) - 1] as number;
      const [shown = -1] = histogram.percentiles([part]) ?? [];
      expect(shown).toBe(floorOf(exact));
      expect(exact - shown).toBeLessThanOrEqual(exact / 128);
    }),
  );
  expect([0, 255, 256, 257, 511, 512, -257].map(floorOf)).toEqual([0, 255, 256, 256, 510, 512, -256]);
  expect(new Histogram().percentiles([50])).toBeUndefined();
});

test("a sparkline has one character per value", () => {
  expect(sparkline([0, 1, 4, 8, undefined, 8])).toBe("▁▁▄█ █");
  expect(sparkline([0, 0])).toBe("▁▁");
});

test("a plot is one SVG file in which texts cannot become markup", () => {
  const points = [0, 1, 2].map((x) => ({ x, y: x * 3, low: x, high: x * 4 }));
  const svg = svgPlot({
    title: 'meter <a>"&',
    unit: "Wh",
    lines: [{ name: "mean", colour: "#06c", points }],
    bands: [{ name: "5–95 %", colour: "#06c", points }],
    ticks: [{ x: 0, label: "0:00" }],
  });
  expect(svg).toMatch(/^<svg [^>]*>\n/);
  expect(svg).toContain("meter &#60;a&#62;&#34;&#38;, Wh");
  expect(svg.match(/<polyline|<polygon/g)).toEqual(["<polygon", "<polyline"]);
  expect(svg).not.toContain("NaN");
  expect(svg).not.toMatch(/script|href|url\(/);
});
