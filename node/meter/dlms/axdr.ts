import type { ByteReader } from "./byteReader.ts";

/** A value of A-XDR (Green Book 9.5, IEC 61334-6) with its type. Integers of 64 bits are bigint, all others number. */
export type AxdrValue =
  | { readonly type: "null" }
  | { readonly type: "array" | "structure"; readonly items: readonly AxdrValue[] }
  | { readonly type: "integer"; readonly name: string; readonly value: number | bigint; readonly isAllOnes: boolean }
  | { readonly type: "float"; readonly value: number }
  | { readonly type: "octets"; readonly bytes: Buffer }
  | { readonly type: "text"; readonly text: string };

/** Values in one message; the longest seen has 28 descriptions of 4 and as many values. */
const MAX_VALUES = 2048;
/** Lists in lists; meters push two. */
const MAX_DEPTH = 6;

const BIT_STRING = 4;
const [DATE_TIME, DATE, TIME] = [0x19, 0x1a, 0x1b];

interface IntegerType {
  readonly name: string;
  readonly bytes: 1 | 2 | 4 | 8;
  readonly isSigned: boolean;
}

/** By tag. Boolean and enum are integers of one byte. */
const INTEGERS: ReadonlyMap<number, IntegerType> = new Map([
  [3, { name: "boolean", bytes: 1, isSigned: false }],
  [5, { name: "int32", bytes: 4, isSigned: true }],
  [6, { name: "uint32", bytes: 4, isSigned: false }],
  [15, { name: "int8", bytes: 1, isSigned: true }],
  [16, { name: "int16", bytes: 2, isSigned: true }],
  [17, { name: "uint8", bytes: 1, isSigned: false }],
  [18, { name: "uint16", bytes: 2, isSigned: false }],
  [20, { name: "int64", bytes: 8, isSigned: true }],
  [21, { name: "uint64", bytes: 8, isSigned: false }],
  [22, { name: "enum", bytes: 1, isSigned: false }],
]);

/** undefined: an unknown type, too many values, too deep, or the bytes end before it does. */
export function readAxdr(reader: ByteReader): AxdrValue | undefined {
  const budget = { values: MAX_VALUES };
  const value = readValue(reader, budget, 0);
  return reader.isOverrun ? undefined : value;
}

function readValue(reader: ByteReader, budget: { values: number }, depth: number): AxdrValue | undefined {
  budget.values -= 1;
  if (budget.values < 0 || reader.isOverrun) return undefined;
  const tag = reader.uint8();
  const integer = INTEGERS.get(tag);
  if (integer !== undefined) return readInteger(reader, integer);
  switch (tag) {
    case 0:
      return { type: "null" };
    case 1:
    case 2:
      return readList(reader, budget, depth, tag === 1 ? "array" : "structure");
    case BIT_STRING:
      return { type: "octets", bytes: reader.bytes(Math.ceil(reader.length() / 8)) };
    case 9:
      return { type: "octets", bytes: reader.bytes(reader.length()) };
    case 10:
    case 12:
      return { type: "text", text: reader.bytes(reader.length()).toString("latin1") };
    case 23: {
      const bytes = reader.bytes(4);
      return { type: "float", value: bytes.length === 4 ? bytes.readFloatBE() : 0 };
    }
    case 24: {
      const bytes = reader.bytes(8);
      return { type: "float", value: bytes.length === 8 ? bytes.readDoubleBE() : 0 };
    }
    case DATE_TIME:
      return { type: "octets", bytes: reader.bytes(12) };
    case DATE:
      return { type: "octets", bytes: reader.bytes(5) };
    case TIME:
      return { type: "octets", bytes: reader.bytes(4) };
    default:
      return undefined;
  }
}

function readList(
  reader: ByteReader,
  budget: { values: number },
  depth: number,
  type: "array" | "structure",
): AxdrValue | undefined {
  const count = reader.length();
  // Every value has a byte at least: a length that lies is told before anything is kept.
  if (depth >= MAX_DEPTH || count > reader.left) return undefined;
  const items: AxdrValue[] = [];
  for (let index = 0; index < count; index++) {
    const item = readValue(reader, budget, depth + 1);
    if (item === undefined) return undefined;
    items.push(item);
  }
  return { type, items };
}

function readInteger(reader: ByteReader, { name, bytes, isSigned }: IntegerType): AxdrValue {
  const raw = reader.bytes(bytes);
  if (raw.length < bytes) return { type: "null" };
  const isAllOnes = isSigned
    ? raw[0] === 0x7f && raw.subarray(1).every((byte) => byte === 0xff)
    : raw.every((byte) => byte === 0xff);
  if (bytes === 8)
    return { type: "integer", name, value: isSigned ? raw.readBigInt64BE() : raw.readBigUInt64BE(), isAllOnes };
  return { type: "integer", name, value: isSigned ? raw.readIntBE(0, bytes) : raw.readUIntBE(0, bytes), isAllOnes };
}
