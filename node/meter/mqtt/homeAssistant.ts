import { setTimeout as pause } from "node:timers/promises";
import type { Reading } from "#storage/types/reading.ts";
import type { DecodedFrame } from "../frame.ts";
import type { InputPorts } from "../input.ts";
import { OptionReader } from "../inputOptions.ts";
import { CONNECTION_OPTIONS, type ConnectionOptions, readConnection } from "./connectionOptions.ts";
import { type DiscoveryTopics, onlineTopic, sensorOf, stateText, stateTopic } from "./discovery.ts";
import { createBrokerClient } from "./mqttReceiver.ts";

export interface HomeAssistantOptions extends ConnectionOptions {
  /** Where Home Assistant looks for devices. Default "homeassistant". */
  readonly discoveryPrefix?: string;
  /** Of the topics of states. Default "eledger". */
  readonly baseTopic?: string;
  /** The least time between two states of a meter, ms. Default 10 000. */
  readonly everyMs?: number;
  /** A meter that has said nothing for so long is offline, ms. Default 15 minutes. */
  readonly offlineAfterMs?: number;
}

export interface HomeAssistantOutput extends AsyncDisposable {
  /** Tells what a frame says of its meters. Never waits, never throws: Home Assistant being away is no affair of the readings. */
  observe(frame: DecodedFrame): void;
}

const TOPIC = { pattern: /^[0-9A-Za-z_-]{1,64}(?:\/[0-9A-Za-z_-]{1,64}){0,3}$/, form: "a topic without wildcards" };
/** Meters and sensors of one node; more are not told of. */
const MAX_METERS = 10_000;
const MAX_SENSORS_PER_METER = 128;
/** The tick of states and of silence. */
const TICK_MS = 250;
const CLOSE_WAIT_MS = 1000;
const RECONNECT_MS = 5000;

interface Meter {
  readonly stateTopic: string;
  readonly onlineTopic: string;
  /** Member of the state → its text, and the time that it is of. */
  readonly values: Map<string, { readonly text: string; readonly timestampMs: number }>;
  readonly configs: Map<string, string>;
  lastHeardMs: number;
  lastSentMs: number;
  hasNews: boolean;
  isOnline: boolean;
}

/**
 * Tells Home Assistant of the meters that this node reads: a retained configuration for each series, so that it is found without being set up, a retained
 * state for each meter at most every `everyMs`, and whether it is online. On every connection everything is told again.
 * @throws MeterSourceError METER_OPTION_INVALID
 */
export async function startHomeAssistantOutput(
  options: HomeAssistantOptions,
  ports: Pick<InputPorts, "nowMs" | "log">,
): Promise<HomeAssistantOutput> {
  const names = [...CONNECTION_OPTIONS, "discoveryPrefix", "baseTopic", "everyMs", "offlineAfterMs"];
  const reader = new OptionReader(options, "homeAssistant", names);
  const connection = readConnection(reader);
  const topics: DiscoveryTopics = {
    discoveryPrefix: reader.text("discoveryPrefix", { ...TOPIC, fallback: "homeassistant" }),
    baseTopic: reader.text("baseTopic", { ...TOPIC, fallback: "eledger" }),
  };
  const everyMs = reader.integer("everyMs", { min: 0, max: 86_400_000, fallback: 10_000 });
  const offlineAfterMs = reader.integer("offlineAfterMs", { min: 1000, max: 86_400_000, fallback: 900_000 });
  const log = ports.log.child({ part: "home-assistant", url: connection.url });
  const meters = new Map<string, Meter>();

  const client = createBrokerClient(connection, {
    clean: true,
    reconnectPeriod: Math.min(RECONNECT_MS, connection.maxReconnectMs),
  });
  client.on("error", (error) => log.warn({ err: error }, "Broker connection failed"));
  client.on("connect", () => {
    for (const meter of meters.values()) {
      for (const [topic, config] of meter.configs) send(topic, config);
      send(meter.onlineTopic, meter.isOnline ? "online" : "offline");
      meter.hasNews = true;
      meter.lastSentMs = Number.NEGATIVE_INFINITY;
    }
    tellAll();
  });

  /** What cannot be sent now is told anew on the next connection: nothing is queued. */
  function send(topic: string, payload: string): void {
    if (client.connected) client.publish(topic, payload, { qos: 1, retain: true }, () => {});
  }

  function meterOf(meterId: string): Meter | undefined {
    const known = meters.get(meterId);
    if (known !== undefined || meters.size >= MAX_METERS) return known;
    const meter: Meter = {
      stateTopic: stateTopic(topics, meterId),
      onlineTopic: onlineTopic(topics, meterId),
      values: new Map(),
      configs: new Map(),
      lastHeardMs: 0,
      lastSentMs: Number.NEGATIVE_INFINITY,
      hasNews: false,
      isOnline: false,
    };
    meters.set(meterId, meter);
    return meter;
  }

  /** Returns the meter that has news. */
  function take(reading: Reading): Meter | undefined {
    const sensor = sensorOf(topics, reading);
    const meter = sensor === undefined ? undefined : meterOf(reading.meterId);
    if (sensor === undefined || meter === undefined) return undefined;
    const before = meter.values.get(sensor.key);
    if (before === undefined && meter.values.size >= MAX_SENSORS_PER_METER) return undefined;
    // What a meter kept while it was away is not its state now.
    if (before !== undefined && before.timestampMs > reading.timestampMs) return undefined;
    if (before === undefined) {
      const config = JSON.stringify(sensor.config);
      meter.configs.set(sensor.configTopic, config);
      send(sensor.configTopic, config);
    }
    meter.values.set(sensor.key, { text: stateText(reading), timestampMs: reading.timestampMs });
    meter.hasNews = true;
    meter.lastHeardMs = ports.nowMs();
    if (!meter.isOnline) {
      meter.isOnline = true;
      send(meter.onlineTopic, "online");
    }
    return meter;
  }

  function tell(meter: Meter, nowMs: number): void {
    if (meter.isOnline && nowMs - meter.lastHeardMs > offlineAfterMs) {
      meter.isOnline = false;
      send(meter.onlineTopic, "offline");
    }
    if (!meter.hasNews || nowMs - meter.lastSentMs < everyMs || !client.connected) return;
    meter.hasNews = false;
    meter.lastSentMs = nowMs;
    // The values are JSON numbers as they are; a float would change some.
    send(meter.stateTopic, `{${[...meter.values].map(([key, { text }]) => `"${key}":${text}`).join()}}`);
  }

  function tellAll(): void {
    const nowMs = ports.nowMs();
    for (const meter of meters.values()) tell(meter, nowMs);
  }

  const timer = setInterval(tellAll, TICK_MS);
  client.connect();
  return {
    observe(frame) {
      const news = new Set(frame.readings.map(take));
      for (const meter of news) if (meter !== undefined) tell(meter, ports.nowMs());
    },
    async [Symbol.asyncDispose]() {
      clearInterval(timer);
      if (client.connected) {
        const told = [...meters.values()].map(({ onlineTopic: topic }) =>
          client.publishAsync(topic, "offline", { qos: 1, retain: true }).catch(() => {}),
        );
        const late = new AbortController();
        await Promise.race([
          Promise.all(told),
          pause(CLOSE_WAIT_MS, undefined, { signal: late.signal }).catch(() => {}),
        ]);
        late.abort();
      }
      await client.endAsync(true);
    },
  };
}
