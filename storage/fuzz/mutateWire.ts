import fc from "fast-check";
import {
  BYTES,
  contentBytes,
  FIXED32,
  FIXED64,
  formatWire,
  parseWire,
  VARINT,
  varint,
  type WireField,
} from "./wireTree.ts";

/** One change. `at` and `pick` choose where and how; they are taken modulo what there is to choose from. */
export interface WireMutation {
  readonly kind: (typeof WIRE_MUTATIONS)[number];
  readonly at: number;
  readonly pick: number;
}

export const WIRE_MUTATIONS = [
  "drop",
  "duplicate",
  "repeat",
  "move",
  "renumber",
  "retype",
  "setValue",
  "padValue",
  "padKey",
  "lengthWrong",
  "resize",
  "fill",
  "nest",
  "graft",
  "addUnknown",
  "breakText",
] as const;

export const wireMutation: fc.Arbitrary<WireMutation> = fc.record({
  kind: fc.constantFrom(...WIRE_MUTATIONS),
  at: fc.nat(),
  pick: fc.nat(),
});

/** Where decoders change their minds: signs, widths of varints, the largest number that a double holds exactly. */
const VALUES = [
  0n,
  1n,
  2n,
  3n,
  32n,
  127n,
  128n,
  255n,
  256n,
  10_000n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 32n,
].concat([
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 53n + 1n,
  2n ** 62n,
  2n ** 63n - 1n,
  2n ** 63n,
  2n ** 64n - 2n,
  2n ** 64n - 1n,
]);
const NUMBERS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 31, 2047, 2 ** 29 - 1];
const TYPES = [VARINT, FIXED64, BYTES, 3, 4, FIXED32, 6, 7];
const LENGTH_ERRORS = [-1n, 1n, 2n, 127n, 128n, 2n ** 21n, 2n ** 31n, 2n ** 32n, 2n ** 53n, 2n ** 63n];
const SIZES = [0, 1, 19, 20, 21, 31, 32, 33, 63, 64, 65, 100, 1024, 70_000];
const COPIES = [2, 10, 101, 129, 513, 1025, 5000];
const DEPTHS = [1, 2, 16, 101, 1000, 20_000];
const FILLS = [0x00, 0x01, 0x7f, 0x80, 0xff];

/** Bytes that a repetition may add: enough for every limit on counts, not so much that hashing is all a run does. */
const MAX_REPEATED_BYTES = 256 * 1024;

/** `bytes` with the changes made one after the other; unchanged where they are no message. `donor` gives fields to graft. */
export function mutateWire(
  bytes: Uint8Array,
  mutations: readonly WireMutation[],
  donor: Uint8Array = bytes,
): Uint8Array {
  const foreign = flatten(parseWire(donor) ?? []);
  let fields: readonly WireField[] | undefined = parseWire(bytes);
  if (fields === undefined) return bytes;
  for (const mutation of mutations) {
    const count: number = flatten(fields).length;
    fields =
      count === 0 ? [unknownField(mutation.pick)] : mutateAt(fields, mutation.at % count, mutation, foreign).fields;
  }
  return formatWire(fields);
}

/** Replaces field number `position`, counted depth first. */
function mutateAt(
  fields: readonly WireField[],
  position: number,
  mutation: WireMutation,
  foreign: readonly WireField[],
): { readonly fields: readonly WireField[]; readonly passed: number } {
  let passed = 0;
  for (const [index, field] of fields.entries()) {
    if (passed === position) return { fields: changed(fields, index, mutation, foreign), passed };
    passed += 1;
    if (field.content instanceof Uint8Array) continue;
    const inside = flatten(field.content).length;
    if (position < passed + inside) {
      const content = mutateAt(field.content, position - passed, mutation, foreign).fields;
      return { fields: fields.with(index, { ...field, content }), passed };
    }
    passed += inside;
  }
  return { fields, passed };
}

function changed(
  fields: readonly WireField[],
  index: number,
  { kind, pick }: WireMutation,
  foreign: readonly WireField[],
): readonly WireField[] {
  const field = fields[index] as WireField;
  const replaced = (changes: Partial<WireField>) => fields.with(index, { ...field, ...changes });
  switch (kind) {
    case "drop":
      return fields.toSpliced(index, 1);
    case "duplicate":
      return fields.toSpliced(index, 0, field);
    case "repeat": {
      const size = formatWire([field]).length;
      const copies = Math.min(choose(COPIES, pick), Math.ceil(MAX_REPEATED_BYTES / size));
      return fields.toSpliced(index, 1, ...Array<WireField>(copies).fill(field));
    }
    case "move":
      return fields.toSpliced(index, 1).toSpliced(pick % fields.length, 0, field);
    case "renumber":
      return replaced({ number: choose(NUMBERS, pick) });
    case "retype":
      return replaced({ wireType: choose(TYPES, pick), content: contentBytes(field) });
    case "setValue":
      return field.wireType === VARINT
        ? replaced({ value: choose(VALUES, pick) })
        : replaced({ content: varint(choose(VALUES, pick)) });
    case "padValue":
      return replaced({ padding: 1 + (pick % 10) });
    case "padKey":
      return replaced({ keyPadding: 1 + (pick % 10) });
    case "lengthWrong":
      return replaced({ lengthError: choose(LENGTH_ERRORS, pick) });
    case "resize": {
      const resized = new Uint8Array(choose(SIZES, pick));
      resized.set(contentBytes(field).subarray(0, resized.length));
      return replaced({ content: resized });
    }
    case "fill":
      return replaced({ content: new Uint8Array(contentBytes(field).length).fill(choose(FILLS, pick)) });
    case "nest":
      return replaced({ wireType: BYTES, content: nested(field, choose(DEPTHS, pick)) });
    case "graft": {
      const other = foreign[pick % Math.max(1, foreign.length)];
      return other === undefined ? fields : replaced({ ...other, number: field.number });
    }
    case "addUnknown":
      return fields.toSpliced(pick % (fields.length + 1), 0, unknownField(pick));
    case "breakText":
      return replaced({
        content: Buffer.concat([contentBytes(field), BROKEN_TEXTS[pick % BROKEN_TEXTS.length] as Uint8Array]),
      });
  }
}

/** A stray continuation byte, half a character, a surrogate in UTF-8, an overlong slash, a zero, a byte order mark. */
const BROKEN_TEXTS = ["80", "e282", "eda080", "c0af", "00", "efbbbf"].map((hex) => Buffer.from(hex, "hex"));

function unknownField(pick: number): WireField {
  return {
    number: choose(NUMBERS, pick),
    wireType: choose(TYPES, pick >> 4),
    value: 7n,
    content: new Uint8Array(pick % 9),
  };
}

/** The field inside itself, `depth` times. */
function nested(field: WireField, depth: number): Uint8Array {
  const key = varint(BigInt(field.number * 8 + BYTES));
  const heads: Uint8Array[] = [];
  const inner = contentBytes(field);
  let { length } = inner;
  for (let level = 0; level < depth; level++) {
    const head = Buffer.concat([key, varint(BigInt(length))]);
    heads.push(head);
    length += head.length;
  }
  return Buffer.concat([...heads.reverse(), inner]);
}

function flatten(fields: readonly WireField[]): readonly WireField[] {
  return fields.flatMap((field) => [field, ...(field.content instanceof Uint8Array ? [] : flatten(field.content))]);
}

function choose<T>(list: readonly T[], pick: number): T {
  return list[pick % list.length] as T;
}
