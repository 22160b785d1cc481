import { create, toBinary } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import {
  type BuiltTransaction,
  createTransaction,
  ed25519Details,
  jsonOf,
  thresholdDetails,
  transferTransaction,
} from "#storage/assets/buildTransaction.ts";
import { canonicalJson } from "#storage/assets/canonicalJson.ts";
import type { ConditionDetails } from "#storage/assets/condition.ts";
import { fulfillmentText } from "#storage/assets/fulfillment.ts";
import { type JsonObject, parseJson } from "#storage/assets/jsonLossless.ts";
import { memberTexts, signedText, signingMessage, transactionId } from "#storage/assets/transactionText.ts";
import { verifySignature as verify } from "#storage/crypto/keys.ts";
import { MAX_ASSET_TRANSACTION_BYTES } from "#storage/limits.ts";
import { SimulateRequestSchema } from "#storage/proto/gen/cosmos/tx/v1beta1/service_pb.ts";
import type { SignatureCheck } from "#storage/types/transaction.ts";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import { createLedgerApplication } from "./ledgerApplication.ts";
import {
  accountOf,
  assetSigner,
  bigchainCreate,
  bigchainMessage,
  bigchainTransfer,
  CHAIN_ID,
  codeName,
  createTestLedger,
  type Person,
  type TestLedger,
  testGenesis,
} from "./testLedger.ts";

const ASSET = bigchainCreate({ meter: "m1" });

/** Two nodes, each with its operator's account, that bring transactions of their clients. */
const [FIRST, SECOND] = ["aggregator", "dso"] as const;

function carry(ledger: TestLedger, by: Person, transaction: { readonly text: string }, ahead = 0): Uint8Array {
  return ledger.sign([bigchainMessage(by, transaction)], [by], ahead);
}

function sequenceOf(ledger: TestLedger, who: Person): unknown {
  return ledger.query("/edream/account", accountOf(who))?.sequence;
}

test("a CREATE and transfers of it take effect, in one block as in several, and say so in an event", () => {
  const ledger = createTestLedger();
  const transfer = bigchainTransfer(ASSET, "alice", "bob");
  const { txResults } = ledger.block([carry(ledger, FIRST, ASSET), carry(ledger, SECOND, transfer)]);
  expect(txResults.map(({ log }) => log)).toEqual(["", ""]);
  const attributes = (index: number) => txResults[index]?.events.find(({ type }) => type === "bigchain")?.attributes;
  expect(attributes(1)).toEqual([
    { key: "asset_id", value: ASSET.id, index: true },
    { key: "transaction_id", value: transfer.id, index: true },
    { key: "operation", value: "TRANSFER", index: true },
  ]);
  const back = bigchainTransfer(transfer, "bob", "alice", ASSET.id);
  expect(ledger.send(bigchainMessage(SECOND, back), SECOND)).toBe("OK");
});

test("of two conflicting transfers in one block exactly one survives; the loser's result names the reason, and what its carrier sent behind it is not held up", () => {
  const ledger = createTestLedger();
  ledger.send(bigchainMessage(FIRST, ASSET), FIRST);
  const winner = bigchainTransfer(ASSET, "alice", "bob");
  const loser = bigchainTransfer(ASSET, "alice", "carol");
  const behind = bigchainCreate({ meter: "m2" });
  const txs = [carry(ledger, FIRST, winner), carry(ledger, SECOND, loser), carry(ledger, SECOND, behind, 1)];
  for (const tx of txs) expect(ledger.app.checkTx({ tx, type: "new" }).code).toBe(0);
  expect(ledger.app.prepareProposal(ledger.request(txs)).txs).toHaveLength(3);
  expect(ledger.app.processProposal(ledger.request(txs)).accepted).toBe(true);
  const { txResults } = ledger.block(txs);
  expect(txResults.map(codeName)).toEqual(["OK", "BIGCHAIN_REFUSED", "OK"]);
  expect(txResults[1]?.log).toBe(
    `BIGCHAIN_REFUSED: Invalid transaction (DoubleSpend): input \`${ASSET.id}\` was already spent`,
  );
  expect(txResults[1]?.events).toEqual([]);
  expect(sequenceOf(ledger, SECOND)).toBe("2");
  expect(ledger.send(bigchainMessage(FIRST, bigchainTransfer(winner, "bob", "alice", ASSET.id)), FIRST)).toBe("OK");
});

