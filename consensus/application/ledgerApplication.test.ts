import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { treeRoot } from "#storage/crypto/stateTree.ts";
import { MAX_TX_BYTES } from "#storage/limits.ts";
import type { SignatureCheck } from "#storage/types/transaction.ts";
import { signTransaction } from "#storage/types/transactionSign.ts";
import { appHashOf } from "./appHash.ts";
import { createLedgerApplication } from "./ledgerApplication.ts";
import { loadState } from "./persistence.ts";
import { jsonBytes } from "./queryTypes.ts";
import type { TestLedger } from "./testLedger.ts";
import {
  accountOf,
  blockRequest,
  CHAIN_ID,
  codeName,
  createTestLedger,
  EXPORT_METER,
  initChainRequest,
  keyOf,
  sealMessage,
  testGenesis,
} from "./testLedger.ts";

const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

function entriesOf(ledger: TestLedger): (readonly [Uint8Array, Uint8Array])[] {
  return [...ledger.disk].map(([key, value]) => [Buffer.from(key, "latin1"), Buffer.from(value)] as const);
}

/** Everything an observer can see of the committed state. */
function visible(app: TestLedger["app"]): string {
  const chain = app.query({ path: "/edream/chain", data: Buffer.from(EXPORT_METER), height: 0, prove: true });
  return JSON.stringify([
    hexOf(app.info().lastBlockAppHash),
    app.info().lastBlockHeight,
    hexOf(chain.value),
    hexOf(chain.proof),
  ]);
}

/** For comparing: Buffers and Uint8Arrays of the same bytes alike. */
const plain = (value: unknown) => jsonBytes(value).toString();

/** Interval `index` with an explicit sequence, whatever the state says. */
function sealWith(index: number, sequence: number, options: { chainId?: string; accountNumber?: bigint } = {}) {
  const { chainId = CHAIN_ID, accountNumber = 7n } = options;
  const signers = [{ privateKey: keyOf("device"), accountNumber, sequence: BigInt(sequence) }];
  return signTransaction({ messages: [sealMessage(index)], chainId, signers });
}

describe("a transaction is refused", () => {
  test.each<[string, string, Uint8Array]>([
    ["signed for another chain", "SIGNATURE_INVALID", sealWith(0, 0, { chainId: "edream-other" })],
    ["signed with another account number", "SIGNATURE_INVALID", sealWith(0, 0, { accountNumber: 8n })],
    ["out of sequence", "SEQUENCE_MISMATCH", sealWith(0, 1)],
    [
      "of a stranger",
      "ACCOUNT_UNKNOWN",
      createTestLedger().sign([sealMessage(0, { signer: accountOf("stranger") })], ["stranger"]),
    ],
    ["with a flipped bit in its signature", "SIGNATURE_INVALID", flipped(sealWith(0, 0), -1)],
    ["with a flipped bit in what was signed", "SIGNATURE_INVALID", flipped(sealWith(0, 0), 150)],
    ["that is none", "TX_NOT_CANONICAL", new Uint8Array(3)],
    ["too large", "TX_TOO_LARGE", new Uint8Array(MAX_TX_BYTES + 1)],
  ])("%s → %s, by CheckTx and in a block", (_name, code, tx) => {
    const ledger = createTestLedger();
    const before = ledger.query("/edream/chain", EXPORT_METER);
    expect(codeName(ledger.app.checkTx({ tx, type: "new" }))).toBe(code);
    const { txResults } = ledger.block([tx]);
    expect(txResults.map(codeName)).toEqual([code]);
    expect(txResults[0]).toMatchObject({ codespace: "edream", events: [], data: new Uint8Array(0) });
    expect(ledger.query("/edream/chain", EXPORT_METER)).toEqual(before);
    expect(ledger.query("/edream/account", accountOf("device"))).toMatchObject({ sequence: "0" });
  });

  test("when it is replayed, in the same block or a later one", () => {
    const ledger = createTestLedger();
    const tx = sealWith(0, 0);
    expect(ledger.block([tx, tx]).txResults.map(codeName)).toEqual(["OK", "SEQUENCE_MISMATCH"]);
    expect(ledger.block([tx]).txResults.map(codeName)).toEqual(["SEQUENCE_MISMATCH"]);
    expect(codeName(ledger.app.checkTx({ tx, type: "new" }))).toBe("SEQUENCE_MISMATCH");
  });

  test("after its timeout height, and not at it", () => {
    const ledger = createTestLedger();
    ledger.block([]);
    const signers = [{ privateKey: keyOf("device"), accountNumber: 7n, sequence: 0n }];
    const until = (timeoutHeight: number) =>
      signTransaction({ messages: [sealMessage(0)], chainId: CHAIN_ID, signers, timeoutHeight });
    expect(codeName(ledger.app.checkTx({ tx: until(1), type: "new" }))).toBe("TX_EXPIRED");
    expect(codeName(ledger.block([until(2)]).txResults[0])).toBe("OK");
  });
});

