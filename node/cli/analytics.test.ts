import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, test } from "vitest";
import { accountOf, createTestLedger, EXPORT_METER } from "#consensus/application/testLedger.ts";
import { openLevelStore } from "#storage/db/levelStore.ts";
import { createLevelReadingStore } from "#storage/offchain/levelReadingStore.ts";
import { openReadingLog } from "#storage/offchain/readingLog.ts";
import { csvReadings } from "../analytics/readingsInput.ts";
import { createTestCli } from "./testIo.ts";
import { homeOf, startLedgerNode } from "./testLedgerNode.ts";

const cli = createTestCli();
afterAll(() => cli[Symbol.dispose]());

const testdata = (name: string) => fileURLToPath(new URL(`../analytics/testdata/${name}`, import.meta.url));
const PEAKS = testdata("lcl-peaks.csv.gz");
const [TOU, TARIFF] = [testdata("lcl-tou-march.csv.gz"), testdata("tariff-march.csv")];

test("anomalies: a table for people, the same as JSON with the hash that a flag carries", async () => {
  const text = await cli.run("analytics", "anomalies", PEAKS);
  expect(text.exit).toBe("ok");
  expect(text.out).toContain("2013-03-15T06:00  lcl:MAC000178  spike");
  expect(text.out).toMatch(/suspect {5}79\n/);
  // What is information is counted, not listed.
  expect(text.out).not.toMatch(/lcl:MAC000178 {2}suspect/);
  const { json } = await cli.run("analytics", "anomalies", PEAKS, "--kind", "spike", "--json");
  expect(json.found).toMatchObject({ suspect: 79, spike: 12, "known-load": 8 });
  expect(json.anomalies).toHaveLength(12);
  expect(json.anomalies).toContainEqual(
    expect.objectContaining({
      until: "2013-03-15T06:00:00.000Z",
      score: 92_330,
      flag: { kind: "spike", detailsHash: expect.stringMatching(/^[0-9a-f]{64}$/) },
    }),
  );
});

test("cost: bills by band with the tariff's hash, and only the meters asked for", async () => {
  const { json } = await cli.run("analytics", "cost", TOU, "--tariff", TARIFF, "--period", "month", "--json");
  expect(json).toMatchObject({ currency: "GBP", tariff: { zone: "Europe/London", entries: expect.any(Number) } });
  const bills = json.bills as { period: string; costNano: string; bands: { costNano: string }[] }[];
  expect(bills.map(({ period }) => period)).toEqual(["2013-02", "2013-03", "2013-04"]);
  for (const { costNano, bands } of bills)
    expect(bands.reduce((sum, band) => sum + BigInt(band.costNano), 0n)).toBe(BigInt(costNano));
  const text = await cli.run("analytics", "cost", TOU, "--tariff", TARIFF);
  expect(text.out).toMatch(/^cheaper {4}\d of 1 than flat$/m);
  expect(text.out).toMatch(/^lcl:MAC000044 {2}all/m);
  const other = await cli.run("analytics", "cost", TOU, "--tariff", TARIFF, "--meter", "lcl:MAC000001", "--json");
  expect(other.json.bills).toEqual([]);
});

test("cost: weekly tariffs and rates of one's own", async () => {
  const [tariff, rates] = [join(cli.folder, "tariff.json"), join(cli.folder, "rates.json")];
  const windows = [{ band: "Night", from: "00:30", until: "07:30" }];
  writeFileSync(tariff, JSON.stringify({ from: "2013-01-01", until: "2014-01-01", default: "Day", windows }));
  writeFileSync(rates, JSON.stringify({ currency: "EUR", bands: { Day: "30.1", Night: "17" } }));
  const { json } = await cli.run("analytics", "cost", TOU, "--tariff", tariff, "--rates", rates, "--json");
  const [bill] = json.bills as { costNano: string; flatCostNano: null; bands: { band: string; energyMwh: string }[] }[];
  const [day, night] = bill?.bands.map(({ energyMwh }) => BigInt(energyMwh)) ?? [];
  expect(bill?.flatCostNano).toBeNull();
  expect(BigInt(bill?.costNano ?? 0)).toBe((day ?? 0n) * 30_100n + (night ?? 0n) * 17_000n);
});

test("profile: typical days in local time, one meter beside all, and a picture", async () => {
  const svg = join(cli.folder, "profile.svg");
  const { out } = await cli.run("analytics", "profile", PEAKS, "--compare", "lcl:MAC000178", "--svg", svg, "--days");
  expect(out).toMatch(/^weekday +[▁▂▃▄▅▆▇█]{48}$/m);
  expect(out).toMatch(/^07:00 /m);
  expect(out).toMatch(/^2013-03-31 /m);
  expect(readFileSync(svg, "utf8")).toContain("lcl:MAC000178");
  const { json } = await cli.run("analytics", "profile", PEAKS, "--slot", "1h", "--json");
  expect((json.profile as { weekday: unknown[] }).weekday).toHaveLength(24);
});

