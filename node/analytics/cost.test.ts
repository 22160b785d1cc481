import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { CostTally } from "./cost.ts";
import { readLclTariff } from "./lclTariff.ts";
import { formatMoney, LCL_RATES, readRates } from "./rates.ts";
import { csvReadings } from "./readingsInput.ts";
import { ShiftTally } from "./shift.ts";
import { type Slot, slotsOf } from "./slots.ts";
import { deriveSchedule } from "./tariff.ts";
import { testSlots, times } from "./testSlots.ts";
import { createZone, UTC } from "./zone.ts";

const HOUR_MS = 3_600_000;
const START_MS = Date.UTC(2026, 0, 5);
const LONDON = createZone("Europe/London");
const path = (name: string) => fileURLToPath(new URL(`./testdata/${name}`, import.meta.url));

/** High from 17:00 to 19:00 UTC, else Normal. */
const EVENINGS = deriveSchedule(
  UTC,
  { fromMs: START_MS, untilMs: START_MS + 365 * 24 * HOUR_MS, stepMs: HOUR_MS },
  (ms) => ([17, 18].includes(new Date(ms).getUTCHours()) ? "High" : "Normal"),
);

test("a reading belongs to the band of the half hour before its stamp", () => {
  const tally = new CostTally({ schedule: EVENINGS, rates: LCL_RATES });
  const bands = testSlots(times(48, 100_000)).map((slot) => tally.put(slot));
  expect(bands.flatMap((band, i) => (band === "High" ? [i / 2] : []))).toEqual([17, 17.5, 18, 18.5]);
});

test("energy and cost are exact however many readings there are", () => {
  const tally = new CostTally({ schedule: EVENINGS, rates: LCL_RATES });
  // 8.9e15 mWh a slot: the sum leaves the safe integers with the second.
  for (const slot of testSlots(times(48, 8_900_000_000_000_001))) tally.put(slot);
  const [bill] = tally.bills();
  expect(bill?.energyMwh).toBe(48n * 8_900_000_000_000_001n);
  expect(bill?.bands.map(({ band, slots }) => [band, slots])).toEqual([
    ["High", 4],
    ["Normal", 44],
  ]);
  expect(bill?.costNano).toBe((4n * 67_200n + 44n * 11_760n) * 8_900_000_000_000_001n);
  expect(bill?.flatCostNano).toBe(48n * 14_228n * 8_900_000_000_000_001n);
});

test("bills are cut by local days and months; a day of a clock change has 46 half hours", async () => {
  const { schedule } = readLclTariff(readFileSync(path("tariff-march.csv"), "utf8"), LONDON, "march");
  const slots: Slot[] = [];
  const signal = new AbortController().signal;
  for await (const slot of slotsOf(csvReadings([path("lcl-tou-march.csv.gz")], { signal, nowMs: () => 0 })))
    slots.push(slot);
  const billsOf = (period: "day" | "month" | "all") => {
    const tally = new CostTally({ schedule, rates: LCL_RATES, zone: LONDON, period });
    for (const slot of slots) tally.put(slot);
    return tally.bills();
  };
  const slotsIn = (bill: ReturnType<typeof billsOf>[number] | undefined) =>
    bill?.bands.reduce((sum, band) => sum + band.slots, 0);
  const dayBills = billsOf("day");
  expect(slotsIn(dayBills.find(({ period }) => period === "2013-03-31"))).toBe(46);
  expect(slotsIn(dayBills.find(({ period }) => period === "2013-03-30"))).toBe(48);
  const [whole] = billsOf("all");
  expect(billsOf("month").map(({ period }) => period)).toEqual(["2013-02", "2013-03", "2013-04"]);
  for (const period of ["day", "month"] as const)
    expect(billsOf(period).reduce((sum, { costNano }) => sum + costNano, 0n)).toBe(whole?.costNano);
});

test("London homes at both clock changes cost what an independent join of wall clocks says", async () => {
  for (const month of ["march", "october"]) {
    const tariff = readFileSync(path(`tariff-${month}.csv`), "utf8");
    const { schedule } = readLclTariff(tariff, LONDON, month);
    const wallClock = new Map(
      tariff
        .trim()
        .split("\n")
        .slice(1)
        .map((line) => line.split(",") as [string, string]),
    );
    const format = new Intl.DateTimeFormat("sv-SE", {
      timeZone: "Europe/London",
      dateStyle: "short",
      timeStyle: "medium",
    });
    const tally = new CostTally({ schedule, rates: LCL_RATES, zone: LONDON });
    const expected = new Map<string, bigint>();
    const signal = new AbortController().signal;
    for await (const slot of slotsOf(csvReadings([path(`lcl-tou-${month}.csv.gz`)], { signal, nowMs: () => 0 }))) {
      tally.put(slot);
      const band = wallClock.get(format.format(slot.endMs - slot.periodMs)) ?? "";
      expected.set(band, (expected.get(band) ?? 0n) + BigInt(slot.value));
    }
    const [bill] = tally.bills();
    const got = new Map(bill?.bands.map(({ band, energyMwh }) => [band, energyMwh]));
    if ((bill?.unbanded.slots ?? 0) > 0) got.set("", bill?.unbanded.energyMwh as bigint);
    expect(Object.fromEntries(got)).toEqual(Object.fromEntries(expected));
  }
});

