import { beforeEach, describe, expect, test } from "vitest";
import type { AssetRules, AssetTransaction } from "./assetTransaction.ts";
import { refusalText } from "./assetVerdict.ts";
import {
  type AssetSigner,
  createTransaction,
  ed25519Details,
  jsonOf,
  type NewOutput,
  type SpentOutput,
  thresholdDetails,
  transferTransaction,
} from "./buildTransaction.ts";
import type { ConditionDetails } from "./condition.ts";
import { createMemoryAssetState, type MemoryAssetState } from "./memoryAssetState.ts";
import { parseAssetTransaction } from "./parseTransaction.ts";
import { testSigner, withOwnId } from "./testVectors.ts";
import { signaturesHold, validateStateful, validateStateless } from "./validateTransaction.ts";

const [alice, bob, carol] = ["alice", "bob", "carol"].map(testSigner) as [AssetSigner, AssetSigner, AssetSigner];
const MISSING = "0".repeat(64);
const INVALID_SIGNATURE = "Invalid transaction (InvalidSignature): Transaction signature is invalid.";

let state: MemoryAssetState;
beforeEach(() => {
  state = createMemoryAssetState();
});

/** Valid transactions take effect. */
function send(json: string, rules: AssetRules = "strict"): string | undefined {
  const verdict = parseAssetTransaction(json);
  if (!verdict.accepted) return refusalText(verdict);
  const transaction: AssetTransaction = verdict.value;
  const refusal =
    validateStateless(transaction, rules) ?? validateStateful(transaction, state, rules, signaturesHold(transaction));
  if (refusal === undefined) state.apply(transaction);
  return refusal && refusalText(refusal);
}

function to(signer: AssetSigner, amount: bigint): NewOutput {
  return { amount, details: ed25519Details(signer.publicKey) };
}

function of(signer: AssetSigner, transactionId: string, outputIndex = 0, signers = [signer]): SpentOutput {
  return { transactionId, outputIndex, details: ed25519Details(signer.publicKey), signers };
}

function create(outputs: readonly NewOutput[], name: string): { readonly id: string; readonly text: string } {
  const { id, text } = createTransaction({ data: jsonOf({ name }), metadata: null, outputs, issuer: alice });
  expect(send(text)).toBeUndefined();
  return { id, text };
}

function transfer(
  assetId: string,
  inputs: readonly SpentOutput[],
  outputs: readonly NewOutput[],
  metadata = "m",
): string {
  return transferTransaction({ assetId, inputs, outputs, metadata: jsonOf({ metadata }) }).text;
}