function flipped(tx: Uint8Array, at: number): Uint8Array {
  const copy = Uint8Array.from(tx);
  const index = at < 0 ? copy.length + at : at;
  copy[index] = (copy[index] ?? 0) ^ 1;
  return copy;
}

test("a transaction fails as a whole: what its first messages did is taken back", () => {
  const ledger = createTestLedger();
  expect(ledger.send([sealMessage(0), sealMessage(0)], "device")).toBe("INTERVAL_OVERLAPS");
  expect(ledger.query("/edream/chain", EXPORT_METER)).toMatchObject({ intervalCount: "0" });
  expect(ledger.query("/edream/account", accountOf("device"))).toMatchObject({ sequence: "0" });
  const [good, bad] = [sealWith(0, 0), ledger.sign([sealMessage(1), sealMessage(1)], ["device"], 1)];
  expect(ledger.block([good, bad]).txResults.map(codeName)).toEqual(["OK", "INTERVAL_OVERLAPS"]);
  expect(ledger.query("/edream/chain", EXPORT_METER)).toMatchObject({ intervalCount: "1" });
});

test("quotas hold for one signer in one block: the rest waits, and others are not affected", () => {
  const ledger = createTestLedger({ params: { quotaTxsPerBlock: 2 } });
  const txs = [0, 1, 2].map((index) => sealWith(index, index));
  const other = ledger.sign(
    [sealMessage(0, { signer: accountOf("device import"), meterId: "modbus:site/1/7" })],
    ["device import"],
  );
  expect(ledger.app.prepareProposal(ledger.request([...txs, other])).txs).toEqual([txs[0], txs[1], other]);
  expect(ledger.block([...txs, other]).txResults.map(codeName)).toEqual(["OK", "OK", "QUOTA_EXCEEDED", "OK"]);
  expect(ledger.block([txs[2] as Uint8Array]).txResults.map(codeName)).toEqual(["OK"]);
});

test("quotas count bytes as well, and CheckTx lets four blocks' worth of one signer wait", () => {
  const bytes = createTestLedger({ params: { quotaBytesPerBlock: MAX_TX_BYTES } });
  const large = (index: number) =>
    bytes.sign(
      Array.from({ length: 500 }, (_, i) => sealMessage(500 * index + i)),
      ["device"],
      index,
    );
  const results = bytes.block([large(0), large(1), large(2)], Number.MAX_SAFE_INTEGER / 2).txResults.map(codeName);
  // Each has more than a third of the quota.
  expect(results).toEqual(["OK", "OK", "QUOTA_EXCEEDED"]);

  const ledger = createTestLedger({ params: { quotaTxsPerBlock: 2 } });
  const codes = Array.from({ length: 9 }, (_, i) => codeName(ledger.app.checkTx({ tx: sealWith(i, i), type: "new" })));
  expect(codes).toEqual([...Array.from({ length: 8 }, () => "OK"), "QUOTA_EXCEEDED"]);
});

