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

test("an input whose options are wrong is named, and nothing stays open", async () => {
  const home = newHome({ inputs: [{ name: "file", type: "csv", options: { file: CSV } }], devices: [] });
  await expect(home.start()).rejects.toThrow("METER_OPTION_INVALID");
  await expect(home.start()).rejects.toThrow("csv.file");
});
