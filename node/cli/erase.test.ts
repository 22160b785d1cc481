import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createTestLedger, keyOf } from "#consensus/application/testLedger.ts";
import { openLevelStore } from "#storage/db/levelStore.ts";
import { createLevelReadingStore } from "#storage/offchain/levelReadingStore.ts";
import { openReadingLog } from "#storage/offchain/readingLog.ts";
import { scanReadingLog } from "#storage/offchain/readingLogScan.ts";
import { type ReadingStore, ReadingStoreError, seriesOf } from "#storage/offchain/readingStore.ts";
import { type Reading, writeSafeInt64 } from "#storage/types/reading.ts";
import { openArchiveBlocks } from "../archive/archiveBlocks.ts";
import { archiveFolders } from "../archive/archiveJob.ts";
import { openArchiveRecords } from "../archive/archiveRecords.ts";
import { keysOfSecret } from "../audit/auditKeys.ts";
import { collectSeals } from "../audit/collectSeals.ts";
import { eraseReadings, type Replica } from "../audit/erase.ts";
import { verifyReceipt } from "../audit/erasureReceipt.ts";
import { auditMeter } from "../audit/meterAudit.ts";
import { openOwnAudit } from "../audit/openOwnAudit.ts";
import { gatherRows } from "../audit/rowSet.ts";
import {
  createSealedHome,
  SEALED_CHAIN_ID,
  SEALED_INTERVAL_MS,
  SEALED_METER,
  SEALED_START_MS,
} from "../audit/testSealedHome.ts";
import { homePaths } from "../configurationHome.ts";
import { freePorts } from "../freePorts.ts";
import { meterSecretOf, SEED_PERIOD_MS } from "../light/meterKeys.ts";
import { openOutbox } from "../light/outbox.ts";
import { saveKey } from "./keyStore.ts";
import { TEST_PASSPHRASE } from "./testIo.ts";
import { startLedgerNode } from "./testLedgerNode.ts";

const MINUTE_MS = 60_000;
const at = (i: number) => String(SEALED_START_MS + MINUTE_MS * (i + 1));
/** Readings 10 to 19: the end of the first interval, the begin of the second, and one that came late. */
const RANGE = ["--meter", SEALED_METER, "--from", at(9), "--to", at(19)];

async function setUp() {
  const home = await createSealedHome({ intervals: 4, late: [18, 40], segmentBytes: 3000 });
  onTestFinished(() => home[Symbol.dispose]());
  const { cli } = home;
  await saveKey(homePaths(cli.home).keys, "prosumer", keyOf("prosumer"), TEST_PASSPHRASE);
  const rules = join(cli.folder, "rules.json");
  writeFileSync(rules, '[{"meterId": "modbus:*", "kind": "interval", "retention": "raw"}]');
  const folder = join(cli.folder, "replica");
  mkdirSync(folder);
  const database = await openLevelStore(folder);
  await createLevelReadingStore(database).put(home.readings);
  await database.close();
  const receipt = join(cli.folder, "receipt.json");
  const erase = (...args: readonly string[]) => cli.run("erase", ...RANGE, "-o", receipt, ...args);
  const audit = async (...args: readonly string[]) => {
    const { exit, json } = await cli.run("audit", "--meter", SEALED_METER, "--offline", "--json", ...args);
    const items = (json.items ?? []) as { verdict: string; erased: number; unrecorded: number; amendment: number }[];
    return { exit, items: items.map(({ verdict, erased, amendment }) => [verdict, amendment, erased]) };
  };
  const prove = (i: number, file = join(cli.folder, `${i}.json`)) =>
    cli.run("prove", "reading", "--meter", SEALED_METER, "--at", at(i), "--offline", "-o", file, "--json");
  return { ...home, rules, folder, receipt, erase, audit, prove };
}

const AFTER = [
  ["erased", 0, 5],
  ["erased", 0, 4],
  ["erased", 1, 1],
  ["intact", 0, 0],
  ["intact", 1, 0],
  ["intact", 0, 0],
];

