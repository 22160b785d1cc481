import { once } from "node:events";
import { join } from "node:path";
import { type ConfirmChannel, connect } from "amqplib";
import { openCassandraStore } from "#node/offchain/cassandraStore.ts";
import { encodeMessage } from "#node/offchain/rabbitMessage.ts";
import { openRabbitQueue } from "#node/offchain/rabbitQueue.ts";
import { startCassandra } from "../../services/cassandra.ts";
import { startRabbitmq } from "../../services/rabbitmq.ts";
import { drainInto } from "./embedded.ts";
import { createMeterLoad } from "./meterLoad.ts";
import { type OfferedReadings, offerOpenLoop, offerWindow, type Publish } from "./offerReadings.ts";

/** Open loop, readings a second: what RabbitMQ takes beside other work (research: durable and confirmed up to 20 000/s on an idle machine). */
const PER_SECOND = 2_000;
/** Readings that go on through Cassandra. */
const STORED_READINGS = 20_000;

export interface ServicesResult {
  readonly runs: readonly { readonly name: string; readonly result: OfferedReadings }[];
  /** Queue → Cassandra, each reading acknowledged when it is there. */
  readonly storedPerSecond: number;
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
  const runs: { name: string; result: OfferedReadings }[] = [];
  await using open = new AsyncDisposableStack();
  say("starting RabbitMQ");
  const broker = await startRabbitmq(join(directory, "rabbitmq"));
  open.defer(() => broker.stop());
  let first = 0;
  const run = async (name: string, publish: Publish): Promise<void> => {
    say(`${name}: ${window} under way`);
    const closed = await offerWindow(publish, readingOf, { window, seconds, first });
    runs.push({ name: `${name}, ${window} under way`, result: closed });
    first += closed.durable + window;
    say(`${name}: ${PER_SECOND}/s offered`);
    const opened = await offerOpenLoop(publish, readingOf, { perSecond: PER_SECOND, seconds, first });
    runs.push({ name: `${name}, ${PER_SECOND}/s offered`, result: opened });
    first += PER_SECOND * seconds;
  };

  {
    const bare = await connect(broker.url, { noDelay: true });
    const channel = await bare.createConfirmChannel();
    channel.setMaxListeners(0);
    const name = "bare";
    await channel.assertQueue(name, { durable: true, arguments: { "x-queue-type": "quorum" } });
    await run("RabbitMQ bare", (reading) => confirmed(channel, name, encodeMessage(1, [reading])));
    await channel.deleteQueue(name);
    await bare.close();
  }
  await using queue = await openRabbitQueue({ url: broker.url, name: "bench", maxWaitingPublishes: 100_000 });
  await run("RabbitMQ queue", (reading) => queue.publish([reading]));
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
  const { readingsPerSecond } = await drainInto(small, store);
  return { runs, storedPerSecond: readingsPerSecond, messageBytes: encodeMessage(1, [readingOf(0)]).length };
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
