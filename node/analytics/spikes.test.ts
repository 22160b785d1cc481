import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { detectAnomalies } from "./anomalies.ts";
import { csvReadings } from "./readingsInput.ts";
import { type Slot, slotsOf } from "./slots.ts";
import { SPIKE_RULE, type Spike, SpikeDetector } from "./spikes.ts";
import { asyncOf, collect, testSlots, times } from "./testSlots.ts";
import { createZone, UTC } from "./zone.ts";

const PEAKS = fileURLToPath(new URL("./testdata/lcl-peaks.csv.gz", import.meta.url));
const DAY = times(48, 200_000);

function spikesOf(slots: Iterable<Slot>): readonly Spike[] {
  const detector = new SpikeDetector(UTC);
  return [...[...slots].map((slot) => detector.put(slot)), detector.end()].filter((spike) => spike !== undefined);
}

/** 40 days of 200 Wh, from a Monday on, with values in place of some. */
function days(changes: Readonly<Record<number, number | undefined>>, count = 40): readonly Slot[] {
  const values: (number | undefined)[] = times(count, DAY).flat();
  for (const [index, value] of Object.entries(changes)) values[Number(index)] = value;
  return testSlots(values);
}

/** 07:30 to 08:00 of a Friday, day 32. */
const FRIDAY_MORNING = 32 * 48 + 15;

test("a single reading far above the usual one is isolated, with its score in thousandths", () => {
  const [spike, ...others] = spikesOf(days({ [FRIDAY_MORNING]: 2_200_000 }));
  expect(others).toEqual([]);
  // (2200 - 200) / 50 Wh = 40
  expect(spike).toMatchObject({ type: "isolated", score: 40_000, usual: 200_000, before: 200_000, after: 200_000 });
});

test("z of exactly 8 is not suspect, the least above it is", () => {
  expect(spikesOf(days({ [FRIDAY_MORNING]: 600_000 }))).toEqual([]);
  expect(spikesOf(days({ [FRIDAY_MORNING]: 600_001 }))).toMatchObject([{ type: "suspect", score: 8000 }]);
});

test("isolated means more than 1.5 kWh in half an hour and more than six times both neighbours", () => {
  const typeOf = (value: number, neighbour: number | undefined, offset = 1) =>
    spikesOf(days({ [FRIDAY_MORNING]: value, [FRIDAY_MORNING + offset]: neighbour })).find(
      ({ slot }) => slot.value === value,
    )?.type;
  expect(typeOf(1_500_000, 100_000)).toBe("suspect");
  expect(typeOf(1_500_001, 100_000)).toBe("isolated");
  expect(typeOf(2_400_000, 400_000)).toBe("suspect");
  expect(typeOf(2_400_001, 400_000)).toBe("isolated");
  expect(typeOf(2_400_000, 400_000, -1)).toBe("suspect");
  // A neighbour that is missing proves nothing.
  expect(typeOf(2_400_000, undefined)).toBe("suspect");
  expect(typeOf(2_400_000, undefined, -1)).toBe("suspect");
});

test("the baseline knows weekends from weekdays and says nothing before ten values and ten deviations", () => {
  expect(spikesOf(days({ [27 * 48 + 15]: 2_200_000 }))).toEqual([]);
  // The 20th weekday is day 25; the first with 20 before it day 28.
  expect(spikesOf(days({ [25 * 48 + 15]: 2_200_000 }))).toEqual([]);
  expect(spikesOf(days({ [28 * 48 + 15]: 2_200_000 }))).toHaveLength(1);
});

test("what comes later changes no flag", () => {
  const slots = days({ [FRIDAY_MORNING]: 2_200_000, [FRIDAY_MORNING + 48 * 3]: 5_000_000 });
  const all = spikesOf(slots);
  for (const length of [FRIDAY_MORNING + 2, FRIDAY_MORNING + 100])
    expect(spikesOf(slots.slice(0, length))).toEqual(all.filter(({ slot }) => slots.indexOf(slot) < length - 1));
  expect(all).toHaveLength(2);
});

test("a level seen three times in 60 days is a known load; one of another height is not", () => {
  const peaks = [32, 36, 39].map((day) => [day * 48 + 15, 4_000_000]);
  const level = (day: number, value: number) =>
    spikesOf(days(Object.fromEntries([...peaks, [day * 48 + 15, value]]), 110)).at(-1)?.type;
  expect(level(43, 4_300_000)).toBe("known-load");
  expect(level(43, 4_500_000)).toBe("isolated");
  // The first of the three is then more than 60 days ago.
  expect(level(95, 4_000_000)).toBe("isolated");
  expect(SPIKE_RULE.levelSightings).toBe(3);
});

test("London homes: the readings, and no others, that an independent program in floats finds isolated", async () => {
  const readings = csvReadings([PEAKS], { signal: new AbortController().signal, nowMs: () => 0 });
  const found = await collect(detectAnomalies(slotsOf(readings)));
  const spikes = found.filter(({ kind }) => ["spike", "known-load", "suspect"].includes(kind));
  expect(spikes.filter(({ meterId }) => meterId === "lcl:MAC000178")).toHaveLength(18);
  expect(spikes.filter(({ meterId }) => meterId === "lcl:MAC000320")).toHaveLength(81);
  const isolated = spikes.filter(({ kind }) => kind !== "suspect");
  const shown = isolated.map(({ meterId, untilMs, score, details }) =>
    [meterId?.slice(-3), new Date(untilMs).toISOString().slice(5, 16), score, Number(details.value) / 1000].join(" "),
  );
  expect(shown).toEqual([
    "178 01-30T08:00 77920 4023",
    "178 02-04T06:00 53020 2753",
    "178 03-04T08:30 48382 3751",
    "178 03-07T09:30 65330 3367",
    "178 03-15T06:00 92330 4732",
    "320 03-20T07:00 43333 2703",
    "320 03-22T09:30 74960 3772",
    "320 03-28T22:30 42140 2203",
    "320 03-29T10:30 87420 4403",
    "320 04-01T16:30 105170 5283",
    "320 04-02T18:30 49870 2531",
    "320 04-03T05:00 35145 3048",
    "320 04-12T05:00 24341 3162",
    "320 04-18T05:30 21538 2785",
    "320 04-18T18:30 18201 1937",
    "320 04-19T05:00 14090 2080",
    "320 04-19T18:30 18926 2009",
    "320 04-22T05:00 13674 2430",
    "320 04-22T18:30 22585 2979",
    "320 05-04T07:00 24303 2876",
  ]);
  expect(isolated.find(({ untilMs }) => untilMs === Date.UTC(2013, 2, 15, 6))?.details).toEqual({
    value: 4_732_000,
    usual: 115_500,
    before: 683_000,
    after: 338_000,
  });
});

test("in local time habits stay where they are when clocks change", async () => {
  // A kettle at 07:00 to 07:30 London time, every day of 2013's first half.
  const london = createZone("Europe/London");
  const slots = testSlots(times(150 * 48, 100_000), { startMs: Date.UTC(2013, 0, 1) }).map((slot) => {
    const local = slot.endMs + london.offsetMs(slot.endMs);
    return local % 86_400_000 === 7.5 * 3_600_000 ? { ...slot, value: 1_600_000 } : slot;
  });
  expect(await collect(detectAnomalies(asyncOf(slots), { zone: london }))).toEqual([]);
  expect(await collect(detectAnomalies(asyncOf(slots), { zone: UTC }))).not.toEqual([]);
});