test("readings without a band are in no sum, those across two bands are counted", () => {
  const tally = new CostTally({ schedule: EVENINGS, rates: LCL_RATES });
  for (const slot of testSlots([1000, 2000], { startMs: START_MS - HOUR_MS / 2 })) tally.put(slot);
  for (const slot of testSlots([5000], { periodMs: 24 * HOUR_MS })) tally.put(slot);
  expect(tally.bills()).toMatchObject([
    { energyMwh: 7000n, unbanded: { slots: 1, energyMwh: 1000n }, straddling: 1, bands: [{ band: "Normal" }] },
  ]);
});

test("the meter's own tariff registers are priced as they are, beside no schedule", () => {
  const rates = readRates({ currency: "EUR", bands: { T1: "20.5", T2: "31" } }, "r.json");
  const tally = new CostTally({ rates });
  for (const tariff of [1, 2]) for (const slot of testSlots(times(2, 1_000_000), { tariff })) tally.put(slot);
  for (const slot of testSlots(times(2, 1_000_000))) expect(tally.put(slot)).toBeUndefined();
  const [bill, ...others] = tally.bills();
  expect(others).toEqual([]);
  expect(bill).toMatchObject({ basis: "registers", energyMwh: 4_000_000n, flatCostNano: undefined });
  expect(formatMoney(bill?.costNano ?? 0n)).toBe("1.03");
});

test("a band without a rate is refused before anything is added up", () => {
  const rates = readRates({ currency: "EUR", bands: { Normal: "20" } }, "r.json");
  expect(() => new CostTally({ schedule: EVENINGS, rates })).toThrow(
    expect.objectContaining({ code: "TARIFF_RATE_MISSING", details: expect.objectContaining({ band: "High" }) }),
  );
});

test.each([
  [null],
  [{ currency: "GBP" }],
  [{ currency: "pounds", bands: {} }],
  [{ currency: "GBP", bands: { A: 67.2 } }],
  [{ currency: "GBP", bands: { A: "67.2001" } }],
  [{ currency: "GBP", bands: { A: "-1" } }],
  [{ currency: "GBP", bands: { A: "10000.001" } }],
  [{ currency: "GBP", bands: { "A B": "1" } }],
  [{ currency: "GBP", bands: {}, flat: "" }],
])("rates %j are refused", (value) => {
  expect(() => readRates(value, "r.json")).toThrow(expect.objectContaining({ code: "TARIFF_MALFORMED" }));
});

test("money is rounded half to even, once, where it is shown", () => {
  const pence = 1_000_000_000n;
  expect(
    [0n, pence / 2n, (3n * pence) / 2n, -pence / 2n, -2n * pence, 40_133n * pence + 500_000_001n].map(formatMoney),
  ).toEqual(["0.00", "0.00", "0.02", "0.00", "-0.02", "401.34"]);
});

test("a home that halves its evenings against its own four weeks has shifted; the usual hours are the measure", () => {
  const tally = new ShiftTally(UTC, "Normal");
  // Four weeks all Normal; then every evening High, used by half, while the whole home uses a tenth more.
  const slots = testSlots(
    Array.from({ length: 35 * 48 }, (_, i) => {
      const evening = [34, 35, 36, 37].includes(i % 48);
      if (i < 28 * 48) return 200_000;
      return evening ? 110_000 : 220_000;
    }),
  );
  for (const [i, slot] of slots.entries())
    tally.put(slot, i >= 28 * 48 && [34, 35, 36, 37].includes(i % 48) ? "High" : "Normal");
  const [shift] = tally.shifts();
  const high = shift?.bands.find(({ band }) => band === "High");
  expect(high).toMatchObject({ slots: 28, energyMwh: 28n * 110_000n, baselineMwh: 28n * 200_000n });
  // Less than the half of what it was, because Normal hours rose; baselines of these rise with them.
  expect(high?.response).toBeLessThan(-450);
  expect(high?.response).toBeGreaterThan(-500);
  expect(tally.total()).toEqual(shift?.bands);
});

test("offers do not become habit, and without enough of a past there is no baseline", () => {
  const tally = new ShiftTally(UTC, "Normal");
  for (const slot of testSlots(times(60 * 48, 200_000))) tally.put(slot, "High");
  expect(tally.shifts()).toEqual([{ meterId: "m1", bands: [] }]);
});
