import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import { openLevelStore } from "../db/levelStore.ts";
import { createDrain } from "./drain.ts";
import { openEmbeddedQueue } from "./embeddedQueue.ts";
import { createLevelReadingStore } from "./levelReadingStore.ts";
import { numbers } from "./readingQueueSuite.ts";
import { seriesOf } from "./readingStore.ts";
import { collect, testReading } from "./testReadings.ts";

const CHILD = join(import.meta.dirname, "secondTier.testChild.ts");

test("queue, drain and store killed at any moment: everything acknowledged is stored, once", async () => {
  const directory = mkdtempSync(join(tmpdir(), "second-tier-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  let last = 0;
  for (let round = 1; round <= 4; round++) {
    const first = last + 1;
    const child = spawn(process.execPath, [CHILD, directory, String(first)], { stdio: ["ignore", "pipe", "inherit"] });
    const exited = once(child, "exit");
    for await (const line of createInterface(child.stdout)) {
      last = Math.max(last, Number(line));
      if (last >= first + 200 * round) child.kill("SIGKILL");
    }
    await exited;
    // The publish that was under way may be there as well: its readings are published again, and stored once.
  }

  await using queue = await openEmbeddedQueue(join(directory, "queue"));
  const database = await openLevelStore(join(directory, "store"));
  const store = createLevelReadingStore(database);
  const stop = new AbortController();
  const running = createDrain({ queue, store, wait: () => Promise.resolve() }).run(stop.signal);
  while ((await queue.backlog()) > 0) await new Promise((resolve) => setImmediate(resolve));
  stop.abort();
  await running;
  const times = (await collect(store.read(seriesOf(testReading(1)), { untilMs: last }))).map((stored) =>
    stored.type === "reading" ? stored.reading.timestampMs : -1,
  );
  expect(times).toStrictEqual(numbers(1, last));
  expect(await store.verify()).toMatchObject({ conflicts: 0, faultCount: 0 });
  await database.close();
});
