import { describe, expect, test } from "vitest";
import { createTestLedger, sealMessage } from "#consensus/application/testLedger.ts";
import { sha256 } from "#storage/crypto/hash.ts";
import { dataHash } from "#storage/types/block.ts";
import { timestampFromMs } from "#storage/types/time.ts";
import { txId } from "#storage/types/transaction.ts";
import { writeEnvelope } from "#storage/types/transactionEnvelope.ts";
import { FieldWriter } from "#storage/types/wire.ts";
import { type BlockLeaf, blockLeafOf, succeededMessages, succeededTxIds } from "./blockLeaf.ts";
import {
  anchorRoot,
  MAX_ANCHOR_BLOCKS,
  proveBlock,
  proveMessage,
  proveTx,
  stateProofFrom,
  verifyMessageProof,
  verifyTxProof,
} from "./proofs.ts";
import type { Anchor } from "./typedData.ts";

const bytes = (name: string) => sha256(Buffer.from(name));
const leafAt = (height: number): BlockLeaf => ({
  height,
  time: height * 1000,
  txCount: 0,
  messageCount: 0,
  txRoot: bytes("none"),
  messageRoot: bytes("none"),
  appHash: bytes("app"),
});
const anchorOver = (leaves: readonly BlockLeaf[]): Anchor => ({
  seq: 1n,
  valsetNonce: 0n,
  fromHeight: leaves[0]?.height ?? 0,
  toHeight: leaves.at(-1)?.height ?? 0,
  time: 1,
  lastHeaderHash: bytes("header"),
  root: anchorRoot(leaves),
});
/** TxRaw with these messages; nobody signs here. */
const txWith = (...names: readonly string[]) => {
  const body = new FieldWriter();
  for (const name of names)
    body.message(1, new FieldWriter().text(1, "/test.Msg").bytes(2, Buffer.from(name)).finish());
  return writeEnvelope({ bodyBytes: body.finish(), authInfoBytes: Uint8Array.of(1), signatures: [] });
};
const header = { height: 5, time: timestampFromMs(5000), appHash: bytes("app") };

describe("the leaf of a block", () => {
  const txs = ["a", "b", "c"].map((name) => txWith(name));
  const ok = { code: 0 };

  test("has the header's own data hash as root when every transaction succeeded", () => {
    const leaf = blockLeafOf({ header, txs, results: [ok, ok, ok] });
    expect(leaf).toMatchObject({ height: 5, time: 5000, txCount: 3, txRoot: dataHash(txs) });
  });

  test("has nothing of a transaction that failed", () => {
    const block = { header, txs, results: [ok, { code: 11 }, ok] };
    const [a, , c] = txs as [Uint8Array, Uint8Array, Uint8Array];
    expect(succeededTxIds(block)).toEqual([txId(a), txId(c)]);
    expect(blockLeafOf(block)).toEqual({ ...blockLeafOf({ header, txs: [a, c], results: [ok, ok] }) });
  });

  test("of a ledger's first block has an app hash of zeros, and none has one of another length", () => {
    const first = { ...header, appHash: new Uint8Array(0) };
    expect(blockLeafOf({ header: first, txs: [], results: [] }).appHash).toEqual(new Uint8Array(32));
    const odd = { ...header, appHash: new Uint8Array(20) };
    expect(() => blockLeafOf({ header: odd, txs: [], results: [] })).toThrow("BRIDGE_APP_HASH");
  });

  test("is not made without a result for each transaction", () => {
    expect(() => blockLeafOf({ header, txs, results: [ok] })).toThrow("BRIDGE_RESULTS_COUNT");
  });
});

test("a range is of consecutive blocks, one at least", () => {
  expect(() => anchorRoot([])).toThrow("BRIDGE_RANGE");
  expect(() => anchorRoot([leafAt(1), leafAt(3)])).toThrow("BRIDGE_RANGE");
  expect(() => anchorRoot(new Array(MAX_ANCHOR_BLOCKS + 1).fill(leafAt(1)))).toThrow("BRIDGE_RANGE");
  const leaves = [3, 4, 5].map(leafAt);
  expect(() => proveBlock(anchorOver(leaves), leaves, 6)).toThrow("BRIDGE_HEIGHT_OUTSIDE");
  expect(() => proveBlock(anchorOver(leaves), leaves.slice(1), 4)).toThrow("BRIDGE_HEIGHT_OUTSIDE");
});

