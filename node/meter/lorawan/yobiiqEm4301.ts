import type { ValueSpec } from "../mqtt/messageReadings.ts";
import { type LoraCodec, PayloadReader, secondsTime, shownHex } from "./codec.ts";

interface Field extends ValueSpec {
  readonly bytes: number;
  readonly isSigned?: boolean;
  /** From the unit of the payload to the ledger's. */
  readonly factor: number;
}

function register(quantity: ValueSpec["quantity"], tariff: number): Field {
  return { quantity, kind: "register", tariff, bytes: 4, factor: 1000 };
}
function instant(quantity: ValueSpec["quantity"], phase: number, factor: number, bytes = 4): Field {
  return { quantity, kind: "instant", phase, bytes, factor, isSigned: true };
}

const FIELDS: ReadonlyMap<number, Field> = new Map([
  [0x04, register("activeEnergyImport", 1)],
  [0x05, register("activeEnergyImport", 2)],
  [0x06, register("activeEnergyExport", 1)],
  [0x07, register("activeEnergyExport", 2)],
  [0x08, register("reactiveEnergyImport", 1)],
  [0x09, register("reactiveEnergyImport", 2)],
  [0x0a, register("reactiveEnergyExport", 1)],
  [0x0b, register("reactiveEnergyExport", 2)],
  [0x0c, instant("voltage", 1, 100)],
  [0x0d, instant("voltage", 2, 100)],
  [0x0e, instant("voltage", 3, 100)],
  [0x0f, instant("current", 0, 1)],
  [0x10, instant("current", 1, 1)],
  [0x11, instant("current", 2, 1)],
  [0x12, instant("current", 3, 1)],
  [0x13, instant("activePower", 0, 1000)],
  [0x14, instant("activePower", 1, 1000)],
  [0x15, instant("activePower", 2, 1000)],
  [0x16, instant("activePower", 3, 1000)],
  [0x23, instant("frequency", 0, 10, 2)],
]);

/** Measured, and no quantity of readings (0x17 to 0x22, 0x24 to 0x2a), or no measurement (index, years, versions): bytes by type. */
const OTHER_BYTES: ReadonlyMap<number, number> = new Map([
  [0x00, 4],
  ...[0x17, 0x18, 0x19, 0x1a, 0x1b, 0x1c].map((type): [number, number] => [type, 4]),
  ...[0x1d, 0x1e, 0x1f].map((type): [number, number] => [type, 1]),
  ...[0x20, 0x21, 0x22].map((type): [number, number] => [type, 2]),
  ...[0x24, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2a, 0x2b].map((type): [number, number] => [type, 4]),
  ...[0xf0, 0xf1, 0xf2].map((type): [number, number] => [type, 2]),
]);

const TIMESTAMP = 0x01;
const LOGGER_TIMESTAMP = 0x03;
/** Channel and type of the Modbus error. */
const MODBUS_ERROR_CHANNEL = 0x0b;
const MODBUS_ERROR = 0x0a;
const INFO_PORT = 50;
const LAST_MEASURING_PORT = 10;

/**
 * Yobiiq EM4301, three-phase meter: channel, type, big-endian value; the type says what it is. Ports 1 to 10 measure, 50 tells of the device. The time of the
 * values is the data logger's, else the device's, else the network's. With a Modbus error the device has not read its meter: no value of the message is one.
 */
export const decodeYobiiqEm4301: LoraCodec = (frame, { uplink, meterId, networkTime, receivedMs }) => {
  const { payload, fPort } = uplink;
  if (fPort === INFO_PORT) return;
  if (fPort > LAST_MEASURING_PORT) {
    frame.reject("unknown-format", `port ${fPort}`);
    return;
  }
  // One byte answers a command.
  if (payload.length === 1) return;
  const reader = new PayloadReader(payload);
  const times = new Map<number, number>();
  const values: [type: number, value: number][] = [];
  const unknown: number[] = [];
  while (reader.left > 0) {
    const [channel, type] = reader.left < 2 ? [] : [reader.uint(1), reader.uint(1)];
    const isError = channel === MODBUS_ERROR_CHANNEL && type === MODBUS_ERROR;
    const field = type === undefined || isError ? undefined : FIELDS.get(type);
    const isTime = type === TIMESTAMP || type === LOGGER_TIMESTAMP;
    const bytes = isError ? 1 : isTime ? 4 : (field?.bytes ?? (type === undefined ? undefined : OTHER_BYTES.get(type)));
    if (type === undefined || bytes === undefined || reader.left < bytes) {
      frame.reject(type !== undefined && bytes === undefined ? "unknown-format" : "truncated", shownHex(payload));
      return;
    }
    const value = field?.isSigned === true ? reader.int(bytes) : reader.uint(bytes);
    if (isError && value !== 0) {
      frame.reject("meter-fault", `modbus error ${value}`);
      return;
    }
    if (isTime) times.set(type, value);
    else if (field !== undefined) values.push([type, value]);
    else if (!isError && type >= 0x17 && type <= 0x2a) unknown.push(type);
  }
  const seconds = times.get(LOGGER_TIMESTAMP) ?? times.get(TIMESTAMP);
  const time = seconds === undefined ? networkTime : secondsTime(seconds, receivedMs);
  if ("rejected" in time) {
    frame.reject(time.rejected, time.text);
    return;
  }
  for (const [type, value] of values) {
    const { factor, bytes: _bytes, isSigned: _isSigned, ...spec } = FIELDS.get(type) as Field;
    frame.addInteger(meterId, time, spec, `type ${type.toString(16)}`, value * factor);
  }
  for (const type of unknown) frame.reject("unknown-quantity", `type ${type.toString(16)}`);
};
