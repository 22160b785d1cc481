import type { ConfirmChannel } from "amqplib";

export interface RabbitTopology {
  /** Name of the queue; its dead letters are in `<name>.dead`. */
  readonly name: string;
  /** "quorum": on disk and replicated over the cluster by Raft. "classic": one node's disk. */
  readonly queueType: "quorum" | "classic";
  /** Bytes of messages; beyond it publishes are refused by the broker. */
  readonly maxBytes: number;
}

/** A consumer that crashes with a message in hand is no reason to give it up: refusing is what dead letters are for. RabbitMQ 4 would after 20 times. */
const MAX_DELIVERIES = 1_000_000;

export function deadName(name: string): string {
  return `${name}.dead`;
}

/** Makes exchange and queues as they must be; the broker closes the channel where they are there already and are otherwise. */
export async function assertTopology(channel: ConfirmChannel, topology: RabbitTopology): Promise<void> {
  const { name, queueType, maxBytes } = topology;
  const isQuorum = queueType === "quorum";
  const dead = deadName(name);
  await channel.assertExchange(dead, "fanout", { durable: true });
  await channel.assertQueue(dead, {
    durable: true,
    arguments: { "x-queue-type": queueType, ...(isQuorum && { "x-delivery-limit": MAX_DELIVERIES }) },
  });
  await channel.bindQueue(dead, dead, "");
  await channel.assertQueue(name, {
    durable: true,
    arguments: {
      "x-queue-type": queueType,
      "x-max-length-bytes": maxBytes,
      // The default drops the oldest message without a word.
      "x-overflow": "reject-publish",
      "x-dead-letter-exchange": dead,
      // A second process that consumes waits until the first is gone: order is kept.
      "x-single-active-consumer": true,
      ...(isQuorum && {
        // With a limit, what comes back goes to the head of the queue, without one to its end.
        "x-delivery-limit": MAX_DELIVERIES,
        // The default may lose a dead letter when the broker dies between the two queues.
        "x-dead-letter-strategy": "at-least-once",
      }),
    },
  });
}
