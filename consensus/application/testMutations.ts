import fc from "fast-check";
import type { LedgerMessage } from "#storage/types/transactionMessages.ts";
import { encodeMessage } from "#storage/types/transactionMessages.ts";

/** One change of a message as a signer could sign it: well-formed, but no sense is promised. */
export interface MessageMutation {
  readonly at: number;
  readonly pick: number;
}

export const messageMutation: fc.Arbitrary<MessageMutation> = fc.record({ at: fc.nat(), pick: fc.nat() });

const NUMBERS = [0, 1, 2, 15, 255, 2 ** 16, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1];
const BIGINTS = [
  0n,
  1n,
  -1n,
  1000n,
  900_000n,
  2n ** 31n,
  2n ** 32n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 63n - 1n,
  2n ** 64n - 1n,
].concat([-(2n ** 63n), 1_700_006_400_000n, 253_402_300_799_999n, 253_402_300_800_000n]);
const SIZES = [0, 1, 20, 31, 32, 33, 64, 5000];
const TEXTS = [
  "",
  " ",
  "__proto__",
  "constructor",
  "toString",
  "dso",
  "regulator",
  "export",
  "\u0000",
  "é",
  "\u{1f600}",
];
const COPIES = [0, 2, 3, 17, 257, 600];

/**
 * The message with its fields changed one after the other. A number, text or list becomes one at a limit, or one that is like the old one in
 * all but what a careless comparison overlooks. Undefined where the result cannot be written as protobuf.
 */
export function mutateMessage(
  message: LedgerMessage,
  mutations: readonly MessageMutation[],
  donors: readonly LedgerMessage[],
): LedgerMessage | undefined {
  const value = mutations.reduce<unknown>((before, mutation) => changedAt(before, mutation, donors), message.value);
  const changed = { name: message.name, value } as LedgerMessage;
  try {
    encodeMessage(changed);
    return changed;
  } catch {
    return undefined;
  }
}

function changedAt(root: unknown, { at, pick }: MessageMutation, donors: readonly LedgerMessage[]): unknown {
  let left = at % leaves(root).length;
  const foreign = donors.flatMap(({ value }) => leaves(value));
  const visit = (value: unknown): unknown => {
    if (left-- === 0) return changed(value, pick, foreign);
    if (Array.isArray(value)) return value.map(visit);
    if (!isMessage(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, isOwn(name) ? inner : visit(inner)]));
  };
  return visit(root);
}

function changed(value: unknown, pick: number, foreign: readonly unknown[]): unknown {
  const alike = foreign.filter(
    (other) => typeof other === typeof value && Array.isArray(other) === Array.isArray(value),
  );
  if (pick % 3 === 0 && alike.length > 0) return alike[(pick >> 2) % alike.length];
  const choice = pick >> 2;
  if (typeof value === "number") return choose(NUMBERS, choice);
  if (typeof value === "bigint") return choose([...BIGINTS, value + 1n, value - 1n, -value], choice);
  if (typeof value === "string") return changedText(value, choice);
  if (value instanceof Uint8Array) {
    const resized = new Uint8Array(choose(SIZES, choice));
    resized.set(value.subarray(0, resized.length));
    return choice % 2 === 0 ? resized : Uint8Array.from(value, (byte, index) => (index === 0 ? byte ^ 1 : byte));
  }
  if (Array.isArray(value)) return Array(choose(COPIES, choice)).fill(value).flat().slice(0, 600);
  return undefined;
}

function changedText(text: string, choice: number): string {
  // The same lower byte: another text that a cut to eight bits a character makes the same.
  const alias = text.slice(0, -1) + String.fromCharCode(0x100 + (text.charCodeAt(text.length - 1) & 0xff));
  const forms = [
    ...TEXTS,
    text.toUpperCase(),
    `${text} `,
    `${text}/`,
    text.slice(0, -1),
    text + text,
    "x".repeat(5000),
    // The same to the eye.
    `${text}\u0301`,
    `${text}\u0000`,
  ];
  return choice % 4 === 0 ? alias : choose(forms, choice >> 2);
}

/** Every field of a message and of what is in it, the lists and messages themselves among them. */
function leaves(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return [value, ...value.flatMap(leaves)];
  if (!isMessage(value)) return [value];
  return [value, ...Object.entries(value).flatMap(([name, inner]) => (isOwn(name) ? [] : leaves(inner)))];
}

function isMessage(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !(value instanceof Uint8Array);
}

/** What the protobuf library keeps for itself, and the name of a oneof's choice. */
function isOwn(name: string): boolean {
  return name.startsWith("$") || name === "case";
}

function choose<T>(list: readonly T[], pick: number): T {
  return list[pick % list.length] as T;
}
