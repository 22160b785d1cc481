import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { SaxesParser } from "saxes";
import { afterAll, expect, test } from "vitest";
import { openArchive } from "#storage/archive/archiveReader.ts";
import { archiveOf, minuteReadings } from "#storage/archive/testArchive.ts";
import { LedgerError } from "#storage/error.ts";
import type { StoredReading } from "#storage/offchain/readingStore.ts";
import {
  QUALITY,
  QUANTITIES,
  READING_KINDS,
  type Reading,
  TIME_QUALITIES,
  TIME_SOURCES,
} from "#storage/types/reading.ts";
import { writeMdmsCim } from "./mdmsCim.ts";
import { CSV_COLUMNS, readMdmsCsv, writeMdmsCsv } from "./mdmsCsv.ts";
import { exportFile, mdmsDelivery } from "./mdmsExport.ts";
import { MAX_MISSING_IN_GAP, type MdmsItem, withMissing } from "./mdmsItems.ts";
import { directorySink, httpSink } from "./mdmsSinks.ts";
import { formatScaled, STATUS_CODES, statusOf, UNITS } from "./mdmsUnits.ts";
import { readingTypeOf } from "./readingType.ts";

const folder = mkdtempSync(join(tmpdir(), "mdms-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const PERIOD = { fromMs: Date.UTC(2026, 9, 1), untilMs: Date.UTC(2026, 10, 1) };
const METER = "lora:fc48c900000001c5/import";
const READINGS = minuteReadings(METER, PERIOD, 10);
const SUBJECT = { ledgerId: "grid-1", meterId: METER, ...PERIOD, version: 1 };
const stored = (readings: readonly Reading[]): readonly StoredReading[] =>
  readings.map((reading) => ({ type: "reading", reading }));

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}
const csvOf = async (items: Iterable<MdmsItem>) => (await all(writeMdmsCsv(items))).join("");

async function codeOf(act: () => Promise<unknown>): Promise<unknown> {
  try {
    await act();
  } catch (error) {
    if (error instanceof LedgerError) return error.details;
    throw error;
  }
  return undefined;
}

const anyReading: fc.Arbitrary<Reading> = fc
  .record({
    meterId: fc.stringMatching(/^[\x21-\x7e]{1,96}$/),
    quantity: fc.constantFrom(...QUANTITIES),
    kind: fc.constantFrom(...READING_KINDS),
    phase: fc.nat({ max: 3 }),
    tariff: fc.nat({ max: 4 }),
    value: fc.maxSafeInteger(),
    timestampMs: fc.nat({ max: 253_402_300_799_999 }),
    periodMs: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
    receivedMs: fc.nat({ max: 253_402_300_799_999 }),
    timeSource: fc.constantFrom(...TIME_SOURCES),
    timeQuality: fc.constantFrom(...TIME_QUALITIES),
    quality: fc.nat({ max: 255 }),
    rawHash: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    optional: fc.record(
      { seq: fc.nat({ max: Number.MAX_SAFE_INTEGER }), registerValue: fc.nat({ max: Number.MAX_SAFE_INTEGER }) },
      { requiredKeys: [] },
    ),
  })
  .map(({ optional, ...reading }) => ({
    ...reading,
    ...optional,
    periodMs: reading.kind === "register" || reading.kind === "instant" ? 0 : reading.periodMs,
  }));

test("what is written as CSV is read back exactly as it was, whatever its fields and however it is cut", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyReading, { maxLength: 8 }),
      fc.integer({ min: 1, max: 64 }),
      async (readings, piece) => {
        const bytes = Buffer.from(await csvOf(stored(readings)));
        const pieces = Array.from({ length: Math.ceil(bytes.length / piece) }, (_, at) =>
          bytes.subarray(at * piece, (at + 1) * piece),
        );
        expect(await all(readMdmsCsv(pieces))).toStrictEqual(readings);
      },
    ),
    { numRuns: 60 },
  );
});

