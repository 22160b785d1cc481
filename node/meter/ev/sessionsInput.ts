import { open } from "node:fs/promises";
import { gunzipSync } from "node:zlib";
import type { DecodedFrame } from "../frame.ts";
import type { InputPorts, MeterInput } from "../input.ts";
import { OptionReader } from "../inputOptions.ts";
import { MAX_POWER_W } from "../readingCollector.ts";
import { decodeAcnSessions, decodeWorkplaceCsv } from "./sessions.ts";

/** As it stands in `meters.json`; README.md has the meaning of each. */
export interface EvSessionsInputOptions {
  readonly path: string;
  readonly format: "acn" | "workplace";
  readonly maxPowerW?: number;
}

/** A year of a large site is some 10 MB. */
const MAX_FILE_BYTES = 256 * 1024 * 1024;
/** Readings and rejections offered at once. */
const CHUNK = 1000;
const DEFAULT_CHARGER_POWER_W = 400_000;

export interface EvSessionsInput extends MeterInput {
  /** Resolves when the whole file is on disk; rejects when it cannot be read, or the node stops before. */
  readonly done: Promise<void>;
}

/** Reads a file of charging sessions once, plain or gzip. @throws MeterSourceError METER_OPTION_INVALID */
export async function startEvSessionsInput(
  options: EvSessionsInputOptions,
  { offer, nowMs, log }: InputPorts,
): Promise<EvSessionsInput> {
  const reader = new OptionReader(options, "sessions", ["path", "format", "maxPowerW"]);
  const path = reader.text("path", { pattern: /^.{1,4096}$/s, form: "the path of a file" });
  const format = reader.choice("format", ["acn", "workplace"]);
  const maxPowerW = reader.integer("maxPowerW", { min: 1, max: MAX_POWER_W, fallback: DEFAULT_CHARGER_POWER_W });
  let bytes: Buffer;
  try {
    bytes = await readLimited(path);
  } catch (error) {
    throw reader.fault("path", `cannot be read: ${(error as Error).message}`);
  }
  const stopped = new AbortController();
  const name = `ev sessions ${path}`;

  async function run(): Promise<void> {
    const decode = format === "acn" ? decodeAcnSessions : decodeWorkplaceCsv;
    const frame = decode(bytes, { receivedMs: nowMs(), maxPowerW });
    for (const part of chunksOf(frame)) {
      if (stopped.signal.aborted) throw new Error("the input is closed");
      await offer(part);
    }
    log.info(
      { input: name, readings: frame.readings.length, rejected: frame.rejected.length },
      "Charging sessions read",
    );
  }

  const done = run();
  done.catch((error: unknown) => log.warn({ err: error, input: name }, "Charging sessions were not stored"));
  return {
    name,
    done,
    async [Symbol.asyncDispose]() {
      stopped.abort();
      await done.catch(() => {});
    },
  };
}

function chunksOf({ readings, rejected }: DecodedFrame): DecodedFrame[] {
  const count = Math.max(1, Math.ceil(Math.max(readings.length, rejected.length) / CHUNK));
  return Array.from({ length: count }, (_, index) => ({
    readings: readings.slice(index * CHUNK, (index + 1) * CHUNK),
    rejected: rejected.slice(index * CHUNK, (index + 1) * CHUNK),
  }));
}

async function readLimited(path: string): Promise<Buffer> {
  await using file = await open(path, "r");
  const { size } = await file.stat();
  if (size > MAX_FILE_BYTES) throw new RangeError(`more than ${MAX_FILE_BYTES} bytes`);
  const bytes = await file.readFile();
  const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
  return isGzip ? gunzipSync(bytes, { maxOutputLength: MAX_FILE_BYTES }) : bytes;
}
