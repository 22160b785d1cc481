import { expect, test } from "vitest";
import { FleetDetector, fleetAnomalies } from "./fleet.ts";
import { DEFAULT_SLOT_MS, type Slot } from "./slots.ts";
import { testSlots } from "./testSlots.ts";
import { createZone, UTC } from "./zone.ts";

const HOUR_MS = 3_600_000;
const START_MS = Date.UTC(2013, 2, 11);

/** Meters with a morning and an evening of their own height, `days` long; `skip` leaves slots out, `lateMs` moves habits. */
function fleet(
  meters: number,
  days: number,
  options: {
    readonly skip?: (meter: number, slot: number) => boolean;
    readonly lateMs?: (meter: number, endMs: number) => number;
  } = {},
): readonly Slot[] {
  return Array.from({ length: meters }, (_, meter) => {
    const slots = testSlots(
      Array.from({ length: days * 48 }, () => 0),
      { startMs: START_MS, meterId: `m${meter}` },
    );
    return slots.flatMap((slot, i) => {
      if (options.skip?.(meter, i)) return [];
      const time = (((slot.endMs - (options.lateMs?.(meter, slot.endMs) ?? 0)) / HOUR_MS) % 24) + 24;
      const value = 100_000 + (time % 24 === 7 ? 900_000 + meter * 1000 : 0) + (time % 24 === 19 ? 600_000 : 0);
      return [{ ...slot, value }];
    });
  }).flat();
}

function view(slots: readonly Slot[], zone = UTC) {
  const detector = new FleetDetector("activeEnergyImport", DEFAULT_SLOT_MS, zone);
  for (const slot of slots) detector.put(slot);
  return detector.end();
}

test("a slot that more than a tenth of the meters miss is an outage; a tenth is none", () => {
  const outages = (missing: number) =>
    view(fleet(20, 3, { skip: (meter, slot) => meter < missing && (slot === 70 || slot === 71) })).outages;
  expect(outages(2)).toEqual([]);
  expect(outages(3)).toEqual([
    {
      fromMs: START_MS + 35 * HOUR_MS,
      untilMs: START_MS + 36 * HOUR_MS,
      missing: 3,
      active: 20,
      meterIds: ["m0", "m1", "m2"],
    },
  ]);
});

test("meters that have not begun or have ended are not missing, and few meters make no fleet", () => {
  const skip = (meter: number, slot: number) => (meter < 10 ? slot < 60 : slot > 100);
  expect(view(fleet(20, 3, { skip })).outages).toEqual([]);
  expect(view(fleet(9, 3, { skip: (_, slot) => slot === 70 })).outages).toEqual([]);
});

test("completeness counts slots between the first and the last", () => {
  const { completeness } = view(fleet(1, 2, { skip: (_, slot) => slot < 10 || slot === 50 }));
  expect(completeness).toMatchObject([{ meterId: "m0", expected: 86, present: 85 }]);
});

test("clocks put back in most meters show as one shift of an hour at the midnight of the change", () => {
  const changeMs = START_MS + 20 * 24 * HOUR_MS;
  const late = (share: number) => (meter: number, endMs: number) => (meter < share && endMs > changeMs ? HOUR_MS : 0);
  const { clockShifts } = view(fleet(20, 40, { lateMs: late(15) }));
  expect(clockShifts).toEqual([{ atMs: changeMs, shiftMs: HOUR_MS, shifted: 15, compared: 20 }]);
  expect(view(fleet(20, 40, { lateMs: late(9) })).clockShifts).toEqual([]);
  // Half an hour is no clock error.
  const halfHour = view(fleet(20, 40, { lateMs: (_, endMs) => (endMs > changeMs ? HOUR_MS / 2 : 0) }));
  expect(halfHour.clockShifts).toEqual([]);
});

test("people who follow London's clocks move by the stamps, not in London's time", () => {
  const london = createZone("Europe/London");
  const slots = fleet(12, 40, { lateMs: (_, endMs) => -london.offsetMs(endMs) });
  expect(view(slots).clockShifts).toMatchObject([{ atMs: Date.UTC(2013, 2, 31), shiftMs: -HOUR_MS, shifted: 12 }]);
  expect(view(slots, london).clockShifts).toEqual([]);
});

test("fleet events name their meters and score in thousandths of the fleet", () => {
  const slots = fleet(20, 3, { skip: (meter, slot) => meter < 3 && slot === 70 });
  expect(fleetAnomalies("activeEnergyImport", view(slots))).toMatchObject([
    {
      kind: "outage",
      score: 150,
      meterId: undefined,
      details: { missing: 3, active: 20, meterIds: ["m0", "m1", "m2"] },
    },
  ]);
});
