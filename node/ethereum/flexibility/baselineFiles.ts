import { isHexString } from "ethers";
import { BaselineError, type FlexibilityEvent, MAX_EVENT_INTERVALS } from "#bridge/baseline.ts";

/** What a request says of the baselines that it was made with: of no meter anything. */
export interface Commitment extends FlexibilityEvent {
  /** RFC 6962 root over the baselines, 32 bytes as 0x and hex, and their number. */
  readonly root: string;
  readonly count: number;
  /** How they were made, in words. */
  readonly method: string;
}

export const COMMITMENT_FORMAT = "energy-ledger-baseline-commitment/1";
export const MAX_COMMITMENT_CHARS = 2000;
const MAX_METHOD_CHARS = 200;
const MAX_UINT32 = 2 ** 32 - 1;

export function encodeCommitment(commitment: Commitment): string {
  return JSON.stringify({ format: COMMITMENT_FORMAT, ...commitment });
}

/** @throws BaselineError BASELINE_MALFORMED */
export function decodeCommitment(text: string): Commitment {
  let json: Partial<Record<string, unknown>> | null;
  try {
    json = JSON.parse(text) as typeof json;
  } catch {
    throw malformed("it is no JSON");
  }
  if (typeof json !== "object" || json === null || json.format !== COMMITMENT_FORMAT)
    throw malformed(`its format is not ${COMMITMENT_FORMAT}`);
  const { startMs, intervalMs, intervalCount, root, count, method } = json;
  const isNumber = (value: unknown, most: number): value is number =>
    typeof value === "number" && Number.isSafeInteger(value) && value >= 1 && value <= most;
  if (!isNumber(startMs, Number.MAX_SAFE_INTEGER) || !isNumber(intervalMs, MAX_UINT32)) throw malformed("its times");
  if (!isNumber(intervalCount, MAX_EVENT_INTERVALS) || !isNumber(count, MAX_UINT32)) throw malformed("its counts");
  if (!isHexString(root, 32)) throw malformed("root is not 32 bytes of hex");
  if (typeof method !== "string" || method.length > MAX_METHOD_CHARS) throw malformed("method is no short text");
  return { startMs, intervalMs, intervalCount, root, count, method };
}

function malformed(reason: string): BaselineError {
  return new BaselineError({ code: "BASELINE_MALFORMED", reason });
}
