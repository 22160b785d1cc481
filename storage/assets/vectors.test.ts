import { base58 } from "@scure/base";
import { expect, test } from "vitest";
import { ASSET_RULES } from "./assetTransaction.ts";
import { refusalText } from "./assetVerdict.ts";
import { type AssetSigner, ed25519Details, transferTransaction } from "./buildTransaction.ts";
import { canonicalJson } from "./canonicalJson.ts";
import { type JsonObject, parseJson } from "./jsonLossless.ts";
import { createMemoryAssetState } from "./memoryAssetState.ts";
import { parseAssetTransaction } from "./parseTransaction.ts";
import { type PositiveVector, testSigner, VECTORS } from "./testVectors.ts";
import { memberTexts, signedText } from "./transactionText.ts";
import { signaturesHold, validateStateful, validateStateless } from "./validateTransaction.ts";

function bodyOf(tx: object): JsonObject {
  const parsed = parseJson(JSON.stringify(tx));
  if (!parsed.accepted) throw new Error(parsed.reason);
  return parsed.value as JsonObject;
}

test.each(Object.entries(VECTORS.keys))("the key of %s is that of its seed", (name, { publicKey }) => {
  expect(base58.encode(testSigner(name).publicKey)).toBe(publicKey);
});

test.each(VECTORS.positive)(
  "$name: canonical texts, signing messages and id are those of the real server",
  (vector) => {
    const body = bodyOf(vector.tx);
    expect(signedText(memberTexts(body), body.get("inputs") ?? null)).toBe(vector.unsignedCanonical);
    expect(canonicalJson(new Map(body).set("id", null))).toBe(vector.signedCanonicalWithIdNull);
    const verdict = parseAssetTransaction(JSON.stringify(vector.tx));
    if (!verdict.accepted) throw new Error(refusalText(verdict));
    const { id, inputs, canonical } = verdict.value;
    expect(id).toBe(vector.id);
    expect(inputs.map(({ message }) => Buffer.from(message).toString("hex"))).toEqual(vector.signingMessagesSha3Hex);
    expect(canonical).toBe(canonicalJson(body));
  },
);

/** The vectors name it as a parent, by its id, but do not hold it: both parts of the split to carol. */
function merged(): PositiveVector {
  const [alice, bob, carol] = ["alice", "bob", "carol"].map(testSigner) as [AssetSigner, AssetSigner, AssetSigner];
  const [create, split] = ["create-divisible-unicode", "transfer-split"].map(
    (wanted) => VECTORS.positive.find(({ name }) => name === wanted)?.id as string,
  ) as [string, string];
  const { id, text } = transferTransaction({
    assetId: create,
    metadata: null,
    inputs: [bob, alice].map((signer, outputIndex) => ({
      transactionId: split,
      outputIndex,
      details: ed25519Details(signer.publicKey),
      signers: [signer],
    })),
    outputs: [{ amount: 1000n, details: ed25519Details(carol.publicKey) }],
  });
  expect(id).toBe("792352bdf90f9f7208ad8aa3891cf8e010e21ea5a3171b9e5cb6c635dcd9c7ab");
  return { name: "transfer-merge-two-inputs", tx: JSON.parse(text) } as PositiveVector;
}

test.each(ASSET_RULES)(
  "%s: every good vector is valid after those before it, every bad one is refused in the real server's words",
  (rules) => {
    const state = createMemoryAssetState();
    const refusalOf = (tx: object) => {
      const verdict = parseAssetTransaction(JSON.stringify(tx));
      if (!verdict.accepted) return verdict;
      const refusal =
        validateStateless(verdict.value, rules) ??
        validateStateful(verdict.value, state, rules, signaturesHold(verdict.value));
      if (refusal === undefined) state.apply(verdict.value);
      return refusal;
    };
    for (const { name, tx } of [...VECTORS.positive, merged()])
      expect({ name, refusal: refusalOf(tx) }).toEqual({ name, refusal: undefined });
    for (const { name, tx, expect: expected } of VECTORS.negative) {
      const refusal = refusalOf(tx);
      expect({ name, message: refusal && refusalText(refusal) }).toEqual({ name, message: expected.message });
    }
  },
);
