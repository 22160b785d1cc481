import { publicKeyBytes } from "./assetIndexKeys.ts";
import type { AssetState, RecordedOutput } from "./assetState.ts";
import type { AssetFacts, AssetInput, AssetOutput, AssetRules } from "./assetTransaction.ts";
import { type AssetRefusal, refused } from "./assetVerdict.ts";
import { type ConditionDetails, conditionOf, conditionUri, ed25519Condition, keysOf } from "./condition.ts";
import {
  conditionOfFulfillment,
  type Ed25519Verify,
  fulfillmentText,
  signaturesOf,
  unmetConditions,
  verifyFulfillment,
} from "./fulfillment.ts";

/** Whether every input has a fulfillment whose signatures hold; which conditions they must meet is the state's to say. About 45 µs each. */
export function signaturesHold({ inputs }: AssetFacts, verify?: Ed25519Verify): boolean {
  return inputs.every(
    ({ fulfillment, message }) => fulfillment !== undefined && verifyFulfillment(fulfillment, message, verify),
  );
}

/**
 * The rules of a transaction by itself that BigchainDB 2.2.2 does not check: nothing in that mode; `strict`:
 *  a. an output's `public_keys` are those of its condition
 *  b. its `uri` is that of its `details`, which can be met
 *  c. fulfillments are in the one encoding DER has for them, so that nobody else can give the transaction another id
 *  d. the `owners_before` of a CREATE are those who signed, or could have
 */
export function validateStateless(transaction: AssetFacts, rules: AssetRules): AssetRefusal | undefined {
  if (rules !== "strict") return undefined;
  for (const [index, output] of transaction.outputs.entries()) {
    const refusal = checkOutput(output, index);
    if (refusal !== undefined) return refusal;
  }
  for (const [index, input] of transaction.inputs.entries()) {
    const { fulfillment, fulfillmentText: given } = input;
    if (fulfillment !== undefined && fulfillmentText(fulfillment) !== given)
      return refused("ValidationError", `the fulfillment of input ${index} is not in its canonical encoding`);
  }
  if (transaction.operation === "CREATE" && !isIssuedByOwners(transaction.inputs[0] as AssetInput))
    return refused("ValidationError", "owners_before of input 0 are not those who fulfill it");
  return undefined;
}

function checkOutput({ details, publicKeys, uri }: AssetOutput, index: number): AssetRefusal | undefined {
  if (isOfOneKey(details, publicKeys, uri)) return undefined;
  const owners = keysOf(details).map(hexOf);
  if (publicKeys === null || !isSameSet(owners, publicKeys.map(keyHex)))
    return refused("ValidationError", `public_keys of output ${index} are not those of its condition`);
  const condition = conditionOf(details);
  if (condition === undefined) return refused("ValidationError", `the condition of output ${index} cannot be met`);
  if (conditionUri(condition) !== uri)
    return refused("ValidationError", `the uri of output ${index} is not that of its condition's details`);
  return undefined;
}

/** URIs of single keys, whose bytes come from a cache of their own: most outputs are of one that was seen before. */
const urisOfKeys = new WeakMap<Uint8Array, string>();

/** What nearly every output is, in a tenth of the time: of one key, named once, with its URI. */
function isOfOneKey(details: ConditionDetails, publicKeys: readonly string[] | null, uri: string): boolean {
  if (details.type !== "ed25519-sha-256" || publicKeys?.length !== 1) return false;
  const { publicKey } = details;
  if (publicKeyBytes(publicKeys[0] as string) !== publicKey) return false;
  let known = urisOfKeys.get(publicKey);
  if (known === undefined) {
    known = conditionUri(ed25519Condition(publicKey));
    urisOfKeys.set(publicKey, known);
  }
  return known === uri;
}

/** Every signer is an owner, every other owner one of the conditions that were left unmet, and there is no further condition. */
function isIssuedByOwners({ ownersBefore, fulfillment }: AssetInput): boolean {
  if (fulfillment === undefined) return true; // Not signed, which the signatures' check says.
  const owners = ownersBefore.map(publicKeyBytes);
  if (owners.includes(undefined)) return false;
  if (owners.length === 1 && fulfillment.type === "ed25519-sha-256")
    return Buffer.compare(owners[0] as Uint8Array, fulfillment.publicKey) === 0;
  const signers = new Set(signaturesOf(fulfillment).map(({ publicKey }) => hexOf(publicKey)));
  const silent = (owners as Uint8Array[]).filter((owner) => !signers.has(hexOf(owner)));
  const unmet = unmetConditions(fulfillment).map(({ fingerprint }) => hexOf(fingerprint));
  const everySignerOwns = [...signers].every((signer) =>
    (owners as Uint8Array[]).some((owner) => hexOf(owner) === signer),
  );
  return (
    everySignerOwns &&
    isSameSet(
      silent.map((owner) => hexOf(ed25519Condition(owner).fingerprint)),
      unmet.filter((fingerprint) => !isOfSigner(fingerprint, fulfillment)),
    )
  );
}

/** A signer may stand twice in a condition, and one of its places be left unmet. */
function isOfSigner(fingerprint: string, fulfillment: NonNullable<AssetInput["fulfillment"]>): boolean {
  return signaturesOf(fulfillment).some(
    ({ publicKey }) => hexOf(ed25519Condition(publicKey).fingerprint) === fingerprint,
  );
}

