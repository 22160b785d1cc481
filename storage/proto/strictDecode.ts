import type { DescField, DescMessage, MessageShape } from "@bufbuild/protobuf";
import { fromBinary, ScalarType } from "@bufbuild/protobuf";
import { MAX_TX_MESSAGES } from "../limits.ts";

/**
 * Entries of one repeated field: the largest any message may have. An entry can be two bytes on the wire and a hundred in memory,
 * so that it is counted before anything is built.
 */
export const MAX_REPEATED_FIELDS = MAX_TX_MESSAGES;

export type StrictDecodeFault = "malformed" | "unknownField" | "repeatedField" | "tooManyEntries";

/**
 * Decodes a message of the generated types, refusing what protobuf parsers silently accept: unknown fields at any depth
 * (a signer could sign what this version does not show), singular fields given twice (parsers disagree on which one counts),
 * wrong wire types, varints that are longer than needed or too large for their type, and text that is not UTF-8.
 * Byte fields are views of `bytes`. Never throws.
 */
export function decodeStrict<D extends DescMessage>(
  schema: D,
  bytes: Uint8Array,
): { readonly message: MessageShape<D> } | { readonly fault: StrictDecodeFault } {
  const fault = scan(tableOf(schema), bytes, 0, bytes.length);
  if (fault !== undefined) return { fault };
  try {
    return { message: fromBinary(schema, bytes) };
  } catch {
    return { fault: "malformed" };
  }
}

/** What the scan must know of one field. */
interface FieldRule {
  readonly wireType: number;
  /** Fields of one oneof share a slot: only one of them may be there, once. -1: repeated. */
  readonly slot: number;
  readonly is32Bit: boolean;
  readonly nested: (() => MessageTable) | undefined;
}

interface MessageTable {
  /** By field number; the numbers of our messages are small. */
  readonly fields: readonly (FieldRule | undefined)[];
}

const tables = new Map<DescMessage, MessageTable>();

function tableOf(schema: DescMessage): MessageTable {
  let table = tables.get(schema);
  if (table === undefined) {
    const fields: (FieldRule | undefined)[] = [];
    for (const field of schema.fields) fields[field.number] = ruleOf(field);
    table = { fields };
    tables.set(schema, table);
  }
  return table;
}

/** Tags of one byte. */
const MAX_FIELD_NUMBER = 15;

const VARINT = 0;
const LENGTH_DELIMITED = 2;

const { BOOL, BYTES, INT32, INT64, SINT64, STRING, UINT32, UINT64 } = ScalarType;
const BYTE_TYPES: ReadonlySet<ScalarType> = new Set([STRING, BYTES]);
const VARINT_TYPES: ReadonlySet<ScalarType> = new Set([BOOL, INT32, INT64, SINT64, UINT32, UINT64]);
/** Of these a varint has at most 32 bits; a negative int32 is sent with 64. */
const SHORT_TYPES: ReadonlySet<ScalarType> = new Set([BOOL, UINT32]);

function ruleOf(field: DescField): FieldRule {
  const isList = field.fieldKind === "list";
  const slot = isList ? -1 : field.number;
  const oneofSlot = field.oneof === undefined ? slot : Math.min(...field.oneof.fields.map((member) => member.number));
  const { message, scalar } = field;
  if (field.number > MAX_FIELD_NUMBER)
    throw new TypeError(`protobuf field ${field.parent.typeName}.${field.name} needs a longer tag`);
  if (message !== undefined)
    return { wireType: LENGTH_DELIMITED, slot: oneofSlot, is32Bit: false, nested: () => tableOf(message) };
  if (scalar !== undefined && BYTE_TYPES.has(scalar))
    return { wireType: LENGTH_DELIMITED, slot: oneofSlot, is32Bit: false, nested: undefined };
  // Lists of numbers are packed, which no message of ours uses.
  if (scalar !== undefined && VARINT_TYPES.has(scalar) && !isList)
    return { wireType: VARINT, slot: oneofSlot, is32Bit: SHORT_TYPES.has(scalar), nested: undefined };
  // Our own .proto files are read when the program starts: a field type without a rule must be noticed then, not on the network.
  throw new TypeError(`no strict rule for protobuf field ${field.parent.typeName}.${field.name}`);
}

function scan(table: MessageTable, bytes: Uint8Array, start: number, end: number): StrictDecodeFault | undefined {
  let seen = 0;
  let entries = 0;
  let offset = start;
  while (offset < end) {
    // Field numbers of all our messages are below 16, so that a tag is one byte; anything else is unknown or malformed.
    const tag = bytes[offset++] as number;
    const number = tag >> 3;
    if (tag >= 0x80) return "unknownField";
    const rule = table.fields[number];
    if (rule === undefined) return number === 0 ? "malformed" : "unknownField";
    if ((tag & 7) !== rule.wireType) return "malformed";
    if (rule.slot < 0) {
      entries += 1;
      if (entries > MAX_REPEATED_FIELDS) return "tooManyEntries";
    } else {
      const bit = 1 << rule.slot;
      if ((seen & bit) !== 0) return "repeatedField";
      seen |= bit;
    }
    if (rule.wireType === VARINT) {
      const next = skipVarint(bytes, offset, end, rule.is32Bit);
      if (next < 0) return "malformed";
      offset = next;
      continue;
    }
    // Lengths are at most 21 bits here: MAX_TX_BYTES is below 2^19.
    let length = bytes[offset++] as number;
    if (length >= 0x80) {
      const second = bytes[offset++] as number;
      length = (length & 0x7f) | ((second & 0x7f) << 7);
      let last = second;
      if (second >= 0x80) {
        last = bytes[offset++] as number;
        if (last >= 0x80) return "malformed";
        length |= last << 14;
      }
      if (last === 0) return "malformed";
    }
    const next = offset + length;
    if (!(next <= end)) return "malformed";
    if (rule.nested !== undefined) {
      const fault = scan(rule.nested(), bytes, offset, next);
      if (fault !== undefined) return fault;
    }
    offset = next;
  }
  return undefined;
}

/** The offset behind a minimal varint of at most 64 (or 32) bits, or -1. */
function skipVarint(bytes: Uint8Array, start: number, end: number, is32Bit: boolean): number {
  let offset = start;
  while (offset < end && (bytes[offset] as number) >= 0x80) offset += 1;
  if (offset >= end) return -1;
  const last = bytes[offset] as number;
  const length = offset - start + 1;
  if (length > 1 && last === 0) return -1;
  if (is32Bit ? length > 5 || (length === 5 && last > 0x0f) : length > 10 || (length === 10 && last > 0x01)) return -1;
  return offset + 1;
}
