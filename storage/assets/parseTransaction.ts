import { MAX_ASSET_SIGNATURES, MAX_ASSET_TRANSACTION_BYTES, MAX_CONDITION_DEPTH } from "../limits.ts";
import { publicKeyBytes } from "./assetIndexKeys.ts";
import type { AssetInput, AssetOutput, AssetTransaction } from "./assetTransaction.ts";
import { type AssetRefusal, type AssetVerdict, accept, refused } from "./assetVerdict.ts";
import { pythonNumber } from "./canonicalJson.ts";
import type { ConditionDetails } from "./condition.ts";
import { checkDocuments } from "./documentRules.ts";
import { parseFulfillment, signaturesOf } from "./fulfillment.ts";
import {
  type CanonicalText,
  isJsonArray,
  isJsonNumber,
  isJsonObject,
  type JsonNumber,
  type JsonObject,
  type JsonValue,
  parseJson,
} from "./jsonLossless.ts";
import { pythonRepr, pythonStr } from "./pythonRepr.ts";
import { checkCommonSchema, checkCreateSchema, checkTransferSchema } from "./transactionSchema.ts";
import {
  canonicalTransaction,
  type MemberTexts,
  memberTexts,
  signedText,
  signingMessage,
  transactionId,
} from "./transactionText.ts";

/** The server's `MAX_AMOUNT`. */
const MAX_AMOUNT = 9n * 10n ** 18n;

/**
 * Reads a BigchainDB v2 transaction from its JSON, which need not be canonical, and checks in the server's order:
 *  a. TransactionTooLarge, MalformedTransaction: at most `maxBytes` of UTF-8, JSON
 *  b. InvalidHash: there is an id, and it is the hash of the rest
 *  c. SchemaValidationError, UnsupportedOperation
 *  d. ValidationError: names that MongoDB does not store, languages that it does not know
 *  e. InvalidSignature, ThresholdTooDeep, ValidationError: fulfillments that cannot be read, keys that are none
 *  f. AmountError, ThresholdTooDeep, ValidationError: of the outputs
 * Total: no input makes it throw.
 */
export function parseAssetTransaction(
  input: Uint8Array | string,
  maxBytes = MAX_ASSET_TRANSACTION_BYTES,
): AssetVerdict<AssetTransaction> {
  const bytes = typeof input === "string" ? Buffer.byteLength(input) : input.length;
  if (bytes > maxBytes) return refused("TransactionTooLarge", `${bytes} bytes, and at most ${maxBytes} are taken`);
  const parsed = parseJson(input);
  return parsed.accepted
    ? readAssetTransaction(parsed.value, parsed.canonical)
    : refused("MalformedTransaction", parsed.reason);
}

/** The same from b. on, of JSON that is parsed already. */
export function readAssetTransaction(value: JsonValue, canonical?: CanonicalText): AssetVerdict<AssetTransaction> {
  if (!isJsonObject(value)) return refused("SchemaValidationError", `${pythonRepr(value)} is not of type 'object'`);
  const members = memberTexts(value, canonical);
  const id = value.get("id");
  if (id === undefined) return refused("InvalidHash", "No transaction id found!");
  if (id !== transactionId(members))
    return refused(
      "InvalidHash",
      `The transaction's id '${pythonStr(id)}' isn't equal to the hash of its body, i.e. it's not valid.`,
    );
  const breach = checkSchema(value) ?? checkDocuments(value.get("asset") as JsonObject, value.get("metadata") ?? null);
  return breach ?? readChecked(id, value, members, canonical?.text);
}

function checkSchema(body: JsonObject): AssetRefusal | undefined {
  const common = checkCommonSchema(body);
  if (common !== undefined) return refused("SchemaValidationError", common);
  const operation = body.get("operation") as string;
  const specific = operation === "TRANSFER" ? checkTransferSchema(body) : checkCreateSchema(body);
  if (specific !== undefined) return refused("SchemaValidationError", specific);
  if (operation !== "CREATE" && operation !== "TRANSFER")
    return refused("UnsupportedOperation", `${operation} is decided by this ledger's own validators and regulators`);
  return undefined;
}

