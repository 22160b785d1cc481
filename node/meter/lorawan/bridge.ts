import { countOf, type ExactJson, isObject, member, textOf } from "../exactJson.ts";
import type { DecodedFrame } from "../frame.ts";
import { rejectedFrame } from "../frame.ts";
import { isMeterTime } from "../isoTime.ts";
import { MessageReadings } from "../mqtt/messageReadings.ts";
import { deviceTime } from "../mqtt/messageTime.ts";
import { modbusCrc } from "./draginoModbus.ts";

const KWH = { quantity: "activeEnergyImport", kind: "register", exponent: 6 } as const;
const RADIOS = ["lora", "zigbee"];

/** Whether a body is a bridge's, which has decoded already. */
export function isBridgeBody(body: ExactJson | undefined): boolean {
  return isObject(member(body, "sensor_data")) || (isObject(body) && member(body, "electric_kwh") !== undefined);
}

/**
 * Packets of an Actility/Zigbee bridge for the meters of a building: `sensor_data` with whole kWh, the time of the packet in Unix seconds, the serial number
 * of the device (for LoRa: DevEUI-address). Where the radio's own bytes are there and end in a Modbus answer, its CRC must hold.
 */
export function decodeBridge(bytes: Uint8Array, body: ExactJson, receivedMs: number): DecodedFrame {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8");
  const radio = textOf(body, "sensor_radio_type") ?? "";
  const header = member(body, "header");
  const serial = textOf(member(header, "common"), "serial_number") ?? "";
  if (!RADIOS.includes(radio) || serial === "") return rejectedFrame("bad-meter-id", text);
  if (/^[0-]+$/.test(serial)) return rejectedFrame("sentinel", text);
  const data = member(body, "sensor_data");
  const lora = member(header, "lora");
  if (countOf(data, "valid_read") === 0) return rejectedFrame("meter-fault", text);
  const raw = textOf(lora, "raw_packet");
  if (raw !== undefined && !isModbusAnswer(raw)) return rejectedFrame("crc-wrong", text);
  const seconds = countOf(body, "packet_creation_timestamp") ?? Number.NaN;
  const time = deviceTime(
    isMeterTime(seconds * 1000) ? seconds * 1000 : undefined,
    "packet_creation_timestamp",
    receivedMs,
    "synced",
    "network",
  );
  if ("rejected" in time) return rejectedFrame(time.rejected, time.text);
  const frame = new MessageReadings(bytes, receivedMs, countOf(lora, "frame_count_uplink"));
  const meterId = `${radio}:${serial.toLowerCase()}`;
  const names = ["kwh", "electric_kwh"].filter((name) => member(data, name) !== undefined);
  for (const name of names) frame.add(meterId, time, KWH, name, member(data, name));
  return names.length === 0 ? rejectedFrame("unknown-format", text) : frame.frame();
}

/** Behind two bytes of the converter. */
function isModbusAnswer(hex: string): boolean {
  if (!/^(?:[0-9a-fA-F]{2}){7,64}$/.test(hex)) return false;
  const answer = Buffer.from(hex, "hex").subarray(2);
  return modbusCrc(answer.subarray(0, -2)) === answer.readUInt16LE(answer.length - 2);
}