describe("CheckTx", () => {
  test("lets a signer queue many in order, without touching the state, and starts anew after a commit", () => {
    const ledger = createTestLedger();
    const before = visible(ledger.app);
    const txs = [0, 1, 2, 3].map((index) => sealWith(index, index));
    expect(txs.map((tx) => codeName(ledger.app.checkTx({ tx, type: "new" })))).toEqual(["OK", "OK", "OK", "OK"]);
    expect(visible(ledger.app)).toBe(before);
    expect(ledger.query("/edream/account", accountOf("device"))).toMatchObject({ sequence: "0", pendingSequence: "4" });
    ledger.block(txs.slice(0, 2));
    const recheck = txs.map((tx) => codeName(ledger.app.checkTx({ tx, type: "recheck" })));
    expect(recheck).toEqual(["SEQUENCE_MISMATCH", "SEQUENCE_MISMATCH", "OK", "OK"]);
  });

  test("leaves time to the block unless it is given a clock", () => {
    const tx = sealWith(96, 0);
    const without = createTestLedger();
    expect(codeName(without.app.checkTx({ tx, type: "new" }))).toBe("OK");
    expect(without.app.prepareProposal(without.request([tx])).txs).toEqual([]);
    let nowMs = 0;
    const withClock = createTestLedger({ app: { clockMs: () => nowMs } });
    expect(codeName(withClock.app.checkTx({ tx, type: "new" }))).toBe("INTERVAL_IN_FUTURE");
    nowMs = Number.MAX_SAFE_INTEGER;
    expect(codeName(withClock.app.checkTx({ tx, type: "new" }))).toBe("OK");
  });

  test("asks the given verifier what signatureChecks announced, and believes its answer", () => {
    const asked: string[] = [];
    let answer = true;
    const ledger = createTestLedger({
      app: {
        verifySignature: ({ message }) => {
          asked.push(hexOf(message));
          return answer;
        },
      },
    });
    const tx = sealWith(0, 0);
    const announced = ledger.app.signatureChecks(tx).map(({ message }) => hexOf(message));
    expect(codeName(ledger.app.checkTx({ tx, type: "new" }))).toBe("OK");
    expect(asked).toEqual(announced);
    expect(announced).toHaveLength(1);
    expect(ledger.app.payerOf(tx)).toBe(accountOf("device"));
    expect(ledger.app.signatureChecks(new Uint8Array(1))).toEqual([]);
    expect(ledger.app.payerOf(new Uint8Array(1))).toBeUndefined();
    answer = false;
    expect(codeName(ledger.app.checkTx({ tx: sealWith(1, 1), type: "new" }))).toBe("SIGNATURE_INVALID");
  });
});

