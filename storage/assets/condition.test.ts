import { expect, test } from "vitest";
import { sha256 } from "../crypto/hash.ts";
import { ed25519Details, fulfil, thresholdDetails } from "./buildTransaction.ts";
import { type ConditionDetails, conditionOf, conditionUri, thresholdCondition } from "./condition.ts";
import { decodeDer, decodeDerInteger, encodeDer, encodeDerInteger } from "./der.ts";
import {
  conditionOfFulfillment,
  type Fulfillment,
  fulfillmentText,
  parseFulfillment,
  verifyFulfillment,
} from "./fulfillment.ts";
import { testSigner } from "./testVectors.ts";

const [alice, bob, carol] = ["alice", "bob", "carol"].map((name) => testSigner(name).publicKey) as [
  Uint8Array,
  Uint8Array,
  Uint8Array,
];
const hundred = Array.from({ length: 100 }, (_, index) => testSigner(`key${index}`).publicKey);
const all = (...subconditions: readonly ConditionDetails[]): ConditionDetails => ({
  type: "threshold-sha-256",
  threshold: subconditions.length,
  subconditions,
});
const NESTED = all(ed25519Details(alice), thresholdDetails(1, [bob, carol]));

// URIs and fulfillments are those of BigchainDB's own library, cryptoconditions 0.8.1 of Python, for the same keys.
test.each<[name: string, details: ConditionDetails, uri: string]>([
  [
    "an inner threshold",
    NESTED,
    "ni:///sha-256;DK5GYhpX6351oI1ncD6iLZX5J0FXUEQZRwUMdAw7opc?fpt=threshold-sha-256&cost=266240&subtypes=ed25519-sha-256",
  ],
  [
    "three levels",
    all(all(all(ed25519Details(alice)))),
    "ni:///sha-256;KeZfFaP8hhRrK977eXKA2deAw2edddbBl9L_ni7XMfs?fpt=threshold-sha-256&cost=134144&subtypes=ed25519-sha-256",
  ],
  [
    "one key twice",
    thresholdDetails(2, [alice, alice]),
    "ni:///sha-256;Ze5jgg9ia8z_SBFAccbXLIhGJVi898P65uQlJWU81g0?fpt=threshold-sha-256&cost=264192&subtypes=ed25519-sha-256",
  ],
  [
    "100 keys of 100",
    thresholdDetails(100, hundred),
    "ni:///sha-256;xB0IcmC18mOybitLntyiBq7gcsCvCPxp_U2FTdychsc?fpt=threshold-sha-256&cost=13209600&subtypes=ed25519-sha-256",
  ],
  [
    "50 of 100",
    thresholdDetails(50, hundred),
    "ni:///sha-256;rAy0VJ3BRE3UQpERVIOuoa8U7AnhXv08X7qV-WEPLBc?fpt=threshold-sha-256&cost=6656000&subtypes=ed25519-sha-256",
  ],
])("the URI of %s", (_name, details, uri) => {
  const condition = conditionOf(details);
  expect(condition && conditionUri(condition)).toBe(uri);
});

test("the fulfillment of an inner threshold, byte by byte, and what it says of its condition", () => {
  const message = sha256(Buffer.from("message"));
  const fulfillment = fulfil(NESTED, [testSigner("alice"), testSigner("carol")], message) as Fulfillment;
  const text =
    "ooIBAaCB_KKBk6BmpGSAIGffhIoQicYQ9E5pUn7K5vPQjbBmJ-rLbvwFA9yOIJ6dgUBYrtczgGzSkxC3CLNB4EbbUKXRe58aBZgsXluYZbrQRnSpqqTZ9ugqoZW43T7j5rB4kcJGwVXe5Hf6JhTCIWUKoSmkJ4AgMg_Oa1E9dNNvb_MzsOpXPycRLxv1O2nSIFBVijox5CWBAwIAAKRkgCDK49NcZkOcRI2oFlT6H7DNtgWJmxY9IZ4EgdbJhf4q24FA3hRC0qMG6Ck4IggaJoc7Vwh48nKeRz7UQaLRApaw97eSnUJDXNULHE8hhvEBJFZJicbEVBWSDw1q2SdUQXaZD6EA";
  expect(fulfillmentText(fulfillment)).toBe(text);
  const parsed = parseFulfillment(text) as Fulfillment;
  expect(conditionOfFulfillment(parsed)).toEqual(conditionOf(NESTED));
  expect(verifyFulfillment(parsed, message)).toBe(true);
  expect(verifyFulfillment(parsed, sha256(message))).toBe(false);
});

test("a fulfillment may leave a whole inner threshold unmet", () => {
  const text =
    "ooGXoGakZIAgZ9-EihCJxhD0TmlSfsrm89CNsGYn6stu_AUD3I4gnp2BQFiu1zOAbNKTELcIs0HgRttQpdF7nxoFmCxeW5hlutBGdKmqpNn26CqhlbjdPuPmsHiRwkbBVd7kd_omFMIhZQqhLaIrgCBYG_Ul5zAHpi2tf_DNfY5QIbcmiEREnB8enc75eDp9-oEDBAgAggIDCA";
  const fulfillment = parseFulfillment(text) as Fulfillment;
  const condition = conditionOfFulfillment(fulfillment);
  expect(condition && conditionUri(condition)).toBe(
    "ni:///sha-256;zrKe2a_gaO-IlDaO7cG13mleiSOhjLYVRNgzXAaYjPY?fpt=threshold-sha-256&cost=266240&subtypes=ed25519-sha-256",
  );
  expect(verifyFulfillment(fulfillment, sha256(Buffer.from("message")))).toBe(true);
  expect(fulfillmentText(fulfillment)).toBe(text);
});

test("a condition that no set of keys reaches has no URI, nor has one that stands on it", () => {
  const impossible = thresholdDetails(3, [alice, bob]);
  expect(conditionOf(impossible)).toBeUndefined();
  expect(
    conditionOf({ type: "threshold-sha-256", threshold: 1, subconditions: [ed25519Details(alice), impossible] }),
  ).toBeUndefined();
  expect(thresholdCondition(0, [])).toBeUndefined();
});

test.each([0, 1, 127, 128, 255, 256, 131_072, 0xffff_ffff])("DER keeps the integer %i", (value) => {
  const [element] = decodeDer(encodeDerInteger(0x81, value)) ?? [];
  expect(element && decodeDerInteger(element.content)).toBe(value);
});

test.each([0, 127, 128, 255, 256, 65_536])("DER keeps a content of %i bytes", (length) => {
  const elements = decodeDer(encodeDer(0x80, new Uint8Array(length)));
  expect(elements?.map(({ tag, content }) => [tag, content.length])).toEqual([[0x80, length]]);
});

test.each([
  ["a length in more bytes than it needs", [0x80, 0x81, 0x01, 0]],
  ["a length of 128 with a zero before it", [0x80, 0x82, 0x00, 0x80]],
  ["an indefinite length", [0x80, 0x80, 0, 0]],
  ["a length beyond the end", [0x80, 2, 0]],
  ["a length of five bytes", [0x80, 0x85, 0, 0, 0, 0, 1, 0]],
  ["a tag alone", [0x80]],
])("DER with %s is refused", (_name, bytes) => {
  expect(decodeDer(Uint8Array.from(bytes))).toBeUndefined();
});

test.each([
  ["nothing", []],
  ["a negative number", [0x80]],
  ["a zero too many", [0, 1]],
  ["more than 32 bits", [1, 0, 0, 0, 0]],
])("no DER integer is %s", (_name, bytes) => {
  expect(decodeDerInteger(Uint8Array.from(bytes))).toBeUndefined();
});
