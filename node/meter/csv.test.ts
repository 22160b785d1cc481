import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, expect, test } from "vitest";
import { sha256 } from "#storage/crypto/hash.ts";
import { validateReading } from "#storage/types/reading.ts";
import { type CsvSourceOptions, createCsvSource } from "./csv.ts";
import { ACCEPTED_HEADERS } from "./csvDialect.ts";
import { MAX_SLOT_MWH } from "./csvSlots.ts";
import { MeterSourceError, REJECTION_REASONS, type SourceAccount, type SourceItem } from "./source.ts";

const DERIVED = "LCLid,tstp,energy(kWh/hh)";
let directory = "";

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), "meter-csv-"));
});
afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

async function readFile(options: Partial<CsvSourceOptions> & { path: string }): Promise<{
  items: SourceItem[];
  account: SourceAccount;
}> {
  const source = createCsvSource({ nowMs: () => 1_700_000_000_000, ...options });
  const items: SourceItem[] = [];
  for await (const item of source.readings(new AbortController().signal)) items.push(item);
  const account = source.account();
  expect(account.rows).toBe(items.length);
  const rejected = REJECTION_REASONS.reduce((sum, reason) => sum + account.rejected[reason], 0);
  expect(account.accepted + account.duplicates + rejected).toBe(account.rows);
  const readings = items.flatMap((item) => (item.type === "reading" ? [item.reading] : []));
  for (const reading of readings) validateReading(reading);
  expect(readings.reduce((sum, { value }) => sum + BigInt(value), 0n)).toBe(account.acceptedMwh);
  return { items, account };
}

function readText(text: string | Uint8Array, options: Partial<CsvSourceOptions> = {}) {
  const path = join(directory, "given.csv");
  writeFileSync(path, text);
  return readFile({ path, ...options });
}

function excerpt(name: string): string {
  return fileURLToPath(new URL(`testdata/${name}`, import.meta.url));
}

async function detailsOf(act: Promise<unknown>): Promise<unknown> {
  try {
    await act;
  } catch (error) {
    if (error instanceof MeterSourceError) return error.details;
    throw error;
  }
  return undefined;
}

function reasonsOf(items: readonly SourceItem[]): string[] {
  return items.map((item) => (item.type === "rejected" ? item.reason : item.type));
}

// Figures computed with another program from the same excerpts.
test.each([
  { name: "lcl-original.csv", rows: 31, accepted: 29, duplicates: 1, nulls: 1, gaps: 3266, meters: 1, wh: 5_694n },
  { name: "lcl-sample.csv", rows: 21, accepted: 19, duplicates: 1, nulls: 1, gaps: 2966, meters: 1, wh: 3_856n },
  { name: "lcl-derived.csv", rows: 30, accepted: 30, duplicates: 0, nulls: 0, gaps: 4064, meters: 2, wh: 20_801n },
])("every row of $name is accounted for", async ({ name, rows, accepted, duplicates, nulls, gaps, meters, wh }) => {
  const { account } = await readFile({ path: excerpt(name) });
  expect(account).toMatchObject({ rows, accepted, duplicates, gaps, meters, acceptedMwh: wh * 1000n });
  expect(account.rejected["null-value"]).toBe(nulls);
});

test("a timestamp is the UTC end of the half hour, in each dialect", async () => {
  const first = async (name: string) => {
    const [item] = (await readFile({ path: excerpt(name) })).items;
    return item?.type === "reading" ? item.reading : undefined;
  };
  expect(await first("lcl-original.csv")).toMatchObject({
    meterId: "lcl:MAC000002",
    kind: "interval",
    quantity: "activeEnergyImport",
    periodMs: 1_800_000,
    timestampMs: Date.UTC(2012, 9, 12, 0, 30),
    receivedMs: 1_700_000_000_000,
  });
  expect(await first("lcl-sample.csv")).toMatchObject({ timestampMs: Date.UTC(2012, 9, 17, 13), value: 90_000 });
  expect(await first("lcl-derived.csv")).toMatchObject({ timestampMs: Date.UTC(2013, 0, 2, 13, 30) });
});

test("the raw hash is that of the row's bytes without its line end", async () => {
  const [, row = ""] = readFileSync(excerpt("lcl-sample.csv"), "latin1").split("\r\n");
  const [item] = (await readFile({ path: excerpt("lcl-sample.csv") })).items;
  expect(item?.type === "reading" && Buffer.compare(item.reading.rawHash, sha256(Buffer.from(row)))).toBe(0);
});

test("the same file compressed gives the same items", async () => {
  const plain = await readFile({ path: excerpt("lcl-original.csv") });
  const path = join(directory, "packed");
  writeFileSync(path, gzipSync(readFileSync(excerpt("lcl-original.csv"))));
  expect(await readFile({ path })).toStrictEqual(plain);
});

test("the original header is accepted with and without its tariff column, in spite of spaces and a byte order mark", async () => {
  const row = "MAC000001,Std,2013-01-01 00:30:00.0000000, 0.5 \r\n";
  const text = `\ufeffLCLid,stdorToU,DateTime,KWH/hh (per half hour) \r\n${row}`;
  expect((await readText(text)).account).toMatchObject({ rows: 1, accepted: 1, acceptedMwh: 500_000n });
});

