import { expect, test } from "vitest";
import type { Reading } from "#storage/types/reading.ts";
import { testReading } from "../meter/testReadings.ts";
import { logReadings } from "./logReadings.ts";

const SLOT_MS = 1_800_000;
const at = (slot: number, fields: Partial<Reading> = {}): Reading =>
  testReading(slot * SLOT_MS, { kind: "interval", phase: 0, periodMs: SLOT_MS, receivedMs: slot * SLOT_MS, ...fields });

async function slotsOf(log: readonly Reading[], meterId?: string): Promise<string[]> {
  const looks: object[] = [];
  const found: string[] = [];
  async function* scan(range: { readonly meterId?: string }) {
    looks.push(range);
    yield* log.filter((reading) => range.meterId === undefined || reading.meterId === range.meterId);
  }
  for await (const reading of logReadings(scan, meterId, { afterMs: 0 }))
    found.push(`${reading.meterId} ${reading.timestampMs / SLOT_MS} ${reading.value}`);
  expect(looks).toEqual(Array(2).fill(meterId === undefined ? { afterMs: 0 } : { afterMs: 0, meterId }));
  return found;
}

test("what came late is in its place, and nothing is there twice", async () => {
  const log = [1, 2, 6, 3, 7, 5, 4, 8].map((slot) => at(slot, { meterId: "m", value: slot }));
  expect(await slotsOf(log, "m")).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map((slot) => `m ${slot} ${slot}`));
});

test("of a time that is there twice the first comes first, and the other right behind it", async () => {
  const log = [at(1, { value: 1 }), at(2, { value: 2 }), at(2, { value: 3 }), at(3), at(1, { value: 4 })];
  const values = (await slotsOf(log.map((reading) => ({ ...reading, meterId: "m" })))).map(
    (each) => each.split(" ")[2],
  );
  expect(values.slice(0, 4)).toEqual(["1", "4", "2", "3"]);
});

test("series are by time each, whatever stands between them", async () => {
  const log = [at(1, { meterId: "a" }), at(2, { meterId: "b" }), at(3, { meterId: "a" }), at(1, { meterId: "b" })];
  const found = (await slotsOf(log)).map((each) => each.split(" ").slice(0, 2).join(" "));
  expect(found.filter((each) => each.startsWith("a"))).toEqual(["a 1", "a 3"]);
  expect(found.filter((each) => each.startsWith("b"))).toEqual(["b 1", "b 2"]);
});

test("registers, single phases and times of a clock that runs ahead are left out", async () => {
  const log = [
    at(1, { kind: "register", periodMs: 0 }),
    at(2, { phase: 1 }),
    at(900, { receivedMs: 3 * SLOT_MS }),
    at(4, { meterId: "m", value: 4 }),
  ];
  expect(await slotsOf(log)).toEqual(["m 4 4"]);
});
