import type { Reading } from "../types/reading.ts";
import { openReadingLog } from "./readingLog.ts";

/**
 * A process to be killed: appends readings with increasing timestamps to the log in argv[2], several appends at a time, and prints the
 * last timestamp of each append once it is acknowledged.
 */
const [, , directory = ""] = process.argv;
const log = await openReadingLog(directory, { segmentBytes: 64 * 1024 });
let timestampMs = log.lastTimestampMs("sim:killed") ?? 0;

function nextReading(): Reading {
  timestampMs += 1;
  return {
    meterId: "sim:killed",
    quantity: "activeEnergyImport",
    kind: "interval",
    phase: 0,
    tariff: 0,
    value: timestampMs * 3,
    timestampMs,
    periodMs: 1,
    receivedMs: timestampMs,
    timeSource: "meter",
    timeQuality: "synced",
    quality: 0,
    rawHash: new Uint8Array(32),
  };
}

async function appendForever(): Promise<void> {
  for (;;) {
    const readings = Array.from({ length: 7 }, nextReading);
    await log.append(readings);
    process.stdout.write(`${readings.at(-1)?.timestampMs}\n`);
  }
}

await Promise.all([appendForever(), appendForever(), appendForever()]);