test("a row is what the README says of it", async () => {
  const reading: Reading = {
    ...READINGS[0]!,
    registerValue: 52_185_782_531,
    quality: QUALITY.ESTIMATED,
    value: 219_000,
  };
  const series = { meterId: METER, quantity: "activeEnergyImport", kind: "interval", phase: 0, tariff: 0 } as const;
  const csv = await csvOf([
    ...stored([reading]),
    { type: "missing", series, timestampMs: PERIOD.fromMs + 120_000, periodMs: 60_000 },
    { type: "erased", series, timestampMs: PERIOD.fromMs + 180_000, leafHash: undefined },
  ]);
  const hash = Buffer.from(reading.rawHash).toString("hex");
  expect(csv.split("\r\n")).toEqual([
    CSV_COLUMNS.join(","),
    `${METER},activeEnergyImport,interval,0,0,2026-10-01T00:01:00.000Z,60000,0.219000,kWh,estimated,52185.782531,2026-10-01T00:20:00.000Z,meter,synced,0,2,${hash}`,
    `${METER},activeEnergyImport,interval,0,0,2026-10-01T00:02:00.000Z,60000,,kWh,missing,,,,,,,`,
    `${METER},activeEnergyImport,interval,0,0,2026-10-01T00:03:00.000Z,,,kWh,erased,,,,,,,`,
    "",
  ]);
  expect(await all(readMdmsCsv([csv]))).toStrictEqual([reading]);
});

test("every quality has its status: the worst one is said", () => {
  expect([0, QUALITY.LATE, QUALITY.SUSPECT, QUALITY.SUSPECT | QUALITY.ESTIMATED, 255].map(statusOf)).toEqual([
    "measured",
    "measured",
    "suspect",
    "estimated",
    "substituted",
  ]);
  expect(STATUS_CODES.length).toBe(6);
});

test("a scaled integer is shown with all of its digits", () => {
  expect([0, 1, -1, 219_000, -84_891_000, Number.MAX_SAFE_INTEGER].map((value) => formatScaled(value, 6))).toEqual([
    "0.000000",
    "0.000001",
    "-0.000001",
    "0.219000",
    "-84.891000",
    "9007199254.740991",
  ]);
});

test.each<[string, (row: string[]) => string[]]>([
  ["16 columns", (row) => row.slice(1)],
  ["18 columns", (row) => [...row, ""]],
  ["meter_id", (row) => row.with(0, "a b")],
  ["quantity", (row) => row.with(1, "steam")],
  ["kind", (row) => row.with(2, "guess")],
  ["phase", (row) => row.with(3, "x")],
  ["phase", (row) => row.with(3, "4")],
  ["interval_end_utc", (row) => row.with(5, "2026-10-01 00:01:00")],
  ["interval_end_utc", (row) => row.with(5, "2026-10-01T00:01:00+02:00")],
  ["period_ms", (row) => row.with(6, "60000.5")],
  ["value", (row) => row.with(7, "NaN")],
  ["value", (row) => row.with(7, "0.2190001")],
  ["value", (row) => row.with(7, '"0,219000"')],
  ["unit", (row) => row.with(8, "Wh")],
  ["status", (row) => row.with(9, "fine")],
  ["status", (row) => row.with(9, "estimated")],
  ["value", (row) => row.with(9, "missing")],
  ["register", (row) => row.with(10, "-1.0")],
  ["received_utc", (row) => row.with(11, "")],
  ["time_source", (row) => row.with(12, "sun")],
  ["sequence", (row) => row.with(14, "-1")],
  ["quality_bits", (row) => row.with(15, "")],
  ["raw_sha256", (row) => row.with(16, "00")],
])("a row with a wrong %s is refused, with its number", async (reason, change) => {
  const [header = "", first = "", second = ""] = (await csvOf(stored(READINGS.slice(0, 2)))).split("\r\n");
  expect(READINGS[0]?.quality).toBe(2);
  const text = [header, first, change(second.split(",")).join(","), ""].join("\r\n");
  expect(await codeOf(() => all(readMdmsCsv([text])))).toMatchObject({
    code: "MDMS_CSV_MALFORMED",
    row: 3,
    reason: expect.stringContaining(reason),
  });
});

test("files that are none are refused", async () => {
  for (const text of ["", "meter,value\r\n", `"${CSV_COLUMNS.join(",")}`, "x".repeat(5000)])
    expect(await codeOf(() => all(readMdmsCsv([text]))), text.slice(0, 20)).toMatchObject({
      code: "MDMS_CSV_MALFORMED",
    });
});

test("a time at which an interval should be and is none is missing; gaps of other measurements are not", async () => {
  const [first, second, third, , , sixth] = READINGS as Reading[];
  const other = (reading: Reading, change: Partial<Reading>): Reading => ({ ...reading, ...change });
  const missing = async (...readings: Reading[]) =>
    (await all(withMissing(stored(readings)))).filter(({ type }) => type === "missing").length;
  expect(await missing(first!, second!, sixth!)).toBe(3);
  expect(await missing(first!, other(third!, { quantity: "activeEnergyExport" }))).toBe(0);
  expect(await missing(first!, other(third!, { periodMs: 120_000 }))).toBe(0);
  expect(await missing(first!, other(third!, { timestampMs: third!.timestampMs + 1 }))).toBe(0);
  const registers = [first!, third!].map((each) => other(each, { kind: "register", periodMs: 0 }));
  expect(await missing(...registers)).toBe(0);
  const after = (periods: number) => other(first!, { timestampMs: first!.timestampMs + periods * 60_000 });
  expect(await missing(first!, after(MAX_MISSING_IN_GAP + 1))).toBe(MAX_MISSING_IN_GAP);
  expect(await missing(first!, after(MAX_MISSING_IN_GAP + 2))).toBe(0);
});

