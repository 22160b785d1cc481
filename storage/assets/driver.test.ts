import { base58 } from "@scure/base";
import driver from "bigchaindb-driver";
import { expect, test } from "vitest";
import { refusalText } from "./assetVerdict.ts";
import {
  createTransaction,
  ed25519Details,
  ed25519Signer,
  jsonOf,
  thresholdDetails,
  transferTransaction,
} from "./buildTransaction.ts";
import { createMemoryAssetState } from "./memoryAssetState.ts";
import { parseAssetTransaction } from "./parseTransaction.ts";
import { signaturesHold, validateStateful, validateStateless } from "./validateTransaction.ts";

const { Transaction, Ed25519Keypair } = driver;

const seed = (fill: number) => new Uint8Array(32).fill(fill);
const alice = ed25519Signer(seed(1));
const bob = ed25519Signer(seed(2));
const keypair = (fill: number) => new Ed25519Keypair(Buffer.from(seed(fill)));
const METADATA = { note: 'naïve \u0001 "x"', "€": [1, 2.5, true, null], ü: { b: 1, a: "x" } };

test("the official driver and this library make the same transactions of the same keys, byte for byte, and both are valid", () => {
  const [aliceKeys, bobKeys] = [keypair(1), keypair(2)];
  expect(base58.encode(alice.publicKey)).toBe(aliceKeys.publicKey);
  const condition = Transaction.makeEd25519Condition(aliceKeys.publicKey);
  const create = Transaction.signTransaction(
    Transaction.makeCreateTransaction(
      { meter: "m1" },
      METADATA,
      [Transaction.makeOutput(condition, "7")],
      aliceKeys.publicKey,
    ),
    aliceKeys.privateKey,
  );
  const ownCreate = createTransaction({
    data: jsonOf({ meter: "m1" }),
    metadata: jsonOf(METADATA),
    outputs: [{ amount: 7n, details: ed25519Details(alice.publicKey) }],
    issuer: alice,
  });
  expect(ownCreate.id).toBe(create.id);

  const twoOfTwo = Transaction.makeThresholdCondition(2, [
    Transaction.makeEd25519Condition(aliceKeys.publicKey, false),
    Transaction.makeEd25519Condition(bobKeys.publicKey, false),
  ]);
  const transfer = Transaction.signTransaction(
    Transaction.makeTransferTransaction(
      [{ tx: create, output_index: 0 }],
      [
        Transaction.makeOutput(twoOfTwo, "3"),
        Transaction.makeOutput(Transaction.makeEd25519Condition(bobKeys.publicKey), "4"),
      ],
      METADATA,
    ),
    aliceKeys.privateKey,
  );
  const ownTransfer = transferTransaction({
    assetId: ownCreate.id,
    metadata: jsonOf(METADATA),
    inputs: [
      { transactionId: ownCreate.id, outputIndex: 0, details: ed25519Details(alice.publicKey), signers: [alice] },
    ],
    outputs: [
      { amount: 3n, details: thresholdDetails(2, [alice.publicKey, bob.publicKey]) },
      { amount: 4n, details: ed25519Details(bob.publicKey) },
    ],
  });
  expect(ownTransfer.id).toBe(transfer.id);

  const state = createMemoryAssetState();
  for (const tx of [create, transfer]) {
    const verdict = parseAssetTransaction(JSON.stringify(tx));
    if (!verdict.accepted) throw new Error(refusalText(verdict));
    const transaction = verdict.value;
    const refusal =
      validateStateless(transaction, "strict") ??
      validateStateful(transaction, state, "strict", signaturesHold(transaction));
    expect(refusal).toBeUndefined();
    state.apply(transaction);
  }
});