test("what another transaction had to come before is asked for without effect, and refused in a block", () => {
  const ledger = createTestLedger();
  const transfer = carry(ledger, FIRST, bigchainTransfer(ASSET, "alice", "bob"));
  const log = `BIGCHAIN_REFUSED: Invalid transaction (InputDoesNotExist): input \`${ASSET.id}\` doesn't exist`;
  expect(ledger.app.dryCheckTx(transfer).log).toBe(log);
  expect(ledger.block([transfer]).txResults[0]?.log).toBe(log);
  expect(sequenceOf(ledger, FIRST)).toBe("1");
  expect(ledger.block([transfer]).txResults.map(codeName)).toEqual(["SEQUENCE_MISMATCH"]);
});

test("a refused transaction uses up its carrier's quota", () => {
  const ledger = createTestLedger({ params: { quotaTxsPerBlock: 2 } });
  ledger.send(bigchainMessage(FIRST, ASSET), FIRST);
  const again = [0, 1, 2].map((ahead) => carry(ledger, FIRST, ASSET, ahead));
  expect(ledger.block(again).txResults.map(codeName)).toEqual([
    "BIGCHAIN_REFUSED",
    "BIGCHAIN_REFUSED",
    "QUOTA_EXCEEDED",
  ]);
});

test.each<[name: string, text: string, reason: string]>([
  ["no JSON", "{", "Invalid transaction (MalformedTransaction): a member's name expected at character 1"],
  [
    "another spelling of the same transaction",
    `${ASSET.text} `,
    "Invalid transaction (MalformedTransaction): not in canonical form",
  ],
  [
    "another's id",
    JSON.stringify({ ...JSON.parse(ASSET.text), asset: { data: null } }),
    `Invalid transaction (InvalidHash): The transaction's id '${ASSET.id}' isn't equal to the hash of its body, i.e. it's not valid.`,
  ],
])("%s has no effect at all, not even on its carrier's sequence", (_name, text, reason) => {
  const ledger = createTestLedger();
  const tx = carry(ledger, FIRST, { text });
  const log = `BIGCHAIN_INVALID: ${reason}`;
  expect(ledger.app.checkTx({ tx, type: "new" }).log).toBe(log);
  expect(ledger.app.prepareProposal(ledger.request([tx])).txs).toEqual([]);
  expect(ledger.block([tx]).txResults[0]?.log).toBe(log);
  expect(sequenceOf(ledger, FIRST)).toBe("0");
});

test("a transfer by another than the owner has no effect at all", () => {
  const ledger = createTestLedger();
  ledger.send(bigchainMessage(FIRST, ASSET), FIRST);
  const mallory = assetSigner("mallory");
  const details = ed25519Details(mallory.publicKey);
  const { text } = transferTransaction({
    assetId: ASSET.id,
    metadata: null,
    inputs: [{ transactionId: ASSET.id, outputIndex: 0, details, signers: [mallory] }],
    outputs: [{ amount: 10n, details }],
  });
  const tx = carry(ledger, FIRST, { text });
  expect(ledger.app.checkTx({ tx, type: "new" }).log).toBe(
    "BIGCHAIN_INVALID: Invalid transaction (InvalidSignature): Transaction signature is invalid.",
  );
});

/** A CREATE that BEP-13 forbids and BigchainDB 2.2.2 takes. */
function withoutPublicKeys(): { readonly text: string } {
  return resigned(ASSET.text.replace(/"public_keys":\[[^\]]*\]/, '"public_keys":null'));
}

function withSignature(signature: Uint8Array): { readonly text: string } {
  return resigned(ASSET.text, signature);
}

/** alice's signature, or another in its place; the id is right. */
function resigned(text: string, forged?: Uint8Array): { readonly text: string } {
  const parsed = parseJson(text);
  if (!parsed.accepted) throw new Error(parsed.reason);
  const body = new Map(parsed.value as JsonObject);
  const [input] = body.get("inputs") as readonly [JsonObject];
  const { publicKey, sign } = assetSigner("alice");
  const signature = forged ?? sign(signingMessage(signedText(memberTexts(body), [input]), undefined));
  const fulfillment = fulfillmentText({ type: "ed25519-sha-256", publicKey, signature });
  body.set("inputs", [new Map(input).set("fulfillment", fulfillment)]);
  body.set("id", transactionId(memberTexts(body)));
  return { text: canonicalJson(body) };
}

