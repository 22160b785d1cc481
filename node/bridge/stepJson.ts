import type { AnchorStep, BridgeSet, BridgeStep } from "#bridge/steps.ts";
import type { Anchor } from "#bridge/typedData.ts";

const HASH = /^[0-9a-f]{64}$/;
const NUMBER = /^[0-9]{1,20}$/;

/** An anchor as JSON: numbers beyond 2^53 as decimal text, hashes in hex. */
export interface AnchorJson {
  readonly seq: string;
  readonly valsetNonce: string;
  readonly fromHeight: number;
  readonly toHeight: number;
  readonly time: number;
  readonly lastHeaderHash: string;
  readonly root: string;
}

/** A step without its sets' members: those are on the ledger. */
export type StepJson =
  | { readonly kind: "anchor"; readonly set: string; readonly anchor: AnchorJson }
  | {
      readonly kind: "rotation";
      readonly set: string;
      readonly next: string;
      readonly nonce: string;
      readonly effectiveHeight: number;
    };

export function anchorToJson({ seq, valsetNonce, lastHeaderHash, root, ...heights }: Anchor): AnchorJson {
  const { fromHeight, toHeight, time } = heights;
  const hashes = { lastHeaderHash: hexOf(lastHeaderHash), root: hexOf(root) };
  return { seq: `${seq}`, valsetNonce: `${valsetNonce}`, fromHeight, toHeight, time, ...hashes };
}

export function stepToJson(step: BridgeStep): StepJson {
  if (step.kind === "anchor") return { kind: "anchor", set: `${step.set.number}`, anchor: anchorToJson(step.anchor) };
  const { nonce, effectiveHeight, set, next } = step;
  return { kind: "rotation", set: `${set.number}`, next: `${next.number}`, nonce: `${nonce}`, effectiveHeight };
}

/** Undefined for what is no step, or names a set that `setOf` does not have. */
export async function stepFromJson(
  json: unknown,
  setOf: (number: bigint) => Promise<BridgeSet | undefined>,
): Promise<BridgeStep | undefined> {
  if (typeof json !== "object" || json === null) return undefined;
  const fields = json as Partial<Record<string, unknown>>;
  const set = await setNamed(fields.set, setOf);
  if (set === undefined) return undefined;
  if (fields.kind === "anchor") {
    const anchor = anchorFromJson(fields.anchor);
    return anchor && ({ kind: "anchor", anchor, set } satisfies AnchorStep);
  }
  const next = await setNamed(fields.next, setOf);
  const { nonce, effectiveHeight } = fields;
  if (fields.kind !== "rotation" || next === undefined || !isNumberText(nonce) || !isHeight(effectiveHeight))
    return undefined;
  return { kind: "rotation", nonce: BigInt(nonce), effectiveHeight, set, next };
}

export function anchorFromJson(json: unknown): Anchor | undefined {
  if (typeof json !== "object" || json === null) return undefined;
  const { seq, valsetNonce, fromHeight, toHeight, time, lastHeaderHash, root } = json as Partial<
    Record<string, unknown>
  >;
  if (!isNumberText(seq) || !isNumberText(valsetNonce)) return undefined;
  if (!isHeight(fromHeight) || !isHeight(toHeight) || !isHeight(time)) return undefined;
  if (!isHash(lastHeaderHash) || !isHash(root)) return undefined;
  const numbers = { seq: BigInt(seq), valsetNonce: BigInt(valsetNonce), fromHeight, toHeight, time };
  return { ...numbers, lastHeaderHash: bytesOf(lastHeaderHash), root: bytesOf(root) };
}

async function setNamed(number: unknown, setOf: (number: bigint) => Promise<BridgeSet | undefined>) {
  return isNumberText(number) ? setOf(BigInt(number)) : undefined;
}

function isNumberText(value: unknown): value is string {
  return typeof value === "string" && NUMBER.test(value);
}

function isHeight(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

function isHash(value: unknown): value is string {
  return typeof value === "string" && HASH.test(value);
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function bytesOf(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, "hex"));
}