test("reading types are those of IEC 61968-9 Annex C", () => {
  const series = { meterId: METER, quantity: "activeEnergyImport", kind: "interval", phase: 0, tariff: 0 } as const;
  const of = (change: Partial<Reading>, periodMs: number) => readingTypeOf({ ...series, ...change }, periodMs);
  // The first two stand in the standard's own examples and in head-end systems: 15-minute delta and bulk kWh, forward.
  expect(of({}, 900_000)).toBe("0.0.2.4.1.1.12.0.0.0.0.0.0.0.0.3.72.0");
  expect(of({ kind: "register" }, 0)).toBe("0.0.0.1.1.1.12.0.0.0.0.0.0.0.0.3.72.0");
  expect(of({ quantity: "activeEnergyExport" }, 3_600_000)).toBe("0.0.7.4.19.1.12.0.0.0.0.0.0.0.0.3.72.0");
  expect(of({ quantity: "activePower", kind: "average" }, 60_000)).toBe("0.2.3.6.4.1.37.0.0.0.0.0.0.0.0.3.38.0");
  expect(of({ quantity: "voltage", kind: "instant", phase: 2 }, 0)).toBe("0.0.0.12.0.1.54.0.0.0.0.0.0.0.65.0.29.0");
  expect(of({ quantity: "current", kind: "max", phase: 1 }, 600_000)).toBe("0.8.1.6.0.1.4.0.0.0.0.0.0.0.128.0.5.0");
  expect(of({ tariff: 2 }, 1_800_000)).toBe("0.0.5.4.1.1.12.0.0.0.0.2.0.0.0.3.72.0");
  expect(of({ quantity: "gasVolume", kind: "register" }, 0)).toBe("0.0.0.1.1.7.58.0.0.0.0.0.0.0.0.0.42.0");
  expect(of({ quantity: "heat" }, 86_400_000)).toBe("0.0.4.4.1.12.12.0.0.0.0.0.0.0.0.6.31.0");
  expect(of({}, 61_000)).toBe("0.0.0.4.1.1.12.0.0.0.0.0.0.0.0.3.72.0");
  expect(of({ quantity: "stateOfCharge", kind: "instant" }, 0)).toBeUndefined();
  for (const quantity of QUANTITIES) {
    const type = of({ quantity }, 60_000);
    if (type !== undefined) expect(type.split(".").length).toBe(18);
    expect(UNITS[quantity].unit).not.toBe("");
  }
});

interface Element {
  readonly name: string;
  readonly uri: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: Element[];
  text: string;
}

/** The document by a strict, namespace-aware parser: anything not well-formed throws. */
function parseXml(text: string): Element {
  const root: Element = { name: "", uri: "", attributes: {}, children: [], text: "" };
  const open = [root];
  const parser = new SaxesParser({ xmlns: true });
  parser.on("error", (error) => {
    throw error;
  });
  parser.on("opentag", ({ local, uri, attributes }) => {
    const plain = Object.entries(attributes).map(([name, { value }]) => [name, value]);
    const element = { name: local, uri, attributes: Object.fromEntries(plain), children: [], text: "" };
    open.at(-1)?.children.push(element);
    open.push(element);
  });
  parser.on("text", (chunk) => {
    const element = open.at(-1);
    if (element !== undefined) element.text += chunk;
  });
  parser.on("closetag", () => void open.pop());
  parser.write(text).close();
  return root.children[0]!;
}

/** The sequences of MeterReadings.xsd (2011) for what is used of it: names in order, `*` may repeat, `?` may be absent. */
const SCHEMA: Readonly<Record<string, readonly string[]>> = {
  EventMessage: ["Header", "Payload"],
  Header: ["Verb", "Noun", "Revision", "Timestamp", "Source", "MessageID", "CorrelationID"],
  Payload: ["MeterReadings"],
  MeterReadings: ["MeterReading"],
  MeterReading: ["IntervalBlocks*", "Meter", "Readings*", "valuesInterval"],
  IntervalBlocks: ["IntervalReadings*", "ReadingType"],
  IntervalReadings: ["reportedDateTime?", "timeStamp", "value?", "ReadingQualities*"],
  Readings: ["reportedDateTime?", "timeStamp", "value?", "ReadingQualities*", "ReadingType"],
  ReadingQualities: ["ReadingQualityType"],
  Meter: ["mRID"],
  valuesInterval: ["end", "start"],
};

