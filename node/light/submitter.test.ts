import { expect, test } from "vitest";
import { LEDGER_CODES } from "#consensus/application/codes.ts";
import { encodeRecord, newRecord } from "#consensus/application/stateRecords.ts";
import { publicKeyOf } from "#storage/crypto/keys.ts";
import { createMemoryStore } from "#storage/db/memoryStore.ts";
import { acknowledgeConfigurationMessage } from "#storage/types/acknowledgeConfiguration.ts";
import { decodeTransaction, txId } from "#storage/types/transaction.ts";
import { accountOfKey } from "#storage/types/transactionAccounts.ts";
import type { ClosedAmendment } from "../meter/amendments.ts";
import type { ClosedInterval } from "../meter/intervalBuilder.ts";
import { decodeSubmission, encodeSubmitVerdicts } from "../serve/messages.ts";
import { deviceKeyOf } from "./meterKeys.ts";
import { isAmendment, openOutbox, type Sealable } from "./outbox.ts";
import { createSubmitter, MAX_QUEUED_INTERVALS } from "./submitter.ts";

const pooled = (fill: number) => Buffer.allocUnsafe(32).fill(fill);

function intervalOf(meterId: string, index: number): ClosedInterval {
  return {
    meterId,
    startMs: index * 1000,
    endMs: (index + 1) * 1000,
    periodStartMs: 0,
    count: 1,
    sum: 5n,
    fingerprint: pooled(1),
    readingsRoot: pooled(2),
    salt: pooled(3),
    commitment: pooled(4),
  };
}

function amendmentOf(meterId: string, index: number): ClosedAmendment {
  const { registerEnd: _none, ...interval } = intervalOf(meterId, index);
  return { ...interval, amendment: 1, previousFingerprint: interval.fingerprint, timestampsMs: [index * 1000 + 1] };
}

/** A submitter whose full node knows the account of every meter once `isReachable`, and whose ledger takes what was sent with `settle`. */
async function setUp(before: readonly Sealable[] = [], store = createMemoryStore()) {
  const earlier = await openOutbox(store);
  await earlier.add(before.filter((item) => !isAmendment(item)));
  await earlier.addAmendments(before.filter(isAmendment));
  const outbox = await openOutbox(store);
  const sent: {
    readonly id: Uint8Array;
    readonly messages: string[];
    readonly ends: number[];
    readonly sequence: bigint | undefined;
  }[] = [];
  const settled = new Set<number>();
  const warned: unknown[] = [];
  const net = {
    isReachable: false,
    /** Of the device's account, as it is proved. */
    sequence: 2n,
    /** What every full node answers to a transaction that it is handed; undefined: nobody is asked in this test. */
    verdict: undefined as number | undefined,
    handed: [] as string[],
    nowMs: 0,
    /** Ends of intervals for which the ledger refuses a transaction, by its code. */
    refuses: new Map<number, number>(),
    warned,
    sent,
    /** Ends of the intervals in the latest transaction, which is in a block from now on. */
    settle(): number[] {
      const last = sent.length - 1;
      if (last < 0 || settled.has(last)) return [];
      settled.add(last);
      return sent[last]!.ends;
    },
  };
  const hand = async (_protocol: unknown, submission: Uint8Array) => {
    if (net.verdict === undefined) throw new Error("not asked in this test");
    const [tx = new Uint8Array(0)] = decodeSubmission(submission);
    net.handed.push(Buffer.from(txId(tx)).toString("hex"));
    return { peer: "full", answer: encodeSubmitVerdicts([{ code: net.verdict, log: "" }]) };
  };
  const unused = () => {
    throw new Error("not asked in this test");
  };
  const submitter = createSubmitter(
    { chainId: "chain", meterKey: { type: "ed25519", bytes: new Uint8Array(32).fill(9) }, clearSums: () => false },
    {
      network: {
        protocols: {},
        penalise: unused,
        publishTxs(txs: readonly Uint8Array[]) {
          for (const tx of txs) {
            const decoded = decodeTransaction(tx);
            if (!decoded.accepted) throw new Error(decoded.reason);
            const messages = decoded.tx.messages.map(({ name }) => name);
            const ends = decoded.tx.messages.map(({ value }) =>
              Number("intervalEndMs" in value ? value.intervalEndMs : -1n),
            );
            sent.push({ id: txId(tx), messages, ends, sequence: decoded.tx.signers[0]?.sequence });
          }
        },
      } as never,
      peers: {
        ask: hand,
        askAll: async (...of: Parameters<typeof hand>) => [await hand(...of)],
        rotate: () => undefined,
      },
      proofs: {
        counts: { verified: 0, failed: 0 },
        transactions: async () =>
          [...settled].map((index) => ({
            code: sent[index]!.ends.map((end) => net.refuses.get(end) ?? 0).find((code) => code !== 0) ?? 0,
            proof: { txId: sent[index]!.id, height: 1, inclusion: { index: 0, total: 1, aunts: [] } },
          })) as never,
        state: async () => {
          if (!net.isReachable) return undefined;
          return {
            value: encodeRecord("account", newRecord("account", { number: 1n, sequence: net.sequence })),
            height: 1,
          };
        },
      },
      outbox: { ...outbox, settle: (items, outcome) => outbox.settle(items, outcome, undefined) },
      log: { debug: unused, warn: (fields: unknown) => warned.push(fields) } as never,
      nowMs: () => net.nowMs,
    },
  );
  return { net, outbox, submitter, store };
}

