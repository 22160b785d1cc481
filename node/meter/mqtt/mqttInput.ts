import { createDsmrDecoder } from "../dsmr/decoder.ts";
import { type DecodedFrame, rejectedFrame } from "../frame.ts";
import type { StartInput } from "../input.ts";
import { OptionReader } from "../inputOptions.ts";
import { createZone, type Zone } from "../zoneTime.ts";
import { CONNECTION_OPTIONS, type ConnectionOptions, readConnection } from "./connectionOptions.ts";
import { decodeHomeWizard } from "./homeWizard.ts";
import type { MessageContext } from "./messageTime.ts";
import { type ReceivedMessage, startMqttReceiver } from "./mqttReceiver.ts";
import { RateLimit } from "./rateLimit.ts";
import { decodeShelly } from "./shelly.ts";
import { createTasmotaDecoder, type MessageDecoder } from "./tasmota.ts";
import { isTopicFilter, matchesTopic } from "./topicFilter.ts";

export const MQTT_FORMATS = ["tasmota", "shelly", "homewizard", "dsmr"] as const;
export type MqttFormat = (typeof MQTT_FORMATS)[number];

export interface MqttSubscription {
  /** Topic filter, with + and #: "tele/+/SENSOR". */
  readonly topic: string;
  readonly format: MqttFormat;
  /** IANA zone of the clock of the devices, for those that send local time; of DSMR the one of the decoder's options. */
  readonly zone?: string;
  /** Name of the device where its messages say none, or another. Only for a topic of one device. */
  readonly device?: string;
  /** Of the DSMR decoder. */
  readonly dsmr?: Readonly<Record<string, unknown>>;
}

export interface MqttInputOptions extends ConnectionOptions {
  /** The first that fits a topic decodes its messages. */
  readonly subscriptions: readonly MqttSubscription[];
}

const MAX_SUBSCRIPTIONS = 100;

/** Characters of a topic; MQTT allows 65 535 bytes. */
const MAX_TOPIC_CHARS = 1024;

const TOPIC = { pattern: /^[^\0]{1,256}$/, form: "a topic filter" };
const DEVICE = { pattern: /^[\x21-\x7e]{1,60}$/, form: "1 to 60 printable characters without spaces" };

interface Subscription {
  readonly topic: string;
  readonly decoder: MessageDecoder;
  readonly zone: Zone | undefined;
  readonly device: string | undefined;
}

/** Meters whose devices publish to an MQTT broker. @throws MeterSourceError METER_OPTION_INVALID */
export const startMqttInput: StartInput<MqttInputOptions> = async (options, ports) => {
  const reader = new OptionReader(options, "mqtt", [...CONNECTION_OPTIONS, "subscriptions"]);
  const connection = readConnection(reader);
  const subscriptions = reader.list("subscriptions", { min: 1, max: MAX_SUBSCRIPTIONS }, readSubscription);
  const rates = new RateLimit(connection.maxPerSecond);
  const filters = subscriptions.map(({ topic }) => topic);

  function decode({ topic, payload, receivedMs, isRetained }: ReceivedMessage): DecodedFrame {
    const found =
      topic.length > MAX_TOPIC_CHARS ? undefined : subscriptions.find((each) => matchesTopic(each.topic, topic));
    if (found === undefined) return rejectedFrame("unknown-format", `topic ${topic}`);
    if (payload.length > connection.maxMessageBytes)
      return rejectedFrame("too-long", `${payload.length} bytes on ${topic}`);
    const { zone, device } = found;
    const context: MessageContext = {
      topic,
      receivedMs,
      isRetained,
      ...(zone === undefined ? {} : { zone }),
      ...(device === undefined ? {} : { device }),
    };
    const frame = found.decoder.decode(payload, context);
    const [first] = frame.readings;
    return first === undefined || rates.take(topic, first.timestampMs) ? frame : rejectedFrame("flood", topic);
  }

  return startMqttReceiver(connection, filters, (message) => ports.offer(decode(message)), ports);
};

function readSubscription(item: unknown, path: string): Subscription {
  const reader = new OptionReader(item, path, ["topic", "format", "zone", "device", "dsmr"]);
  const topic = reader.text("topic", TOPIC);
  if (!isTopicFilter(topic)) throw reader.fault("topic", "must have + and # only as whole levels, # as the last");
  const device = reader.optionalText("device", DEVICE);
  if (device !== undefined && /[+#]/.test(topic)) throw reader.fault("device", "is for a topic of one device");
  const format = reader.choice("format", MQTT_FORMATS);
  if (reader.has("dsmr") && format !== "dsmr") throw reader.fault("dsmr", "is for the format dsmr");
  const zoneName = reader.optionalText("zone", { pattern: /^[\w+/-]{1,64}$/, form: "a time zone" });
  const zone = zoneName === undefined ? undefined : createZone(zoneName);
  if (zoneName !== undefined && zone === undefined)
    throw reader.fault("zone", 'must be a time zone of the IANA database, as "Europe/Amsterdam"');
  return { topic, decoder: decoderOf(format, reader), zone, device };
}

function decoderOf(format: MqttFormat, reader: OptionReader): MessageDecoder {
  switch (format) {
    case "tasmota":
      return createTasmotaDecoder();
    case "shelly":
      return { decode: decodeShelly };
    case "homewizard":
      return { decode: decodeHomeWizard };
    case "dsmr": {
      const given = { zone: reader.raw("zone"), meterId: reader.raw("device"), ...(reader.raw("dsmr") as object) };
      const decoder = createDsmrDecoder(
        Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)),
      );
      return {
        decode(bytes, { receivedMs, isRetained, topic }) {
          const frame = decoder.decode(bytes, receivedMs);
          // A telegram without a clock of its own counts as old as its arrival.
          const hasNoTime = frame.readings.some(({ timeSource }) => timeSource === "receiver");
          return isRetained && hasNoTime ? rejectedFrame("bad-timestamp", `a retained telegram on ${topic}`) : frame;
        },
      };
    }
  }
}
