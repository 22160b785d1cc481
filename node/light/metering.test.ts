import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { pino } from "pino";
import { expect, onTestFinished, test } from "vitest";
import { createMemoryStore } from "#storage/db/memoryStore.ts";
import { loadMetersFile } from "../meter/metersFile.ts";
import { defaultOptions, type NodeOptions } from "../options.ts";
import { startMetering } from "./metering.ts";
import { openOutbox, type Sealable } from "./outbox.ts";

const CSV = fileURLToPath(new URL("../meter/testdata/lcl-derived.csv", import.meta.url));
const HOUR_MS = 3_600_000;

/** A home with these meters, and a node's metering started on it again and again. */
function newHome(file: object) {
  const home = mkdtempSync(join(tmpdir(), "metering-"));
  onTestFinished(() => rmSync(home, { recursive: true }));
  mkdirSync(join(home, "data"));
  writeFileSync(join(home, "meters.json"), JSON.stringify({ version: 1, ...file }));
  const store = createMemoryStore();
  return {
    async start(change: Partial<NodeOptions> = {}) {
      const outbox = await openOutbox(store);
      const sealed: Sealable[] = [];
      const failed: unknown[] = [];
      const options = { ...defaultOptions({ home, meterIntervalMs: HOUR_MS }), ...change };
      const metering = await startMetering(
        options,
        {
          chainId: "my-ledger",
          meterKey: { type: "ed25519", bytes: new Uint8Array(32).fill(5) },
          metersFile: await loadMetersFile(join(home, "meters.json")),
        },
        {
          outbox,
          enqueue: (items) => sealed.push(...items),
          fail: (error) => failed.push(error),
          log: pino({ level: "silent" }),
        },
      );
      onTestFinished(() => metering[Symbol.asyncDispose]());
      return { metering, outbox, sealed, failed };
    },
  };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

test("the inputs of meters.json are read, their readings logged and sealed, and read again after a restart nothing is there twice", async () => {
  const home = newHome({
    inputs: [{ name: "file", type: "csv", options: { path: CSV } }],
    devices: [{ device: "lcl:*", latenessMs: 0 }],
  });
  const first = await home.start();
  await until(
    () => first.metering.account().accepted > 0 && first.metering.stats().durable === first.metering.account().accepted,
  );
  const { accepted } = first.metering.account();
  await until(() => first.sealed.length > 10);
  await first.metering[Symbol.asyncDispose]();
  const sealedReadings = first.outbox.totals();
  expect(first.sealed.every(({ meterId }) => /^lcl:MAC\d+\/import$/.test(meterId))).toBe(true);

  const again = await home.start();
  await until(() => again.metering.account().rows >= accepted);
  await again.metering[Symbol.asyncDispose]();
  expect(again.metering.account()).toMatchObject({ accepted: 0, duplicates: accepted });
  expect(again.metering.stats()).toMatchObject({ queued: 0, late: 0 });
  expect(again.outbox.totals().intervals).toBe(sealedReadings.intervals);
  expect([first.failed, again.failed]).toEqual([[], []]);
});

test("several inputs feed one pipeline, a device that nobody named is refused and counted, and what is raw is kept unsealed", async () => {
  const home = newHome({
    inputs: [
      { name: "homes", type: "simulator", options: { households: 2, readingMs: 100 } },
      { name: "file", type: "csv", options: { path: CSV } },
    ],
    devices: [{ device: "sim:H0000", channels: { import: "stored" } }, { device: "sim:H0001" }],
  });
  const { metering, failed } = await home.start({ meterSyncMs: 20 });
  await until(() => (metering.channels()?.delta ?? 0) > 4);
  await metering[Symbol.asyncDispose]();
  const { rejected, rows, accepted, duplicates } = metering.account();
  expect(rejected["unknown-meter"]).toBeGreaterThan(0);
  expect(rows).toBe(accepted + duplicates + Object.values(rejected).reduce((sum, count) => sum + count, 0));
  const { stored, durable } = metering.stats();
  expect(stored).toBeGreaterThan(2);
  expect(durable).toBe(accepted);
  expect(metering.log()).toMatchObject({ isFull: false, thinned: 0 });
  expect(failed).toEqual([]);
});

test("a file that brings a time before the first sealed interval and one between two is kept, and listed with why, also after a restart", async () => {
  const folder = mkdtempSync(join(tmpdir(), "metering-csv-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, "late.csv");
  const write = (...times: readonly string[]) =>
    writeFileSync(
      path,
      `LCLid,tstp,energy(kWh/hh)\n${times.map((time) => `MAC000002,2013-01-${time}:00, 0.1 \n`).join("")}`,
    );
  const home = newHome({
    inputs: [{ name: "file", type: "csv", options: { path } }],
    devices: [{ device: "lcl:*", latenessMs: 0 }],
  });
  write("10 12:30", "10 13:00", "12 12:30", "12 13:00");
  const first = await home.start();
  await until(() => first.sealed.length === 2);
  await first.metering[Symbol.asyncDispose]();

  write("09 00:30", "09 01:00", "11 00:30");
  const second = await home.start({ meterAmendAfterMs: 0 });
  const { metering } = second;
  await until(() => metering.unsealed().length === 2);
  const at = (time: string) => Date.parse(`2013-01-${time}:00Z`);
  const meterId = "lcl:MAC000002/import";
  const expected = [
    { meterId, reason: "before-first-interval", readings: 2, fromMs: at("09T00:30"), toMs: at("09T01:00") },
    { meterId, reason: "gap", readings: 1, fromMs: at("11T00:30"), toMs: at("11T00:30") },
  ];
  expect(metering.unsealed()).toEqual(expected);
  expect(metering.stats()).toMatchObject({ late: 3, amended: 0, orphaned: 3 });
  await metering[Symbol.asyncDispose]();

  const third = await home.start();
  await until(() => third.metering.unsealed(meterId).length === 2);
  expect(third.metering.unsealed(meterId)).toEqual(expected);
  expect(third.metering.unsealed("lcl:other/import")).toEqual([]);
  await third.metering[Symbol.asyncDispose]();
  expect([first.failed, second.failed, third.failed]).toEqual([[], [], []]);
});

test("an input whose options are wrong is named, and nothing stays open", async () => {
  const home = newHome({ inputs: [{ name: "file", type: "csv", options: { file: CSV } }], devices: [] });
  await expect(home.start()).rejects.toThrow("METER_OPTION_INVALID");
  await expect(home.start()).rejects.toThrow("csv.file");
});
