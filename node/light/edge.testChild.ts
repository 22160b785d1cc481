import { join } from "node:path";
import { createInterface } from "node:readline";
import { pino } from "pino";
import { openLevelStore } from "#storage/db/levelStore.ts";
import { openReadingLog } from "#storage/offchain/readingLog.ts";
import { createChannelSource } from "../meter/channelSource.ts";
import { createChannels } from "../meter/channels.ts";
import { createLiveSource } from "../meter/liveSource.ts";
import { parseMetersFile } from "../meter/metersFile.ts";
import { createPipeline } from "../meter/pipeline.ts";
import { testReading } from "../meter/testReadings.ts";
import { defaultOptions } from "../options.ts";
import { createBoundedLog } from "./boundedLog.ts";
import { openOutbox } from "./outbox.ts";
import { openTier } from "./tierPorts.ts";

/**
 * The edge of a light node, to be killed: its home's folder is argv[2], the sync time argv[3], the interval argv[4], in ms; argv[5] is the option readingStore. Reads lines "time register" of one meter from standard
 * input, and writes "time" for each once it may be acknowledged; "end" closes what is open. Times are ms of an invented clock that the readings move.
 */
const [, , home = "", syncMs = "0", intervalMs = "1000", readingStore = "log"] = process.argv;
const log = pino({ level: "silent" });
const store = await openLevelStore(join(home, "light"), {});
const outbox = await openOutbox(store);
const directory = join(home, "readings");
const readings = await openReadingLog(directory, { segmentBytes: 16 * 1024 });
const tier = await openTier(defaultOptions({ home, role: "light", readingStore }), log);
const forwarded = await tier?.forward(readings);
const file = { version: 1, devices: [{ device: "edge:1", latenessMs: 50 }] };
const channels = createChannels(parseMetersFile(JSON.stringify(file), "meters.json").devices);
const bounded = createBoundedLog(
  { maxBytes: 1 << 30, rawDays: 0 },
  {
    ...{ readings, directory, isRaw: channels.isRaw, isSealed: () => false, nowMs: Date.now, log },
    ...(forwarded && { forwarded }),
  },
);
let clockMs = 0;
const live = createLiveSource({ nowMs: () => clockMs, tickMs: 20 });
const pipeline = createPipeline(
  { ledgerId: "edge", intervalMs: Number(intervalMs), periodMs: 86_400_000, syncMs: Number(syncMs), amendAfterMs: 100 },
  {
    source: createChannelSource(live, channels, () => undefined),
    readings: bounded,
    outbox,
    secretOf: () => new Uint8Array(32).fill(7),
    onClosed: () => undefined,
    onAmended: () => undefined,
    channels,
  },
);
const stopping = new AbortController();
const running = pipeline.run(stopping.signal);
const offers: Promise<void>[] = [];
for await (const line of createInterface({ input: process.stdin })) {
  if (line === "end") break;
  const [timestampMs = 0, value = 0] = line.split(" ").map(Number);
  clockMs = Math.max(clockMs, timestampMs);
  const reading = testReading(timestampMs, {
    ...{ meterId: "edge:1", kind: "register", value, periodMs: 0, receivedMs: timestampMs },
  });
  offers.push(
    live.offer({ readings: [reading], rejected: [] }).then(() => void process.stdout.write(`${timestampMs}\n`)),
  );
}
await Promise.all(offers);
stopping.abort();
await running;
await forwarded?.[Symbol.asyncDispose]();
await tier?.[Symbol.asyncDispose]();
await readings.close();
await store.close();