test("what was erased is gone from every replica, the rest stays proved, also by proofs made before", async () => {
  const { erase, audit, prove, cli, rules, folder, receipt, readings, log } = await setUp();
  const before = await prove(9);
  const earlier = await prove(12, join(cli.folder, "earlier.json"));
  const { exit, json, err } = await erase("--retention", rules, "--store", folder, "--json");
  expect(err).toBe("");
  expect([exit, json]).toMatchObject(["ok", { readings: 10, intervals: 3 }]);
  expect(json.replicas).toEqual([
    { name: "reading log", readings: 10, conflicts: 0 },
    { name: "replica", readings: 10, conflicts: 0 },
  ]);
  // No segment has value and time of an erased reading side by side, as records have them; what is left is there.
  const files = readdirSync(log).map((name) => join(log, name));
  const isAnywhere = (i: number) => {
    const bytes = Buffer.alloc(16);
    writeSafeInt64(bytes, readings[i]?.value ?? 0, 0);
    writeSafeInt64(bytes, readings[i]?.timestampMs ?? 0, 8);
    return files.some((file) => readFileSync(file).includes(bytes));
  };
  for (let i = 10; i < 20; i++) expect(isAnywhere(i), `reading ${i}`).toBe(false);
  expect(isAnywhere(9)).toBe(true);

  expect(await audit()).toEqual({ exit: "ok", items: AFTER });
  expect(await audit("--store", folder)).toEqual({ exit: "ok", items: AFTER });
  const after = await prove(9, join(cli.folder, "after.json"));
  expect(after.json).toMatchObject({ value: readings[9]?.value, blockHash: before.json.blockHash });
  for (const [file, { json: proved }] of [
    ["9.json", before],
    ["earlier.json", earlier],
    ["after.json", after],
  ] as const) {
    const args = ["verify", join(cli.folder, file), "--trusted-hash", String(proved.blockHash)];
    expect((await cli.run(...args)).exit).toBe("ok");
  }
  expect((await prove(12)).err).toContain("READING_ERASED");
  const { verdict, receipt: signed } = verifyReceipt(readFileSync(receipt, "utf8"));
  expect(verdict).toEqual({ accepted: true });
  expect(signed?.intervals.map(({ erased, amendment }) => [erased, amendment])).toEqual([
    [5, 0],
    [4, 0],
    [1, 1],
  ]);
});

test("a replica that does not answer is named, the others are erased, and doing it again ends it", async () => {
  const { cli, readings, meterKey } = await setUp();
  const databases = [await openLevelStore(join(cli.folder, "one")), await openLevelStore(join(cli.folder, "two"))];
  const retentionOf = () => "raw" as const;
  const [one, two] = databases.map((database) => createLevelReadingStore(database, { retentionOf })) as [
    ReadingStore,
    ReadingStore,
  ];
  await one.put(readings);
  await two.put(readings);
  let isAway = true;
  const flaky = new Proxy(two, {
    get(store, name) {
      if (name === "erase" && isAway)
        return async () => {
          throw new ReadingStoreError({ code: "READING_STORE_UNREACHABLE", reason: "1 of 2 replicas answered" });
        };
      const value: unknown = Reflect.get(store, name);
      return typeof value === "function" ? value.bind(store) : value;
    },
  });
  const replicas = [
    { name: "down", away: "no host answers" },
    { name: "half", store: flaky },
    { name: "up", store: one },
  ];
  const owner = { ledgerId: SEALED_CHAIN_ID, meterId: SEALED_METER, secret: meterSecretOf(meterKey, SEALED_METER) };
  const parts = { keys: keysOfSecret(owner, SEED_PERIOD_MS), retentionOf };
  const range = { meterId: SEALED_METER, fromMs: Number(at(9)), untilMs: Number(at(19)) };
  const run = async (which: readonly Replica[]) => {
    await using own = await openOwnAudit(homePaths(cli.home).data, SEALED_CHAIN_ID);
    const { away, replicas: done } = await eraseReadings(own, range, { ...parts, replicas: which });
    return { away: away.map(({ name, reason }) => `${name}: ${reason}`), done };
  };
  const log = { name: "reading log", readings: 10, conflicts: 0 };
  const up = { name: "up", readings: 10, conflicts: 0 };
  expect(await run(replicas)).toEqual({
    away: ["down: no host answers", "half: 1 of 2 replicas answered"],
    done: [log, up],
  });
  isAway = false;
  const again = replicas.slice(1);
  expect(await run(again)).toEqual({ away: [], done: [log, { name: "half", readings: 10, conflicts: 0 }, up] });
  // With the leaves: an audit of either store says erased, and nothing else.
  const graves: Uint8Array[] = [];
  for (const store of [one, two])
    for await (const stored of store.read(seriesOf(readings[0] as Reading)))
      if (stored.type === "erased") graves.push(stored.leafHash ?? new Uint8Array(0));
  expect(graves.length).toBe(20);
  expect(graves.slice(10)).toEqual(graves.slice(0, 10));
  expect(graves.every(({ length }) => length === 32)).toBe(true);
  for (const database of databases) await database.close();
});

