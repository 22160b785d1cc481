import { type LoraCodec, PayloadReader, shownHex } from "./codec.ts";

const HEADER = 0x5b;
const SAMPLES = 20;
const PAYLOAD_BYTES = 1 + 4 + 2 * SAMPLES;
const MINUTE_MS = 60_000;
/** The device keeps ten minutes back. */
const BUFFERED_MS = 10 * MINUTE_MS;

/**
 * Fludia FM432e with one-minute step, port 129: 0x5b, index in Wh (uint32), 20 mean powers in W (uint16), big-endian. Sample i is of the time of reception
 * minus (20 - i) and ten minutes; the index is taken to be of the last sample. Times are the network server's, so they shake by the radio's delay.
 */
export const decodeFludiaMinute: LoraCodec = (frame, { uplink, meterId, networkTime }) => {
  const { payload } = uplink;
  if (payload[0] !== HEADER) {
    frame.reject("unknown-format", shownHex(payload));
    return;
  }
  if (payload.length !== PAYLOAD_BYTES) {
    frame.reject(payload.length < PAYLOAD_BYTES ? "truncated" : "too-long", shownHex(payload));
    return;
  }
  const reader = new PayloadReader(payload.subarray(1));
  const lastMs = networkTime.timestampMs - BUFFERED_MS - MINUTE_MS;
  const at = (timestampMs: number) => ({ ...networkTime, timestampMs });
  const index = { quantity: "activeEnergyImport", kind: "register" } as const;
  frame.addInteger(meterId, at(lastMs), index, "index", reader.uint(4) * 1000);
  for (let sample = 0; sample < SAMPLES; sample += 1) {
    const power = { quantity: "activePower", kind: "average", periodMs: MINUTE_MS } as const;
    const timestampMs = lastMs - (SAMPLES - 1 - sample) * MINUTE_MS;
    frame.addInteger(meterId, at(timestampMs), power, `power ${sample}`, reader.uint(2) * 1000);
  }
};
