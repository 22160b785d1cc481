import fc from "fast-check";
import { expect, test } from "vitest";
import { changedJson } from "../fuzz/decoder.ts";
import { byteMutation, mutateBytes } from "../fuzz/mutateBytes.ts";
import { FUZZ_TIMEOUT_MS, fuzz } from "../fuzz/runs.ts";
import { weightOf } from "../fuzz/weight.ts";
import { ASSET_RULES } from "./assetTransaction.ts";
import { canonicalJson, sortedMembers } from "./canonicalJson.ts";
import { conditionUri } from "./condition.ts";
import {
  conditionOfFulfillment,
  decodeFulfillment,
  encodeFulfillment,
  fulfillmentText,
  parseFulfillment,
} from "./fulfillment.ts";
import { isJsonObject, type JsonObject, type JsonVerdict, parseJson } from "./jsonLossless.ts";
import { createMemoryAssetState } from "./memoryAssetState.ts";
import { parseAssetTransaction } from "./parseTransaction.ts";
import { VECTORS, withOwnId } from "./testVectors.ts";
import { signaturesHold, validateStateful, validateStateless } from "./validateTransaction.ts";

const SAMPLES = VECTORS.positive.map(({ tx }) => JSON.stringify(tx));
const CODES = [
  ...[
    "InvalidHash",
    "SchemaValidationError",
    "ValidationError",
    "InvalidSignature",
    "AmountError",
    "DuplicateTransaction",
  ],
  ...["InputDoesNotExist", "DoubleSpend", "AssetIdMismatch", "ThresholdTooDeep", "MalformedTransaction"],
  ...["TransactionTooLarge", "UnsupportedOperation"],
];

/** A state in which everything that the samples spend is there. */
function populated() {
  const state = createMemoryAssetState();
  for (const sample of SAMPLES) {
    const verdict = parseAssetTransaction(sample);
    if (verdict.accepted && verdict.value.operation === "CREATE") state.apply(verdict.value);
  }
  return state;
}

test(
  "a changed transaction is refused with a code and a reason, or it is one, under both sets of rules",
  () => {
    const state = populated();
    const seen = new Set<string>();
    fuzz("BigchainDB transaction", changedJson(SAMPLES), 600, (json) => {
      const parsed = parseJson(json);
      const input = parsed.accepted && isJsonObject(parsed.value) ? withOwnId(json) : json;
      for (const text of [json, input]) {
        const verdict = parseAssetTransaction(text);
        seen.add(verdict.accepted ? "accepted" : verdict.code);
        if (!verdict.accepted) {
          expect([CODES.includes(verdict.code), typeof verdict.reason]).toEqual([true, "string"]);
          continue;
        }
        const { id, canonical } = verdict.value;
        const again = parseAssetTransaction(canonical);
        expect(again.accepted && [again.value.id, again.value.canonical]).toEqual([id, canonical]);
        for (const rules of ASSET_RULES) {
          const refusal =
            validateStateless(verdict.value, rules) ??
            validateStateful(verdict.value, state, rules, signaturesHold(verdict.value));
          if (refusal !== undefined) expect(CODES).toContain(refusal.code);
          seen.add(refusal?.code ?? "valid");
        }
      }
    });
    expect([...seen]).toEqual(expect.arrayContaining(["accepted", "MalformedTransaction", "SchemaValidationError"]));
  },
  FUZZ_TIMEOUT_MS,
);

test(
  "bytes from nowhere are refused",
  () => {
    fuzz("BigchainDB transaction bytes", fc.uint8Array({ maxLength: 200 }), 300, (bytes) => {
      expect(parseAssetTransaction(bytes).accepted).toBe(false);
    });
  },
  FUZZ_TIMEOUT_MS,
);

/** What is said to be canonical in passing is what would be written, member for member. */
function checkCanonical(parsed: Extract<JsonVerdict, { accepted: true }>, text: string, canonical: string): void {
  if (parsed.canonical === undefined) return;
  expect(text).toBe(canonical);
  const { values } = parsed.canonical;
  const members = sortedMembers(parsed.value as JsonObject);
  expect(Array.from(values, ([name, [start, end]]) => [name, text.slice(start, end)])).toEqual(members);
}

test(
  "JSON is read when JSON.parse reads it, and what is read has one canonical text; but for what this ledger refuses",
  () => {
    fuzz("lossless JSON", changedJson(SAMPLES), 600, (json) => {
      const parsed = parseJson(json);
      let known = true;
      try {
        JSON.parse(json);
      } catch {
        known = false;
      }
      if (!parsed.accepted) {
        const isOurs = /too large|surrogate|deeply/.test(parsed.reason);
        expect(known && !isOurs).toBe(false);
        return;
      }
      expect(known).toBe(true);
      expect(weightOf(parsed.value)).toBeLessThan(2048 + 256 * json.length);
      const canonical = canonicalJson(parsed.value);
      checkCanonical(parsed, json, canonical);
      const again = parseJson(canonical);
      expect(again.accepted && canonicalJson(again.value)).toBe(canonical);
      if (!again.accepted) return;
      checkCanonical(again, canonical, canonical);
      const isPlain = !/\d[.eE]|[\ud800-\udfff]/.test(canonical);
      if (isPlain && isJsonObject(again.value)) expect(again.canonical).toBeDefined();
    });
  },
  FUZZ_TIMEOUT_MS,
);

test(
  "changed fulfillments are none, or keep their condition when they are written and read again",
  () => {
    const samples = VECTORS.positive.flatMap(({ tx }) =>
      (tx as { inputs: { fulfillment: string }[] }).inputs.map(({ fulfillment }) =>
        Buffer.from(fulfillment, "base64url"),
      ),
    );
    const changed = fc
      .record({
        sample: fc.constantFrom(...samples),
        donor: fc.constantFrom(...samples),
        edits: fc.array(byteMutation, { maxLength: 3 }),
      })
      .map(({ sample, donor, edits }) => mutateBytes(sample, edits, donor));
    fuzz("fulfillment", changed, 800, (bytes) => {
      const fulfillment = decodeFulfillment(bytes);
      const parsed = parseFulfillment(Buffer.from(bytes).toString("base64url"));
      expect(parsed && fulfillmentText(parsed)).toBe(fulfillment && fulfillmentText(fulfillment));
      if (fulfillment === undefined) return;
      const again = decodeFulfillment(encodeFulfillment(fulfillment));
      const uris = [fulfillment, again].map((one) => {
        const condition = one && conditionOfFulfillment(one);
        return condition && conditionUri(condition);
      });
      expect(uris[1]).toBe(uris[0]);
    });
  },
  FUZZ_TIMEOUT_MS,
);
