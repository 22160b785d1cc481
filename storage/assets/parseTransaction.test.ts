import { base58 } from "@scure/base";
import { expect, test } from "vitest";
import { MAX_ASSET_SIGNATURES } from "../limits.ts";
import { refusalText } from "./assetVerdict.ts";
import { fulfillmentText } from "./fulfillment.ts";
import { parseAssetTransaction } from "./parseTransaction.ts";
import { testSigner, vector, withOwnId } from "./testVectors.ts";

const CREATE = JSON.stringify(vector("create-simple").tx);
const TRANSFER = JSON.stringify(vector("transfer-split").tx);
const DATA = '{"meter":"meter01","kind":"kWh-token"}';

/** What is said of the JSON; undefined if it is a transaction. */
function refusalOf(json: string | Uint8Array, maxBytes?: number): string | undefined {
  const verdict = parseAssetTransaction(json, maxBytes);
  return verdict.accepted ? undefined : refusalText(verdict);
}

/** A CREATE with other data of its asset, and its right id. */
function withData(data: string): string {
  return withOwnId(CREATE.replace(DATA, data));
}

function withMetadata(metadata: string): string {
  return withOwnId(CREATE.replace('"metadata":null', `"metadata":${metadata}`));
}

function withOutput(change: (output: string) => string): string {
  const output = JSON.stringify((vector("create-simple").tx as { outputs: unknown[] }).outputs[0]);
  return withOwnId(CREATE.replace(output, change(output)));
}

function withDetails(details: string): string {
  return withOutput((output) => output.replace(/"details":\{[^}]*\}/, `"details":${details}`));
}

