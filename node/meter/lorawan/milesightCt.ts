import type { CodecContext } from "./codec.ts";
import { type LoraCodec, PayloadReader, shownHex } from "./codec.ts";

const CURRENT = { quantity: "current", kind: "instant" } as const;
/** The sensor could not be read. */
const READ_FAILED = 0xffff;
/** Facts of the device, by type: bytes behind channel 0xff. */
const INFO_BYTES: ReadonlyMap<number, number> = new Map([
  [0x01, 1],
  [0x09, 2],
  [0x0a, 2],
  [0x0b, 1],
  [0x0f, 1],
  [0x16, 8],
  [0xfe, 1],
  [0xff, 2],
]);

/**
 * Milesight CT101, current transformer: channel, type, little-endian value. Current in 10 mA; ampere hours, extremes and temperature are no quantities of
 * readings. Source: the maker's payload tables.
 */
export const decodeMilesightCt: LoraCodec = (frame, context) => {
  const { payload } = context.uplink;
  const reader = new PayloadReader(payload);
  while (reader.left > 0) {
    const key = reader.left < 2 ? undefined : reader.uint(2);
    const size = key === undefined ? undefined : sizeOf(key);
    if (key === undefined || size === undefined || reader.left < size) {
      frame.reject(size === undefined && key !== undefined ? "unknown-format" : "truncated", shownHex(payload));
      return;
    }
    switch (key) {
      case 0x0498:
        addCurrent(frame, context, reader.uintLE(2));
        break;
      case 0x8498: {
        frame.reject("unknown-quantity", `current max ${reader.uintLE(2)} min ${reader.uintLE(2)}`);
        addCurrent(frame, context, reader.uintLE(2));
        reader.skip(1);
        break;
      }
      case 0x0397:
        frame.reject("unknown-quantity", `total current ${reader.uintLE(4)} of 0.01 Ah`);
        break;
      default:
        reader.skip(size);
    }
  }
};

function sizeOf(key: number): number | undefined {
  if (key >> 8 === 0xff) return INFO_BYTES.get(key & 0xff);
  return new Map([
    [0x0397, 4],
    [0x0498, 2],
    [0x8498, 7],
    [0x0967, 2],
    [0x8967, 3],
  ]).get(key);
}

function addCurrent(frame: Parameters<LoraCodec>[0], context: CodecContext, value: number): void {
  if (value === READ_FAILED) frame.reject("sentinel", "current ffff");
  else frame.addInteger(context.meterId, context.networkTime, CURRENT, "current", value * 10);
}
