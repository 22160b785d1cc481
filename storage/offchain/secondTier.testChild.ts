import { join } from "node:path";
import { openLevelStore } from "../db/levelStore.ts";
import { createDrain } from "./drain.ts";
import { openEmbeddedQueue } from "./embeddedQueue.ts";
import { createLevelReadingStore } from "./levelReadingStore.ts";
import { testReadings } from "./testReadings.ts";

/**
 * A process to be killed: publishes readings with the timestamps from argv[3] on to the queue in argv[2], drains them into the store beside it, and
 * prints the last timestamp of each publish once it is acknowledged.
 */
const [, , directory = "", first = "1"] = process.argv;
const queue = await openEmbeddedQueue(join(directory, "queue"), { segmentBytes: 64 * 1024 });
const store = createLevelReadingStore(await openLevelStore(join(directory, "store")));
const wait = () => Promise.resolve();
void createDrain({ queue, store, wait }).run(new AbortController().signal);
for (let from = Number(first); ; from += 7) {
  await queue.publish(testReadings(from, 7));
  process.stdout.write(`${from + 6}\n`);
}
