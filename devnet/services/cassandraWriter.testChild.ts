import { openCassandraStore } from "#node/offchain/cassandraStore.ts";
import { ReadingStoreError } from "#storage/offchain/readingStore.ts";
import { testReading } from "#storage/offchain/testReadings.ts";

/**
 * A writer to be stopped and woken: puts one reading of each of argv[5] meters at the times 1 to argv[6], all with the value argv[4], into the keyspace
 * argv[3] of the Cassandra at argv[2]. Prints the time of each put once it is acknowledged.
 */
const [, , contactPoint = "", keyspace = "", value = "", meters = "", times = ""] = process.argv;
await using store = await openCassandraStore({ contactPoints: [contactPoint], keyspace });
for (let timestampMs = 1; timestampMs <= Number(times); timestampMs++) {
  const readings = Array.from({ length: Number(meters) }, (_, meter) =>
    testReading(timestampMs, { meterId: `sim:${meter}`, value: Number(value) }),
  );
  for (let isStored = false; !isStored; )
    try {
      await store.put(readings);
      isStored = true;
    } catch (error) {
      // What it had asked for before it was stopped was answered long ago.
      if (!(error instanceof ReadingStoreError && error.code === "READING_STORE_UNREACHABLE")) throw error;
    }
  process.stdout.write(`${timestampMs}\n`);
}
