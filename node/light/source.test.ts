import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { openReadingLog } from "#storage/offchain/readingLog.ts";
import type { Reading } from "#storage/types/reading.ts";
import { defaultOptions } from "../options.ts";
import { openSource } from "./source.ts";

test("simulated registers go on across a restart where the log of readings ends", async () => {
  const directory = mkdtempSync(join(tmpdir(), "ledger-source-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const options = {
    ...defaultOptions(),
    meterSource: "simulator",
    simulatorMeters: 2,
    simulatorSpeed: 1_000_000,
  } as const;
  const run = async (count: number): Promise<readonly Reading[]> => {
    const log = await openReadingLog(directory);
    const source = await openSource(options, log);
    const stop = new AbortController();
    const readings: Reading[] = [];
    for await (const item of source.readings(stop.signal)) {
      if (item.type === "reading") readings.push(item.reading);
      if (readings.length === count) stop.abort();
    }
    await log.append(readings);
    await log.close();
    return readings;
  };
  const [before, after] = [await run(60), await run(60)];
  for (const meterId of new Set(before.map((reading) => reading.meterId))) {
    const last = before.findLast((reading) => reading.meterId === meterId);
    const next = after.find((reading) => reading.meterId === meterId);
    expect(next?.registerValue).toBe((last?.registerValue ?? 0) + (next?.value ?? 0));
    expect(next?.timestampMs).toBeGreaterThan(last?.timestampMs ?? 0);
  }
});
