import { once } from "node:events";
import { join } from "node:path";
import { type ConfirmChannel, connect } from "amqplib";
import { openCassandraStore } from "#node/offchain/cassandraStore.ts";
import { encodeMessage } from "#node/offchain/rabbitMessage.ts";
import { openRabbitQueue } from "#node/offchain/rabbitQueue.ts";
import { startCassandra } from "../../services/cassandra.ts";
import { startRabbitmq } from "../../services/rabbitmq.ts";
import { drainInto, type StoredReadings } from "./embedded.ts";
import { createMeterLoad } from "./meterLoad.ts";
import { type OfferedReadings, offerOpenLoop, offerWindow, type Publish } from "./offerReadings.ts";

/** Open loop, readings a second. RabbitMQ confirms 20 000 to 40 000/s at most here, D5.1's 50 000 would only measure how long a queue gets. */
const PER_SECOND = 10_000;
/** Readings that go on through Cassandra. */
const STORED_READINGS = 50_000;
/** Messages of one reading each, fetched before the first is acknowledged. */
const PREFETCH = 5_000;

export interface ServiceRuns {
  readonly window: OfferedReadings;
  readonly openLoop: OfferedReadings & { readonly offeredPerSecond: number };
}

export interface ServicesResult {
  readonly bare: ServiceRuns;
  readonly queue: ServiceRuns;
  /** RabbitMQ → Cassandra. */
  readonly stored: StoredReadings;
  readonly messageBytes: number;
}

/** RabbitMQ under our ReadingQueue and bare, message by message the same bytes, quorum queues and persistent; then on into Cassandra. */
export async function benchServices(
  directory: string,
  options: { readonly seconds: number; readonly meters: number; readonly window: number },
  say: (text: string) => void,
): Promise<ServicesResult> {
  const { seconds, meters, window } = options;
  const readingOf = createMeterLoad(meters);
  await using open = new AsyncDisposableStack();
  say("starting RabbitMQ");
  const broker = await startRabbitmq(join(directory, "rabbitmq"));
  open.defer(() => broker.stop());
  let first = 0;
  const run = async (name: string, publish: Publish): Promise<ServiceRuns> => {
    say(`${name}: ${window} under way`);
    const closed = await offerWindow(publish, readingOf, { window, seconds, first });
    first += closed.durable + window;
    say(`${name}: ${PER_SECOND}/s offered`);
    const opened = await offerOpenLoop(publish, readingOf, { perSecond: PER_SECOND, seconds, first });
    first += PER_SECOND * seconds;
    return { window: closed, openLoop: { ...opened, offeredPerSecond: PER_SECOND } };
  };

  let bare: ServiceRuns;
  {
    const connection = await connect(broker.url, { noDelay: true });
    const channel = await connection.createConfirmChannel();
    channel.setMaxListeners(0);
    const name = "bare";
    await channel.assertQueue(name, { durable: true, arguments: { "x-queue-type": "quorum" } });
    bare = await run("RabbitMQ bare", (reading) => confirmed(channel, name, encodeMessage(1, [reading])));
    await channel.deleteQueue(name);
    await connection.close();
  }
  await using queue = await openRabbitQueue({ url: broker.url, name: "bench", maxWaitingPublishes: 100_000 });
  const ours = await run("RabbitMQ queue", (reading) => queue.publish([reading]));
  await using small = await openRabbitQueue({ url: broker.url, name: "stored", maxWaitingPublishes: 100_000 });
  say("starting Cassandra");
  const cassandra = await startCassandra(join(directory, "cassandra"));
  open.defer(() => cassandra.stop());
  await using store = await openCassandraStore({
    contactPoints: [cassandra.contactPoint],
    localDataCenter: cassandra.dataCenter,
    replication: { [cassandra.dataCenter]: 1 },
  });
  const publishes = Array.from({ length: STORED_READINGS }, (_, i) => small.publish([readingOf(i)]));
  await Promise.all(publishes);
  say("RabbitMQ to Cassandra");
  const stored = await drainInto(small, store, { prefetch: PREFETCH });
  return { bare, queue: ours, stored, messageBytes: encodeMessage(1, [readingOf(0)]).length };
}

/** amqplib's own confirm, with nothing of ours. */
async function confirmed(channel: ConfirmChannel, queue: string, body: Buffer): Promise<void> {
  const confirm = Promise.withResolvers<void>();
  const hasRoom = channel.publish("", queue, body, { persistent: true, mandatory: true }, (error: unknown) => {
    if (error === null || error === undefined) confirm.resolve();
    else confirm.reject(error as Error);
  });
  if (!hasRoom) await once(channel, "drain");
  return confirm.promise;
}
