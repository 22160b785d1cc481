import { expect, test } from "vitest";
import { FingerprintChain } from "#storage/types/interval.ts";
import { auditMeter } from "./meterAudit.ts";
import { gatherRows } from "./rowSet.ts";
import {
  MONTH_METER,
  MONTH_READING_MS,
  MONTH_READINGS,
  MONTH_START_MS,
  monthKeys,
  monthReading,
  monthRows,
  sealMonth,
} from "./testMonth.ts";

/** The verification workload: recompute what a month of one meter sealed, 518 400 readings, and locate one flipped byte. */
test("a month of readings every 5 s", async () => {
  const measured: [string, number][] = [];
  async function measure<T>(what: string, work: () => T | Promise<T>): Promise<T> {
    const started = performance.now();
    const result = await work();
    measured.push([what, performance.now() - started]);
    return result;
  }
  const items = await measure("sealing, with fingerprint, root and leaves", () => sealMonth());
  const keyed = items.map((item) => ({ item, keys: monthKeys.of(item) }));
  await measure("fingerprints alone, recomputed", () => {
    for (const [n, { item, keys }] of keyed.entries()) {
      const chain = new FingerprintChain(keys?.seed ?? new Uint8Array(32));
      for (let i = 180 * n; i < 180 * (n + 1); i++) {
        const { value, timestampMs } = monthReading(i);
        chain.append(value, timestampMs);
      }
      expect(Buffer.compare(chain.fingerprint(), item.fingerprint)).toBe(0);
    }
  });
  const range = {
    meterId: MONTH_METER,
    fromMs: MONTH_START_MS,
    toMs: MONTH_START_MS + MONTH_READINGS * MONTH_READING_MS,
  };
  const input = { ...range, items, keys: monthKeys, erasures: [] };
  const intact = await measure("rows gathered", () =>
    gatherRows(
      monthRows((reading) => reading),
      undefined,
    ),
  );
  const audit = await measure("audit, nothing wrong", () => auditMeter({ ...input, rows: intact }));
  expect(audit.items.every(({ verdict }) => verdict === "intact")).toBe(true);
  const rows = await gatherRows(
    monthRows((reading, i) => (i === 300_000 ? { ...reading, value: reading.value ^ 0x5a } : reading)),
    undefined,
  );
  const wrong = await measure("audit, one flipped byte located", () => auditMeter({ ...input, rows }));
  expect(wrong.items.flatMap(({ findings }) => findings)).toMatchObject([{ type: "changed", index: 300_000 % 180 }]);
  const bare = items.map((item) => ({ ...item, leaves: undefined }));
  const blind = await measure("audit, one flipped bit located without leaves", async () => {
    const flipped = await gatherRows(
      monthRows((reading, i) => (i === 300_000 ? { ...reading, value: reading.value ^ 4 } : reading)),
      undefined,
    );
    return auditMeter({ ...input, items: bare, rows: flipped });
  });
  expect(blind.items.flatMap(({ findings }) => findings)).toMatchObject([{ type: "changed", index: 300_000 % 180 }]);
  for (const [what, ms] of measured) process.stdout.write(`${what}: ${(ms / 1000).toFixed(2)} s\n`);
});