test("no receipt without every replica; archives with erased readings go at once, and the receipt names them", async () => {
  const { cli, erase, rules, folder, receipt } = await setUp();
  const paths = archiveFolders(homePaths(cli.home).data);
  const cid = await openArchiveBlocks(paths.blocks).add(Buffer.from("readings of a day"));
  const day = { fromMs: SEALED_START_MS, untilMs: SEALED_START_MS + 86_400_000 };
  const archive = {
    ...{ meterId: SEALED_METER, ...day, version: 1, cid: cid.toString(), fileBytes: 17, readingCount: 60 },
    ...{ erasedCount: 0, fileHash: "00".repeat(32), isEncrypted: true, deliveredTo: [] },
    ...{ pinnedBy: ["http://ipfs:5001"], isStale: false, isRemoved: false },
  };
  await openArchiveRecords(paths.records).save(archive);
  const [port] = await freePorts(1);
  const nobody = `cassandra://127.0.0.1:${port}/readings`;
  const away = await erase("--retention", rules, "--store", folder, "--store", nobody);
  expect(away).toMatchObject({ exit: "unreachable", err: expect.stringContaining("ERASE_REPLICA_AWAY") });
  expect(away.err).toContain(nobody);
  expect(away.err).toContain("replica (10)");
  expect(existsSync(receipt)).toBe(false);
  const [removed] = await openArchiveRecords(paths.records).list();
  expect([removed?.isRemoved, removed?.isStale]).toEqual([true, true]);
  await expect(openArchiveBlocks(paths.blocks).get(cid)).rejects.toMatchObject({ code: "ARCHIVE_NOT_FOUND" });

  const ended = await erase("--retention", rules, "--store", folder, "--json");
  expect([ended.exit, ended.json]).toMatchObject(["ok", { readings: 10 }]);
  const { receipt: signed } = verifyReceipt(readFileSync(receipt, "utf8"));
  expect(signed?.archives).toEqual([{ cid: cid.toString(), version: 1, ...day, readings: 60 }]);
  expect(signed?.elsewhere).toEqual([`${cid} at http://ipfs:5001`]);
  expect(signed?.replicas.map(({ name, readings }) => [name, readings])).toEqual([
    ["reading log", 10],
    ["replica", 10],
  ]);
});

test("the store that the options name is erased without being named again", async () => {
  const { cli, erase, rules, readings, receipt } = await setUp();
  const folder = join(homePaths(cli.home).data, "store");
  const database = await openLevelStore(folder);
  await createLevelReadingStore(database).put(readings);
  await database.close();
  writeFileSync(join(cli.home, "config.json"), JSON.stringify({ readingStore: "embedded" }));
  const { exit } = await erase("--retention", rules);
  expect(exit).toBe("ok");
  const { receipt: signed } = verifyReceipt(readFileSync(receipt, "utf8"));
  expect(signed?.replicas.map(({ name, readings: count }) => [name, count])).toEqual([
    ["reading log", 10],
    ["store", 10],
  ]);
});

test("a receipt that anybody changed is refused", async () => {
  const { erase, rules, receipt, cli } = await setUp();
  await erase("--retention", rules);
  const text = readFileSync(receipt, "utf8");
  const changes: readonly (readonly [string, string, string])[] = [
    ['"readings": 10', '"readings": 11', "RECEIPT_SIGNATURE_INVALID"],
    ["{", "{ ", "RECEIPT_MALFORMED"],
    ['"account": "edream1', '"account": "edream2', "RECEIPT_ACCOUNT_MISMATCH"],
  ];
  for (const [from, to, code] of changes) {
    writeFileSync(receipt, text.replace(from, to));
    expect((await cli.run("erase", "verify", receipt)).err).toContain(code);
  }
});

test("the ledger is told of a receipt, once it is asked to be", async () => {
  const { erase, rules, receipt, cli } = await setUp();
  await erase("--retention", rules);
  const ledger = createTestLedger();
  const node = await startLedgerNode(ledger);
  onTestFinished(() => node.close());
  const verify = () => cli.run("erase", "verify", receipt, "--node", node.url, "--json");
  expect(await verify()).toMatchObject({ exit: "verificationFailed", json: { recorded: false } });
  const recorded = await cli.run("erase", "record", receipt, "--node", node.url, "--json");
  expect([recorded.exit, recorded.json]).toMatchObject(["ok", { code: 0 }]);
  expect(await verify()).toMatchObject({ exit: "ok", json: { recorded: true, readings: 10 } });
  expect(ledger.query("/edream/erasure", `1 ${SEALED_METER}`)).toMatchObject({
    fromMs: at(9),
    untilMs: at(19),
    readingCount: "10",
  });
});