test("genesis says how many bytes one may have, and which rules it keeps", () => {
  const limited = createTestLedger({ params: { maxBigchainBytes: ASSET.text.length } });
  expect(limited.send(bigchainMessage(FIRST, ASSET), FIRST)).toBe("OK");
  const longer = createTransaction({
    data: jsonOf({ meter: "m1", n: 1 }),
    metadata: null,
    outputs: [{ amount: 10n, details: ed25519Details(assetSigner("alice").publicKey) }],
    issuer: assetSigner("alice"),
  });
  const tx = carry(limited, FIRST, longer);
  expect(limited.app.checkTx({ tx, type: "new" }).log).toContain("Invalid transaction (TransactionTooLarge): ");
  const lenient = createTestLedger({ params: { bigchainRules: "bigchaindb-2.2.2" } });
  expect(lenient.send(bigchainMessage(FIRST, withoutPublicKeys()), FIRST)).toBe("OK");
  expect(createTestLedger().send(bigchainMessage(FIRST, withoutPublicKeys()), FIRST)).toBe("BIGCHAIN_INVALID");
  expect(() => createTestLedger({ params: { maxBigchainBytes: MAX_ASSET_TRANSACTION_BYTES + 1 } })).toThrow(
    "params.maxBigchainBytes",
  );
  expect(() => createTestLedger({ params: { bigchainRules: "lenient" as "strict" } })).toThrow("params.bigchainRules");
});

test("the parameters' defaults leave the state of ledgers without them as it was", () => {
  const hashOf = (params: object) => createTestLedger({ params }).app.info().lastBlockAppHash;
  const appHash = (params: object) => createTestLedger({ params }).block([]).appHash;
  expect(hashOf({})).toEqual(hashOf({ bigchainRules: "strict" }));
  expect(appHash({})).toEqual(appHash({ bigchainRules: "strict", maxBigchainBytes: MAX_ASSET_TRANSACTION_BYTES }));
  expect(appHash({})).not.toEqual(appHash({ bigchainRules: "bigchaindb-2.2.2" }));
});

test("a restarted node knows what is spent", () => {
  const ledger = createTestLedger({ genesis: testGenesis() });
  ledger.send([bigchainMessage(FIRST, ASSET), bigchainMessage(FIRST, bigchainTransfer(ASSET, "alice", "bob"))], FIRST);
  const entries = [...ledger.disk].map(([key, value]) => [Buffer.from(key, "latin1"), value] as const);
  const app = createLedgerApplication({ chainId: CHAIN_ID, entries });
  const tx = carry(ledger, FIRST, bigchainTransfer(ASSET, "alice", "carol"));
  expect(app.dryCheckTx(tx).log).toContain("Invalid transaction (DoubleSpend): ");
});

test("of many messages in one transaction one that is refused takes back the others", () => {
  const ledger = createTestLedger();
  const messages = [ASSET, ASSET].map((transaction) => bigchainMessage(FIRST, transaction));
  expect(ledger.send(messages, FIRST)).toBe("BIGCHAIN_REFUSED");
  expect(ledger.send(bigchainMessage(FIRST, ASSET), FIRST)).toBe("OK");
});

test("a message without a transaction is refused", () => {
  const ledger = createTestLedger();
  expect(ledger.send(ledgerMessage("MsgBigchainTransaction", { signer: accountOf(FIRST) }), FIRST)).toBe(
    "BIGCHAIN_INVALID",
  );
});

test("a transaction without outputs is known to be there, and has nothing to spend", () => {
  const ledger = createTestLedger();
  const empty = createTransaction({ data: null, metadata: null, outputs: [], issuer: assetSigner("alice") });
  expect(ledger.send(bigchainMessage(FIRST, empty), FIRST)).toBe("OK");
  const { txResults } = ledger.block([
    carry(ledger, FIRST, empty),
    carry(ledger, SECOND, bigchainTransfer(empty, "alice", "bob")),
  ]);
  expect(txResults.map(({ log }) => log)).toEqual([
    `BIGCHAIN_REFUSED: Invalid transaction (DuplicateTransaction): transaction \`${empty.id}\` already exists`,
    `BIGCHAIN_REFUSED: Invalid transaction (InputDoesNotExist): input \`${empty.id}\` doesn't exist: it has no output 0`,
  ]);
});

test("an output of several keys is spent by as many as it asks for, and one transaction's outputs are spent one by one", () => {
  const ledger = createTestLedger();
  const [alice, bob] = [assetSigner("alice"), assetSigner("bob")];
  const both = thresholdDetails(2, [alice.publicKey, bob.publicKey]);
  const single = ed25519Details(alice.publicKey);
  const issued = createTransaction({
    data: null,
    metadata: null,
    outputs: [both, single].map((details) => ({ amount: 5n, details })),
    issuer: alice,
  });
  const spend = (outputIndex: number, details: ConditionDetails, amount = 5n) =>
    transferTransaction({
      assetId: issued.id,
      metadata: null,
      inputs: [{ transactionId: issued.id, outputIndex, details, signers: [alice, bob] }],
      outputs: [{ amount, details: single }],
    });
  expect(ledger.send(bigchainMessage(FIRST, issued), FIRST)).toBe("OK");
  expect(ledger.send(bigchainMessage(FIRST, spend(0, single)), FIRST)).toBe("BIGCHAIN_INVALID");
  expect(ledger.send(bigchainMessage(FIRST, spend(0, both)), FIRST)).toBe("OK");
  expect(ledger.send(bigchainMessage(FIRST, spend(1, single, 4n)), FIRST)).toBe("BIGCHAIN_INVALID");
  expect(ledger.send(bigchainMessage(FIRST, spend(1, single)), FIRST)).toBe("OK");
  expect(ledger.send(bigchainMessage(FIRST, spend(0, both)), FIRST)).toBe("BIGCHAIN_REFUSED");
});

