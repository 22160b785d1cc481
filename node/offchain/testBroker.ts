import { EventEmitter } from "node:events";
import type { ConfirmChannel } from "amqplib";
import type { BrokerConnection, ConnectBroker } from "./rabbitLink.ts";

interface Message {
  readonly content: Buffer;
  readonly properties: Record<string, unknown>;
  isRedelivered: boolean;
}

interface Queue {
  readonly ready: Message[];
  readonly maxBytes: number;
  readonly deadExchange: string | undefined;
  consumer: { readonly deliver: () => void } | undefined;
}

type Confirm = (error: unknown, ok?: unknown) => void;

/** How the broker answers a publish to a queue; "honest" unless told. */
export type Lie =
  /** Confirms and forgets the message. */
  | "confirms-and-drops"
  /** Keeps the message and says nothing, ever. */
  | "never-confirms"
  /** Keeps the message and says that it did not. */
  | "keeps-and-nacks"
  /** Answers twice, the second time the other way round. */
  | "confirms-twice";

/**
 * A broker in memory that understands what rabbitQueue.ts uses of AMQP, survives its connections, and lies when told. What a real one does is
 * tested with a real one (devnet/services); this one does what no real one does on purpose.
 */
export class TestBroker {
  /** For the publish with this number, from 1, counted over all queues; undefined: honest. */
  lieTo: (publish: number) => Lie | undefined = () => undefined;
  isDown = false;
  readonly #queues = new Map<string, Queue>();
  readonly #bindings = new Map<string, string>();
  readonly #connections = new Set<Connection>();
  #publishes = 0;

  readonly connect: ConnectBroker = async () => {
    await turn();
    if (this.isDown) throw new Error("connect ECONNREFUSED");
    const connection = new Connection(this);
    this.#connections.add(connection);
    return connection as unknown as BrokerConnection;
  };

