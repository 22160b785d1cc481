import { expect, test } from "vitest";
import { readingsPerUpdate, updatesPerYear } from "./designs.ts";
import { createGrid } from "./grid.ts";
import { seededRandom, shuffled } from "./random.ts";
import { createPaperLoad, firstInterval } from "./readings.ts";
import { estimateOf, percentilesOf } from "./statistics.ts";

test("an estimate has the half width of Student's t: three values with two degrees of freedom, 4.303 · s / √3", () => {
  const { mean, halfWidth, count } = estimateOf([1, 2, 3]);
  expect({ mean, count }).toStrictEqual({ mean: 2, count: 3 });
  expect(halfWidth).toBeCloseTo(4.303 / Math.sqrt(3), 10);
  expect(estimateOf([4, 4]).halfWidth).toBe(0);
  expect(estimateOf([5]).halfWidth).toBeNaN();
  expect(estimateOf(Array.from({ length: 100 }, (_, i) => i % 2)).halfWidth).toBeCloseTo(
    1.96 * Math.sqrt(25 / 99 / 100),
    10,
  );
});

test("percentiles are BEP-23's, of any order of samples", () => {
  const samples = Array.from({ length: 1000 }, (_, i) => 1000 - i);
  expect(percentilesOf(samples)).toStrictEqual({ p68: 681, p95: 951, p997: 998 });
  expect(percentilesOf([])).toStrictEqual({ p68: 0, p95: 0, p997: 0 });
});

test("a seed gives the same numbers each time, and another seed or purpose others", () => {
  const take = (seed: number, purpose: string) => {
    const random = seededRandom(seed, purpose);
    return Array.from({ length: 100 }, random);
  };
  expect(take(1, "a")).toStrictEqual(take(1, "a"));
  expect(take(1, "a")).not.toStrictEqual(take(2, "a"));
  expect(take(1, "a")).not.toStrictEqual(take(1, "b"));
  expect(take(1, "a").every((value) => value >= 0 && value < 1)).toBe(true);
  const order = shuffled([1, 2, 3, 4, 5, 6, 7, 8], seededRandom(1, "order"));
  expect([...order].sort()).toStrictEqual([1, 2, 3, 4, 5, 6, 7, 8]);
});

test("the grid varies one axis at a time, each cell has its name, and every repetition has all configurations", () => {
  const { base, cells } = createGrid({ isQuick: false, seed: 1 });
  expect(new Set(cells.map(({ name }) => name)).size).toBe(cells.length);
  const axes = ["prosumers", "intervalMs", "sampleMs"] as const;
  for (const cell of cells)
    expect(axes.filter((axis) => cell[axis] !== base[axis]).length, cell.name).toBeLessThanOrEqual(1);
  const namesOf = (repetition: number) =>
    cells
      .filter((cell) => cell.repetition === repetition)
      .map(({ name }) => name.replace(/-r\d+$/, ""))
      .sort();
  expect(namesOf(2)).toStrictEqual(namesOf(1));
  for (const axis of axes) expect(new Set(cells.map((cell) => cell[axis])).size, axis).toBeGreaterThanOrEqual(3);
  expect(createGrid({ isQuick: true, seed: 1 }).cells.length).toBeLessThan(cells.length / 4);
});

test("every design has the same readings; what an update covers is one of them, or those of T_i", () => {
  const plan = { intervalMs: 900_000, sampleMs: 5_000 };
  const load = createPaperLoad(7, plan.sampleMs);
  const interval = firstInterval(load, 7, 3, plan);
  const values = Array.from({ length: 180 }, (_, sample) => load(3, sample).value);
  expect(interval).toMatchObject({ count: 180, sum: BigInt(values.reduce((sum, value) => sum + value, 0)) });
  expect(new Set(values).size).toBeGreaterThan(150);
  expect(createPaperLoad(8, plan.sampleMs)(3, 0).value).not.toBe(load(3, 0).value);
  expect(readingsPerUpdate("raw", plan)).toBe(1);
  expect(readingsPerUpdate("root", plan)).toBe(180);
  expect(updatesPerYear("raw", plan)).toBe(180 * updatesPerYear("bigchaindb", plan));
  expect(updatesPerYear("fingerprint", plan)).toBe(35_040);
});