function checkSchema(element: Element): void {
  const names = element.children.map(({ name }) => name);
  const sequence = SCHEMA[element.name] ?? [];
  const pattern = sequence
    .map((each) => (/[*?]$/.test(each) ? `(${each.slice(0, -1)} )${each.at(-1)}` : `${each} `))
    .join("");
  expect(names.map((name) => `${name} `).join(""), element.name).toMatch(new RegExp(`^${pattern}$`));
  const isMessage = ["EventMessage", "Header", "Payload", ...SCHEMA.Header!].includes(element.name);
  expect(element.uri).toBe(
    isMessage ? "http://iec.ch/TC57/2011/schema/message" : "http://iec.ch/TC57/2011/MeterReadings#",
  );
  if (/^(timeStamp|reportedDateTime|start|end|Timestamp)$/.test(element.name))
    expect(new Date(element.text).toISOString()).toBe(element.text);
  if (element.name === "value") expect(element.text).toMatch(/^-?\d+\.\d+$/);
  if (element.name === "ReadingType") expect(element.attributes.ref).toMatch(/^(\d+\.){17}\d+$/);
  if (element.name === "ReadingQualityType") expect(element.attributes.ref).toMatch(/^2\.\d+\.\d+$/);
  for (const child of element.children) checkSchema(child);
}

const find = (element: Element, name: string): Element[] => [
  ...(element.name === name ? [element] : []),
  ...element.children.flatMap((child) => find(child, name)),
];

const cimOf = async (items: Iterable<StoredReading>, meterId = METER) => {
  const text = (await exportFile("cim", { ...SUBJECT, meterId }, items)).bytes.toString();
  const document = parseXml(text);
  checkSchema(document);
  return document;
};

test("the CIM message has the elements of the schema in its order, in its namespaces, with every interval value", async () => {
  const [first, ...rest] = READINGS.toSpliced(3, 2) as [Reading, ...Reading[]];
  const register: Reading = { ...first, kind: "register", periodMs: 0, value: 52_185_782_531, quality: QUALITY.RESET };
  const quarter = { ...first, periodMs: 900_000, timestampMs: PERIOD.untilMs };
  const document = await cimOf(stored([first, ...rest, quarter, register]), "dsmr:<&\"'>");
  expect(find(document, "mRID")[0]?.text).toBe("dsmr:<&\"'>");
  expect(find(document, "Noun")[0]?.text).toBe("MeterReadings");
  const blocks = find(document, "IntervalBlocks");
  expect(blocks.map((block) => find(block, "ReadingType")[0]?.attributes.ref)).toEqual([
    "0.0.3.4.1.1.12.0.0.0.0.0.0.0.0.3.72.0",
    "0.0.2.4.1.1.12.0.0.0.0.0.0.0.0.3.72.0",
  ]);
  const readings = find(blocks[0]!, "IntervalReadings");
  expect(readings.length).toBe(10);
  expect(readings.map((each) => find(each, "value")[0]?.text)).toEqual([
    ...[0, 1, 2].map((at) => formatScaled(READINGS[at]!.value, 6)),
    undefined,
    undefined,
    ...[5, 6, 7, 8, 9].map((at) => formatScaled(READINGS[at]!.value, 6)),
  ]);
  const qualities = readings.map((each) => find(each, "ReadingQualityType").map(({ attributes }) => attributes.ref));
  expect(qualities.slice(0, 4)).toEqual([["2.8.0"], ["2.0.0"], ["2.0.0"], ["2.5.259"]]);
  expect(find(readings[1]!, "timeStamp")[0]?.text).toBe("2026-10-01T00:02:00.000Z");
  const [single] = find(document, "Readings");
  expect(find(single!, "value")[0]?.text).toBe("52185.782531");
  expect(find(single!, "ReadingQualityType")[0]?.attributes.ref).toBe("2.4.8");
});

test("no readings are a message all the same; what has no name in the standard is counted", async () => {
  expect(find(await cimOf([]), "IntervalBlocks")).toEqual([]);
  const charge: Reading = { ...READINGS[0]!, quantity: "stateOfCharge", kind: "instant", periodMs: 0 };
  const { meterId, quantity, kind, phase, tariff } = READINGS[0]!;
  const grave = {
    type: "erased",
    series: { meterId, quantity, kind, phase, tariff },
    timestampMs: 1,
    leafHash: undefined,
  } as const;
  const message = { meterId: METER, ...PERIOD, messageId: "1", createdMs: 0, source: "grid-1" };
  const writing = writeMdmsCim(message, [...stored([charge]), grave]);
  let step = await writing.next();
  while (step.done !== true) step = await writing.next();
  expect(step.value).toEqual({ unnamed: 1, erased: 1 });
});