function withFulfillment(fulfillment: string): string {
  return withOwnId(CREATE.replace(/"fulfillment":"[^"]*"/, `"fulfillment":${fulfillment}`));
}

const KEY = JSON.stringify(base58.encode(testSigner("alice").publicKey));
const ED25519 = `{"type":"ed25519-sha-256","public_key":${KEY}}`;
const nested = (levels: number) =>
  `${'{"type":"threshold-sha-256","threshold":1,"subconditions":['.repeat(levels)}${ED25519}${"]}".repeat(levels)}`;
const keyError = (name: string, document: string) =>
  `Invalid transaction (ValidationError): Invalid key name "${name}" in ${document} object. The key name cannot contain characters ".", "$" or null characters`;
const languageError = (language: string) =>
  `Invalid transaction (ValidationError): MongoDB does not support text search for the language "${language}". If you do not understand this error message then please rename key/field "language" to something else like "lang".`;
const unparsed = "Invalid transaction (InvalidSignature): Fulfillment URI couldn't been parsed";

test.each<[name: string, json: string | Uint8Array, refusal: string | undefined]>([
  ["a CREATE", CREATE, undefined],
  ["a TRANSFER", TRANSFER, undefined],
  ["spaces and another order of members", JSON.stringify(JSON.parse(CREATE), null, 2), undefined],
  // a. not a transaction's JSON
  ["no JSON", "hello", "Invalid transaction (MalformedTransaction): not JSON at character 0"],
  ["nothing", "", "Invalid transaction (MalformedTransaction): not JSON at character 0"],
  ["no UTF-8", Uint8Array.of(0xff), "Invalid transaction (MalformedTransaction): not UTF-8"],
  [
    "half a surrogate pair",
    CREATE.replace("meter01", "\\ud800"),
    `Invalid transaction (MalformedTransaction): half a surrogate pair in a text at character ${CREATE.indexOf("meter01") + 7}`,
  ],
  ["a list", "[]", "Invalid transaction schema: [] is not of type 'object'"],
  ["null", "null", "Invalid transaction schema: None is not of type 'object'"],
  // b. InvalidHash
  ["no id", "{}", "Invalid transaction (InvalidHash): No transaction id found!"],
  [
    "id null",
    CREATE.replace(/"id":"[^"]*"/, '"id":null'),
    "Invalid transaction (InvalidHash): The transaction's id 'None' isn't equal to the hash of its body, i.e. it's not valid.",
  ],
  [
    "another's id",
    CREATE.replace("kWh-token", "kWh-tokens"),
    `Invalid transaction (InvalidHash): The transaction's id '${vector("create-simple").id}' isn't equal to the hash of its body, i.e. it's not valid.`,
  ],
  [
    "a second member of the same name",
    CREATE.replace('"kind":"kWh-token"', '"kind":"kWh-token","kind":"x"'),
    `Invalid transaction (InvalidHash): The transaction's id '${vector("create-simple").id}' isn't equal to the hash of its body, i.e. it's not valid.`,
  ],
  // c. schema
  [
    "no version",
    withOwnId(CREATE.replace(',"version":"2.0"', "")),
    "Invalid transaction schema: 'version' is a required property",
  ],
  [
    "version 1.0",
    withOwnId(CREATE.replace('"2.0"', '"1.0"')),
    "Invalid transaction schema: '1.0' does not match '^2\\\\.0$'",
  ],
  [
    "operation FOO",
    withOwnId(CREATE.replace('"CREATE"', '"FOO"')),
    "Invalid transaction schema: 'FOO' is not one of ['CREATE', 'TRANSFER', 'VALIDATOR_ELECTION', 'CHAIN_MIGRATION_ELECTION', 'VOTE']",
  ],
  [
    "a member too many",
    withOwnId(CREATE.replace('"version"', '"foo":1,"version"')),
    "Invalid transaction schema: Additional properties are not allowed ('foo' was unexpected)",
  ],
  [
    "two members too many",
    withOwnId(CREATE.replace('"version"', '"foo":1,"bar":1,"version"')),
    "Invalid transaction schema: Additional properties are not allowed ('bar', 'foo' were unexpected)",
  ],
  [
    "a member called __proto__",
    withOwnId(CREATE.replace('"version"', '"__proto__":{},"version"')),
    "Invalid transaction schema: Additional properties are not allowed ('__proto__' was unexpected)",
  ],
  ["empty metadata", withMetadata("{}"), "Invalid transaction schema: {} does not have enough properties"],
  [
    "metadata that is a text",
    withMetadata('"x"'),
    "Invalid transaction schema: 'x' is not valid under any of the given schemas",
  ],
  [
    "an amount in words",
    withOutput((output) => output.replace('"amount":"1"', '"amount":"ten"')),
    "Invalid transaction schema: 'ten' does not match '^[0-9]{1,20}$'",
  ],
  [
    "an amount that is a number",
    withOutput((output) => output.replace('"amount":"1"', '"amount":1')),
    "Invalid transaction schema: 1 is not of type 'string'",
  ],
  [
    "no fulfillment",
    withFulfillment("null"),
    "Invalid transaction schema: None is not valid under any of the given schemas",
  ],
  [
    "a CREATE without inputs",
    withOwnId(CREATE.replace(/"inputs":\[.*?\}\]/, '"inputs":[]')),
    "Invalid transaction schema: [] is too short",
  ],
  [
    "a TRANSFER without inputs",
    withOwnId(TRANSFER.replace(/"inputs":\[.*?\}\]/, '"inputs":[]')),
    "Invalid transaction schema: [] is too short",
  ],
  [
    "a CREATE of an asset's id",
    withOwnId(CREATE.replace(`{"data":${DATA}}`, `{"id":"${"0".repeat(64)}"}`)),
    "Invalid transaction schema: Additional properties are not allowed ('id' was unexpected)",
  ],
  [
    "a TRANSFER of data",
    withOwnId(TRANSFER.replace(/"asset":\{"id":"[^"]*"\}/, '"asset":{"data":null}')),
    "Invalid transaction schema: Additional properties are not allowed ('data' was unexpected)",
  ],
  [
    "a CREATE that spends",
    withOwnId(CREATE.replace('"fulfills":null', `"fulfills":{"transaction_id":"${"0".repeat(64)}","output_index":0}`)),
    `Invalid transaction schema: {'output_index': 0, 'transaction_id': '${"0".repeat(64)}'} is not of type 'null'`,
  ],
  [
    "a TRANSFER that spends nothing",
    withOwnId(TRANSFER.replace(/"fulfills":\{[^}]*\}/, '"fulfills":null')),
    "Invalid transaction schema: None is not of type 'object'",
  ],
  [
    "an output_index below zero",
    withOwnId(TRANSFER.replace('"output_index":0', '"output_index":-1')),
    "Invalid transaction schema: -1 is less than the minimum of 0",
  ],
  [
    "an output_index with a fraction",
    withOwnId(TRANSFER.replace('"output_index":0', '"output_index":0.0')),
    "Invalid transaction schema: 0.0 is not of type 'integer'",
  ],
  [
    "an election",
    withOwnId(CREATE.replace('"CREATE"', '"VALIDATOR_ELECTION"')),
    "Invalid transaction (UnsupportedOperation): VALIDATOR_ELECTION is decided by this ledger's own validators and regulators",
  ],
  // d. names and languages
  ["a name with a dot", withData('{"a.b":1}'), keyError("a.b", "asset")],
  ["a name that begins with a dollar", withData('{"$a":1}'), keyError("$a", "asset")],
  ["a name with a dollar inside", withData('{"a$b":1}'), undefined],
  ["a name with NUL", withData('{"a\\u0000":1}'), keyError("a\0", "asset")],
  ["a nested name", withData('{"a":[[{"b":{"c.d":1}}]]}'), keyError("c.d", "asset")],
  ["a name in the metadata", withMetadata('{"a.b":1}'), keyError("a.b", "metadata")],
  ["a language MongoDB knows", withData('{"language":"english"}'), undefined],
  ["one it does not", withData('{"language":"klingon"}'), languageError("klingon")],
  ["one that is a number", withMetadata('{"a":[{"language":5}]}'), languageError("5")],
  ["one that is an object", withMetadata('{"language":{"x":true}}'), languageError("{'x': True}")],
  ["names before languages", withMetadata('{"language":"klingon","x":{"a.b":1}}'), keyError("a.b", "metadata")],
  ["numbers beyond 2^53, and tiny ones", withData('{"n":9007199254740993,"t":1e-7,"big":1e+300}'), undefined],
  ["a name __proto__ in the data", withData('{"__proto__":{"a":1}}'), undefined],
  // e. fulfillments
  ["an empty fulfillment", withFulfillment('""'), unparsed],
  ["a fulfillment of other bytes", withFulfillment('"abcd"'), unparsed],
  ["base64 of an impossible length", withFulfillment('"abcde"'), unparsed],
  ["a preimage fulfillment", withFulfillment('"oAKAAA"'), unparsed],
  ["a threshold of nothing", withFulfillment('"ogSgAKEA"'), unparsed],
  ["a fulfillment with bytes after it", withFulfillment(`"${wholeFulfillment()}AAAA"`), unparsed],
  ["details in place of a fulfillment: unsigned", withFulfillment(ED25519), undefined],
  [
    "details in place of a fulfillment, too deep",
    withFulfillment(nested(100)),
    "Invalid transaction (ThresholdTooDeep): ",
  ],
  [
    "details of a key that is none",
    withDetails(`{"type":"ed25519-sha-256","public_key":"${"z".repeat(44)}"}`),
    `Invalid transaction (ValidationError): '${"z".repeat(44)}' is not an Ed25519 public key in base58`,
  ],
  // f. outputs
  ["no outputs", withOutput(() => ""), undefined],
  [
    "an amount of zero",
    withOutput((output) => output.replace('"amount":"1"', '"amount":"0"')),
    "Invalid transaction (AmountError): `amount` must be greater than 0",
  ],
  [
    "the largest amount",
    withOutput((output) => output.replace('"amount":"1"', '"amount":"9000000000000000000"')),
    undefined,
  ],
  [
    "one more",
    withOutput((output) => output.replace('"amount":"1"', '"amount":"9000000000000000001"')),
    "Invalid transaction (AmountError): `amount` must be <= 9000000000000000000",
  ],
  ["99 nested thresholds above a key", withDetails(nested(99)), undefined],
  ["100", withDetails(nested(100)), "Invalid transaction (ThresholdTooDeep): "],
])("%s", (_name, json, refusal) => {
  expect(refusalOf(json)).toBe(refusal);
});

