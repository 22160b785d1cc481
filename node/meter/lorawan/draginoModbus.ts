import { type LoraCodec, PayloadReader, shownHex } from "./codec.ts";

/** Counts of the packet and of its parts. */
const HEADER_BYTES = 2;
const READ_HOLDING_REGISTERS = 3;
const READ_INPUT_REGISTERS = 4;
const EXCEPTION = 0x80;
const MWH_PER_KWH = 1_000_000;

/**
 * Dragino RS485-LN asking a meter for its kWh: packet count, part of the packet, then the answer of the Modbus meter with its CRC. The meter behind the
 * converter is named by its Modbus address: `lora:<DevEUI>-<address>`.
 */
export const decodeDraginoModbus: LoraCodec = (frame, { uplink, meterId, networkTime }) => {
  const answer = uplink.payload.subarray(HEADER_BYTES);
  const shown = shownHex(uplink.payload);
  if (answer.length < 5) {
    frame.reject("truncated", shown);
    return;
  }
  const checked = answer.subarray(0, -2);
  const crc = new PayloadReader(answer.subarray(-2)).uintLE(2);
  const reader = new PayloadReader(checked);
  const [address, code, bytes] = [reader.uint(1), reader.uint(1), reader.uint(1)];
  if (modbusCrc(checked) !== crc) frame.reject("crc-wrong", shown);
  else if ((code & EXCEPTION) !== 0) frame.reject("meter-fault", `modbus exception ${bytes}`);
  else if (code !== READ_HOLDING_REGISTERS && code !== READ_INPUT_REGISTERS) frame.reject("unknown-format", shown);
  else if (bytes !== 4 || reader.left !== 4) frame.reject("unknown-format", shown);
  else {
    const kwh = { quantity: "activeEnergyImport", kind: "register" } as const;
    frame.addInteger(`${meterId}-${address}`, networkTime, kwh, "kWh", reader.uint(4) * MWH_PER_KWH);
  }
};

/** CRC-16/MODBUS: polynomial 0xa001 reflected, begun with 0xffff; sent low byte first. */
export function modbusCrc(bytes: Uint8Array): number {
  let crc = 0xffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit += 1) crc = (crc & 1) === 1 ? (crc >> 1) ^ 0xa001 : crc >> 1;
  }
  return crc;
}
