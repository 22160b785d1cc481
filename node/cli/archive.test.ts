import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { CHAIN_ID, EXPORT_METER, keyOf, START_MS } from "#consensus/application/testLedger.ts";
import { minuteReadings } from "#storage/archive/testArchive.ts";
import { openReadingLog } from "#storage/offchain/readingLog.ts";
import { startTestKubo, type TestKubo } from "../archive/testKubo.ts";
import { homePaths } from "../configurationHome.ts";
import { readMdmsCsv } from "../mdms/mdmsCsv.ts";
import { saveKey } from "./keyStore.ts";
import { TEST_PASSPHRASE, type TestCli } from "./testIo.ts";
import { homeOf, startLedgerNode } from "./testLedgerNode.ts";

const HOUR_MS = 3_600_000;
const SPAN = { fromMs: START_MS - 2 * HOUR_MS, untilMs: START_MS - HOUR_MS };
const READINGS = minuteReadings(EXPORT_METER, SPAN, 60);
const TIMES = ["--meter", EXPORT_METER, "--from", new Date(SPAN.fromMs).toISOString(), "--to", String(SPAN.untilMs)];

let node: Awaited<ReturnType<typeof startLedgerNode>>;
let kubo: TestKubo;
let cli: TestCli;
let made: { cid: string; readingCount: number; version: number };

/** The home of the meter's owner, with its meter key and its readings. */
beforeAll(async () => {
  node = await startLedgerNode();
  kubo = await startTestKubo();
  cli = await homeOf("prosumer");
  const { keys, data, genesis } = homePaths(cli.home);
  await saveKey(keys, "meter", keyOf("device meter key"), TEST_PASSPHRASE);
  writeFileSync(genesis, JSON.stringify({ chain_id: CHAIN_ID }));
  mkdirSync(data, { recursive: true });
  const log = await openReadingLog(join(data, "readings"));
  // Late and out of order, and one of another meter.
  await log.append([...READINGS.slice(30), { ...READINGS[0]!, meterId: "other" }]);
  await log.append([...READINGS.slice(0, 31)]);
  await log.close();
});
afterAll(async () => {
  await node.close();
  await kubo[Symbol.asyncDispose]();
  cli[Symbol.dispose]();
});

const run = (...args: readonly string[]) => cli.run(...args, "--node", node.url);

test("an archive is made of the home's readings, pinned, and sealed on the ledger", async () => {
  const { exit, json } = await run("archive", "make", ...TIMES, "--ipfs", kubo.url, "--json");
  expect([exit, json]).toMatchObject(["ok", { version: 1, readingCount: 60, isEncrypted: true, pinnedBy: [kubo.url] }]);
  made = json as typeof made;
  expect([...kubo.pins]).toEqual([made.cid]);
  expect((await run("archive", "list")).out).toMatch(new RegExp(`${EXPORT_METER} .* 1 +60 +sealed +${made.cid}`));
  const sealed = await run("archive", "list", "--ledger", "--meter", EXPORT_METER, "--json");
  expect(sealed.json.archives).toMatchObject([{ cid: made.cid, version: 1, readingCount: 60, ...SPAN }]);
  const again = await run("archive", "make", ...TIMES, "--ipfs", kubo.url, "--json");
  expect(again.json).toMatchObject({ cid: made.cid, version: 1 });
});

test("an archive is verified against the ledger, from this home, from the IPFS node, and from a file", async () => {
  const verify = (...args: readonly string[]) => run("archive", "verify", made.cid, "--meter", EXPORT_METER, ...args);
  expect((await verify()).out).toContain("60 readings, every one read");
  const file = join(cli.folder, "archive.bin");
  expect((await run("archive", "get", made.cid, "-o", file)).exit).toBe("ok");
  expect((await verify("--file", file, "--sealed-only")).out).toContain("not looked at");
  const bytes = readFileSync(file);
  bytes[100]! ^= 1;
  writeFileSync(file, bytes);
  const changed = await verify("--file", file, "--json");
  expect([changed.exit, changed.json.code]).toEqual(["verificationFailed", "ARCHIVE_HASH_MISMATCH"]);
  const unknown = await run(
    "archive",
    "verify",
    "bafkreibfyasvzfkjfwq5kqmzkgf4wsoc6zsu36i5lt525ixnypugptqfpy",
    "--meter",
    EXPORT_METER,
    "--json",
  );
  expect([unknown.exit, unknown.json.code]).toEqual(["notFound", "ARCHIVE_NOT_SEALED"]);
});

