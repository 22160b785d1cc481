import { pino } from "pino";
import { expect, test } from "vitest";
import { codeNumber, type LedgerCode } from "#consensus/application/codes.ts";
import { sha256 } from "#storage/crypto/hash.ts";
import type { PrivateKey } from "#storage/crypto/keys.ts";
import { decodeTransaction, txId } from "#storage/types/transaction.ts";
import type { TxVerdict } from "../mempoolTypes.ts";
import { createCarrier } from "./carrier.ts";
import { carriedBy } from "./ledgerChain.ts";

const KEY: PrivateKey = { type: "secp256k1", bytes: sha256(Buffer.from("carrier test")) };

const refusal = (code: LedgerCode, reason: string): TxVerdict => ({
  added: false,
  code: "TX_REJECTED",
  response: { code: codeNumber(code), codespace: "edream", log: `${code}: ${reason}`, gasWanted: 0n },
});

/** A mempool that knows one account's sequence, and refuses what the test says by the id of the carried transaction. */
function setUp({
  maxPending = 100,
  nextSequence = 5n,
}: {
  readonly maxPending?: number;
  readonly nextSequence?: bigint;
} = {}) {
  const pool = new Map<string, { readonly id: string; readonly sequence: bigint }>();
  const world = { next: nextSequence, nowMs: 0, isKnown: true, refuse: new Map<string, TxVerdict>(), asked: 0 };
  const carrier = createCarrier(
    { chainId: "test", key: KEY },
    {
      async account() {
        world.asked += 1;
        return world.isKnown ? { number: 7n, next: world.next } : undefined;
      },
      async add(txs) {
        return txs.map((bytes) => {
          const decoded = decodeTransaction(bytes);
          if (!decoded.accepted) throw new Error(decoded.reason);
          const [carried] = carriedBy(bytes, { code: 0, log: "" });
          const id = carried?.id ?? "";
          const sequence = decoded.tx.signers[0]?.sequence ?? -1n;
          const refused = world.refuse.get(id);
          if (refused !== undefined) return refused;
          if (sequence !== world.next)
            return refusal("SEQUENCE_MISMATCH", `account sequence mismatch, expected ${world.next}, got ${sequence}`);
          world.next += 1n;
          pool.set(Buffer.from(txId(bytes)).toString("hex"), { id, sequence });
          return { added: true };
        });
      },
      has: (txIdHex) => pool.has(txIdHex),
      maxPending: () => maxPending,
      nowMs: () => world.nowMs,
    },
    { log: pino({ level: "silent" }) },
  );
  const submit = (name: string) => {
    const id = idOf(name);
    return carrier.submit(id, JSON.stringify({ id, operation: "CREATE", asset: { data: null } }));
  };
  return { carrier, submit, pool, world };
}

const idOf = (name: string) => Buffer.from(sha256(Buffer.from(name))).toString("hex");

test("transactions go one behind the other under the account's sequence, which is asked for once", async () => {
  const { submit, pool, world } = setUp();
  const results = await Promise.all(["a", "b", "c"].map(submit));
  expect(results).toEqual([{ result: "added" }, { result: "added" }, { result: "added" }]);
  await submit("d");
  expect([...pool.values()].map(({ id, sequence }) => [id, sequence])).toEqual(
    ["a", "b", "c", "d"].map((name, i) => [idOf(name), 5n + BigInt(i)]),
  );
  expect(world.asked).toBe(1);
});

test("a transaction that is refused leaves no hole: those behind it are signed anew", async () => {
  const { submit, pool, world } = setUp();
  world.refuse.set(idOf("b"), refusal("BIGCHAIN_INVALID", "Invalid transaction (AmountError): no"));
  const results = await Promise.all(["a", "b", "c"].map(submit));
  expect(results[1]).toEqual({
    result: "invalid",
    error: "AmountError",
    message: "Invalid transaction (AmountError): no",
  });
  expect([results[0], results[2]]).toEqual([{ result: "added" }, { result: "added" }]);
  expect([...pool.values()].map(({ sequence }) => sequence)).toEqual([5n, 6n]);
});

test("somebody else who uses the account's sequence is followed", async () => {
  const { submit, world } = setUp();
  await submit("a");
  world.next += 3n;
  expect(await submit("b")).toEqual({ result: "added" });
});

test("the same transaction again, while it waits, is known", async () => {
  const { submit, carrier } = setUp();
  await submit("a");
  expect(await submit("a")).toEqual({ result: "known" });
  carrier.decided(idOf("a"));
  expect(await submit("a")).toEqual({ result: "added" });
});

test("when the account's places are taken, the next waits for one", async () => {
  const { submit, carrier } = setUp({ maxPending: 1 });
  await submit("a");
  let settled = false;
  const second = submit("b").then((result) => {
    settled = true;
    return result;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(settled).toBe(false);
  carrier.decided(idOf("a"));
  expect(await second).toEqual({ result: "added" });
});

test("who waits too long is told that it is full", async () => {
  const { submit, world } = setUp({ maxPending: 1 });
  await submit("a");
  const second = submit("b");
  world.nowMs = 3_600_000;
  expect(await second).toMatchObject({ result: "full", txs: 1, maxTxs: 1 });
});

test("a transaction that was evicted from the mempool goes again, and one that waits there does not", async () => {
  const { submit, carrier, pool, world } = setUp();
  await Promise.all(["a", "b"].map(submit));
  // The first one was evicted, and the second with it: nothing fits behind the hole.
  pool.clear();
  world.next = 5n;
  carrier.caughtUp();
  while (pool.size < 2) await new Promise((resolve) => setImmediate(resolve));
  expect([...pool.values()].map(({ id }) => id).toSorted()).toEqual([idOf("a"), idOf("b")].toSorted());
  carrier.caughtUp();
  await new Promise((resolve) => setImmediate(resolve));
  expect(pool.size).toBe(2);
});

test("an account that the ledger does not know, a quota and another rule are answered for what they are", async () => {
  const { submit, world } = setUp();
  world.isKnown = false;
  expect(await submit("a")).toMatchObject({ result: "refused", code: "ACCOUNT_UNKNOWN" });
  world.isKnown = true;
  world.refuse.set(idOf("b"), refusal("ROLE_FORBIDDEN", "not a member"));
  expect(await submit("b")).toEqual({ result: "refused", code: "ROLE_FORBIDDEN", reason: "not a member" });
  world.refuse.set(idOf("c"), { added: false, code: "TX_TOO_LARGE", bytes: 2, maxBytes: 1 });
  expect(await submit("c")).toEqual({ result: "tooLarge" });
});

test("what still waits when the node stops is told so", async () => {
  const { submit, carrier } = setUp({ maxPending: 1 });
  await submit("a");
  const waiting = submit("b");
  carrier.close();
  expect(await waiting).toMatchObject({ result: "refused", code: "NOT_READY" });
});
