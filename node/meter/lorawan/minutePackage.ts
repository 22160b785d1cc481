import { LedgerError } from "#storage/error.ts";
import type { Quantity } from "#storage/types/reading.ts";

/**
 * One-minute values of a meter in one uplink (seed 000's hourly package is three of them). Version 1, big-endian:
 *   0      uint8   0xe1: 0xe, version 1
 *   1      uint8   bits 0-2 quantity (0 import, 1 export, 2 gas, 3 water, 4 heat) · 3 wide: values of 16 bits · 4 the clock was never set ·
 *                  5 the register began anew within the package · 6, 7 zero
 *   2-5    uint32  end of the last minute, Unix time / 60; zero when the clock was never set
 *   6-10   uint40  register at that time: Wh, of gas and water L, of heat kJ
 *   11-    values, oldest first, what flowed in each minute in the unit of the register: 12 bits each, packed, the half byte left over zero; wide ones 16
 *          bits each. All bits set: no value for this minute.
 * Twenty minutes take 41 bytes, wide ones 51: they fit the slowest data rate (51 bytes). The length is the same whatever was used, for on the air it can be
 * seen by anybody.
 */
export interface MinutePackage {
  readonly quantity: MinuteQuantity;
  /** End of the last minute, Unix minutes; undefined when the device does not know the time. */
  readonly endMinute: number | undefined;
  /** The register began anew, within the minutes or just before. */
  readonly isReset: boolean;
  /** At the end of the last minute. */
  readonly register: number;
  /** Oldest first, 1 to MAX_MINUTES; undefined: no value. */
  readonly values: readonly (number | undefined)[];
  /** 16 bits a value instead of 12: for more than 4094 a minute. */
  readonly isWide: boolean;
}

export const MINUTE_QUANTITIES = [
  "activeEnergyImport",
  "activeEnergyExport",
  "gasVolume",
  "waterVolume",
  "heat",
] as const satisfies readonly Quantity[];
export type MinuteQuantity = (typeof MINUTE_QUANTITIES)[number];

/** A package is no longer than two hours, so that a lost one is noticed soon. 191 bytes; 371 wide ones would not fit any data rate. */
export const MAX_MINUTES = 120;
/** The most that any data rate carries. */
const MAX_PACKAGE_BYTES = 242;
export const MAX_PACKAGE_REGISTER = 2 ** 40 - 1;

const VERSION_BYTE = 0xe1;
const HEADER_BYTES = 11;
const FLAG_WIDE = 1 << 3;
const FLAG_NO_CLOCK = 1 << 4;
const FLAG_RESET = 1 << 5;
const KNOWN_FLAGS = 0x3f;

export type MinutePackageErrorDetails = {
  readonly code: "MINUTE_PACKAGE_INVALID";
  readonly field: keyof MinutePackage;
  readonly value: unknown;
};

export class MinutePackageError extends LedgerError<MinutePackageErrorDetails> {}

export type MinutePackageFault = "unknown-version" | "unknown-flags" | "length-wrong" | "padding-wrong" | "time-wrong";

/** @throws MinutePackageError MINUTE_PACKAGE_INVALID, naming the first field outside of its range */
export function encodeMinutePackage(minutes: MinutePackage): Uint8Array {
  const { quantity, endMinute, isReset, register, values, isWide } = minutes;
  const none = isWide ? 0xffff : 0xfff;
  const bytes = HEADER_BYTES + valueBytes(values.length, isWide);
  check(MINUTE_QUANTITIES.includes(quantity), minutes, "quantity");
  check(endMinute === undefined || isWithin(endMinute, 0xffff_ffff, 1), minutes, "endMinute");
  check(isWithin(register, MAX_PACKAGE_REGISTER), minutes, "register");
  check(isWithin(values.length, MAX_MINUTES, 1) && bytes <= MAX_PACKAGE_BYTES, minutes, "values");
  check(
    values.every((value) => value === undefined || isWithin(value, none - 1)),
    minutes,
    "values",
  );
  const out = Buffer.alloc(bytes);
  out[0] = VERSION_BYTE;
  out[1] =
    MINUTE_QUANTITIES.indexOf(quantity) |
    (isWide ? FLAG_WIDE : 0) |
    (endMinute === undefined ? FLAG_NO_CLOCK : 0) |
    (isReset ? FLAG_RESET : 0);
  out.writeUInt32BE(endMinute ?? 0, 2);
  out.writeUIntBE(register, 6, 5);
  for (const [index, value = none] of values.entries()) {
    if (isWide) out.writeUInt16BE(value, HEADER_BYTES + 2 * index);
    else writeNarrow(out, index, value);
  }
  return out;
}