test("what comes while too much waits stays on disk, and goes out in order when the ledger is there again", async () => {
  const { net, outbox, submitter } = await setUp();
  const all = Array.from({ length: MAX_QUEUED_INTERVALS + 100 }, (_, index) => intervalOf("meter", index));
  await outbox.add(all);
  submitter.enqueue(all);
  await submitter.step();
  expect([submitter.isDrained(), net.sent.length]).toEqual([false, 0]);
  net.isReachable = true;
  const ends: number[] = [];
  while (!submitter.isDrained()) {
    await submitter.step();
    ends.push(...net.settle());
  }
  expect(ends).toEqual(all.map(({ endMs }) => endMs));
  expect(outbox.totals()).toMatchObject({ queued: 0, finalised: all.length });
});

test("what an earlier run left in the outbox goes out before what comes now, amendments behind their intervals", async () => {
  const { net, outbox, submitter } = await setUp([intervalOf("meter", 0), amendmentOf("meter", 0)]);
  const next = intervalOf("meter", 1);
  await outbox.add([next]);
  submitter.enqueue([next]);
  net.isReachable = true;
  while (!submitter.isDrained()) {
    await submitter.step();
    net.settle();
  }
  expect(net.sent.flatMap(({ messages }) => messages)).toEqual([
    "MsgSealInterval",
    "MsgSealInterval",
    "MsgAmendInterval",
  ]);
});

test("what a device says goes out before its intervals, in a transaction of its own, and is told when it is final", async () => {
  const { net, outbox, submitter } = await setUp();
  const waiting = intervalOf("meter", 0);
  await outbox.add([waiting]);
  submitter.enqueue([waiting]);
  const key = deviceKeyOf({ type: "ed25519", bytes: new Uint8Array(32).fill(9) }, "meter");
  const said = { meterId: "meter", version: 1, outcome: "applied", code: 0, appliedMs: 5 } as const;
  const signer = accountOfKey(publicKeyOf(key));
  const settled = submitter.notice("meter", acknowledgeConfigurationMessage({ signer, ...said }));
  expect(submitter.isDrained()).toBe(false);
  net.isReachable = true;
  while (!submitter.isDrained()) {
    await submitter.step();
    net.settle();
  }
  expect(await settled).toBe(0);
  expect(net.sent.map(({ messages }) => messages)).toEqual([
    ["MsgAcknowledgeDeviceConfiguration"],
    ["MsgSealInterval"],
  ]);
  expect(outbox.totals()).toMatchObject({ queued: 0, finalised: 1 });
});

