import { parseExactJson } from "../exactJson.ts";
import { type DecodedFrame, rejectedFrame } from "../frame.ts";
import type { MeterInput, StartInput } from "../input.ts";
import { OptionReader } from "../inputOptions.ts";
import { CONNECTION_OPTIONS, type ConnectionOptions, readConnection } from "../mqtt/connectionOptions.ts";
import { MessageReadings } from "../mqtt/messageReadings.ts";
import { deviceTime, type MessageTimeResult, receiverTime } from "../mqtt/messageTime.ts";
import { type ReceivedMessage, startMqttReceiver } from "../mqtt/mqttReceiver.ts";
import { RateLimit } from "../mqtt/rateLimit.ts";
import { isTopicFilter } from "../mqtt/topicFilter.ts";
import { decodeBridge, isBridgeBody } from "./bridge.ts";
import { type CodecRule, type ReadCodecRule, readCodecRule } from "./codecRegistry.ts";
import { decipherFrmPayload } from "./frmPayload.ts";
import { readUplink, type Uplink } from "./uplink.ts";
import { UplinkDedupe } from "./uplinkDedupe.ts";

export interface LorawanInputOptions extends ConnectionOptions {
  /** Topic filters of the network server's events: "application/+/device/+/event/+", "v3/+/devices/+/up". */
  readonly topics: readonly string[];
  /** The first that fits an uplink decodes its payload. */
  readonly codecs: readonly CodecRule[];
}

export interface LorawanInput extends MeterInput {
  /** Uplinks that came more than once, since the start. */
  readonly duplicates: number;
}

const MAX_TOPICS = 20;
const MAX_CODECS = 1000;
const TOPIC = { pattern: /^[^\0]{1,256}$/, form: "a topic filter" };
const EMPTY: DecodedFrame = { readings: [], rejected: [] };

/** Meters whose LoRaWAN network server publishes to an MQTT broker. @throws MeterSourceError METER_OPTION_INVALID */
export const startLorawanInput = (async (options, ports): Promise<LorawanInput> => {
  const reader = new OptionReader(options, "lorawan", [...CONNECTION_OPTIONS, "topics", "codecs"]);
  const connection = readConnection(reader);
  const topics = reader.list("topics", { min: 1, max: MAX_TOPICS }, (item, path) => {
    const filter = new OptionReader({ topic: item }, path, ["topic"]).text("topic", TOPIC);
    if (!isTopicFilter(filter))
      throw reader.fault("topics", "must be topic filters: + and # only as whole levels, # as the last");
    return filter;
  });
  const codecs = reader.list("codecs", { min: 1, max: MAX_CODECS }, readCodecRule);
  const dedupe = new UplinkDedupe();
  const rates = new RateLimit(connection.maxPerSecond);

  async function handle(message: ReceivedMessage): Promise<void> {
    const { payload, topic, receivedMs } = message;
    if (payload.length > connection.maxMessageBytes)
      return ports.offer(rejectedFrame("too-long", `${payload.length} bytes on ${topic}`));
    const text = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString("utf8");
    const body = parseExactJson(text);
    if (body !== undefined && isBridgeBody(body)) {
      const frame = decodeBridge(payload, body, receivedMs);
      return ports.offer(limited(frame.readings[0]?.meterId ?? topic, frame.readings[0]?.timestampMs, frame));
    }
    const result = readUplink(text, topic);
    switch (result.type) {
      case "other":
        return ports.offer(EMPTY);
      case "join":
        dedupe.joined(result.devEui);
        return ports.offer(EMPTY);
      case "rejected":
        return ports.offer(rejectedFrame(result.reason, result.text));
      case "uplink": {
        const { uplink } = result;
        const { devEui, networkMs = receivedMs } = uplink;
        return dedupe.once(uplink, () =>
          ports.offer(limited(devEui, networkMs, decodeUplink(codecs, uplink, message))),
        );
      }
    }
  }

  /** timeMs: of the network server, so that what the broker kept is no flood. */
  function limited(device: string, timeMs: number | undefined, frame: DecodedFrame): DecodedFrame {
    return timeMs === undefined || rates.take(device, timeMs) ? frame : rejectedFrame("flood", device);
  }

  const receiver = await startMqttReceiver(connection, topics, handle, ports);
  return {
    name: `lorawan ${receiver.name}`,
    get duplicates() {
      return dedupe.duplicates;
    },
    [Symbol.asyncDispose]: () => receiver[Symbol.asyncDispose](),
  };
}) satisfies StartInput<LorawanInputOptions>;

/** Never throws. message: as the broker delivered it, for the hash of its bytes. */
export function decodeUplink(codecs: readonly ReadCodecRule[], uplink: Uplink, message: ReceivedMessage): DecodedFrame {
  const { receivedMs, isRetained, topic } = message;
  const rule = codecs.find(({ fits }) => fits(uplink));
  if (rule === undefined)
    return rejectedFrame(
      "unknown-format",
      `no codec for ${uplink.devEui} ${uplink.profiles.join(" ")} port ${uplink.fPort}`,
    );
  const networkTime: MessageTimeResult =
    uplink.networkMs === undefined
      ? receiverTime({ topic, receivedMs, isRetained })
      : deviceTime(uplink.networkMs, "", receivedMs, "synced", "network");
  if ("rejected" in networkTime) return rejectedFrame(networkTime.rejected, networkTime.text);
  const plain = decipher(rule, uplink);
  if (plain === undefined)
    return rejectedFrame("undecryptable", `${uplink.devEui}: ciphered, without its key or its address`);
  const frame = new MessageReadings(message.payload, receivedMs, uplink.fCnt);
  const meterId = `lora:${uplink.devEui}`;
  rule.decode(frame, { uplink: plain, meterId, networkTime, receivedMs, zone: rule.zone });
  return frame.frame();
}

/** undefined: ciphered and no key for it, or a body without the address that deciphering needs. */
function decipher({ appSKey }: ReadCodecRule, uplink: Uplink): Uplink | undefined {
  if (appSKey === undefined) return uplink.isCiphered === true ? undefined : uplink;
  const { devAddr, fCnt, payload } = uplink;
  return devAddr === undefined
    ? undefined
    : { ...uplink, payload: decipherFrmPayload(appSKey, devAddr, fCnt, payload) };
}