test("an erasure that the ledger knows nothing of is reported", async () => {
  const { erase, rules, cli } = await setUp();
  await erase("--retention", rules);
  await using own = await openOwnAudit(homePaths(cli.home).data, SEALED_CHAIN_ID);
  const range = { meterId: SEALED_METER, fromMs: SEALED_START_MS, toMs: Number.MAX_SAFE_INTEGER - 1 };
  const { items } = await collectSeals(own.audit, range);
  const untilMs = SEALED_START_MS + 4 * SEALED_INTERVAL_MS;
  const rows = await gatherRows(
    own.audit.rows({ meterId: SEALED_METER, afterMs: SEALED_START_MS, untilMs }),
    undefined,
  );
  const secret = meterSecretOf({ type: "ed25519", bytes: new Uint8Array(32).fill(5) }, SEALED_METER);
  const owner = { ledgerId: SEALED_CHAIN_ID, meterId: SEALED_METER, secret };
  const verdicts = (erasures: readonly { fromMs: number; untilMs: number }[]) =>
    auditMeter({ ...range, items, rows, keys: keysOfSecret(owner, SEED_PERIOD_MS), erasures }).items.map(
      ({ verdict, unrecorded }) => `${verdict} ${unrecorded}`,
    );
  const intact = ["intact 0", "intact 0", "intact 0"];
  expect(verdicts([])).toEqual(["unrecorded 5", "unrecorded 4", "unrecorded 1", ...intact]);
  const record = { fromMs: Number(at(9)), untilMs: Number(at(19)) };
  expect(verdicts([record])).toEqual(["erased 0", "erased 0", "erased 0", ...intact]);
  expect(verdicts([{ ...record, untilMs: Number(at(14)) }])).toEqual([
    "erased 0",
    "unrecorded 4",
    "unrecorded 1",
    ...intact,
  ]);
});

test("what bills are made of, what is not sealed yet, and what is not what was sealed stays, and nothing is removed", async () => {
  const { erase, rules, log, readings, cli, audit } = await setUp();
  expect(await erase()).toMatchObject({ exit: "refused", err: expect.stringContaining("ERASE_RETENTION_KEPT") });
  const all = ["--from", at(0), "--to", String(SEALED_START_MS + 9 * SEALED_INTERVAL_MS)];
  const open = await openReadingLog(log);
  const late = { ...(readings[0] as (typeof readings)[number]), timestampMs: SEALED_START_MS + 70 * MINUTE_MS };
  await open.append([{ ...late, receivedMs: late.timestampMs }]);
  await open.close();
  const args = ["erase", "--meter", SEALED_METER, ...all, "-o", join(cli.folder, "r"), "--retention", rules];
  expect((await cli.run(...args)).err).toContain("ERASE_NOT_SEALED");
  for (const name of readdirSync(log)) writeFileSync(join(log, name), "");
  const changed = await openReadingLog(log);
  await changed.append(readings.map((each, i) => (i === 11 ? { ...each, value: 3 } : each)));
  await changed.close();
  expect(await erase("--retention", rules)).toMatchObject({
    exit: "tampered",
    err: expect.stringContaining("ERASE_TAMPERED"),
  });
  const { items } = await audit();
  expect(items.every(([, , erased]) => erased === 0)).toBe(true);
});

test("an erasure that was cut off is ended by doing it again, and what was erased does not come back", async () => {
  const { erase, rules, store, log, readings, audit, cli } = await setUp();
  await erase("--retention", rules);
  // As if it had died before the last segment was rewritten.
  const again = await openReadingLog(log);
  await again.append(readings.slice(10, 12));
  await again.close();
  expect((await erase("--retention", rules)).err).toContain("RECEIPT_EXISTS");
  const second = join(cli.folder, "second.json");
  const ended = await cli.run("erase", ...RANGE, "-o", second, "--retention", rules, "--json");
  expect([ended.exit, ended.json]).toMatchObject(["ok", { readings: 10, intervals: 3 }]);
  const left: number[] = [];
  for await (const { timestampMs } of scanReadingLog(log)) left.push(timestampMs);
  expect(left.length).toBe(readings.length - 10);
  const database = await openLevelStore(store);
  const erased: number[] = [];
  for await (const { timestampMs } of (await openOutbox(database)).erased()) erased.push(timestampMs);
  await database.close();
  expect(erased).toEqual(readings.slice(10, 20).map(({ timestampMs }) => timestampMs));
  expect((await audit()).items).toEqual(AFTER);
});
