import { join } from "node:path";
import { pino } from "pino";
import { openReadingLog } from "#storage/offchain/readingLog.ts";
import { testReadings } from "#storage/offchain/testReadings.ts";
import { createBoundedLog } from "../light/boundedLog.ts";
import { defaultOptions } from "../options.ts";
import { openSecondTier } from "./secondTier.ts";

/**
 * A node's log with an embedded store behind it, to be killed: its home is argv[2]. Appends readings with the timestamps from argv[3] on, and prints
 * "KEPT FORWARDED" once an append is acknowledged: the last timestamp, and how many readings have left the log so far.
 */
const [, , home = "", first = "1"] = process.argv;
const log = pino({ level: "silent" });
const directory = join(home, "data", "readings");
const readings = await openReadingLog(directory, { segmentBytes: 8 * 1024 });
const tier = await openSecondTier(defaultOptions({ home, readingStore: "embedded" }), { log, nowMs: Date.now });
const forwarded = await tier?.forward(readings);
const bounded = createBoundedLog(
  { maxBytes: 2 ** 30, rawDays: 0 },
  {
    readings,
    directory,
    log,
    nowMs: Date.now,
    isRaw: () => false,
    isSealed: () => false,
    ...(forwarded && { forwarded }),
  },
);
for (let from = Number(first); ; from += 3) {
  await bounded.append(testReadings(from, 3));
  process.stdout.write(`${from + 2} ${tier?.state().forwarded}\n`);
}