describe("a proposal", () => {
  const ledger = createTestLedger();
  const good = [0, 1, 2].map((index) => sealWith(index, index));
  const verdict = (txs: readonly Uint8Array[]) => ledger.app.processProposal(ledger.request(txs));

  test("is prepared from what succeeds, in order, up to its bytes", () => {
    const [first, second, third] = good as [Uint8Array, Uint8Array, Uint8Array];
    const candidates = [second, first, new Uint8Array(9), first, flipped(second, -1), second, third];
    expect(ledger.app.prepareProposal(ledger.request(candidates)).txs).toEqual([first, second, third]);
    const [one, two] = [first.length + 3, first.length + second.length + 6];
    const limited = (maxTxBytes: number) =>
      ledger.app.prepareProposal({ ...ledger.request(good), maxTxBytes }).txs.length;
    expect([limited(one - 1), limited(one), limited(two - 1), limited(two)]).toEqual([0, 1, 1, 2]);
  });

  test("is accepted with transactions that merely fail, and empty", () => {
    expect(verdict([])).toMatchObject({ accepted: true });
    expect(verdict(good)).toMatchObject({ accepted: true });
    expect(verdict([good[1] as Uint8Array])).toMatchObject({ accepted: true });
  });

  test.each<[string, RegExp, readonly Uint8Array[]]>([
    ["with bytes that are no transaction", /TX_NOT_CANONICAL/, [new Uint8Array(9)]],
    ["with a transaction that is too large", /TX_TOO_LARGE/, [new Uint8Array(MAX_TX_BYTES + 1)]],
    ["with a wrong signature", /SIGNATURE_INVALID/, [flipped(sealWith(0, 0), -1)]],
    ["with the same transaction twice", /twice/, [good[0] as Uint8Array, good[0] as Uint8Array]],
    [
      "with more bytes than a block has",
      /bytes of transactions/,
      Array.from({ length: 9 }, () => new Uint8Array(MAX_TX_BYTES)),
    ],
  ])("is rejected %s", (_name, reason, txs) => {
    const { accepted, reason: given } = verdict(txs);
    expect(accepted).toBe(false);
    expect(given).toMatch(reason);
  });

  test("is executed once while height, time and transactions are the same", () => {
    const ledger = createTestLedger();
    const request = ledger.request(good);
    const copies = { ...request, txs: request.txs.map((tx) => Uint8Array.from(tx)) };
    const { txResults } = ledger.app.finalizeBlock(request);
    expect(ledger.app.finalizeBlock(copies).txResults).toBe(txResults);
    const later = ledger.app.finalizeBlock({ ...request, time: { ...request.time, nanos: 1 } });
    expect(later.txResults).not.toBe(txResults);
    expect(later.txResults).toEqual(txResults);
  });

  test("has each signature checked once from CheckTx to the block, in whatever copies of the bytes it comes", () => {
    const asked: string[] = [];
    const verifySignature = ({ signature }: SignatureCheck) => {
      asked.push(hexOf(signature));
      return true;
    };
    const counted = createTestLedger({ app: { verifySignature } });
    const request = counted.request(good);
    const copies = () => request.txs.map((tx) => Uint8Array.from(tx));
    for (const tx of copies()) counted.app.checkTx({ tx, type: "new" });
    expect(copies().flatMap((tx) => counted.app.signatureChecks(tx))).toEqual([]);
    const prepared = counted.app.prepareProposal({ ...request, txs: copies() });
    expect(prepared.txs).toHaveLength(good.length);
    counted.app.processProposal({ ...request, txs: copies() });
    counted.app.finalizeBlock({ ...request, txs: copies() });
    for (const tx of copies()) counted.app.checkTx({ tx, type: "recheck" });
    expect(asked).toHaveLength(good.length);
    expect(new Set(asked).size).toBe(good.length);
  });
});