test("an unknown header is refused with the accepted ones, and an empty file by name", async () => {
  expect(await detailsOf(readText("time,kwh\n1,2\n"))).toMatchObject({
    code: "METER_CSV_HEADER_UNKNOWN",
    header: "time,kwh",
    accepted: ACCEPTED_HEADERS,
  });
  expect(await detailsOf(readText(""))).toMatchObject({ code: "METER_CSV_EMPTY" });
  expect(await detailsOf(readText("\n\n"))).toMatchObject({ code: "METER_CSV_EMPTY" });
  expect((await readText(`${DERIVED}\n`)).account).toMatchObject({ rows: 0, gaps: 0, acceptedMwh: 0n });
});

test("a missing file, a damaged archive and a row without end are refused with a code", async () => {
  expect(await detailsOf(readFile({ path: join(directory, "none.csv") }))).toMatchObject({
    code: "METER_CSV_UNREADABLE",
  });
  const packed = gzipSync(readFileSync(excerpt("lcl-original.csv")));
  expect(await detailsOf(readText(packed.subarray(0, packed.length - 20)))).toMatchObject({
    code: "METER_CSV_UNREADABLE",
  });
  expect(await detailsOf(readText(`${DERIVED}\n${"x".repeat(1_000_000)}`))).toMatchObject({
    code: "METER_CSV_UNREADABLE",
  });
});

const T = "2013-01-01 00:30:00";
test.each([
  [`MAC000001,${T}`, "column-count"],
  [`MAC000001,${T},1,2`, "column-count"],
  [`MAC1,${T},1`, "bad-meter-id"],
  [`"MAC000001",${T},1`, "bad-meter-id"],
  ["MAC000001,01/01/2013 00:30:00,1", "bad-timestamp"],
  ["MAC000001,2013-02-29 00:30:00,1", "bad-timestamp"],
  ["MAC000001,2013-13-01 00:30:00,1", "bad-timestamp"],
  ["MAC000001,2013-01-00 00:30:00,1", "bad-timestamp"],
  ["MAC000001,2013-01-01 24:00:00,1", "bad-timestamp"],
  ["MAC000001,0014-01-01 00:30:00,1", "bad-timestamp"],
  [`MAC000001,${T},Null`, "null-value"],
  [`MAC000001,${T},  `, "null-value"],
  ["MAC000001,2013-01-01 00:30:01,Null", "null-value"],
  ["MAC000001,2013-01-01 00:30:01,1", "off-grid"],
  ["MAC000001,2013-01-01 00:30:00.0000001,1", "off-grid"],
  [`MAC000001,${T},NaN`, "not-a-number"],
  [`MAC000001,${T},1e-1`, "not-a-number"],
  [`MAC000001,${T},"1"`, "not-a-number"],
  [`MAC000001,${T},-0.001`, "negative"],
  [`MAC000001,${T},11.501`, "over-limit"],
  [`MAC000001,${T},99999999999999999999`, "over-limit"],
  [`MAC000001,${T},11.5`, "reading"],
  [`MAC000001,${T},-0.0001`, "reading"],
  [`MAC000001,${T}.0000000, 0 `, "reading"],
  ["MAC000001,2012-02-29 00:00:00,1", "reading"],
])("%s is %s", async (row, result) => {
  const { items, account } = await readText(`${DERIVED}\n${row}\n`);
  expect(reasonsOf(items)).toStrictEqual([result]);
  if (items[0]?.type === "rejected") expect(items[0]).toMatchObject({ row: 1, text: row.trimEnd() });
  expect(account.rows).toBe(1);
});

test("equal values for one time are duplicates, another value is a conflict and the first stays, in any order of rows", async () => {
  const rows = [
    `MAC000001,${T},0.1`,
    `MAC000002,${T},0.2`,
    "MAC000001,2013-01-01 02:00:00,0.3",
    `MAC000001,${T}, 0.1000 `,
    `MAC000001,${T},0.2`,
    `MAC000001,${T},0.1`,
    "MAC000001,2013-01-01 01:00:00,0",
    "MAC000001,2013-01-01 01:00:00,0",
  ];
  const { items, account } = await readText(`${DERIVED}\n${rows.join("\n")}`);
  const [reading, duplicate, conflict] = ["reading", "duplicate", "conflict"];
  expect(reasonsOf(items)).toStrictEqual([
    reading,
    reading,
    reading,
    duplicate,
    conflict,
    duplicate,
    reading,
    duplicate,
  ]);
  expect(account).toMatchObject({ accepted: 4, duplicates: 3, acceptedMwh: 600_000n, gaps: 1, meters: 2 });
});

test("the fuse limit can be raised as far as a slot can remember", async () => {
  const row = `${DERIVED}\nMAC000001,${T},65.534\nMAC000001,${T},65.534\nMAC000001,${T},65.535`;
  const { items } = await readText(row, { fuseLimitMwh: MAX_SLOT_MWH });
  expect(reasonsOf(items)).toStrictEqual(["reading", "duplicate", "over-limit"]);
  for (const fuseLimitMwh of [MAX_SLOT_MWH + 1, -1, 0.5])
    expect(() => createCsvSource({ path: "x", nowMs: () => 0, fuseLimitMwh })).toThrow(/METER_OPTION_INVALID/);
});

test("an aborted read ends without an error and closes the file", async () => {
  const controller = new AbortController();
  const source = createCsvSource({ path: excerpt("lcl-derived.csv"), nowMs: () => 0 });
  let items = 0;
  for await (const _item of source.readings(controller.signal)) {
    items += 1;
    if (items === 3) controller.abort();
  }
  expect(items).toBeGreaterThanOrEqual(3);
  expect(source.account().rows).toBe(items);
});