/** Exactly one package, in the one way of writing it. Never throws. */
export function decodeMinutePackage(bytes: Uint8Array): MinutePackage | { readonly fault: MinutePackageFault } {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.length === 0 || view[0] !== VERSION_BYTE) return { fault: "unknown-version" };
  if (view.length <= HEADER_BYTES || view.length > MAX_PACKAGE_BYTES) return { fault: "length-wrong" };
  const flags = view[1] as number;
  const quantity = MINUTE_QUANTITIES[flags & 7];
  if (flags > KNOWN_FLAGS || quantity === undefined) return { fault: "unknown-flags" };
  const isWide = (flags & FLAG_WIDE) !== 0;
  const count = valueCount(view.length - HEADER_BYTES, isWide);
  if (count === undefined || count > MAX_MINUTES) return { fault: "length-wrong" };
  const hasPadding = !isWide && count % 2 === 1;
  if (hasPadding && ((view[view.length - 1] as number) & 0xf) !== 0) return { fault: "padding-wrong" };
  const minute = view.readUInt32BE(2);
  const hasClock = (flags & FLAG_NO_CLOCK) === 0;
  if (hasClock === (minute === 0)) return { fault: "time-wrong" };
  const none = isWide ? 0xffff : 0xfff;
  const values = Array.from({ length: count }, (_, index) => {
    const value = isWide ? view.readUInt16BE(HEADER_BYTES + 2 * index) : readNarrow(view, index);
    return value === none ? undefined : value;
  });
  return {
    quantity,
    endMinute: hasClock ? minute : undefined,
    isReset: (flags & FLAG_RESET) !== 0,
    register: view.readUIntBE(6, 5),
    values,
    isWide,
  };
}

function valueBytes(count: number, isWide: boolean): number {
  return isWide ? 2 * count : Math.ceil(1.5 * count);
}

/** undefined: so many bytes are of no number of values. */
function valueCount(bytes: number, isWide: boolean): number | undefined {
  const count = Math.floor(isWide ? bytes / 2 : bytes / 1.5);
  return count > 0 && valueBytes(count, isWide) === bytes ? count : undefined;
}

/** Two values in three bytes: aaaaaaaa aaaabbbb bbbbbbbb. */
function writeNarrow(out: Buffer, index: number, value: number): void {
  const offset = HEADER_BYTES + Math.floor(1.5 * index);
  if (index % 2 === 0) {
    out[offset] = value >> 4;
    out[offset + 1] = (value & 0xf) << 4;
  } else {
    out[offset] = (out[offset] as number) | (value >> 8);
    out[offset + 1] = value & 0xff;
  }
}

function readNarrow(view: Buffer, index: number): number {
  const pair = view.readUInt16BE(HEADER_BYTES + Math.floor(1.5 * index));
  return index % 2 === 0 ? pair >> 4 : pair & 0xfff;
}

function isWithin(value: number, max: number, min = 0): boolean {
  return Number.isSafeInteger(value) && value >= min && value <= max;
}

function check(valid: boolean, minutes: MinutePackage, field: keyof MinutePackage): void {
  if (!valid) throw new MinutePackageError({ code: "MINUTE_PACKAGE_INVALID", field, value: minutes[field] });
}
