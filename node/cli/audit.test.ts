import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { openLevelStore } from "#storage/db/levelStore.ts";
import { createLevelReadingStore } from "#storage/offchain/levelReadingStore.ts";
import { openReadingLog } from "#storage/offchain/readingLog.ts";
import { encodeReading } from "#storage/types/reading.ts";
import {
  createSealedHome,
  SEALED_INTERVAL_MS,
  SEALED_METER,
  SEALED_START_MS,
  type SealedHomeOptions,
} from "../audit/testSealedHome.ts";

async function sealedHome(options: SealedHomeOptions = {}) {
  const home = await createSealedHome(options);
  onTestFinished(() => home[Symbol.dispose]());
  const audit = (...args: readonly string[]) => home.cli.run("audit", "--meter", SEALED_METER, "--offline", ...args);
  return { ...home, audit };
}

const time = (ms: number) => new Date(ms).toISOString().replace(".000Z", "Z");

test("untouched readings are intact, in intervals and in amendments, and a copy of the node's readings elsewhere too", async () => {
  const home = await sealedHome({ late: [3, 17, 18] });
  const { exit, json } = await home.audit("--json");
  expect([exit, json.verdict]).toEqual(["ok", "intact"]);
  const items = json.items as { verdict: string; amendment: number; count: number; checks: object }[];
  expect(items.map(({ verdict, amendment, count }) => [verdict, amendment, count])).toEqual([
    ["intact", 0, 14],
    ["intact", 1, 1],
    ["intact", 0, 13],
    ["intact", 1, 2],
    ...Array.from({ length: 6 }, () => ["intact", 0, 15]),
  ]);
  expect(items[0]?.checks).toEqual({ count: true, readingsRoot: true, fingerprint: true, sum: true });
  const text = await home.audit();
  expect(text.out).toContain("intact: all 120 readings of 10 sealed intervals are what was sealed");
  expect(text.out).toContain("120 in 8 intervals, 2 amendments");
});

test("a value that was changed and written back with a good checksum is named with its interval, place, and what should be there", async () => {
  const home = await sealedHome();
  const changed = home.readings.map((reading, i) => (i === 40 ? { ...reading, value: 9 } : reading));
  for (const name of readdirSync(home.log)) writeFileSync(join(home.log, name), "");
  const log = await openReadingLog(home.log);
  await log.append(changed);
  await log.close();
  const { exit, json, out } = await home.audit("--json");
  expect(exit).toBe("tampered");
  const items = json.items as { verdict: string; endMs: number; findings: object[] }[];
  const bad = items.filter(({ verdict }) => verdict !== "intact");
  const timestampMs = SEALED_START_MS + 41 * 60_000;
  const value = home.readings[40]?.value;
  expect(bad).toMatchObject([
    {
      endMs: SEALED_START_MS + 3 * SEALED_INTERVAL_MS,
      findings: [{ type: "changed", index: 10, found: { value: 9, timestampMs }, shouldBe: { value, timestampMs } }],
    },
  ]);
  expect(out).not.toContain("undefined");
  const text = await home.audit();
  expect(text.out).toMatch(
    new RegExp(
      `${time(SEALED_START_MS + 3 * SEALED_INTERVAL_MS)} +10 +${time(timestampMs)} +changed +9 +${value?.toLocaleString("en")}`,
    ),
  );
  expect(text.err).toContain("AUDIT_TAMPERED");
});

test("one bit flipped in the log is found in its file and in its reading", async () => {
  const home = await sealedHome();
  const [segment = ""] = readdirSync(home.log);
  const path = join(home.log, segment);
  const bytes = readFileSync(path);
  const record = Buffer.from(encodeReading(home.readings[77] as (typeof home.readings)[number]));
  const at = bytes.indexOf(record);
  bytes[at + 15]! ^= 0x10;
  writeFileSync(path, bytes);
  const { exit, json } = await home.audit("--json");
  expect(exit).toBe("tampered");
  const [fault] = json.faults as { segment: string; offset: number; bytes: number }[];
  expect(fault?.segment).toBe(segment);
  expect(at).toBeGreaterThan(fault?.offset ?? at);
  expect(at).toBeLessThan((fault?.offset ?? 0) + (fault?.bytes ?? 0));
  const findings = (json.items as { findings: object[] }[]).flatMap((item) => item.findings);
  const { value = 0, timestampMs } = home.readings[77] ?? {};
  expect(findings).toMatchObject([
    { type: "changed", index: 2, found: { value: value ^ 0x10, timestampMs }, shouldBe: { value, timestampMs } },
  ]);
});