test("who has the period's key, and nothing else of the owner, reads the archive from the IPFS node", async () => {
  const key = join(cli.folder, "october.key");
  expect((await run("archive", "key", ...TIMES, "-o", key)).exit).toBe("ok");
  expect(statSync(key).mode & 0o777).toBe(0o600);
  using buyer = await homeOf("consumer");
  mkdirSync(buyer.home, { recursive: true });
  writeFileSync(homePaths(buyer.home).genesis, JSON.stringify({ chain_id: CHAIN_ID }));
  const file = join(buyer.folder, "readings.csv");
  const get = (...args: readonly string[]) =>
    buyer.run("archive", "get", made.cid, "-o", file, "--format", "csv", "--ipfs", kubo.url, "--json", ...args);
  expect((await get()).json).toMatchObject({ code: "ARCHIVE_KEY_MISSING" });
  expect((await get("--key-file", key)).json).toMatchObject({ meterId: EXPORT_METER, readings: 60 });
  const back = [];
  for await (const reading of readMdmsCsv([readFileSync(file)])) back.push(reading);
  expect(back).toStrictEqual(READINGS);
  const wrong = join(buyer.folder, "wrong.key");
  writeFileSync(wrong, "00".repeat(32));
  expect((await get("--key-file", wrong)).json).toMatchObject({ code: "ARCHIVE_KEY_WRONG" });
  const verified = ["archive", "verify", made.cid, "--meter", EXPORT_METER, "--ipfs", kubo.url, "--key-file", key];
  expect((await buyer.run(...verified, "--node", node.url)).exit).toBe("ok");
});

test("readings are exported to standard output, a file or a folder, as CSV or CIM", async () => {
  const { out } = await run("export", "csv", ...TIMES);
  const back = [];
  for await (const reading of readMdmsCsv([out])) back.push(reading);
  expect(back).toStrictEqual(READINGS);
  const file = join(cli.folder, "export.xml");
  const { json } = await run("export", "cim", ...TIMES, "-o", file, "--json");
  expect(json).toEqual({ target: file, readings: 60 });
  expect(readFileSync(file, "utf8").match(/<m:IntervalReadings>/g)?.length).toBe(60);
  const folder = join(cli.folder, "mdms");
  await run("export", "csv", ...TIMES, "--folder", folder);
  expect(readFileSync(join(folder, readdirSync(folder)[0]!), "utf8")).toBe(out);
});

test.each([
  ["times in the wrong order", ["export", "csv", "--meter", "m", "--from", "2", "--to", "1"], "usage", "SPAN_EMPTY"],
  [
    "a meter id that is none",
    ["export", "cim", "--meter", "a b", "--from", "1", "--to", "2"],
    "usage",
    "METER_ID_MALFORMED",
  ],
  [
    "a meter that has no readings here",
    ["export", "csv", "--meter", "none", "--from", "1", "--to", "2"],
    "notFound",
    "READINGS_NONE",
  ],
  ["two targets", ["export", "csv", ...TIMES, "-o", "a", "--folder", "b"], "usage", "TARGETS_SEVERAL"],
  ["a folder without a store", ["export", "csv", ...TIMES, "--store", "."], "usage", "READING_TIER_MISSING"],
  ["a CID that is none", ["archive", "get", "bafy", "-o", "x"], "usage", "CID_MALFORMED"],
  [
    "an unknown format",
    ["archive", "get", "bafkreibfyasvzfkjfwq5kqmzkgf4wsoc6zsu36i5lt525ixnypugptqfpy", "-o", "x", "--format", "pdf"],
    "usage",
    "FORMAT_UNKNOWN",
  ],
  [
    "an archive that is not here",
    ["archive", "get", "bafkreibfyasvzfkjfwq5kqmzkgf4wsoc6zsu36i5lt525ixnypugptqfpy", "-o", "x"],
    "failure",
    "ARCHIVE_NOT_FOUND",
  ],
  ["no readings", ["archive", "make", "--meter", "none", "--from", "1", "--to", "2"], "notFound", "READINGS_NONE"],
  ["the ledger's archives of no meter", ["archive", "list", "--ledger"], "usage", "METER_MISSING"],
])("%s: %j", async (_name, args, exit, code) => {
  const result = await run(...args, "--json");
  expect([result.exit, result.json.code]).toEqual([exit, code]);
});
