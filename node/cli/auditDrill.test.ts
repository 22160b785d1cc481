import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { createTestLedger, sealMessage } from "#consensus/application/testLedger.ts";
import { appStateOperations } from "#storage/db/appState.ts";
import { bucketKey } from "#storage/db/buckets.ts";
import { NODE_FILE_SYSTEM } from "#storage/db/fileSystem.ts";
import { openLevelStore } from "#storage/db/levelStore.ts";
import { createMemoryStore } from "#storage/db/memoryStore.ts";
import { formatSignRecord } from "#storage/db/signStateFile.ts";
import { commitHeight } from "#storage/db/store.ts";
import { openWal } from "#storage/db/wal.ts";
import { followReadingLog } from "#storage/offchain/embeddedQueue.ts";
import { openReadingLog } from "#storage/offchain/readingLog.ts";
import { createSnapshots } from "../abci/snapshots.ts";
import { openArchiveBlocks } from "../archive/archiveBlocks.ts";
import { openArchiveRecords } from "../archive/archiveRecords.ts";
import { createSealedHome, type SealedHome } from "../audit/testSealedHome.ts";
import { withChecksum } from "../checkedJson.ts";
import { openDeviceStates } from "../devices/deviceStates.ts";
import { noteHomeFiles } from "../homeSums.ts";
import { tierFolders } from "../offchain/tierOptions.ts";

/** A home with every kind of file that nodes of all roles have. */
async function fullHome(): Promise<SealedHome> {
  const home = await createSealedHome({ intervals: 4, segmentBytes: 4096, late: [5] });
  const root = home.cli.home;
  const data = join(root, "data");
  writeFileSync(join(root, "meters.json"), '{"version": 1, "inputs": [], "devices": []}\n');
  // Else so little is in no table yet, and behind it nothing in a log.
  const database = await openLevelStore(home.store);
  await database.compact({ gte: Uint8Array.of(0), lt: Uint8Array.of(255) });
  await database.batch([{ type: "put", key: bucketKey("nodeMeta"), value: new Uint8Array(70) }], { sync: true });
  await database.close();
  const wal = openWal({ fileSystem: NODE_FILE_SYSTEM, directory: join(data, "wal") });
  for (let i = 0; i < 20; i++) wal.append(new Uint8Array(50 + i).fill(i));
  wal.sync();
  wal.close();
  const signed = {
    height: 7,
    round: 0,
    step: 3,
    signBytes: new Uint8Array(90).fill(3),
    signature: new Uint8Array(64).fill(4),
  };
  writeFileSync(join(data, "priv_validator_state.json"), formatSignRecord(signed));
  const ledger = createTestLedger();
  ledger.send(sealMessage(0), "device");
  const store = createMemoryStore();
  const entries = [...ledger.disk].map(([key, value]) => ({ key: Buffer.from(key, "latin1"), value }));
  await commitHeight(store, appStateOperations(entries));
  await createSnapshots({
    directory: join(data, "snapshots"),
    store,
    app: ledger.app,
    onRestored: () => undefined,
  }).take(1);
  const cid = await openArchiveBlocks(join(data, "archive", "blocks")).add(new Uint8Array(3000).fill(9));
  await openArchiveRecords(join(data, "archive", "records")).save({
    ...{ meterId: "sim:H0001/import", fromMs: 1, untilMs: 2, version: 1, cid: cid.toString(), fileBytes: 3000 },
    ...{
      readingCount: 4,
      erasedCount: 0,
      fileHash: "ab".repeat(32),
      isEncrypted: false,
      pinnedBy: [],
      deliveredTo: [],
    },
    ...{ isStale: false, isRemoved: false },
  });
  const notes = [1, 2].map((removed) => `${JSON.stringify(withChecksum({ timeMs: 9, segment: "s", removed }))}\n`);
  writeFileSync(join(data, "readings", "thinned.jsonl"), notes.join(""));
  const answer = { version: 1, outcome: "applied", code: 0, atMs: 5, acknowledged: true } as const;
  await (await openDeviceStates(join(data, "devices.json"))).put("sim:H0001/import", { answer });
  await forwardSome(root);
  await noteHomeFiles(root, data, pino({ level: "silent" }));
  return home;
}