describe("the app hash", () => {
  test("stays the same over empty blocks and commits to state and earlier block hashes otherwise", () => {
    const ledger = createTestLedger();
    const genesis = createLedgerApplication({ chainId: CHAIN_ID }).initChain(initChainRequest(testGenesis())).appHash;
    expect(ledger.block([]).appHash).toEqual(genesis);
    expect(ledger.block([]).appHash).toEqual(genesis);
    const third = ledger.block([sealWith(0, 0)]).appHash;
    expect(third).not.toEqual(genesis);
    expect(ledger.block([]).appHash).toEqual(third);
    // A transaction that fails changes no state, but the block is not empty: the hashes of blocks 3 and 4 join.
    const fifth = ledger.block([sealWith(0, 0)]).appHash;
    expect(fifth).not.toEqual(third);
    expect(ledger.app.info()).toMatchObject({ lastBlockHeight: 5, lastBlockAppHash: fifth });
  });

  test("is SHA256(0x02 ‖ state root ‖ mountain root ‖ ancestor count) of what is on disk", () => {
    const ledger = createTestLedger();
    const { appHash } = ledger.block([sealWith(0, 0)]);
    const loaded = loadState(entriesOf(ledger));
    if (loaded === undefined) throw new Error("nothing loaded");
    const emptyRange = Buffer.from("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "hex");
    expect(appHashOf({ stateRoot: treeRoot(loaded.tree), mountainRoot: emptyRange, ancestorCount: 0 })).toEqual(
      appHash,
    );
  });
});

test("an application made from what was written goes on exactly like the one that wrote it", () => {
  const ledger = createTestLedger();
  ledger.block([sealWith(0, 0)]);
  ledger.block([]);
  ledger.block([sealWith(1, 1)]);
  ledger.block([]);
  const restored = createLedgerApplication({ chainId: CHAIN_ID, entries: entriesOf(ledger).reverse() });
  expect(visible(restored)).toBe(visible(ledger.app));
  for (const txs of [[], [sealWith(2, 2)], [sealWith(5, 3), sealWith(5, 4)]]) {
    ledger.height += 1;
    const request = blockRequest(ledger.height, txs);
    expect(plain(restored.finalizeBlock(request))).toBe(plain(ledger.app.finalizeBlock(request)));
    expect(plain(restored.commit())).toBe(plain(ledger.app.commit()));
  }
  const query = { path: "/edream/chain", data: Buffer.from(EXPORT_METER), height: 0, prove: false };
  expect(plain(restored.query(query))).toBe(plain(ledger.app.query(query)));
});

test("a block is finalised again after a crash before its commit, with the same outcome", () => {
  const ledger = createTestLedger();
  ledger.block([sealWith(0, 0)]);
  const request = blockRequest(2, [sealWith(1, 1)]);
  const first = ledger.app.finalizeBlock(request);
  expect(ledger.app.finalizeBlock(request)).toEqual(first);
  const restarted = createLedgerApplication({ chainId: CHAIN_ID, entries: entriesOf(ledger) });
  expect(restarted.finalizeBlock(request)).toEqual(first);
  expect(ledger.app.commit().writes.length).toBeGreaterThan(0);
  expect(ledger.app.commit().writes).toEqual([]);
});

test("what no engine may call stops the node: a wrong height, a wrong chain, state that was changed on disk", () => {
  const ledger = createTestLedger();
  expect(() => ledger.app.finalizeBlock(blockRequest(2, []))).toThrow(/block 2 where 1 is next/);
  ledger.block([sealWith(0, 0)]);
  expect(() => ledger.app.initChain(initChainRequest(testGenesis()))).toThrow(/InitChain after a block/);
  const entries = entriesOf(ledger);
  expect(() => createLedgerApplication({ chainId: "edream-other", entries })).toThrow(/state of chain/);
  const key = [...ledger.disk.keys()].find((name) => name.startsWith("chain/")) ?? "";
  const changed = entries.map(
    ([name, value]) => [name, name.toString() === Buffer.from(key).toString() ? flipped(value, -1) : value] as const,
  );
  expect(() => createLedgerApplication({ chainId: CHAIN_ID, entries: changed })).toThrow();
  expect(() =>
    createLedgerApplication({
      chainId: CHAIN_ID,
      entries: entries.filter(([name]) => !Buffer.from(name).includes("!block")),
    }),
  ).toThrow(/block hashes/);
});

test("a chain may begin at another height: timeouts and ancestors count from there", () => {
  const app = createLedgerApplication({ chainId: CHAIN_ID });
  app.initChain({ ...initChainRequest(testGenesis()), initialHeight: 100 });
  const signers = [{ privateKey: keyOf("device"), accountNumber: 7n, sequence: 0n }];
  const until = (timeoutHeight: number, index = 0) =>
    signTransaction({ messages: [sealMessage(index)], chainId: CHAIN_ID, signers, timeoutHeight });
  expect(codeName(app.checkTx({ tx: until(99), type: "new" }))).toBe("TX_EXPIRED");
  expect(codeName(app.checkTx({ tx: until(100), type: "new" }))).toBe("OK");
  app.finalizeBlock(blockRequest(100, []));
  app.commit();
  expect(app.finalizeBlock(blockRequest(101, [until(101)])).txResults.map(codeName)).toEqual(["OK"]);
  app.commit();
  const ancestor = (height: string) =>
    codeName(app.query({ path: "/edream/ancestor", data: Buffer.from(height), height: 0, prove: true }));
  expect([ancestor("99"), ancestor("100"), ancestor("101")]).toEqual(["QUERY_NOT_FOUND", "OK", "QUERY_NOT_FOUND"]);
});

test("before InitChain CheckTx, queries and commit are answered as well", () => {
  const app = createLedgerApplication({ chainId: CHAIN_ID });
  expect(codeName(app.checkTx({ tx: sealWith(0, 0), type: "new" }))).toBe("INTERNAL");
  expect(codeName(app.query({ path: "/edream/params", data: new Uint8Array(0), height: 0, prove: false }))).toBe(
    "INTERNAL",
  );
  expect(app.signatureChecks(sealWith(0, 0))).toEqual([]);
  expect(app.commit().writes).toEqual([]);
  expect(app.info()).toMatchObject({ lastBlockHeight: 0, lastBlockAppHash: new Uint8Array(0) });
});

describe("any calls in any order that ABCI allows", () => {
  const pool = [0, 1, 2, 3].flatMap((index) => [sealWith(index, index), flipped(sealWith(index, index), 60 + index)]);
  const anyTx = fc.oneof(
    fc.constantFrom(...pool),
    fc.uint8Array({ maxLength: 80 }),
    fc
      .tuple(fc.constantFrom(...pool), fc.nat(300), fc.nat(255))
      .map(([tx, at, byte]) => Buffer.from(tx).fill(byte, at, at + 1)),
    fc.tuple(fc.constantFrom(...pool), fc.nat(300)).map(([tx, length]) => tx.subarray(0, length)),
  );
  const anyTxs = fc.array(anyTx, { maxLength: 5 });
  const anyPath = fc.oneof(
    fc.constantFrom(
      "/edream/params",
      "/edream/outputs",
      "/edream/state",
      "/edream/ancestor",
      "/edream/period",
      "constructor",
    ),
    fc.string({ maxLength: 30 }),
  );
  const step = fc.oneof(
    fc.record({ call: fc.constant("check" as const), tx: anyTx }),
    fc.record({ call: fc.constant("prepare" as const), txs: anyTxs, maxTxBytes: fc.nat(2000) }),
    fc.record({ call: fc.constant("process" as const), txs: anyTxs }),
    fc.record({
      call: fc.constant("query" as const),
      path: anyPath,
      data: fc.uint8Array({ maxLength: 60 }),
      height: fc.integer({ min: -1, max: 5 }),
      prove: fc.boolean(),
    }),
    fc.record({ call: fc.constant("decide" as const), txs: anyTxs }),
  );

  test("are answered without a throw, change nothing but by commit, and lead two nodes to the same state", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const ledger = createTestLedger();
        // This node sees nothing but the decided blocks.
        const bystander = createTestLedger();
        for (const action of steps) {
          const before = visible(ledger.app);
          if (action.call === "check") ledger.app.checkTx({ tx: action.tx, type: "new" });
          else if (action.call === "query") ledger.app.query(action);
          else if (action.call === "prepare") {
            const request = { ...ledger.request(action.txs), maxTxBytes: action.maxTxBytes };
            const { txs } = ledger.app.prepareProposal(request);
            expect(bystander.app.processProposal({ ...request, txs })).toMatchObject({ accepted: true });
          } else if (action.call === "process") {
            const request = ledger.request(action.txs);
            expect(ledger.app.processProposal(request)).toEqual(bystander.app.processProposal(request));
          } else {
            expect(ledger.block(action.txs)).toEqual(bystander.block(action.txs));
            continue;
          }
          expect(visible(ledger.app)).toBe(before);
        }
        expect(visible(ledger.app)).toBe(visible(bystander.app));
        expect([...ledger.disk].sort()).toEqual([...bystander.disk].sort());
      }),
      { numRuns: 150 },
    );
  });
});