test("a proof holds for its transaction, its height and its anchor only", () => {
  const txs = Array.from({ length: 9 }, (_, i) => txWith(`tx ${i}`));
  const block = { header, txs, results: txs.map(() => ({ code: 0 })) };
  const leaves = [leafAt(3), leafAt(4), blockLeafOf(block), leafAt(6)];
  const anchor = anchorOver(leaves);
  const blockProof = proveBlock(anchor, leaves, 5);
  const ids = succeededTxIds(block);
  for (const id of ids) expect(verifyTxProof(id, proveTx(blockProof, ids, id))).toEqual({ accepted: true });
  const [first, second] = ids as [Uint8Array, Uint8Array];
  const proof = proveTx(blockProof, ids, first);
  const codeFor = (changed: typeof proof, id = first) => {
    const verdict = verifyTxProof(id, changed);
    return verdict.accepted ? "accepted" : verdict.code;
  };
  expect(codeFor(proof, second)).toBe("MERKLE_ROOT_MISMATCH");
  const leafWith = (fields: Partial<BlockLeaf>) => ({
    ...proof,
    blockProof: { ...blockProof, leaf: { ...blockProof.leaf, ...fields } },
  });
  expect(codeFor(leafWith({ height: 7 }))).toBe("BRIDGE_HEIGHT_OUTSIDE");
  expect(codeFor(leafWith({ txCount: 8 }))).toBe("MERKLE_ROOT_MISMATCH");
  expect(codeFor(leafWith({ height: 4 }))).toBe("MERKLE_ROOT_MISMATCH");
  expect(codeFor({ ...proof, path: proof.path.slice(1) })).toBe("MERKLE_PATH_MALFORMED");
  expect(() => proveTx(blockProof, ids, bytes("absent"))).toThrow("BRIDGE_TX_ABSENT");
});

test("one message of many is shown alone, with its transaction and its place", () => {
  const txs = [txWith("a"), txWith("b", "c", "d"), txWith("e", "f")];
  const block = { header, txs, results: [{ code: 0 }, { code: 0 }, { code: 4 }] };
  const leaves = [leafAt(4), blockLeafOf(block)];
  const blockProof = proveBlock(anchorOver(leaves), leaves, 5);
  const messages = succeededMessages(block);
  expect(messages.map(({ value }) => Buffer.from(value).toString())).toEqual(["a", "b", "c", "d"]);
  expect(leaves[1]).toMatchObject({ txCount: 2, messageCount: 4 });
  for (const message of messages) {
    const proof = proveMessage(blockProof, messages, message.txId, message.messageIndex);
    expect(verifyMessageProof(message, proof)).toEqual({ accepted: true });
    const others = [{ value: bytes("x") }, { messageIndex: 9 }, { typeUrl: "/test.Other" }, { txId: bytes("x") }];
    for (const fields of others) expect(verifyMessageProof({ ...message, ...fields }, proof).accepted).toBe(false);
  }
  const failed = txId(txs[2] as Uint8Array);
  expect(() => proveMessage(blockProof, messages, failed, 0)).toThrow("BRIDGE_MESSAGE_ABSENT");
  const rubbish = { header, txs: [Buffer.from("rubbish")], results: [{ code: 0 }] };
  expect(() => blockLeafOf(rubbish)).toThrow("BRIDGE_TX_UNREADABLE");
});

test("a state proof is taken from a query's proof bytes, of a state key only", () => {
  const ledger = createTestLedger();
  ledger.block([ledger.sign([sealMessage(0)], ["device"])]);
  ledger.block([ledger.sign([sealMessage(1)], ["device"])]);
  const leaves = [leafAt(1)];
  const blockProof = proveBlock(anchorOver(leaves), leaves, 1);
  const ask = (path: string, data: string) =>
    ledger.app.query({ path, data: Buffer.from(data), height: 0, prove: true }).proof;
  expect(stateProofFrom(blockProof, ask("/edream/state", "params")).siblings.length).toBeGreaterThan(2);
  expect(() => stateProofFrom(blockProof, ask("/edream/ancestor", "1"))).toThrow("BRIDGE_STATE_PROOF");
  expect(() => stateProofFrom(blockProof, Uint8Array.of(9))).toThrow("BRIDGE_STATE_PROOF");
});