/** What a second tier leaves: places, and a reading that a store refused. */
async function forwardSome(root: string): Promise<void> {
  const log = await openReadingLog(join(root, "data", "readings"));
  const follower = await followReadingLog(log, tierFolders(root).forward, "0123456789abcdef");
  const stop = new AbortController();
  for await (const { readings, acknowledge } of follower.consume({ signal: stop.signal })) {
    await acknowledge(readings.slice(0, 1).map((reading) => ({ reading, reason: "no room" })));
    stop.abort();
  }
  await follower.close();
  await log.close();
}

let home: SealedHome;
beforeAll(async () => {
  home = await fullHome();
  return () => home[Symbol.dispose]();
});

const drills = () => readdirSync(tmpdir()).filter((name) => name.startsWith("energy-ledger-drill-"));

test("a thousand bytes changed in files of every kind are all found and located, and the home stays as it is", async () => {
  const before = treeOf(home.cli.home);
  const { exit, json, err } = await home.cli.run("audit", "drill", "--flips", "1000", "--json");
  expect(err).toBe("");
  expect([exit, json.flips, json.found, json.located, json.missed, json.unknown]).toEqual([
    "ok",
    1000,
    1000,
    1000,
    [],
    [],
  ]);
  const kinds = (json.kinds as { kind: string; flips: number }[]).map(({ kind }) => kind);
  expect(kinds).toEqual([
    ...["LevelDB CURRENT", "LevelDB logs", "LevelDB manifests", "LevelDB marks of a close", "LevelDB tables"],
    "archive blocks",
    ...[
      "archive records",
      "config.json",
      "dead letters",
      "device states",
      "genesis.json",
      "keys",
      "meters.json",
      "notes of removed samples",
    ],
    ...[
      "places of the second tier",
      "reading log",
      "sign state",
      "snapshots",
      "sums of the home's files",
      "write-ahead log",
    ],
  ]);
  expect((json.kinds as { flips: number }[]).every(({ flips }) => flips > 0)).toBe(true);
  expect(treeOf(home.cli.home)).toEqual(before);
  expect(drills()).toEqual([]);
});

test("the same seed changes the same bytes; what is no data is listed with the reason", async () => {
  const run = () => home.cli.run("audit", "drill", "--flips", "40", "--seed", "7");
  const [first, again] = [await run(), await run()];
  const withoutRate = (text: string) => text.replace(/, [\d,]+ a second/, "");
  expect(withoutRate(again.out)).toBe(withoutRate(first.out));
  expect(first.out).toMatch(/^all +\d+ +[\d,]+ +40 +40 +40$/m);
  expect(first.out).toMatch(/LOG +\d+ +LevelDB's diary for people; nothing reads it/);
  expect(first.out).toContain("40 of 40 changes found and located");
});

test("a file that was damaged before, one that nobody knows, and a node that runs are said", async () => {
  const { cli } = home;
  const [segment = ""] = readdirSync(home.log);
  const path = join(home.log, segment);
  const good = readFileSync(path);
  const stranger = join(cli.home, "data", "stranger.bin");
  onTestFinished(() => {
    writeFileSync(path, good);
    rmSync(stranger, { force: true });
  });
  writeFileSync(stranger, "?");
  const unknown = await cli.run("audit", "drill", "--flips", "20");
  expect(unknown).toMatchObject({ exit: "verificationFailed", err: expect.stringContaining("DRILL_UNKNOWN_FILES") });
  const bad = Buffer.from(good);
  bad[100]! ^= 1;
  writeFileSync(path, bad);
  const damaged = await cli.run("audit", "drill", "--flips", "20", "--json");
  expect([damaged.exit, damaged.json.damaged]).toMatchObject([
    "tampered",
    [{ file: `data/readings/${segment}`, offset: 0 }],
  ]);
  expect((await cli.run("audit", "drill", "--flips", "many")).err).toContain("COUNT_MALFORMED");
  mkdirSync(join(cli.folder, "empty"));
  const other = await cli.run("audit", "drill", "--home", join(cli.folder, "empty"));
  expect(other.exit).not.toBe("ok");
});

function treeOf(folder: string): Readonly<Record<string, string>> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Object.fromEntries(
    files.map((entry) => {
      const path = join(entry.parentPath, entry.name);
      return [path, readFileSync(path).toString("base64")];
    }),
  );
}
