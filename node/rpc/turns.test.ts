import { expect, test } from "vitest";
import { createTurns } from "./turns.ts";

test("so many run at once, the others in their order, one more than may wait not at all", async () => {
  const turns = createTurns(2, 3);
  const begun: number[] = [];
  const ends = Array.from({ length: 5 }, () => Promise.withResolvers<number>());
  const results = ends.map(({ promise }, index) =>
    turns.run(() => {
      begun.push(index);
      return promise;
    }),
  );
  expect(turns.run(async () => 9)).toBeUndefined();
  expect(begun).toEqual([]);
  await Promise.resolve();
  await Promise.resolve();
  expect(begun).toEqual([0, 1]);
  ends[1]?.resolve(1);
  expect(await results[1]).toBe(1);
  await Promise.resolve();
  expect(begun).toEqual([0, 1, 2]);
  ends[0]?.reject(new Error("it failed"));
  await expect(results[0]).rejects.toThrow("it failed");
  for (const [index, { resolve }] of ends.entries()) resolve(index);
  expect([await results[2], await results[3], await results[4]]).toEqual([2, 3, 4]);
  expect(begun).toEqual([0, 1, 2, 3, 4]);
  expect(await turns.run(async () => 9)).toBe(9);
});
