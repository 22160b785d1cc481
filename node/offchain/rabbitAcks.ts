import type { ConfirmChannel, Message } from "amqplib";

/**
 * Acknowledgements go out together at most this often. Each is an entry of a quorum queue's Raft log, and RabbitMQ holds back what is more than 32
 * ahead of the disk, and forgets that when the channel closes (3.10.8): 17 of 50 single ones were lost.
 */
const FLUSH_MS = 5;

/** The acknowledgements of one channel: "all up to here" for what is done in order, single ones for the rest. */
export class RabbitAcks {
  readonly #channel: ConfirmChannel;
  /** Not settled with the broker, oldest first. */
  readonly #unsettled = new Map<number, { readonly message: Message; isDone: boolean }>();
  #timer: NodeJS.Timeout | undefined;
  #flushedAtMs = Number.NEGATIVE_INFINITY;

  constructor(channel: ConfirmChannel) {
    this.#channel = channel;
  }

  /** Delivered: to be acknowledged one day. */
  add(message: Message): void {
    this.#unsettled.set(message.fields.deliveryTag, { message, isDone: false });
  }

  acknowledge(message: Message): void {
    const delivery = this.#unsettled.get(message.fields.deliveryTag);
    if (delivery === undefined) return;
    delivery.isDone = true;
    this.#timer ??= setTimeout(() => this.flush(), Math.max(0, this.#flushedAtMs + FLUSH_MS - performance.now()));
  }

  /** To the dead letters, as it is. */
  refuse(message: Message): void {
    this.#unsettled.delete(message.fields.deliveryTag);
    this.#channel.nack(message, false, false);
  }

  /** A channel that is closed already delivers them again to the next. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#flushedAtMs = performance.now();
    let inOrder: Message | undefined;
    let isInOrder = true;
    const single: Message[] = [];
    for (const [tag, { message, isDone }] of this.#unsettled) {
      if (!isDone) {
        isInOrder = false;
        continue;
      }
      this.#unsettled.delete(tag);
      if (isInOrder) inOrder = message;
      else single.push(message);
    }
    try {
      if (inOrder !== undefined) this.#channel.ack(inOrder, true);
      for (const message of single) this.#channel.ack(message);
    } catch {
      // Closed.
    }
  }
}