test("every reading makes well-formed XML of the schema's order", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(anyReading, { maxLength: 6 }), async (readings) => {
      await cimOf(stored(readings), readings[0]?.meterId ?? METER);
    }),
    { numRuns: 60 },
  );
});

test("a file appears in a folder whole, under a name of its own, once", async () => {
  const directory = join(folder, "drop");
  const sink = directorySink(directory);
  const file = await exportFile("csv", SUBJECT, stored(READINGS));
  await sink.put(file);
  await sink.put(file);
  expect(readdirSync(directory)).toEqual(["lora-fc48c900000001c5-import_20261001T000000Z_20261101T000000Z_v1.csv"]);
  expect(await all(readMdmsCsv([readFileSync(join(directory, file.name))]))).toStrictEqual(READINGS);
  writeFileSync(join(directory, file.name), "half");
  await sink.put(file);
  expect(readFileSync(join(directory, file.name)).length).toBe(file.bytes.length);
});

async function startMdms(answer: (request: IncomingMessage, response: ServerResponse, body: string) => void) {
  const bodies: string[] = [];
  const keys: string[] = [];
  const take = async (request: IncomingMessage, response: ServerResponse) => {
    const body = Buffer.concat(await request.toArray()).toString();
    bodies.push(body);
    keys.push(String(request.headers["idempotency-key"]));
    answer(request, response, body);
  };
  const server = createServer((request, response) => void take(request, response));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/readings`;
  return { url, bodies, keys, [Symbol.asyncDispose]: async () => void (server.close(), server.closeAllConnections()) };
}

test("an HTTP system that fails for a while is given the file until it takes it, always under the same key", async () => {
  const answers = [503, 429, 201];
  await using mdms = await startMdms(
    (_request, response) => void response.writeHead(answers.shift() ?? 500).end("busy"),
  );
  const waits: number[] = [];
  const sink = httpSink(
    { url: mdms.url, authorization: "Bearer x" },
    { fetch, wait: async (ms) => void waits.push(ms) },
  );
  const file = await exportFile("cim", SUBJECT, stored(READINGS));
  await sink.put(file);
  expect(waits).toEqual([1000, 2000]);
  expect(new Set(mdms.keys).size).toBe(1);
  expect(mdms.bodies).toEqual([1, 2, 3].map(() => Buffer.from(file.bytes).toString()));
});

test("an HTTP system that refuses is not asked again, one that is away is given up after five tries", async () => {
  await using refusing = await startMdms((_request, response) => void response.writeHead(422).end("x".repeat(1000)));
  const waits: number[] = [];
  const parts = { fetch, wait: async (ms: number) => void waits.push(ms) };
  const file = await exportFile("csv", SUBJECT, stored(READINGS));
  expect(await codeOf(() => httpSink({ url: refusing.url }, parts).put(file))).toEqual({
    code: "MDMS_REFUSED",
    url: refusing.url,
    status: 422,
    reason: `422 ${"x".repeat(300)}`,
  });
  expect([refusing.bodies.length, waits.length]).toEqual([1, 0]);
  await refusing[Symbol.asyncDispose]();
  expect(await codeOf(() => httpSink({ url: refusing.url }, parts).put(file))).toMatchObject({
    code: "MDMS_UNREACHABLE",
    tries: 5,
  });
  expect(waits).toEqual([1000, 2000, 4000, 8000]);
  for (const url of ["ftp://mdms/", "mdms"])
    expect(await codeOf(async () => httpSink({ url }, parts))).toMatchObject({ code: "MDMS_TARGET_INVALID" });
});

test("an archive's readings are delivered as they are in the archive", async () => {
  const directory = join(folder, "delivery");
  const archive = openArchive(archiveOf(METER, PERIOD, READINGS));
  const about = { meterId: METER, ...PERIOD, version: 3 } as never;
  for (const format of ["csv", "cim"] as const)
    await mdmsDelivery("grid-1", format, directorySink(directory)).deliver(archive, about);
  const [csv, xml] = readdirSync(directory).sort();
  expect(await all(readMdmsCsv([readFileSync(join(directory, csv!))]))).toStrictEqual(READINGS);
  expect(find(parseXml(readFileSync(join(directory, xml!), "utf8")), "IntervalReadings").length).toBe(10);
});