test("a transaction's own signatures can be checked beforehand, and are asked for once", () => {
  const asked: string[] = [];
  const verifySignature = ({ publicKey, message, signature }: SignatureCheck) => {
    asked.push(publicKey.type);
    return verify(publicKey, message, signature);
  };
  const ledger = createTestLedger({ app: { verifySignature } });
  const tx = carry(ledger, FIRST, bigchainCreate({ meter: "beforehand" }));
  expect(ledger.app.signatureChecks(tx).map(({ publicKey }) => publicKey.type)).toEqual(["secp256k1", "ed25519"]);
  expect(
    ledger.app.signatureChecks(tx).every(({ publicKey, message, signature }) => verify(publicKey, message, signature)),
  ).toBe(true);
  expect(asked).toEqual([]);
  expect(ledger.app.checkTx({ tx, type: "new" }).code).toBe(0);
  expect(ledger.app.signatureChecks(tx)).toEqual([]);
  expect(ledger.block([tx]).txResults.map(codeName)).toEqual(["OK"]);
  expect(asked).toEqual(["secp256k1", "ed25519"]);
});

test("Simulate believes no signature inside a message, as it has to of those around it", () => {
  const ledger = createTestLedger();
  const forged = withSignature(new Uint8Array(64).fill(1));
  const tx = carry(ledger, FIRST, forged);
  expect(ledger.app.dryCheckTx(tx).log).toContain("BIGCHAIN_INVALID: Invalid transaction (InvalidSignature): ");
  const request = toBinary(SimulateRequestSchema, create(SimulateRequestSchema, { txBytes: new Uint8Array(tx) }));
  const path = "/cosmos.tx.v1beta1.Service/Simulate";
  expect(ledger.app.query({ path, data: request, height: 0, prove: false }).log).toContain("BIGCHAIN_INVALID");
});

test("a long chain of updates leaves two records beside its asset's, and none of them can be spent or made again", () => {
  const ledger = createTestLedger();
  ledger.send(bigchainMessage(FIRST, ASSET), FIRST);
  const updates = [bigchainTransfer(ASSET, "alice", "alice")];
  for (let length = 1; length < 20; length += 1)
    updates.push(bigchainTransfer(updates.at(-1) as BuiltTransaction, "alice", "alice", ASSET.id));
  for (const update of updates) expect(ledger.send(bigchainMessage(FIRST, update), FIRST)).toBe("OK");
  const kept = [...ledger.disk.keys()].filter((key) => key.startsWith("bigchain/"));
  const ids = [ASSET.id, updates.at(-2)?.id, updates.at(-1)?.id];
  expect(kept.sort()).toEqual(ids.map((id) => `bigchain/${id}/0`).sort());
  const logOf = (transaction: BuiltTransaction) => ledger.block([carry(ledger, SECOND, transaction)]).txResults[0]?.log;
  for (const update of updates.slice(0, -1)) expect(logOf(update)).toMatch(/InputDoesNotExist|DoubleSpend/);
  expect(logOf(updates.at(-1) as BuiltTransaction)).toContain("(DoubleSpend): ");
  expect(logOf(updates[0] as BuiltTransaction)).toContain("(DoubleSpend): ");
  expect(logOf(ASSET)).toContain("(DuplicateTransaction): ");
});

test("an output is still there when the first one of its transaction was forgotten", () => {
  const ledger = createTestLedger();
  const alice = assetSigner("alice");
  const details = ed25519Details(alice.publicKey);
  const spend = (transactionId: string, outputIndex: number, amounts: readonly bigint[]) => {
    const transaction = transferTransaction({
      assetId: ASSET.id,
      metadata: null,
      inputs: [{ transactionId, outputIndex, details, signers: [alice] }],
      outputs: amounts.map((amount) => ({ amount, details })),
    });
    expect(ledger.send(bigchainMessage(FIRST, transaction), FIRST)).toBe("OK");
    return transaction.id;
  };
  ledger.send(bigchainMessage(FIRST, ASSET), FIRST);
  const split = spend(ASSET.id, 0, [4n, 6n]);
  const second = spend(split, 0, [4n]);
  spend(second, 0, [4n]);
  expect(ledger.disk.has(`bigchain/${split}/0`)).toBe(false);
  spend(split, 1, [6n]);
});
