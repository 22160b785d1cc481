import { readFileSync } from "node:fs";
import { sha256 } from "../crypto/hash.ts";
import { type AssetSigner, ed25519Signer } from "./buildTransaction.ts";
import { canonicalJson } from "./canonicalJson.ts";
import { type JsonObject, parseJson } from "./jsonLossless.ts";
import { memberTexts, transactionId } from "./transactionText.ts";

/** What a real BigchainDB 2.2.2 answered (`storage/testdata/bigchaindb.json`). */
export interface PositiveVector {
  readonly name: string;
  readonly signers: readonly string[];
  readonly unsignedCanonical: string;
  readonly signingMessagesSha3Hex: readonly string[];
  readonly signedCanonicalWithIdNull: string;
  readonly id: string;
  readonly tx: object;
}

export interface NegativeVector {
  readonly name: string;
  readonly expect: { readonly status: number; readonly message: string };
  readonly tx: object;
}

export const VECTORS = JSON.parse(readFileSync(`${import.meta.dirname}/../testdata/bigchaindb.json`, "utf8")) as {
  readonly keys: Readonly<Record<string, { readonly seedHex: string; readonly publicKey: string }>>;
  readonly positive: readonly PositiveVector[];
  readonly negative: readonly NegativeVector[];
};

/** The people of the vectors. */
export function testSigner(name: string): AssetSigner {
  return ed25519Signer(sha256(Buffer.from(`energy-ledger-bigchaindb-vector:${name}`)));
}

export function vector(wanted: string): PositiveVector {
  const found = VECTORS.positive.find(({ name }) => name === wanted);
  if (found === undefined) throw new RangeError(`no vector ${wanted}`);
  return found;
}

/** The JSON of a transaction with the id that belongs to it, however wrong the rest is. */
export function withOwnId(json: string): string {
  const parsed = parseJson(json);
  if (!parsed.accepted) throw new Error(parsed.reason);
  const body = new Map(parsed.value as JsonObject);
  body.set("id", null);
  return canonicalJson(body.set("id", transactionId(memberTexts(body))));
}
