import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import {
  accountOf,
  CHAIN_ID,
  createTestLedger,
  IMPORT_METER,
  INTERVAL_MS,
  START_MS,
} from "#consensus/application/testLedger.ts";
import { createTestChain } from "#consensus/light/testChain.ts";
import { openLevelStore } from "#storage/db/levelStore.ts";
import { createLevelReadingStore } from "#storage/offchain/levelReadingStore.ts";
import { testReading } from "#storage/offchain/testReadings.ts";
import { hashHeader } from "#storage/types/header.ts";
import { QUALITY, type Reading } from "#storage/types/reading.ts";
import { txId } from "#storage/types/transaction.ts";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import { createTestNode, OK_RESULT, startTestApi } from "../api/testPorts.ts";
import { makeAuditKeyFile } from "../audit/auditKeys.ts";
import { SEED_PERIOD_MS } from "../light/meterKeys.ts";
import { amendmentOf } from "../meter/amendments.ts";
import { type ClosedInterval, IntervalBuilder } from "../meter/intervalBuilder.ts";
import { createTestCli } from "./testIo.ts";

const OWNER = { ledgerId: CHAIN_ID, meterId: IMPORT_METER, secret: new Uint8Array(32).fill(8) };
const MINUTE_MS = 60_000;
const LATE = 33;

interface Committed {
  tx: Uint8Array;
  height: number;
}

/** A ledger with six sealed intervals and an amendment, the full node that serves it, and an auditor with keys and readings. */
async function setUp() {
  const readings = Array.from({ length: 6 * 15 }, (_, i) =>
    testReading(START_MS + MINUTE_MS * (i + 1), {
      meterId: IMPORT_METER,
      value: 1400 + ((i * 31) % 97),
      periodMs: MINUTE_MS,
      quality: i === LATE ? QUALITY.LATE : 0,
    }),
  );
  const builder = new IntervalBuilder(OWNER, { intervalMs: INTERVAL_MS, periodMs: SEED_PERIOD_MS, closedUntilMs: 0 });
  const closed: ClosedInterval[] = [];
  for (const [i, reading] of readings.entries()) if (i !== LATE) closed.push(...builder.add(reading));
  closed.push(...builder.end());
  const interval = closed[2] as ClosedInterval;
  const amendment = amendmentOf(OWNER, { interval, amendments: [] }, [readings[LATE] as Reading]);

  const ledger = createTestLedger();
  const chain = createTestChain({ chainId: CHAIN_ID, startMs: START_MS + 12 * 3_600_000 });
  let appHash: Uint8Array | undefined;
  const committed: Committed[] = [];
  const decide = (txs: readonly Uint8Array[]) => {
    chain.append({ txs, ...(appHash === undefined ? {} : { appHash }) });
    const { appHash: after, txResults } = ledger.block(txs);
    appHash = after;
    for (const [i, tx] of txs.entries()) {
      expect(txResults[i]?.code).toBe(0);
      committed.push({ tx, height: ledger.height });
    }
  };
  decide([]);
  const signer = accountOf("device import");
  for (const { startMs, endMs, count, fingerprint, readingsRoot, commitment } of closed) {
    const fields = { intervalStartMs: BigInt(startMs), intervalEndMs: BigInt(endMs), readingCount: count };
    const energy = { case: "sumCommitment", value: commitment } as const;
    const message = { signer, meterId: IMPORT_METER, ...fields, fingerprint, readingsRoot, energy };
    decide([ledger.sign([ledgerMessage("MsgSealInterval", message)], ["device import"])]);
  }
  const { startMs, endMs, count, fingerprint, readingsRoot, commitment, previousFingerprint } = amendment;
  const amend = ledgerMessage("MsgAmendInterval", {
    ...{ signer, meterId: IMPORT_METER, intervalStartMs: BigInt(startMs), intervalEndMs: BigInt(endMs), amendment: 1 },
    ...{ readingCount: count, previousFingerprint, fingerprint, readingsRoot },
    energy: { case: "sumCommitment", value: commitment },
  });
  decide([ledger.sign([amend], ["device import"])]);
  decide([]);

  const node = createTestNode();
  /** What the full node shows; tests let it lie. */
  const shown = { committed: [...committed] };
  const found = (id: Uint8Array) => shown.committed.find(({ tx }) => Buffer.compare(txId(tx), id) === 0);
  const ports = {
    ...node.ports,
    status: async () => ({ ...(await node.ports.status()), chainId: CHAIN_ID, height: chain.height }),
    stateQuery: (request: Parameters<typeof ledger.app.query>[0]) => ledger.app.query(request),
    header: (height: number) => chain.lightBlock(height).signedHeader.header,
    commit: (height: number) => chain.lightBlock(height).signedHeader.commit,
    validators: (height: number) => chain.lightBlock(height).validatorSet,
    transaction: (id: Uint8Array) => {
      const item = found(id);
      return item && { ...item, index: 0, timeMs: 0, result: OK_RESULT };
    },
    transactionsBy: () => ({
      transactions: shown.committed.toReversed().map(({ tx, height }) => ({ txId: txId(tx), height, index: 0 })),
      next: undefined,
    }),
  };
  const api = await startTestApi({ ...node, ports });
  const cli = createTestCli();
  onTestFinished(async () => {
    await api.close();
    cli[Symbol.dispose]();
  });
  // Its genesis names validators of its own.
  await cli.run("init", "--chain-id", CHAIN_ID);
  const keyFile = join(cli.folder, "key.json");
  const range = { fromMs: START_MS, toMs: START_MS + 6 * INTERVAL_MS, periodMs: SEED_PERIOD_MS };
  const keyed = [...closed.map((each) => ({ ...each, amendment: 0 })), amendment];
  writeFileSync(keyFile, JSON.stringify(makeAuditKeyFile(OWNER, range, keyed)));
  const folder = join(cli.folder, "store");
  mkdirSync(folder);
  const put = async (list: readonly Reading[]) => {
    const database = await openLevelStore(folder);
    await createLevelReadingStore(database).put(list);
    await database.close();
  };
  const first = chain.lightBlock(1).signedHeader.header;
  const trusted = ["--trusted-height", "1", "--trusted-hash", Buffer.from(hashHeader(first)).toString("hex")];
  const audit = (...args: readonly string[]) =>
    cli.runWith(
      { nowMs: () => START_MS + 13 * 3_600_000 },
      ...["audit", "--meter", IMPORT_METER, "--ledger", api.url, "--store", folder, "--key-file", keyFile],
      ...[
        "--from",
        String(START_MS),
        "--to",
        String(range.toMs),
        ...(args.includes("--genesis") ? [] : trusted),
        "--json",
      ],
    );
  return { readings, put, audit, shown, committed };
}