/** One whose base64 ends with a whole byte, so that more of it is more bytes. */
function wholeFulfillment(): string {
  return /"fulfillment":"([^"]*)"/.exec(CREATE)?.[1] as string;
}

test("as many bytes as are allowed are read, one more is refused unread", () => {
  expect(refusalOf(CREATE, CREATE.length)).toBeUndefined();
  expect(refusalOf(CREATE, CREATE.length - 1)).toBe(
    `Invalid transaction (TransactionTooLarge): ${CREATE.length} bytes, and at most ${CREATE.length - 1} are taken`,
  );
});

test("256 signatures are taken, 257 are not", () => {
  const signed = (signatures: number) => {
    const one = { type: "ed25519-sha-256", publicKey: new Uint8Array(32), signature: new Uint8Array(64) } as const;
    const subfulfillments = Array.from({ length: signatures }, () => one);
    return withFulfillment(`"${fulfillmentText({ type: "threshold-sha-256", subfulfillments, subconditions: [] })}"`);
  };
  expect(refusalOf(signed(MAX_ASSET_SIGNATURES))).toBeUndefined();
  expect(refusalOf(signed(MAX_ASSET_SIGNATURES + 1))).toBe(
    "Invalid transaction (ValidationError): 257 signatures, and at most 256 are taken",
  );
});