/** What the schema has been checked of. */
function readChecked(
  id: string,
  body: JsonObject,
  members: MemberTexts,
  canonical = canonicalTransaction(members),
): AssetVerdict<AssetTransaction> {
  const text = signedText(members, body.get("inputs") as JsonValue);
  const inputs = readEach(body.get("inputs"), (input) => readInput(input, text));
  if (!inputs.accepted) return inputs;
  const signatures = inputs.value.reduce((sum, input) => sum + countSignatures(input), 0);
  if (signatures > MAX_ASSET_SIGNATURES)
    return refused("ValidationError", `${signatures} signatures, and at most ${MAX_ASSET_SIGNATURES} are taken`);
  const outputs = readEach(body.get("outputs"), readOutput);
  if (!outputs.accepted) return outputs;
  const operation = body.get("operation") as AssetTransaction["operation"];
  const assetId = operation === "CREATE" ? id : ((body.get("asset") as JsonObject).get("id") as string);
  return accept({
    id,
    operation,
    assetId,
    inputs: inputs.value,
    outputs: outputs.value,
    body,
    canonical,
  });
}

function countSignatures({ fulfillment }: AssetInput): number {
  return fulfillment === undefined ? 0 : signaturesOf(fulfillment).length;
}

function readEach<T>(
  items: JsonValue | undefined,
  read: (item: JsonObject) => AssetVerdict<T>,
): AssetVerdict<readonly T[]> {
  const values: T[] = [];
  for (const item of items as readonly JsonObject[]) {
    const verdict = read(item);
    if (!verdict.accepted) return verdict;
    values.push(verdict.value);
  }
  return accept(values);
}

function readInput(input: JsonObject, text: string): AssetVerdict<AssetInput> {
  const given = input.get("fulfillment") as JsonValue;
  const fulfillmentText = typeof given === "string" ? given : undefined;
  const fulfillment = fulfillmentText === undefined ? undefined : parseFulfillment(fulfillmentText);
  if (fulfillmentText !== undefined && fulfillment === undefined)
    return refused("InvalidSignature", "Fulfillment URI couldn't been parsed");
  if (fulfillmentText === undefined) {
    const details = readDetails(given as JsonObject, 0);
    if (!details.accepted) return details;
  }
  const link = readLink(input.get("fulfills") ?? null);
  return accept({
    ownersBefore: (input.get("owners_before") as readonly string[] | null) ?? [],
    fulfills: link && { transactionId: link.transactionId, outputIndex: Number(link.outputIndex) },
    fulfillment,
    fulfillmentText,
    message: signingMessage(text, link),
  });
}

function readLink(fulfills: JsonValue): { transactionId: string; outputIndex: string } | undefined {
  if (!isJsonObject(fulfills)) return undefined;
  const transactionId = fulfills.get("transaction_id") as string;
  return { transactionId, outputIndex: pythonNumber(fulfills.get("output_index") as JsonNumber) };
}

function readOutput(output: JsonObject): AssetVerdict<AssetOutput> {
  const condition = output.get("condition") as JsonObject;
  const details = readDetails(condition.get("details") as JsonObject, 0);
  if (!details.accepted) return details;
  const amount = BigInt(output.get("amount") as string);
  if (amount < 1n) return refused("AmountError", "`amount` must be greater than 0");
  if (amount > MAX_AMOUNT) return refused("AmountError", `\`amount\` must be <= ${MAX_AMOUNT}`);
  return accept({
    amount,
    details: details.value,
    uri: condition.get("uri") as string,
    publicKeys: output.get("public_keys") as readonly string[] | null,
  });
}

function readDetails(details: JsonObject, depth: number): AssetVerdict<ConditionDetails> {
  if (depth === MAX_CONDITION_DEPTH) return refused("ThresholdTooDeep", "");
  const key = details.get("public_key");
  if (typeof key === "string") {
    const publicKey = publicKeyBytes(key);
    return publicKey === undefined
      ? refused("ValidationError", `${pythonRepr(key)} is not an Ed25519 public key in base58`)
      : accept({ type: "ed25519-sha-256", publicKey });
  }
  const threshold = details.get("threshold");
  const subconditions = details.get("subconditions");
  if (!isJsonNumber(threshold) || !isJsonArray(subconditions))
    return refused("SchemaValidationError", `${pythonRepr(details)} is not valid under any of the given schemas`);
  const read = readEach(subconditions, (subcondition) => readDetails(subcondition, depth + 1));
  return read.accepted
    ? accept({ type: "threshold-sha-256", threshold: Number(threshold.lexeme), subconditions: read.value })
    : read;
}
