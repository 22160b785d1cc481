import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { pino } from "pino";
import { expect, onTestFinished, test } from "vitest";
import { openLevelStore } from "#storage/db/levelStore.ts";
import { openReadingLog } from "#storage/offchain/readingLog.ts";
import type { Reading } from "#storage/types/reading.ts";
import type { AmendedInterval } from "../meter/amendments.ts";
import { defaultOptions } from "../options.ts";
import { eventually } from "../testNetwork.ts";
import { openOutbox } from "./outbox.ts";
import { openTier } from "./tierPorts.ts";

const CHILD = fileURLToPath(new URL("edge.testChild.ts", import.meta.url));
const METER = "edge:1/import";
const STEP_MS = 10;

/** A meter that keeps what was not acknowledged: register in mWh at each of its times. */
const registerAt = (timestampMs: number) => 5_000_000 + timestampMs * 3;

interface Edge {
  readonly child: ChildProcess;
  readonly send: (timestampMs: number) => void;
  /** Resolves once so many further times are acknowledged. */
  readonly untilAcknowledged: (count: number) => Promise<void>;
}

function startEdge(home: string, about: EdgeOptions, acknowledged: Set<number>): Edge {
  const { syncMs, readingStore } = about;
  const child = spawn(process.execPath, [CHILD, home, String(syncMs), "1000", readingStore], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  child.stdin?.on("error", () => undefined);
  let arrived = Promise.withResolvers<void>();
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on("line", (line) => {
    acknowledged.add(Number(line));
    arrived.resolve();
    arrived = Promise.withResolvers<void>();
  });
  return {
    child,
    send: (timestampMs) => void child.stdin?.write(`${timestampMs} ${registerAt(timestampMs)}\n`),
    async untilAcknowledged(count) {
      const target = acknowledged.size + count;
      while (acknowledged.size < target) await arrived.promise;
    },
  };
}

interface EdgeOptions {
  readonly syncMs: number;
  readonly readingStore: string;
}

/** Times that the store of the home has, once what waits in the log has been handed over. */
async function storedTimes(home: string): Promise<number[]> {
  const readings = await openReadingLog(join(home, "readings"));
  const tier = await openTier(defaultOptions({ home, readingStore: "embedded" }), pino({ level: "silent" }));
  const forwarding = await tier?.forward(readings);
  await eventually(() => tier?.state().backlogBatches === 0 || undefined);
  expect(tier?.state().drained).toMatchObject({ conflicts: 0, refused: 0 });
  const times: number[] = [];
  for await (const series of tier?.store?.series() ?? [])
    for await (const stored of tier?.store?.read(series) ?? [])
      if (stored.type === "reading") times.push(stored.reading.timestampMs);
  await forwarding?.[Symbol.asyncDispose]();
  await tier?.[Symbol.asyncDispose]();
  await readings.close();
  return times.sort((a, b) => a - b);
}

async function contentsOf(home: string): Promise<{ readings: Reading[]; sealed: AmendedInterval[] }> {
  const log = await openReadingLog(join(home, "readings"));
  const store = await openLevelStore(join(home, "light"), {});
  try {
    const readings: Reading[] = [];
    for await (const reading of log.scan()) readings.push(reading);
    const outbox = await openOutbox(store);
    const sealed: AmendedInterval[] = [];
    for (let endMs = 1000; endMs <= outbox.closedUntilMs(METER); endMs += 1000) {
      const interval = await outbox.amendedInterval(METER, endMs);
      if (interval !== undefined) sealed.push(interval);
    }
    return { readings, sealed };
  } finally {
    await log.close();
    await store.close();
  }
}

test.each([
  [0, "log", 3],
  [30, "log", 2],
  [0, "embedded", 1],
])(
  "an edge killed again and again loses nothing it acknowledged and counts nothing twice (sync %i ms, store %s, %i kills)",
  async (syncMs, readingStore, kills) => {
    const home = mkdtempSync(join(tmpdir(), "edge-"));
    onTestFinished(() => rmSync(home, { recursive: true }));
    const acknowledged = new Set<number>();
    let sentUntilMs = 0;
    let backlog: number[] = [];
    for (let run = 0; run <= kills; run++) {
      const edge = startEdge(home, { syncMs, readingStore }, acknowledged);
      // What was not acknowledged comes again, and with it some that was: a broker's redelivery.
      const again = [...acknowledged].slice(-5);
      for (const timestampMs of [...again, ...backlog]) edge.send(timestampMs);
      const fresh = Array.from({ length: 150 }, (_, i) => sentUntilMs + (i + 1) * STEP_MS);
      for (const timestampMs of fresh) edge.send(timestampMs);
      sentUntilMs = fresh.at(-1) ?? 0;
      if (run < kills) {
        await edge.untilAcknowledged(20 + 25 * run);
        edge.child.kill("SIGKILL");
      } else edge.child.stdin?.end("end\n");
      const [code] = await once(edge.child, "close");
      if (run === kills) expect(code).toBe(0);
      backlog = [...backlog, ...fresh].filter((timestampMs) => !acknowledged.has(timestampMs));
    }
    expect(backlog).toEqual([]);
    const { readings, sealed } = await contentsOf(home);
    const kept = new Set(readings.map(({ timestampMs }) => timestampMs));
    expect([...acknowledged].filter((timestampMs) => !kept.has(timestampMs))).toEqual([]);
    // Every time is in the log once, in order: the first as a baseline, the others with what flowed since the one before.
    const counted = readings.filter(({ kind }) => kind === "interval");
    expect(readings.length).toBe(kept.size);
    expect(counted.reduce((sum, { value }) => sum + value, 0)).toBe(registerAt(sentUntilMs) - registerAt(STEP_MS));
    if (readingStore === "embedded")
      expect(await storedTimes(home)).toEqual(readings.map(({ timestampMs }) => timestampMs).sort((a, b) => a - b));
    // And what is sealed is what the log has for those times.
    expect(sealed.length).toBeGreaterThanOrEqual(kills);
    for (const { interval, amendments } of sealed) {
      const inside = counted.filter(
        ({ timestampMs }) => timestampMs > interval.startMs && timestampMs <= interval.endMs,
      );
      const total = amendments.reduce((sum, each) => sum + each.sum, interval.sum);
      expect(total).toBe(inside.reduce((sum, { value }) => sum + BigInt(value), 0n));
    }
  },
  30_000,
);