test("one interval or amendment that the ledger refuses takes no other one of its transaction with it", async () => {
  const all = Array.from({ length: 5 }, (_, index) => intervalOf("meter", index));
  const { net, outbox, submitter } = await setUp([...all, ...all.map((_, index) => amendmentOf("meter", index))]);
  const [notSealed] = LEDGER_CODES.INTERVAL_NOT_SEALED;
  net.isReachable = true;
  let hasAll = false;
  while (!submitter.isDrained()) {
    // Every interval is taken; the amendments of two of them are not.
    if (net.sent.at(-1)?.messages[0] === "MsgAmendInterval") net.refuses.set(2000, notSealed).set(4000, notSealed);
    await submitter.step();
    net.settle();
    hasAll ||= net.sent.some(({ messages, ends }) => messages[0] === "MsgAmendInterval" && ends.length === 5);
  }
  expect(hasAll).toBe(true);
  expect(outbox.totals()).toMatchObject({ queued: 0, finalised: 8, rejected: 2 });
  const common = { meterId: "meter", amendment: 1, readings: 1, code: "INTERVAL_NOT_SEALED" };
  expect(await outbox.refused("meter", 10)).toEqual([
    { ...common, startMs: 1000, endMs: 2000 },
    { ...common, startMs: 3000, endMs: 4000 },
  ]);
  expect(await outbox.refused(undefined, 1)).toHaveLength(1);
  expect(await outbox.refused("other", 10)).toEqual([]);
  expect(net.warned).toMatchObject([{ code: "INTERVAL_NOT_SEALED" }, { code: "INTERVAL_NOT_SEALED" }]);
});

test("what the ledger has against the meter itself is not asked again for each interval", async () => {
  const all = Array.from({ length: 5 }, (_, index) => intervalOf("meter", index));
  const { net, outbox, submitter } = await setUp(all);
  net.isReachable = true;
  net.refuses.set(3000, LEDGER_CODES.METER_REVOKED[0]);
  while (!submitter.isDrained()) {
    await submitter.step();
    net.settle();
  }
  expect(net.sent).toHaveLength(1);
  expect(outbox.totals()).toMatchObject({ queued: 0, finalised: 0, rejected: 5 });
});

test("after a crash the transaction that was on its way goes on, and none other with its intervals", async () => {
  const all = Array.from({ length: 2 }, (_, index) => intervalOf("meter", index));
  const first = await setUp([intervalOf("meter", 0)]);
  first.net.isReachable = true;
  await first.submitter.step();
  const [sent] = first.net.sent;
  if (sent === undefined) throw new Error("nothing was sent");

  // Killed here; the transaction reaches a block, and the account with it. Another interval is closed before the next start.
  const again = await setUp(all.slice(1), first.store);
  Object.assign(again.net, { isReachable: true, sequence: 3n, verdict: LEDGER_CODES.SEQUENCE_MISMATCH[0] });
  await again.submitter.step();
  expect(again.net.sent, "nothing of the meter beside it").toEqual([]);
  expect(again.net.handed.at(-1)).toBe(Buffer.from(sent.id).toString("hex"));
  again.net.sent.push(sent);
  again.net.settle();
  await again.submitter.step();
  expect(again.outbox.totals()).toMatchObject({ queued: 1, finalised: 1, rejected: 0 });
  expect(again.net.sent.at(-1)).toMatchObject({ ends: [2000], sequence: 3n });
  again.net.settle();
  await again.submitter.step();
  expect(again.outbox.totals()).toMatchObject({ queued: 0, finalised: 2, rejected: 0 });
  expect(await again.outbox.flightOf("meter")).toBeUndefined();
});

test("what was signed for a sequence that is over is signed anew once no full node has it in a block", async () => {
  const { net, outbox, submitter } = await setUp([intervalOf("meter", 0)]);
  Object.assign(net, { isReachable: true, verdict: LEDGER_CODES.SEQUENCE_MISMATCH[0] });
  await submitter.step();
  expect(net.sent.map(({ sequence }) => sequence)).toEqual([2n]);
  net.sequence = 4n;
  for (let round = 0; round < 20 && net.sent.length < 2; round++) {
    net.nowMs += 5_000;
    await submitter.step();
  }
  expect(net.sent.map(({ sequence }) => sequence)).toEqual([2n, 4n]);
  net.settle();
  await submitter.step();
  expect(outbox.totals()).toMatchObject({ queued: 0, finalised: 1, rejected: 0 });
});
