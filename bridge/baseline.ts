import { isHexString, solidityPacked } from "ethers";
import { type MerkleProof, merkleLeafHash, merkleRoot, proveMerkle, verifyMerkle } from "#storage/crypto/merkle.ts";
import { LedgerError, rejected, type Verdict } from "#storage/error.ts";
import { MAX_METER_ID_CHARS, MAX_PROOF_AUNTS } from "#storage/limits.ts";

/** The intervals that flexibility is asked for (contracts/src/Flexibility.sol, Terms). */
export interface FlexibilityEvent {
  /** Unix ms, a multiple of intervalMs. */
  readonly startMs: number;
  readonly intervalMs: number;
  readonly intervalCount: number;
}

/** What a meter would take without the event: mWh of each interval, negative what it would export. */
export interface MeterBaseline {
  readonly meterId: string;
  readonly baselinesMwh: readonly bigint[];
  /** 32 random bytes: a baseline has so few likely values that they could be guessed out of others' paths. */
  readonly salt: Uint8Array;
}

/** One meter's baseline with its way to the committed root: the requester gives it to the prosumer, who accepts with it. */
export interface BaselineProof extends FlexibilityEvent, MeterBaseline {
  readonly root: Uint8Array;
  /** Meters under the root, and this one's place among them. */
  readonly count: number;
  readonly index: number;
  readonly path: readonly Uint8Array[];
}

export const BASELINE_FORMAT = "energy-ledger-baseline/1";

/** A day of quarters of an hour, in the contract too. */
export const MAX_EVENT_INTERVALS = 96;

/** 96 baselines of 20 digits, 100 hashes of 64 hex digits, and the rest. */
export const MAX_BASELINE_CHARS = 20_000;

const INT64_LIMIT = 2n ** 63n;

export type BaselineErrorDetails = { readonly code: "BASELINE_MALFORMED"; readonly reason: string };

export class BaselineError extends LedgerError<BaselineErrorDetails> {}

/**
 * Item of one meter in the tree: `salt (32) ‖ uint64 start ‖ uint32 interval ‖ uint16 count ‖ count × int256 baseline ‖ meter id`, big-endian.
 * @throws BaselineError BASELINE_MALFORMED
 */
export function baselineItem(event: FlexibilityEvent, { meterId, baselinesMwh, salt }: MeterBaseline): Uint8Array {
  const { startMs, intervalMs, intervalCount } = event;
  if (baselinesMwh.length !== intervalCount || intervalCount > MAX_EVENT_INTERVALS)
    throw malformed(`${baselinesMwh.length} baselines for ${intervalCount} intervals`);
  if (baselinesMwh.some((mwh) => mwh < -INT64_LIMIT || mwh >= INT64_LIMIT)) throw malformed("a baseline over 64 bits");
  if (salt.length !== 32) throw malformed(`a salt of ${salt.length} bytes`);
  if (!/^[\x21-\x7e]+$/.test(meterId) || meterId.length > MAX_METER_ID_CHARS) throw malformed("no meter id");
  const types = ["bytes32", "uint64", "uint32", "uint16", "int64[]", "bytes"];
  const packed = solidityPacked(types, [
    ...[salt, startMs, intervalMs, intervalCount],
    baselinesMwh,
    Buffer.from(meterId, "latin1"),
  ]);
  return new Uint8Array(Buffer.from(packed.slice(2), "hex"));
}

/** The RFC 6962 root that a request commits to, 32 bytes, over the baselines in this order. @throws BaselineError BASELINE_MALFORMED */
export function baselineRoot(event: FlexibilityEvent, baselines: readonly MeterBaseline[]): Uint8Array {
  if (baselines.length === 0) throw malformed("no meters");
  if (new Set(baselines.map(({ meterId }) => meterId)).size !== baselines.length) throw malformed("a meter twice");
  return merkleRoot(baselines.map((one) => baselineItem(event, one)));
}

/** Of the meter at this place. O(meters) hashes. @throws BaselineError BASELINE_MALFORMED */
export function proveBaseline(
  event: FlexibilityEvent,
  baselines: readonly MeterBaseline[],
  index: number,
): BaselineProof {
  const root = baselineRoot(event, baselines);
  const one = baselines[index];
  if (one === undefined) throw malformed(`meter ${index} of ${baselines.length}`);
  const items = baselines.map((baseline) => baselineItem(event, baseline));
  return { ...event, ...one, root, count: items.length, index, path: proveMerkle(items, index).aunts };
}

