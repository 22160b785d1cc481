import type { Duplex } from "node:stream";
import { setTimeout } from "node:timers/promises";
import { type IClientOptions, type IPublishPacket, type ISubscriptionGrant, MqttClient } from "mqtt";
import type { InputPorts, MeterInput } from "../input.ts";
import { AckQueue } from "./ackQueue.ts";
import { HEADER_BYTES, openBrokerStream } from "./brokerStream.ts";
import type { Connection } from "./connectionOptions.ts";

export interface ReceivedMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly receivedMs: number;
  readonly isRetained: boolean;
}

/** First pause before connecting again; it doubles with each failure up to `maxReconnectMs`. */
const MIN_RECONNECT_MS = 500;
const CONNECT_TIMEOUT_MS = 20_000;
/** What is on its way to the disk when the input is closed may still get there and be acknowledged. */
const CLOSE_WAIT_MS = 2000;
/** The broker keeps the session for as long as a home may be away. */
const SESSION_EXPIRY_S = 31 * 86_400;

/** The library's answer to a message that is not acknowledged yet: it goes on with the next one. */
const NOT_YET = new Error("acknowledged when it is on disk");

/**
 * Receives the messages of a broker: a persistent session, QoS 1, at most `maxInFlight` messages at a time in `handle`. A message is acknowledged when
 * `handle` has resolved, so after a crash it comes again. When `handle` rejects the connection is given up, and the broker sends again on the next one
 * what was not acknowledged. A broker that cannot be reached, or refuses, is tried again for ever.
 */
export async function startMqttReceiver(
  connection: Connection,
  filters: readonly string[],
  handle: (message: ReceivedMessage) => Promise<void>,
  ports: Pick<InputPorts, "nowMs" | "log">,
): Promise<MeterInput> {
  const { maxInFlight, protocolVersion, url, clientId } = connection;
  const log = ports.log.child({ part: "mqtt", url });
  const firstPauseMs = Math.min(MIN_RECONNECT_MS, connection.maxReconnectMs);
  const client = createBrokerClient(connection, { reconnectPeriod: firstPauseMs });
  let inFlight = 0;
  let acks: AckQueue | undefined;
  /** Takes the message that waits for room, and then those behind it. */
  let resume: (() => void) | undefined;
  let isFailing = false;
  let isClosing = false;
  const idle = Promise.withResolvers<void>();

  client.handleMessage = (packet, callback): void => {
    const receivedMs = ports.nowMs();
    const stream = client.stream as unknown as Duplex;
    const take = (): void => {
      if (isClosing) return;
      void taken(packet, receivedMs, stream);
      callback(NOT_YET);
    };
    if (inFlight < maxInFlight) take();
    else resume = take;
  };

  async function taken(packet: IPublishPacket, receivedMs: number, stream: Duplex): Promise<void> {
    inFlight += 1;
    const acknowledge = packet.qos === 1 ? acksOf(stream).expect(packet.messageId as number) : undefined;
    try {
      await handle(messageOf(packet, receivedMs));
      isFailing = false;
      acknowledge?.();
    } catch (error) {
      // Not acknowledged, it comes again, but only on another connection.
      if (!isClosing) log.warn({ err: error, topic: packet.topic }, "Message not taken; connecting again");
      isFailing = true;
      stream.destroy();
    }
    inFlight -= 1;
    if (isClosing && inFlight === 0) idle.resolve();
    const next = resume;
    resume = undefined;
    next?.();
  }

  function acksOf(stream: Duplex): AckQueue {
    if (acks === undefined || !acks.isOf(stream)) acks = new AckQueue(stream, protocolVersion);
    return acks;
  }

  // While messages wait for room no answer of the broker is read either: it must not be taken for dead, nor take us for it.
  const keepalive = setInterval(
    () => {
      if (resume === undefined || !client.connected) return;
      client.sendPing();
      client.reschedulePing(true);
    },
    (connection.keepaliveS * 1000) / 2,
  );

  client.on("connect", ({ sessionPresent }) => {
    if (!isFailing) client.options.reconnectPeriod = firstPauseMs;
    log.info({ clientId, sessionPresent }, "Connected to broker");
    client.subscribe([...filters], { qos: 1 }, (error, granted) => {
      if (error !== null) log.warn({ err: error }, "Broker refused the subscription");
      for (const { topic, qos } of granted ?? []) checkGrant(topic, qos);
    });
  });
  client.on("packetreceive", (packet) => {
    // A message of QoS 2 would be the broker's no more before it is on disk.
    if (packet.cmd === "publish" && packet.qos === 2) (client.stream as unknown as Duplex).destroy();
  });
  client.on("close", () => {
    // A held message of this connection comes again on the next one.
    resume = undefined;
    const pauseMs = client.options.reconnectPeriod ?? firstPauseMs;
    client.options.reconnectPeriod = Math.min(2 * pauseMs, connection.maxReconnectMs);
  });
  client.on("error", (error) => log.warn({ err: error }, "Broker connection failed"));

  function checkGrant(topic: string, qos: ISubscriptionGrant["qos"]): void {
    if (qos >= 128) log.error({ topic }, "Broker refused the topic");
    else if (qos === 0) log.warn({ topic }, "Broker delivers the topic without acknowledgements: messages can be lost");
  }

  client.connect();
  return {
    name: `mqtt ${url} ${clientId}`,
    async [Symbol.asyncDispose]() {
      isClosing = true;
      clearInterval(keepalive);
      if (inFlight > 0) {
        const deadline = new AbortController();
        const late = setTimeout(CLOSE_WAIT_MS, undefined, { signal: deadline.signal }).catch(() => {});
        await Promise.race([idle.promise, late]);
        deadline.abort();
      }
      // Says goodbye where there is somebody to say it to.
      await client.endAsync(!client.connected);
    },
  };
}

/** A client of the library that does not connect before `connect()`. */
export function createBrokerClient(connection: Connection, change: IClientOptions): MqttClient {
  const { protocolVersion, maxInFlight, maxMessageBytes, username, password } = connection;
  const limits = {
    sessionExpiryInterval: SESSION_EXPIRY_S,
    receiveMaximum: maxInFlight,
    maximumPacketSize: maxMessageBytes + HEADER_BYTES,
  };
  // The library asks for its own type of stream, which has nothing that a Duplex of Node does not have.
  const open = () => openBrokerStream(connection) as unknown as MqttClient["stream"];
  return new MqttClient(open, {
    clientId: connection.clientId,
    clean: false,
    protocolId: "MQTT",
    protocolVersion,
    keepalive: connection.keepaliveS,
    connectTimeout: CONNECT_TIMEOUT_MS,
    reconnectOnConnackError: true,
    resubscribe: false,
    manualConnect: true,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(protocolVersion === 5 ? { properties: limits } : {}),
    ...change,
  });
}

function messageOf({ topic, payload, retain }: IPublishPacket, receivedMs: number): ReceivedMessage {
  return {
    topic,
    payload: typeof payload === "string" ? Buffer.from(payload) : payload,
    receivedMs,
    isRetained: retain,
  };
}
