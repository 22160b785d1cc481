import { pino } from "pino";
import { expect, test } from "vitest";
import { codeNumber, type LedgerCode } from "#consensus/application/codes.ts";
import { sha256 } from "#storage/crypto/hash.ts";
import type { PrivateKey } from "#storage/crypto/keys.ts";
import { decodeTransaction, txId } from "#storage/types/transaction.ts";
import type { TxVerdict } from "../mempoolTypes.ts";
import { createCarrier } from "./carrier.ts";
import { MAX_GROUP } from "./carrierGroups.ts";
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
  gatherMs,
}: {
  readonly maxPending?: number;
  readonly nextSequence?: bigint;
  readonly gatherMs?: number;
} = {}) {
  const pool = new Map<string, { readonly ids: readonly string[]; readonly sequence: bigint }>();
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
          const ids = carriedBy(bytes, { code: 0, log: "" }).map(({ id }) => id);
          const sequence = decoded.tx.signers[0]?.sequence ?? -1n;
          const refused = ids.map((id) => world.refuse.get(id)).find((each) => each !== undefined);
          if (refused !== undefined) return refused;
          if (sequence !== world.next)
            return refusal("SEQUENCE_MISMATCH", `account sequence mismatch, expected ${world.next}, got ${sequence}`);
          world.next += 1n;
          pool.set(Buffer.from(txId(bytes)).toString("hex"), { ids, sequence });
          return { added: true };
        });
      },
      has: (txIdHex) => pool.has(txIdHex),
      maxPending: () => maxPending,
      nowMs: () => world.nowMs,
    },
    { log: pino({ level: "silent" }), ...(gatherMs === undefined ? {} : { gatherMs }) },
  );
  const submit = (name: string, ...spends: readonly string[]) => {
    const id = idOf(name);
    return carrier.submit(id, JSON.stringify({ id, operation: "CREATE", asset: { data: null } }), spends);
  };
  /** A block has every transaction that waits; those of the ledger with any of these names fail. */
  const decideAll = (...failing: readonly string[]) => {
    const lasting: string[] = [];
    for (const [ledgerTxId, { ids }] of [...pool]) {
      pool.delete(ledgerTxId);
      const accepted = !ids.some((id) => failing.map(idOf).includes(id));
      for (const id of ids) if (carrier.decided({ id, accepted, ledgerTxId })) lasting.push(`${id} ${accepted}`);
    }
    return lasting;
  };
  return { carrier, submit, pool, world, decideAll };
}

const idOf = (name: string) => Buffer.from(sha256(Buffer.from(name))).toString("hex");

/** Names of what is in the mempool, by the ledger's transactions. */
const namesIn = (pool: ReadonlyMap<string, { readonly ids: readonly string[] }>, names: readonly string[]) =>
  [...pool.values()].map(({ ids }) => ids.map((id) => names.find((name) => idOf(name) === id)).join(""));

const settled = () => new Promise((resolve) => setImmediate(resolve));

test("transactions go one behind the other under the account's sequence, which is asked for once; what waits meanwhile goes together", async () => {
  const { submit, pool, world } = setUp();
  const results = await Promise.all(["a", "b", "c"].map((name) => submit(name)));
  expect(results).toEqual([{ result: "added" }, { result: "added" }, { result: "added" }]);
  await submit("d");
  expect(namesIn(pool, ["a", "b", "c", "d"])).toEqual(["a", "bc", "d"]);
  expect([...pool.values()].map(({ sequence }) => sequence)).toEqual([5n, 6n, 7n]);
  expect(world.asked).toBe(1);
});

test("while some are under way, the next ones share one transaction of the ledger, up to a full group", async () => {
  const { carrier, submit, pool } = setUp({ gatherMs: 3_600_000 });
  await submit("first");
  const names = Array.from({ length: MAX_GROUP + 1 }, (_, index) => `n${index}`);
  const sent: Promise<unknown>[] = [];
  // Not in one go, as clients come.
  for (const name of names) {
    sent.push(submit(name));
    await settled();
  }
  await Promise.all(sent.slice(0, MAX_GROUP));
  expect([...pool.values()].map(({ ids }) => ids.length)).toEqual([1, MAX_GROUP]);
  carrier.close();
  expect(await sent.at(-1)).toMatchObject({ result: "refused", code: "NOT_READY" });
});

test("a transaction that is refused leaves no hole and takes nobody down: the others of its group go by themselves", async () => {
  const { submit, pool, world } = setUp();
  world.refuse.set(idOf("c"), refusal("BIGCHAIN_INVALID", "Invalid transaction (AmountError): no"));
  const results = await Promise.all(["a", "b", "c", "d"].map((name) => submit(name)));
  expect(results[2]).toEqual({
    result: "invalid",
    error: "AmountError",
    message: "Invalid transaction (AmountError): no",
  });
  for (const index of [0, 1, 3]) expect(results[index]).toEqual({ result: "added" });
  expect(namesIn(pool, ["a", "b", "d"]).toSorted()).toEqual(["a", "b", "d"]);
  expect([...pool.values()].map(({ sequence }) => sequence)).toEqual([5n, 6n, 7n]);
});

test("rivals for one output go by themselves, so that the loser takes nobody down", async () => {
  const { submit, pool } = setUp();
  await Promise.all([submit("a"), submit("b", "x/0"), submit("c", "x/0"), submit("d", "y/0"), submit("e", "z/0")]);
  expect(namesIn(pool, ["a", "b", "c", "d", "e"])).toEqual(["a", "b", "c", "de"]);
  await Promise.all([submit("f"), submit("g", "x/0"), submit("h")]);
  expect(namesIn(pool, ["a", "b", "c", "d", "e", "f", "g", "h"]).slice(4)).toEqual(["f", "g", "h"]);
});

test("of a group that failed in a block nothing is said: its transactions go again, each by itself, and then it is", async () => {
  const { submit, pool, decideAll } = setUp();
  await Promise.all(["a", "b", "c"].map((name) => submit(name)));
  expect(decideAll("c")).toEqual([`${idOf("a")} true`]);
  await settled();
  expect(namesIn(pool, ["b", "c"]).toSorted()).toEqual(["b", "c"]);
  expect(decideAll("c").toSorted()).toEqual([`${idOf("b")} true`, `${idOf("c")} false`].toSorted());
  await settled();
  expect(pool.size).toBe(0);
});

test("what another node carried and what became of that is not this one's, unless it took effect", async () => {
  const { submit, carrier } = setUp();
  await submit("a");
  expect(carrier.decided({ id: idOf("a"), accepted: false, ledgerTxId: "00" })).toBe(false);
  expect(carrier.decided({ id: idOf("a"), accepted: true, ledgerTxId: "00" })).toBe(true);
  expect(await submit("a")).toEqual({ result: "added" });
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
  carrier.decided({ id: idOf("a"), accepted: true, ledgerTxId: "00" });
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
  carrier.decided({ id: idOf("a"), accepted: true, ledgerTxId: "00" });
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
  await Promise.all(["a", "b"].map((name) => submit(name)));
  // The first one was evicted, and the second with it: nothing fits behind the hole.
  pool.clear();
  world.next = 5n;
  carrier.caughtUp();
  while (pool.size < 2) await new Promise((resolve) => setImmediate(resolve));
  expect(namesIn(pool, ["a", "b"]).toSorted()).toEqual(["a", "b"]);
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