/**
 * Whether a baseline is the one that was committed: what a prosumer looks at before accepting. `expected`: root and number of the request's terms.
 * Codes: BASELINE_OTHER_REQUEST, those of verifyMerkle. @throws BaselineError BASELINE_MALFORMED
 */
export function checkBaseline(
  proof: BaselineProof,
  expected: FlexibilityEvent & { readonly root: Uint8Array; readonly count: number },
): Verdict {
  const { startMs, intervalMs, intervalCount, count, root } = expected;
  const isSame = proof.startMs === startMs && proof.intervalMs === intervalMs && proof.intervalCount === intervalCount;
  if (!isSame || proof.count !== count || Buffer.compare(proof.root, root) !== 0)
    return rejected("BASELINE_OTHER_REQUEST", "the baseline is of another request");
  const item = baselineItem(proof, proof);
  const merkle: MerkleProof = { total: count, index: proof.index, leafHash: merkleLeafHash(item), aunts: proof.path };
  return verifyMerkle(root, merkle, item);
}

/**
 * The mean of the same intervals of earlier days, rounded to the nearest mWh, halves away from zero: the plain baseline of demand response, of the 5 or 10
 * latest days like the event's that had no event. @throws BaselineError BASELINE_MALFORMED
 */
export function averageBaseline(days: readonly (readonly bigint[])[]): bigint[] {
  const [first] = days;
  if (first === undefined || days.some((day) => day.length !== first.length)) throw malformed("days of other lengths");
  const count = BigInt(days.length);
  return first.map((_, interval) => {
    const sum = days.reduce((total, day) => total + (day[interval] ?? 0n), 0n);
    const magnitude = ((sum < 0n ? -sum : sum) * 2n + count) / (2n * count);
    return sum < 0n ? -magnitude : magnitude;
  });
}

/** Compact JSON of one line; energies are decimal texts, hashes hex. */
export function encodeBaseline(proof: BaselineProof): string {
  const { salt, root, path, baselinesMwh, ...rest } = proof;
  const hex = (bytes: Uint8Array) => `0x${Buffer.from(bytes).toString("hex")}`;
  return JSON.stringify({
    format: BASELINE_FORMAT,
    ...rest,
    baselinesMwh: baselinesMwh.map((mwh) => `${mwh}`),
    salt: hex(salt),
    root: hex(root),
    path: path.map(hex),
  });
}

/** @throws BaselineError BASELINE_MALFORMED */
export function decodeBaseline(text: string): BaselineProof {
  if (text.length > MAX_BASELINE_CHARS) throw malformed(`longer than ${MAX_BASELINE_CHARS} characters`);
  let json: Partial<Record<string, unknown>> | null;
  try {
    json = JSON.parse(text) as typeof json;
  } catch {
    throw malformed("it is no JSON");
  }
  if (typeof json !== "object" || json === null || json.format !== BASELINE_FORMAT)
    throw malformed(`its format is not ${BASELINE_FORMAT}`);
  const { meterId, baselinesMwh, path } = json;
  if (typeof meterId !== "string") throw malformed("meterId is no text");
  if (!Array.isArray(baselinesMwh) || baselinesMwh.length > MAX_EVENT_INTERVALS) throw malformed("baselinesMwh");
  if (!Array.isArray(path) || path.length > MAX_PROOF_AUNTS) throw malformed("path");
  const integer = (name: string) => {
    const value = (json as Record<string, unknown>)[name];
    if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) throw malformed(`${name} is no number`);
    return value;
  };
  const proof = {
    startMs: integer("startMs"),
    intervalMs: integer("intervalMs"),
    intervalCount: integer("intervalCount"),
    meterId,
    baselinesMwh: baselinesMwh.map(energyOf),
    salt: hashOf(json.salt, "salt"),
    root: hashOf(json.root, "root"),
    count: integer("count"),
    index: integer("index"),
    path: path.map((hash) => hashOf(hash, "path")),
  };
  baselineItem(proof, proof);
  return proof;
}

function energyOf(text: unknown): bigint {
  if (typeof text !== "string" || !/^(0|-?[1-9][0-9]{0,18})$/.test(text))
    throw malformed("a baseline is no decimal text");
  return BigInt(text);
}

function hashOf(text: unknown, name: string): Uint8Array {
  if (!isHexString(text, 32)) throw malformed(`${name} is not 32 bytes of hex`);
  return new Uint8Array(Buffer.from(text.slice(2), "hex"));
}

function malformed(reason: string): BaselineError {
  return new BaselineError({ code: "BASELINE_MALFORMED", reason });
}