test("an auditor checks a store against a full node of which it believes nothing", async () => {
  const { put, audit, readings } = await setUp();
  await put(readings);
  const { exit, json, err } = await audit();
  expect(err).toBe("");
  expect([exit, json.verdict, json.erasuresChecked]).toEqual(["ok", "intact", true]);
  const items = json.items as { amendment: number; count: number; verdict: string }[];
  expect(items.map(({ amendment, count, verdict }) => [amendment, count, verdict])).toEqual([
    ...[0, 1].map(() => [0, 15, "intact"]),
    ...[
      [0, 14, "intact"],
      [1, 1, "intact"],
    ],
    ...[0, 1, 2].map(() => [0, 15, "intact"]),
  ]);
});

test("a reading that was changed by a bit is located without leaves", async () => {
  const { put, audit, readings } = await setUp();
  await put(readings.map((each, i) => (i === 70 ? { ...each, value: each.value ^ 8 } : each)));
  const { exit, json } = await audit();
  expect(exit).toBe("tampered");
  const findings = (json.items as { findings: object[] }[]).flatMap((item) => item.findings);
  expect(findings).toMatchObject([{ type: "changed", index: 10, shouldBe: { value: readings[70]?.value } }]);
});

test("a full node that hides an interval or an amendment, shows another one, or another chain, is found out", async () => {
  const { put, audit, readings, shown, committed } = await setUp();
  await put(readings);
  const lies: readonly [string, readonly Committed[]][] = [
    ["an interval is hidden", committed.filter((_, i) => i !== 3)],
    ["the latest interval is hidden", committed.filter((_, i) => i !== 5)],
    ["the amendment is hidden", committed.slice(0, -1)],
    ["intervals are exchanged", committed.with(1, committed[2] as Committed).with(2, committed[1] as Committed)],
  ];
  for (const [name, list] of lies) {
    shown.committed = [...list];
    const { exit, err } = await audit();
    expect([exit, err], name).toEqual(["failure", expect.stringContaining("AUDIT_NODE_LIES")]);
  }
  shown.committed = [...committed];
  expect((await audit("--genesis")).err).toContain("AUDIT_NODE_LIES");
});