test("fleet: completeness, and readings of a store and of an open log as those of a file", async () => {
  const folder = join(cli.folder, "readings");
  const database = await openLevelStore(folder);
  const store = createLevelReadingStore(database);
  const all = [];
  for await (const reading of csvReadings([PEAKS], { signal: new AbortController().signal, nowMs: () => 0 }))
    all.push(reading);
  await store.put(all);
  await store.close();
  await database.close();
  const fromFile = await cli.run("analytics", "fleet", PEAKS, "--json");
  const fromStore = await cli.run("analytics", "fleet", "--store", folder, "--json");
  expect(fromFile.json.meters).toEqual([
    expect.objectContaining({ meterId: "lcl:MAC000178", expected: 3600, present: 3600 }),
    expect.objectContaining({ meterId: "lcl:MAC000320", expected: 3600, present: 3600 }),
  ]);
  expect(fromStore.json).toEqual(fromFile.json);

  const logFolder = join(cli.folder, "log");
  const log = await openReadingLog(logFolder);
  for (let at = 0; at < all.length; at += 1000) await log.append(all.slice(at, at + 1000));
  const fromLog = await cli.run("analytics", "fleet", "--log", logFolder, "--json");
  await log.close();
  const noLog = await cli.run("analytics", "fleet", "--log", cli.folder);
  expect([noLog.exit, noLog.err]).toEqual(["usage", expect.stringContaining("[LOG_MISSING]")]);
  expect(fromLog.json).toEqual(fromFile.json);
});

test("people who watch see progress, scripts do not", async () => {
  let shown = "";
  const watched = await cli.runWith(
    {
      colour: true,
      err: (text) => {
        shown += text;
      },
    },
    ...["analytics", "fleet", ...Array.from({ length: 8 }, () => PEAKS)],
  );
  expect(watched.exit).toBe("ok");
  expect(shown).toMatch(/\r█+░* .* readings, lcl:MAC000\d{3}/);
  expect(shown).toMatch(/ {79}\r$/);
  expect((await cli.run("analytics", "fleet", PEAKS)).err).toBe("");
});

test.each([
  ["no input", [], "ANALYTICS_INPUT_MISSING"],
  ["a file and a store", [PEAKS, "--store", "."], "ANALYTICS_INPUT_MISSING"],
  ["an unknown quantity", [PEAKS, "--quantity", "joy"], "QUANTITY_UNKNOWN"],
  ["a kind that is none", [PEAKS, "--kind", "ghost"], "ANOMALY_KIND_UNKNOWN"],
  ["a limit that is no number", [PEAKS, "--limit", "many"], "NUMBER_MALFORMED"],
  ["a folder without a store", ["--store", "."], "READING_TIER_MISSING"],
])("%s is a mistake of usage", async (_name, args, code) => {
  const { exit, json } = await cli.run("analytics", "anomalies", ...args, "--json");
  expect([exit, json.code]).toEqual(["usage", code]);
});

test("what is not there or cannot be read is named", async () => {
  const missing = await cli.run("analytics", "profile", join(cli.folder, "none.csv"), "--json");
  expect([missing.exit, missing.json.code]).toEqual(["notFound", "FILE_NOT_FOUND"]);
  const zone = await cli.run("analytics", "profile", PEAKS, "--zone", "Europe/Atlantis", "--json");
  expect([zone.exit, zone.json.code]).toEqual(["failure", "ANALYTICS_ZONE_UNKNOWN"]);
  const tariff = await cli.run("analytics", "cost", TOU, "--tariff", PEAKS, "--json");
  expect([tariff.exit, tariff.json.code]).toEqual(["failure", "TARIFF_MALFORMED"]);
  expect(existsSync(join(cli.folder, "CURRENT"))).toBe(false);
});

test("what was found goes on the ledger as signed flags, and the readings stay as they are", async () => {
  const ledger = createTestLedger();
  const node = await startLedgerNode(ledger);
  using dso = await homeOf("dso");
  try {
    const file = join(dso.folder, "peak.csv");
    const slots = Array.from({ length: 40 * 48 }, (_, i) => new Date(Date.UTC(2013, 0, 7) + i * 1_800_000));
    const peakMs = Date.UTC(2013, 1, 13, 7);
    const rows = slots.map(
      (at) => `MAC000002,${at.toISOString().slice(0, 19).replace("T", " ")},${at.getTime() === peakMs ? 4 : 0.2}`,
    );
    writeFileSync(file, `LCLid,tstp,energy(kWh/hh)\n${rows.join("\n")}\n`);
    const at = ["--node", node.url, "--json"];
    const { json } = await dso.run("analytics", "anomalies", file, ...at);
    const [anomaly] = json.anomalies as { flag: { detailsHash: string }; score: number }[];
    const sent = await dso.run("analytics", "anomalies", file, "--sign", ...at);
    expect(sent.exit, sent.err).toBe("ok");
    const flags = await dso.run("query", "flags", EXPORT_METER, ...at);
    expect(flags.json.flags).toMatchObject([
      {
        kind: "spike",
        severity: "warning",
        score: anomaly?.score,
        detector: "spike/1",
        detailsHash: anomaly?.flag.detailsHash,
        intervalEndMs: `${peakMs}`,
        flaggedBy: accountOf("dso"),
      },
    ]);
    const none = await dso.run("analytics", "anomalies", file, "--kind", "leak", "--sign", ...at);
    expect([none.exit, none.json.code]).toEqual(["notFound", "FLAGS_NONE"]);
    const foreign = await dso.run(
      "analytics",
      "anomalies",
      PEAKS,
      ...["--kind", "suspect,spike", "--limit", "600"],
      "--sign",
      ...at,
    );
    expect(foreign.exit).toBe("refused");
    const tooMany = await dso.run("analytics", "anomalies", file, "--fuse-kw", "0", "--limit", "600", "--sign", ...at);
    expect([tooMany.exit, tooMany.json.code]).toEqual(["usage", "FLAGS_TOO_MANY"]);
  } finally {
    await node.close();
  }
});