/**
 * The rules that depend on earlier transactions, in the server's order:
 *  CREATE: a. DuplicateTransaction; b. InvalidSignature
 *  TRANSFER: a. of each input in turn InputDoesNotExist, DoubleSpend, and InputDoesNotExist for an output that the transaction has not;
 *  b. DoubleSpend of one output by two inputs; c. AssetIdMismatch; d. AmountError; e. InvalidSignature, also for the fulfillment of
 *  another condition; f. `strict`: ValidationError for `owners_before` that are not the spent output's keys
 * `signaturesHold` is what the function of that name answers: it is asked for once and kept, because CheckTx and the block need it.
 */
export function validateStateful(
  transaction: AssetFacts,
  state: AssetState,
  rules: AssetRules,
  signaturesHold: boolean,
): AssetRefusal | undefined {
  return transaction.operation === "CREATE"
    ? validateCreate(transaction, state, signaturesHold)
    : validateTransfer(transaction, state, rules, signaturesHold);
}

function validateCreate({ id }: AssetFacts, state: AssetState, signaturesHold: boolean): AssetRefusal | undefined {
  if (state.assetIdOf(id, 0) !== undefined)
    return refused("DuplicateTransaction", `transaction \`${id}\` already exists`);
  return signaturesHold ? undefined : invalidSignature();
}

function validateTransfer(
  { id, inputs, outputs, assetId }: AssetFacts,
  state: AssetState,
  rules: AssetRules,
  signaturesHold: boolean,
): AssetRefusal | undefined {
  const spent: RecordedOutput[] = [];
  const links = new Set<string>();
  const assetIds = new Set<string>();
  for (const { fulfills } of inputs) {
    const { transactionId, outputIndex } = fulfills as NonNullable<AssetInput["fulfills"]>;
    const spentAssetId = state.assetIdOf(transactionId, outputIndex);
    if (spentAssetId === undefined) return refused("InputDoesNotExist", `input \`${transactionId}\` doesn't exist`);
    const output = state.output(transactionId, outputIndex);
    if (output === undefined)
      return refused("InputDoesNotExist", `input \`${transactionId}\` doesn't exist: it has no output ${outputIndex}`);
    if (output.spentBy !== undefined) return refused("DoubleSpend", `input \`${transactionId}\` was already spent`);
    spent.push(output);
    links.add(`${transactionId}/${outputIndex}`);
    assetIds.add(spentAssetId);
  }
  if (links.size < inputs.length) return refused("DoubleSpend", `tx "${id}" spends inputs twice`);
  if (assetIds.size > 1)
    return refused("AssetIdMismatch", "All inputs of all transactions passed need to have the same asset id");
  if (!assetIds.has(assetId))
    return refused("AssetIdMismatch", "The asset id of the input does not match the asset id of the transaction");
  const [spentAmount, newAmount] = [sumOf(spent), sumOf(outputs)];
  if (spentAmount !== newAmount)
    return refused(
      "AmountError",
      `The amount used in the inputs \`${spentAmount}\` needs to be same as the amount used in the outputs \`${newAmount}\``,
    );
  if (!signaturesHold || !inputs.every((input, index) => meets(input, spent[index] as RecordedOutput)))
    return invalidSignature();
  return rules === "strict" ? checkOwners(inputs, spent) : undefined;
}

function meets({ fulfillment }: AssetInput, { conditionUri: uri }: RecordedOutput): boolean {
  const condition = fulfillment && conditionOfFulfillment(fulfillment);
  return condition !== undefined && conditionUri(condition) === uri;
}

function checkOwners(inputs: readonly AssetInput[], spent: readonly RecordedOutput[]): AssetRefusal | undefined {
  const wrong = inputs.findIndex(
    ({ ownersBefore }, index) => !isSameSet(ownersBefore.map(keyHex), (spent[index] as RecordedOutput).owners),
  );
  return wrong < 0
    ? undefined
    : refused("ValidationError", `owners_before of input ${wrong} are not the keys of the output it spends`);
}

function invalidSignature(): AssetRefusal {
  return refused("InvalidSignature", "Transaction signature is invalid.");
}

/** What a state keeps of an output that has just been made. */
export function recordedOutput({ amount, details }: AssetOutput): RecordedOutput {
  const condition = conditionOf(details);
  return { amount, conditionUri: condition && conditionUri(condition), owners: ownersOf(details), spentBy: undefined };
}

/** The keys of a condition in hex, each once, sorted. */
function ownersOf(details: ConditionDetails): readonly string[] {
  return [...new Set(keysOf(details).map(hexOf))].sort();
}

function sumOf(outputs: readonly { readonly amount: bigint }[]): bigint {
  return outputs.reduce((sum, { amount }) => sum + amount, 0n);
}

function isSameSet(a: readonly string[], b: readonly string[]): boolean {
  const [left, right] = [new Set(a), new Set(b)];
  return left.size === right.size && [...left].every((item) => right.has(item));
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("hex");
}

/** A key in base58 as hex; a text that is no key is nobody's. */
function keyHex(text: string): string {
  const bytes = publicKeyBytes(text);
  return bytes === undefined ? `not a key: ${text}` : hexOf(bytes);
}