  /** Every connection breaks; what was delivered and not acknowledged is ready again. */
  crash(): void {
    for (const connection of this.#connections) connection.break();
    this.#connections.clear();
  }

  forget(connection: Connection): void {
    this.#connections.delete(connection);
  }

  queue(name: string): Queue | undefined {
    return this.#queues.get(name);
  }

  assertQueue(name: string, args: Record<string, unknown> = {}): void {
    if (this.#queues.has(name)) return;
    const maxBytes = Number(args["x-max-length-bytes"] ?? Number.POSITIVE_INFINITY);
    const deadExchange = args["x-dead-letter-exchange"] as string | undefined;
    this.#queues.set(name, { ready: [], maxBytes, deadExchange, consumer: undefined });
  }

  bind(queue: string, exchange: string): void {
    this.#bindings.set(exchange, queue);
  }

  /** What the broker says of a publish: true is a confirm, false a nack, undefined nothing. */
  take(exchange: string, key: string, message: Message): readonly boolean[] {
    const queue = this.#queues.get(exchange === "" ? key : (this.#bindings.get(exchange) ?? ""));
    if (queue === undefined) return [false];
    const bytes = queue.ready.reduce((sum, { content }) => sum + content.length, 0);
    const lie = exchange === "" ? this.lieTo(++this.#publishes) : undefined;
    if (bytes + message.content.length > queue.maxBytes) return [false];
    if (lie === "confirms-and-drops") return [true];
    queue.ready.push(message);
    queue.consumer?.deliver();
    if (lie === "never-confirms") return [];
    if (lie === "keeps-and-nacks") return [false];
    return lie === "confirms-twice" ? [true, false] : [true];
  }
}

class Connection extends EventEmitter {
  readonly #broker: TestBroker;
  readonly #channels = new Set<Channel>();

  constructor(broker: TestBroker) {
    super();
    this.#broker = broker;
  }

  async createConfirmChannel(): Promise<ConfirmChannel> {
    await turn();
    const channel = new Channel(this.#broker);
    this.#channels.add(channel);
    return channel as unknown as ConfirmChannel;
  }

  break(): void {
    for (const channel of this.#channels) channel.end();
    this.emit("close");
  }

  async close(): Promise<void> {
    await turn();
    this.#broker.forget(this);
    this.break();
  }
}

class Channel extends EventEmitter {
  readonly #broker: TestBroker;
  /** Delivered or fetched, by delivery tag. */
  readonly #unacknowledged = new Map<number, { readonly queue: string; readonly message: Message }>();
  readonly #confirms = new Set<Confirm>();
  readonly #consumed = new Set<Queue>();
  #lastTag = 0;
  #prefetch = Number.POSITIVE_INFINITY;
  #hasEnded = false;

  constructor(broker: TestBroker) {
    super();
    this.#broker = broker;
  }

  async assertExchange(): Promise<void> {
    await turn();
  }

  async assertQueue(name: string, { arguments: args }: { arguments?: Record<string, unknown> } = {}): Promise<void> {
    await turn();
    this.#broker.assertQueue(name, args);
  }

  async bindQueue(queue: string, exchange: string): Promise<void> {
    await turn();
    this.#broker.bind(queue, exchange);
  }

  async prefetch(count: number): Promise<void> {
    await turn();
    this.#prefetch = count;
  }

  async checkQueue(name: string): Promise<{ messageCount: number }> {
    await turn();
    const queue = this.#broker.queue(name);
    if (queue !== undefined) return { messageCount: queue.ready.length };
    this.end();
    throw new Error("NOT_FOUND");
  }

  publish(exchange: string, key: string, content: Buffer, properties: Record<string, unknown>, confirm: Confirm): void {
    if (this.#hasEnded) throw new Error("Channel closed");
    this.#confirms.add(confirm);
    const answers = this.#broker.take(exchange, key, { content, properties, isRedelivered: false });
    void turn().then(() => {
      for (const isTaken of answers) {
        if (this.#hasEnded) return;
        this.#confirms.delete(confirm);
        confirm(isTaken ? null : new Error("message nacked"));
      }
    });
  }

  async consume(name: string, onMessage: (message: object) => void): Promise<void> {
    await turn();
    const queue = this.#broker.queue(name) as Queue;
    const deliver = (): void => {
      while (!this.#hasEnded && this.#unacknowledged.size < this.#prefetch && queue.ready.length > 0)
        onMessage(this.#hand(name, queue.ready.shift() as Message));
    };
    queue.consumer = { deliver };
    this.#consumed.add(queue);
    deliver();
  }

  async get(name: string): Promise<object | false> {
    await turn();
    const message = this.#broker.queue(name)?.ready.shift();
    return message === undefined ? false : this.#hand(name, message);
  }

  ack(message: { fields: { deliveryTag: number } }, allUpTo = false): void {
    const { deliveryTag } = message.fields;
    if (allUpTo) for (const tag of this.#unacknowledged.keys()) if (tag < deliveryTag) this.#unacknowledged.delete(tag);
    this.#settle(message, () => undefined);
  }

  nack(message: { fields: { deliveryTag: number } }, _allUpTo: boolean, requeue: boolean): void {
    this.#settle(message, ({ queue, message: nacked }) => {
      const { ready, deadExchange } = this.#broker.queue(queue) as Queue;
      if (requeue) ready.unshift({ ...nacked, isRedelivered: true });
      else if (deadExchange !== undefined) this.#broker.take(deadExchange, "", nacked);
    });
  }

  async close(): Promise<void> {
    await turn();
    this.end();
  }

  /** What is unacknowledged goes back to the head of its queue, in its order. */
  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    for (const queue of this.#consumed) queue.consumer = undefined;
    for (const { queue, message } of [...this.#unacknowledged.values()].reverse())
      this.#broker.queue(queue)?.ready.unshift({ ...message, isRedelivered: true });
    this.#unacknowledged.clear();
    for (const confirm of this.#confirms) confirm(new Error("channel closed"));
    this.emit("close");
  }

  #hand(queue: string, message: Message): object {
    this.#lastTag += 1;
    this.#unacknowledged.set(this.#lastTag, { queue, message });
    const fields = { deliveryTag: this.#lastTag, redelivered: message.isRedelivered };
    return { content: message.content, properties: message.properties, fields };
  }

  #settle(
    { fields }: { fields: { deliveryTag: number } },
    then: (delivered: { readonly queue: string; readonly message: Message }) => void,
  ): void {
    if (this.#hasEnded) throw new Error("Channel closed");
    const delivered = this.#unacknowledged.get(fields.deliveryTag);
    if (delivered === undefined) throw new Error("unknown delivery tag");
    this.#unacknowledged.delete(fields.deliveryTag);
    then(delivered);
    for (const queue of this.#consumed) queue.consumer?.deliver();
  }
}

/** An answer never comes in the same turn. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
