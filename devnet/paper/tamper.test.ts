import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openLevelStore } from "#storage/db/levelStore.ts";
import { createLevelReadingStore } from "#storage/offchain/levelReadingStore.ts";
import { type Block, dataHash } from "#storage/types/block.ts";
import { seededRandom } from "./random.ts";
import { createPaperLoad } from "./readings.ts";
import { tamperReadings, tamperRecords } from "./tamper.ts";

test("changed records of a block are each found, and no others", () => {
  const txs = Array.from({ length: 50 }, (_, i) => Buffer.from(`transaction ${i}`));
  const block = { header: { dataHash: dataHash(txs) }, txs } as unknown as Block;
  const random = seededRandom(1, "test");
  expect(tamperRecords(block, random)).toMatchObject({ trials: 10, detected: 10, located: 10, inDoubt: 1 });
  expect(tamperRecords(block, random, 2)).toMatchObject({ detected: 10, located: 10, inDoubt: 2 });
});

test("readings are changed in the store itself, one bit or two with one sum, and are what they were afterwards", async () => {
  const folder = mkdtempSync(join(tmpdir(), "energy-tamper-"));
  const level = await openLevelStore(folder);
  const store = createLevelReadingStore(level);
  try {
    const load = createPaperLoad(1, 5_000);
    const readings = Array.from({ length: 60 }, (_, sample) => load(0, sample));
    await store.put(readings);
    const of = { level, store, readings, random: seededRandom(1, "test") };
    const changed = (rows: readonly { value: number }[]) =>
      rows.flatMap(({ value }, index) => (value === readings[index]?.value ? [] : [index]));
    const sum = (rows: readonly { value: number }[]) => rows.reduce((total, { value }) => total + value, 0);
    const sameSum = (rows: readonly { value: number }[]) => (sum(rows) === sum(readings) ? [] : [0, 1, 2]);
    expect(await tamperReadings(of, "reading", changed)).toMatchObject({ detected: 10, located: 10, inDoubt: 1 });
    expect(await tamperReadings(of, "pair", changed)).toMatchObject({ detected: 10, located: 10, inDoubt: 2 });
    expect(await tamperReadings(of, "reading", sameSum)).toMatchObject({ detected: 10, located: 0, inDoubt: 3 });
    expect(await tamperReadings(of, "pair", sameSum)).toMatchObject({ detected: 0, located: 0, inDoubt: 0 });
    const kept: number[] = [];
    for await (const row of store.read({
      meterId: "paper:0",
      quantity: "activeEnergyImport",
      kind: "interval",
      phase: 0,
      tariff: 0,
    }))
      if (row.type === "reading") kept.push(row.reading.value);
    expect(kept).toStrictEqual(readings.map(({ value }) => value));
  } finally {
    await store.close();
    await level.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