describe("a CREATE", () => {
  test("is taken once", () => {
    const { id, text } = create([to(alice, 5n)], "once");
    expect(send(text)).toBe(`Invalid transaction (DuplicateTransaction): transaction \`${id}\` already exists`);
  });

  test("without outputs is taken", () => {
    create([], "none");
  });

  test.each(["strict", "bigchaindb-2.2.2"] as const)(
    "%s: without a signature, or with another's, is refused",
    (rules) => {
      const { text } = createTransaction({ data: null, metadata: null, outputs: [to(alice, 1n)], issuer: alice });
      const details = JSON.stringify({
        type: "ed25519-sha-256",
        public_key: JSON.parse(text).inputs[0].owners_before[0],
      });
      expect(send(withOwnId(text.replace(/"fulfillment":"[^"]*"/, `"fulfillment":${details}`)), rules)).toBe(
        INVALID_SIGNATURE,
      );
      expect(send(withOwnId(text.replace('"data":null', '"data":{}')), rules)).toBe(INVALID_SIGNATURE);
    },
  );
});

describe("a TRANSFER", () => {
  test.each<
    [
      name: string,
      refusal: (id: string, other: string) => string | undefined,
      send: (id: string, other: string) => string | undefined,
    ]
  >([
    [
      "of what does not exist",
      () => `Invalid transaction (InputDoesNotExist): input \`${MISSING}\` doesn't exist`,
      (id) => send(transfer(id, [of(alice, MISSING)], [to(bob, 10n)])),
    ],
    [
      "of an output that its transaction has not",
      (id) => `Invalid transaction (InputDoesNotExist): input \`${id}\` doesn't exist: it has no output 7`,
      (id) => send(transfer(id, [of(alice, id, 7)], [to(bob, 10n)])),
    ],
    [
      "of an output beyond every number",
      (id) =>
        `Invalid transaction (InputDoesNotExist): input \`${id}\` doesn't exist: it has no output 100000000000000000000`,
      (id) =>
        send(
          withOwnId(
            transfer(id, [of(alice, id)], [to(bob, 10n)]).replace(
              '"output_index":0',
              '"output_index":100000000000000000000',
            ),
          ),
        ),
    ],
    [
      "of the same output twice",
      (id) => `Invalid transaction (DoubleSpend): tx "${transferTwice(id).id}" spends inputs twice`,
      (id) => send(transferTwice(id).text),
    ],
    [
      "of two assets",
      () =>
        "Invalid transaction (AssetIdMismatch): All inputs of all transactions passed need to have the same asset id",
      (id, other) => send(transfer(id, [of(alice, id), of(alice, other)], [to(bob, 20n)])),
    ],
    [
      "under another asset's id",
      () =>
        "Invalid transaction (AssetIdMismatch): The asset id of the input does not match the asset id of the transaction",
      (id, other) => send(transfer(other, [of(alice, id)], [to(bob, 10n)])),
    ],
    [
      "of more than there is",
      () =>
        "Invalid transaction (AmountError): The amount used in the inputs `10` needs to be same as the amount used in the outputs `20`",
      (id) => send(transfer(id, [of(alice, id)], [to(bob, 20n)])),
    ],
    ["by another than its owner", () => INVALID_SIGNATURE, (id) => send(transfer(id, [of(bob, id)], [to(bob, 10n)]))],
    [
      "changed after it was signed",
      () => INVALID_SIGNATURE,
      (id) =>
        send(withOwnId(transfer(id, [of(alice, id)], [to(bob, 10n)]).replace('{"metadata":"m"}', '{"metadata":"n"}'))),
    ],
  ])("%s is refused", (_name, refusal, attempt) => {
    const [first, second] = [create([to(alice, 10n)], "first").id, create([to(alice, 10n)], "second").id];
    expect(attempt(first, second)).toBe(refusal(first, second));
  });

  test("conserves the amount over several inputs and outputs, and is taken once", () => {
    const { id } = create([to(alice, 4n), to(alice, 6n)], "divisible");
    const merged = transfer(id, [of(alice, id, 1), of(alice, id, 0)], [to(bob, 1n), to(carol, 9n)]);
    expect(send(merged)).toBeUndefined();
    expect(send(merged)).toBe(`Invalid transaction (DoubleSpend): input \`${id}\` was already spent`);
    expect(send(transfer(id, [of(alice, id)], [to(alice, 4n)]))).toBe(
      `Invalid transaction (DoubleSpend): input \`${id}\` was already spent`,
    );
    const mergedId = JSON.parse(merged).id as string;
    expect(send(transfer(id, [of(carol, mergedId, 1)], [to(alice, 9n)]))).toBeUndefined();
  });

  test("by a threshold needs as many as it says, and no more", () => {
    const details = thresholdDetails(2, [alice.publicKey, bob.publicKey, carol.publicKey]);
    const { id } = create([{ amount: 1n, details }], "custody");
    const spend = (signers: readonly AssetSigner[]) =>
      transfer(id, [{ transactionId: id, outputIndex: 0, details, signers }], [to(bob, 1n)]);
    expect(() => spend([alice])).toThrow("the signers do not meet the condition");
    const oneOfThree = thresholdDetails(1, [alice.publicKey, bob.publicKey, carol.publicKey]);
    expect(
      send(transfer(id, [{ transactionId: id, outputIndex: 0, details: oneOfThree, signers: [alice] }], [to(bob, 1n)])),
    ).toBe(INVALID_SIGNATURE);
    expect(send(spend([carol, alice, bob]))).toBeUndefined();
  });

  test("by nested thresholds", () => {
    const details: ConditionDetails = {
      type: "threshold-sha-256",
      threshold: 2,
      subconditions: [ed25519Details(alice.publicKey), thresholdDetails(1, [bob.publicKey, carol.publicKey])],
    };
    const { id } = create([{ amount: 1n, details }], "nested");
    const signers = [alice, carol];
    expect(
      send(transfer(id, [{ transactionId: id, outputIndex: 0, details, signers }], [to(bob, 1n)])),
    ).toBeUndefined();
  });
});

describe("what BigchainDB 2.2.2 does not look at", () => {
  const base = createTransaction({ data: null, metadata: null, outputs: [to(alice, 1n)], issuer: alice }).text;
  const bobText = JSON.parse(
    createTransaction({ data: null, metadata: null, outputs: [to(bob, 1n)], issuer: bob }).text,
  );
  const [bobKey, bobUri] = [bobText.outputs[0].public_keys[0], bobText.outputs[0].condition.uri] as [string, string];
  /** Signed by alice as it is. */
  const signedAs = (change: (json: string) => string) => {
    const changed = change(base);
    const { message } = accepted(changed).inputs[0] as { message: Uint8Array };
    const fulfillment = Buffer.concat([
      Buffer.of(0xa4, 0x64, 0x80, 0x20),
      alice.publicKey,
      Buffer.of(0x81, 0x40),
      alice.sign(message),
    ]).toString("base64url");
    return withOwnId(changed.replace(/"fulfillment":"[^"]*"/, `"fulfillment":"${fulfillment}"`));
  };
  const accepted = (json: string): AssetTransaction => {
    const verdict = parseAssetTransaction(withOwnId(json));
    if (!verdict.accepted) throw new Error(refusalText(verdict));
    return verdict.value;
  };

  test.each<[name: string, json: string, refusal: string]>([
    [
      "a CREATE that names another owner than its signer",
      signedAs((json) => json.replace(/"owners_before":\["[^"]*"/, `"owners_before":["${bobKey}"`)),
      "owners_before of input 0 are not those who fulfill it",
    ],
    [
      "public keys of another than the condition's",
      signedAs((json) => json.replace(/"public_keys":\["[^"]*"/, `"public_keys":["${bobKey}"`)),
      "public_keys of output 0 are not those of its condition",
    ],
    [
      "no public keys",
      signedAs((json) => json.replace(/"public_keys":\[[^\]]*\]/, '"public_keys":null')),
      "public_keys of output 0 are not those of its condition",
    ],
    [
      "the uri of another condition",
      signedAs((json) => json.replace(/"uri":"[^"]*"/, `"uri":"${bobUri}"`)),
      "the uri of output 0 is not that of its condition's details",
    ],
    [
      "a condition that nobody can meet",
      signedAs((json) =>
        json.replace(
          /"details":(\{[^}]*\})/,
          '"details":{"type":"threshold-sha-256","threshold":2,"subconditions":[$1]}',
        ),
      ),
      "the condition of output 0 cannot be met",
    ],
  ])("%s", (_name, json, refusal) => {
    expect(send(json, "strict")).toBe(`Invalid transaction (ValidationError): ${refusal}`);
    expect(send(json, "bigchaindb-2.2.2")).toBeUndefined();
  });

  test("a TRANSFER that names another owner than the spent output's", () => {
    const { id } = create([to(alice, 1n)], "owner");
    const json = transfer(id, [of(alice, id)], [to(bob, 1n)]);
    const named = json.replace(/"owners_before":\["[^"]*"/, `"owners_before":["${bobKey}"`);
    const { message } = accepted(named).inputs[0] as { message: Uint8Array };
    const signed = Buffer.concat([
      Buffer.of(0xa4, 0x64, 0x80, 0x20),
      alice.publicKey,
      Buffer.of(0x81, 0x40),
      alice.sign(message),
    ]);
    const resigned = withOwnId(
      named.replace(/"fulfillment":"[^"]*"/, `"fulfillment":"${signed.toString("base64url")}"`),
    );
    expect(send(resigned, "strict")).toBe(
      "Invalid transaction (ValidationError): owners_before of input 0 are not the keys of the output it spends",
    );
    expect(send(resigned, "bigchaindb-2.2.2")).toBeUndefined();
  });

  test("a fulfillment with its parts in another order, which anybody could make of it", () => {
    const details = thresholdDetails(2, [alice.publicKey, bob.publicKey]);
    const { id } = create([{ amount: 1n, details }], "both");
    const json = transfer(id, [{ transactionId: id, outputIndex: 0, details, signers: [alice, bob] }], [to(bob, 1n)]);
    const swapped = withOwnId(json.replace(/(?<="fulfillment":")[^"]*/, swapSubfulfillments));
    expect(swapped).not.toBe(json);
    expect(send(swapped, "strict")).toBe(
      "Invalid transaction (ValidationError): the fulfillment of input 0 is not in its canonical encoding",
    );
    expect(send(swapped, "bigchaindb-2.2.2")).toBeUndefined();
  });
});

/** `A2 len A0 len`, two fulfillments of 102 bytes, `A1 00`. */
function swapSubfulfillments(text: string): string {
  const bytes = Buffer.from(text, "base64url");
  const start = bytes.length - 2 - 2 * 102;
  const parts = [0, start, start + 102, start + 204].map((from, index, all) => bytes.subarray(from, all[index + 1]));
  return Buffer.concat([parts[0], parts[2], parts[1], parts[3]] as Buffer[]).toString("base64url");
}

function transferTwice(id: string): { readonly id: string; readonly text: string } {
  return transferTransaction({
    assetId: id,
    metadata: null,
    inputs: [of(alice, id), of(alice, id)],
    outputs: [to(bob, 20n)],
  });
}
