import { expect, test } from "vitest";
import { LeaseLost, type LeasePorts, type LeaseState, type LeaseTable, WriterLease } from "./cassandraLease.ts";

const EMPTY: LeaseState = { version: 0n, epoch: 0n, holder: null, wanted: null };

/** One row, and one clock that goes on when somebody waits. */
function rowOf() {
  let state = EMPTY;
  let nowMs = 1_790_000_000_000;
  const table: LeaseTable = {
    read: async () => state,
    swap: async (next) => {
      if (next.version !== state.version + 1n) return false;
      state = next;
      return true;
    },
  };
  const pass = async (ms: number): Promise<void> => {
    nowMs += ms;
    // What others do meanwhile.
    await new Promise((resolve) => setImmediate(resolve));
  };
  const ports = (name: string): LeasePorts => ({
    name,
    nowUs: () => BigInt(nowMs) * 1000n,
    monotonicMs: () => nowMs,
    wait: pass,
  });
  return {
    writer: (name: string) => new WriterLease(table, ports(name)),
    pass,
    state: () => state,
    nowMs: () => nowMs,
  };
}

test("who took it and let it go knows whether others had it meanwhile", async () => {
  const row = rowOf();
  const [one, other] = [row.writer("one"), row.writer("other")];
  expect(await one.hold()).toBe(false);
  const first = one.writeTime();
  await one.confirm();
  await one.release();
  expect(row.state().holder).toBeNull();
  expect(await one.hold()).toBe(true);
  expect(one.writeTime()).toBeGreaterThan(first);
  await one.release();
  expect(await other.hold()).toBe(false);
  await other.release();
  expect(await one.hold()).toBe(false);
});

test("whoever waits is handed it after a second, and writes with higher times", async () => {
  const row = rowOf();
  const [one, other] = [row.writer("one"), row.writer("other")];
  await one.hold();
  const before = one.writeTime();
  const waiting = other.hold();
  await row.pass(500);
  await one.confirm();
  await one.yield();
  expect(row.state()).toMatchObject({ holder: "one", wanted: "other" });
  await row.pass(600);
  await one.confirm();
  const last = one.writeTime();
  await one.yield();
  await waiting;
  expect(row.state()).toMatchObject({ holder: "other", wanted: null });
  expect(last).toBeGreaterThan(before);
  expect(other.writeTime()).toBeGreaterThan(last);
});

test("a writer that stopped is taken over from, and finds out before it acknowledges anything", async () => {
  const row = rowOf();
  const [stopped, next] = [row.writer("stopped"), row.writer("next")];
  await stopped.hold();
  const startMs = row.nowMs();
  const late = stopped.writeTime();
  await next.hold();
  expect(row.nowMs() - startMs).toBeGreaterThanOrEqual(10_000);
  expect(next.writeTime()).toBeGreaterThan(late);
  await expect(stopped.confirm()).rejects.toBeInstanceOf(LeaseLost);
  await next.confirm();
});

test("a writer at work is not taken over from, however long it works", async () => {
  const row = rowOf();
  const [busy, other] = [row.writer("busy"), row.writer("other")];
  await busy.hold();
  let isThere = false;
  const waiting = other.hold().then(() => {
    isThere = true;
  });
  for (let round = 0; round < 30; round++) {
    await row.pass(1000);
    await busy.confirm();
  }
  expect(isThere).toBe(false);
  await busy.release();
  await waiting;
});

test("epochs rise also where a clock went back, and when their write times are used up", async () => {
  const row = rowOf();
  const one = row.writer("one");
  await one.hold();
  await row.pass(-3_600_000);
  const before = one.writeTime();
  for (let given = 0; given < 1 << 20; given++) one.writeTime();
  const last = one.writeTime();
  expect(last).toBeGreaterThan(before);
  expect(await one.hold()).toBe(true);
  expect(one.writeTime()).toBeGreaterThan(last);
  await one.release();
  const other = row.writer("other");
  await other.hold();
  expect(other.writeTime()).toBeGreaterThan(last);
});

test("write times follow the clock, and nobody else had it meanwhile", async () => {
  const row = rowOf();
  const one = row.writer("one");
  await one.hold();
  one.writeTime();
  await row.pass(3_600_000);
  expect(await one.hold()).toBe(true);
  expect(one.writeTime()).toBeGreaterThanOrEqual(BigInt(row.nowMs()) * 1000n);
});

test("of many that want it at once one holds it at a time, and each gets it", async () => {
  const row = rowOf();
  let [holders, most] = [0, 0];
  const times: bigint[] = [];
  await Promise.all(
    Array.from({ length: 8 }, async (_, index) => {
      const lease = row.writer(`writer${index}`);
      await lease.hold();
      most = Math.max(most, ++holders);
      times.push(lease.writeTime());
      await new Promise((resolve) => setImmediate(resolve));
      await lease.confirm();
      holders -= 1;
      await lease.release();
    }),
  );
  expect(most).toBe(1);
  expect(times).toHaveLength(8);
  expect(times).toStrictEqual(times.toSorted((a, b) => (a < b ? -1 : 1)));
});