test("the off-chain store is audited with the log as its copy", async () => {
  const home = await sealedHome({ late: [20] });
  const folder = join(home.cli.folder, "readings store");
  mkdirSync(folder);
  const database = await openLevelStore(folder);
  const store = createLevelReadingStore(database);
  // Far from what it was, so that only the copy tells it.
  await store.put(home.readings.map((each, i) => (i === 100 ? { ...each, value: 77_000_000 } : each)));
  await database.close();
  const { exit, json } = await home.audit("--store", folder, "--json");
  expect(exit).toBe("tampered");
  const findings = (json.items as { findings: object[] }[]).flatMap((item) => item.findings);
  expect(findings).toMatchObject([
    { type: "changed", found: { value: 77_000_000 }, shouldBe: { value: home.readings[100]?.value } },
  ]);
});

test("intervals that are not sealed are gaps with their readings, and what waits is said", async () => {
  const home = await sealedHome({ intervals: 6, unsealed: [2, 5] });
  const { exit, json } = await home.audit("--json");
  expect([exit, json.verdict]).toEqual(["ok", "intact"]);
  const gapFrom = SEALED_START_MS + 2 * SEALED_INTERVAL_MS;
  expect(json.gaps).toEqual([{ fromMs: gapFrom, toMs: gapFrom + SEALED_INTERVAL_MS, readings: 15 }]);
  expect(json.waiting).toBe(15);
  expect((json.pending as object[]).length).toBe(2);
  const part = await home.audit("--json", "--from", String(gapFrom), "--to", time(gapFrom + 3 * SEALED_INTERVAL_MS));
  expect((part.json.items as object[]).length).toBe(2);
});

test("an auditor with a key file of the range checks it, and nothing beyond it", async () => {
  const home = await sealedHome();
  const until = String(SEALED_START_MS + 4 * SEALED_INTERVAL_MS);
  const file = join(home.cli.folder, "audit.key.json");
  const made = await home.cli.run(
    "audit",
    "key",
    "--meter",
    SEALED_METER,
    "--offline",
    "--to",
    until,
    "-o",
    file,
    "--json",
  );
  expect([made.exit, made.json]).toMatchObject(["ok", { intervals: 4, seeds: 1 }]);
  expect(statSync(file).mode & 0o077).toBe(0);
  expect((await home.audit("--key-file", file, "--to", until)).exit).toBe("ok");
  const all = await home.audit("--key-file", file, "--json");
  const verdicts = (all.json.items as { verdict: string }[]).map(({ verdict }) => verdict);
  expect(verdicts).toEqual([...new Array(4).fill("intact"), ...new Array(4).fill("no-key")]);
  writeFileSync(file, readFileSync(file, "utf8").replace(SEALED_METER, "sim:H0002/import"));
  expect((await home.audit("--key-file", file)).err).toContain("AUDIT_KEY_OTHER_METER");
  writeFileSync(file, "{}");
  expect((await home.audit("--key-file", file)).err).toContain("AUDIT_KEY_MALFORMED");
});

test("what cannot be audited is said with what to do", async () => {
  const home = await sealedHome({ intervals: 1 });
  expect((await home.cli.run("audit", "--offline")).err).toContain("METER_MISSING");
  expect((await home.audit("--from", "9", "--to", "8")).err).toContain("RANGE_EMPTY");
  expect(await home.audit("--to", String(SEALED_START_MS))).toMatchObject({ exit: "notFound" });
  expect((await home.audit("--store", home.cli.folder)).err).toContain("READING_TIER_MISSING");
  const table = readdirSync(home.store).find(
    (name) => /\.(ldb|log)$/.test(name) && statSync(join(home.store, name)).size > 0,
  );
  const path = join(home.store, table ?? "");
  const bytes = readFileSync(path);
  bytes[Math.floor(bytes.length / 2)]! ^= 1;
  writeFileSync(path, bytes);
  expect(await home.audit()).toMatchObject({ exit: "tampered", err: expect.stringContaining("AUDIT_STORE_CORRUPT") });
});
