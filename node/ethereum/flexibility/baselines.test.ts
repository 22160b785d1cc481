import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { BaselineError } from "#bridge/baseline.ts";
import { changedJson } from "#storage/fuzz/decoder.ts";
import { FUZZ_TIMEOUT_MS, fuzz } from "#storage/fuzz/runs.ts";
import { openLevelReadingStore } from "#storage/offchain/levelReadingStore.ts";
import { openReadingLog } from "#storage/offchain/readingLog.ts";
import { commitSum } from "#storage/types/intervalHash.ts";
import type { Reading } from "#storage/types/reading.ts";
import { createZone, UTC } from "../../analytics/zone.ts";
import { CliError } from "../../cli/cliError.ts";
import { decodeOpenings, type Opening } from "../../cli/openings.ts";
import { createTestCli } from "../../cli/testIo.ts";
import type { LedgerGet } from "../ethereumPort.ts";
import { decodeCommitment, encodeCommitment } from "./baselineFiles.ts";
import { type BaselineMethod, makeBaseline } from "./baselineMethods.ts";
import { energiesOfReadings } from "./intervalHistory.ts";
import { verifyOpenings } from "./verifiedOpenings.ts";

const folder = mkdtempSync(join(tmpdir(), "baselines-"));
const cli = createTestCli();
afterAll(() => {
  rmSync(folder, { recursive: true });
  cli[Symbol.dispose]();
});

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** A Wednesday. */
const EVENT_MS = Date.parse("2026-04-15T17:00:00Z");
const event = { startMs: EVENT_MS, intervalMs: HOUR_MS, intervalCount: 2 };

/** Both intervals of the event, `back` days before it, take this much. */
const day = (back: number, first: bigint, second = first): [number, bigint][] => [
  [EVENT_MS - back * DAY_MS + HOUR_MS, first],
  [EVENT_MS - back * DAY_MS + 2 * HOUR_MS, second],
];
const make = (method: BaselineMethod, energies: readonly (readonly [number, bigint])[], fields: object = {}) =>
  makeBaseline(event, new Map(energies), { method, zone: UTC, without: new Set(), untilMs: EVENT_MS, ...fields });

/** The workdays before the event's: Tuesday, Monday, Friday, Thursday. Saturday and Sunday took much more. */
const history = [
  day(1, 100n, 10n),
  day(2, 300n, 30n),
  day(3, 9000n),
  day(4, 9000n),
  day(5, 200n, 20n),
  day(6, 800n),
].flat();

test("the mean is of the latest days like the event's, rounded to the nearest mWh", () => {
  expect(make({ name: "mean", days: 3 }, history)).toMatchObject({
    baselinesMwh: [200n, 20n],
    madeOf: ["2026-04-14", "2026-04-13", "2026-04-10"],
  });
  const friday = { without: new Set(["2026-04-10"]) };
  expect(make({ name: "mean", days: 3 }, history, friday)?.madeOf).toEqual(["2026-04-14", "2026-04-13", "2026-04-09"]);
});

test("high X of Y takes the days with the highest load among the latest", () => {
  expect(make({ name: "high", days: 4, high: 2 }, history)).toMatchObject({
    baselinesMwh: [550n, 415n],
    madeOf: ["2026-04-09", "2026-04-13"],
  });
});

test("a day with an interval missing, or one that is not over, is no day; too few days make no baseline", () => {
  const torn = history.filter(([endMs]) => endMs !== EVENT_MS - DAY_MS + HOUR_MS);
  expect(make({ name: "mean", days: 2 }, torn)?.madeOf).toEqual(["2026-04-13", "2026-04-10"]);
  const yesterday = { untilMs: EVENT_MS - DAY_MS + HOUR_MS };
  expect(make({ name: "mean", days: 2 }, history, yesterday)?.madeOf).toEqual(["2026-04-13", "2026-04-10"]);
  expect(make({ name: "mean", days: 5 }, history)).toBeUndefined();
  expect(make({ name: "mean", days: 1 }, day(46, 1n))).toBeUndefined();
});

test("which days are workdays is by the calendar of the meters' zone", () => {
  const zone = createZone("Pacific/Auckland");
  // Thursday 05:00 there: the Sundays in UTC are Mondays.
  expect(make({ name: "mean", days: 4 }, history, { zone })?.madeOf).toEqual([
    "2026-04-15",
    "2026-04-14",
    "2026-04-13",
    "2026-04-10",
  ]);
});

test("the same time is the clock's on the wall, also across a change of the clocks", () => {
  const zone = createZone("Europe/Rome");
  // Summer time began on 29 March: 19:00 in Rome was 18:00 UTC before.
  const monday = { ...event, startMs: Date.parse("2026-03-30T17:00:00Z") };
  const friday = Date.parse("2026-03-27T18:00:00Z");
  const energies = new Map([
    [friday + HOUR_MS, 5n],
    [friday + 2 * HOUR_MS, 7n],
  ]);
  const options = {
    method: { name: "mean", days: 1 } as const,
    zone,
    without: new Set<string>(),
    untilMs: monday.startMs,
  };
  expect(makeBaseline(monday, energies, options)).toMatchObject({ baselinesMwh: [5n, 7n], madeOf: ["2026-03-27"] });
});

test("meter before: the mean of the last intervals that are known now, without a gap", () => {
  const before: [number, bigint][] = [
    [EVENT_MS - 5 * HOUR_MS, 1n],
    [EVENT_MS - 4 * HOUR_MS, 2n],
    [EVENT_MS - 3 * HOUR_MS, 5n],
  ];
  expect(make({ name: "before", intervals: 2 }, before)).toMatchObject({
    baselinesMwh: [4n, 4n],
    madeOf: [EVENT_MS - 5 * HOUR_MS, EVENT_MS - 3 * HOUR_MS],
  });
  expect(make({ name: "before", intervals: 2 }, before, { untilMs: EVENT_MS - 4 * HOUR_MS })?.baselinesMwh).toEqual([
    2n,
    2n,
  ]);
  expect(make({ name: "before", intervals: 4 }, before)).toBeUndefined();
  expect(make({ name: "before", intervals: 2 }, [before[0], before[2]] as typeof before)).toBeUndefined();
  expect(make({ name: "before", intervals: 1 }, [])).toBeUndefined();
});

test("readings are summed into whole intervals; what is fed in is negative, and other readings do not count", async () => {
  const reading = (fields: Partial<Reading>): Reading =>
    ({ meterId: "a", quantity: "activeEnergyImport", kind: "interval", phase: 0, tariff: 0, ...fields }) as Reading;
  const minutes = (...values: readonly number[]) =>
    values.map((value, i) => reading({ value, timestampMs: (i + 1) * 60_000, periodMs: 60_000 }));
  async function* all() {
    yield* minutes(1, 2, 3, 4, 5);
    yield reading({ meterId: "b", quantity: "activeEnergyExport", value: 9, timestampMs: 120_000, periodMs: 120_000 });
    yield reading({ meterId: "c", value: 9, timestampMs: 180_000, periodMs: 120_000 });
    yield reading({ meterId: "d", kind: "register", value: 9, timestampMs: 120_000, periodMs: 0 });
  }
  const energies = await energiesOfReadings(all(), 120_000, undefined);
  expect(energies.get("a")).toEqual(
    new Map([
      [120_000, 3n],
      [240_000, 7n],
    ]),
  );
  expect(energies.get("b")).toEqual(new Map([[120_000, -9n]]));
  expect([...energies.keys()]).toEqual(["a", "b"]);
  expect([...(await energiesOfReadings(all(), 120_000, new Set(["b"]))).keys()]).toEqual(["b"]);
});

test("openings are what the meter has sealed, each interval and amendment once, or no baseline is made of them", async () => {
  const salt = new Uint8Array(32).fill(7);
  const commitmentOf = (sum: bigint) => Buffer.from(commitSum({ sum, count: 4, salt })).toString("hex");
  const seal = (endMs: number, sum: bigint) =>
    ({
      type: "MsgSealInterval",
      meterId: "m",
      intervalEndMs: `${endMs}`,
      readingCount: 4,
      sumCommitment: commitmentOf(sum),
    }) as const;
  const amended = { ...seal(20, 5n), type: "MsgAmendInterval", amendment: 1 } as const;
  const blocks: Readonly<Record<string, object>> = {
    newer: { result: { code: 0 }, messages: [seal(40, 9n), amended] },
    refused: { result: { code: 7 }, messages: [seal(30, 1n)] },
    clear: {
      result: { code: 0 },
      messages: [
        { ...seal(30, 0n), sumCommitment: undefined, sumMwh: "3" },
        { ...seal(30, 8n), meterId: "x" },
      ],
    },
    older: { result: { code: 0 }, messages: [seal(20, 2n)] },
    before: { result: { code: 0 }, messages: [seal(10, 2n)] },
  };
  const asked: string[] = [];
  const ledger = async (path: string) => {
    asked.push(path);
    const second = path.includes("cursor=next");
    const names = second ? ["older", "before", "never"] : ["newer", "refused", "clear"];
    if (path.startsWith("/transactions?"))
      return { transactions: names.map((txId) => ({ txId })), next: second ? "more" : "next" };
    return blocks[path.slice("/transactions/".length)];
  };
  const one = (endMs: number, sumMwh: bigint, amendment = 0): Opening => ({
    intervalEndMs: BigInt(endMs),
    amendment,
    sumMwh,
    salt,
  });
  const right = [one(20, 2n), one(20, 5n, 1), one(30, 3n), one(40, 77n)];
  const verify = (given: readonly Opening[], ends = [20, 30]) => verifyOpenings(ledger as LedgerGet, "m", given, ends);
  await verify(right);
  expect(asked).not.toContain("/transactions/never");
  const wrong: readonly (readonly Opening[])[] = [
    [one(20, 3n), ...right.slice(1)],
    [right[0] as Opening, one(20, 6n, 1), one(30, 3n)],
    [right[0] as Opening, right[1] as Opening, one(30, 4n)],
    [right[0] as Opening, one(30, 3n)],
    right.slice(0, 2),
    [...right, one(30, 5n, 1)],
    [...right, one(20, 2n)],
    [one(20, 2n, 0), { ...one(20, 5n, 1), salt: new Uint8Array(32) }, one(30, 3n)],
  ];
  for (const given of wrong) await expect(verify(given)).rejects.toMatchObject({ details: { code: "OPENING_FALSE" } });
  await expect(verify([...right, one(50, 1n)], [20, 30, 50])).rejects.toMatchObject({
    details: { code: "OPENING_FALSE" },
  });
});

const openings = (endMs: number, sumMwh: string) => [{ intervalEndMs: endMs, sumMwh, salt: "05".repeat(32) }];
const openingsFile = join(folder, "openings.json");
writeFileSync(openingsFile, JSON.stringify(openings(EVENT_MS - HOUR_MS, "700")));
const EVENT_FLAGS = ["--start", "2026-04-15T17:00:00Z", "--interval", "1h", "--count", "2"];
const baseline = (...args: readonly string[]) =>
  cli.runWith({ nowMs: () => EVENT_MS - HOUR_MS }, "flexibility", "baseline", ...args);

test("make, show and check say to people what was made and of what; a changed baseline is refused", async () => {
  const output = join(folder, "made");
  const input = ["--openings", `m:1=${openingsFile}`, "--export", "m:1", "--before", "1", "--unverified"];
  const { out } = await baseline("make", ...EVENT_FLAGS, ...input, "-o", output);
  for (const words of ["meter before: mean of the last 1 intervals", "m:1", "-0.0014 kWh", "flexibility request"])
    expect(out).toContain(words);
  const [file, commitment] = [join(output, "0-m_1.json"), join(output, "commitment.json")];
  expect((await baseline("show", file)).out).toContain("2026-04-15T18:00:00.000Z  -0.0007 kWh");
  expect((await baseline("check", file, "--request", commitment)).out).toContain("holds");
  const changed = readFileSync(file, "utf8").replace('"-700","-700"', '"-700","-701"');
  writeFileSync(file, changed);
  expect(await baseline("check", file, "--request", commitment, "--json")).toMatchObject({
    exit: "verificationFailed",
  });
});

test("a light node's log and a store of readings make the baseline that their readings say", async () => {
  const reading = (endMs: number, value: number) => ({
    ...({ meterId: "m:2", quantity: "activeEnergyImport", kind: "interval", phase: 0, tariff: 0, value } as const),
    ...({
      timestampMs: endMs,
      periodMs: HOUR_MS / 2,
      receivedMs: endMs,
      timeSource: "meter",
      timeQuality: "synced",
    } as const),
    ...{ quality: 0, rawHash: new Uint8Array(32).fill(1) },
  });
  const halves = [day(1, 300n), day(2, 500n)]
    .flat()
    .flatMap(([endMs, mwh]) => [reading(endMs - HOUR_MS / 2, 100), reading(endMs, Number(mwh) - 100)])
    .sort((a, b) => a.timestampMs - b.timestampMs);
  const [logFolder, storeFolder] = [join(folder, "log"), join(folder, "store")];
  const log = await openReadingLog(logFolder);
  await log.append(halves);
  await log.close();
  const store = await openLevelReadingStore(storeFolder);
  await store.put(halves);
  await store.close();
  for (const source of [
    ["--log", logFolder],
    ["--store", storeFolder],
  ]) {
    const { json } = await baseline(
      "make",
      ...EVENT_FLAGS,
      ...source,
      "--mean",
      "2",
      "-o",
      join(folder, "of"),
      "--json",
    );
    expect(json.meters).toMatchObject([
      { meterId: "m:2", baselinesMwh: ["400", "400"], madeOf: ["2026-04-14", "2026-04-13"] },
    ]);
    const none = await baseline(
      "make",
      ...EVENT_FLAGS,
      ...source,
      "--meter",
      "m:3",
      "--mean",
      "2",
      "-o",
      folder,
      "--json",
    );
    expect(none).toMatchObject({ exit: "notFound", json: { code: "BASELINE_INPUT_MISSING" } });
  }
});

test.each<[string, readonly string[], string]>([
  ["no readings", ["--mean", "1"], "BASELINE_INPUT_MISSING"],
  ["two kinds of readings", ["--mean", "1", "--openings", "a=b", "--log", folder], "BASELINE_INPUT_MISSING"],
  ["no method", ["--openings", `a=${openingsFile}`], "BASELINE_METHOD_INVALID"],
  ["two methods", ["--openings", `a=${openingsFile}`, "--mean", "1", "--before", "1"], "BASELINE_METHOD_INVALID"],
  ["more high days than days", ["--openings", `a=${openingsFile}`, "--high", "6/5"], "BASELINE_METHOD_INVALID"],
  ["too many days", ["--openings", `a=${openingsFile}`, "--mean", "46"], "BASELINE_METHOD_INVALID"],
  ["too few readings", ["--openings", `a=${openingsFile}`, "--mean", "1"], "BASELINE_HISTORY_SHORT"],
  [
    "a date that is none",
    ["--openings", `a=${openingsFile}`, "--mean", "1", "--without", "2026-13-01"],
    "DATE_MALFORMED",
  ],
  [
    "a zone that is none",
    ["--openings", `a=${openingsFile}`, "--mean", "1", "--zone", "Mars"],
    "ANALYTICS_ZONE_UNKNOWN",
  ],
  ["openings without meter", ["--openings", openingsFile, "--mean", "1"], "OPENINGS_UNREADABLE"],
  ["a log that is not there", ["--log", "/nothing", "--mean", "1"], "LOG_MISSING"],
  [
    "a start between two intervals",
    ["--start", "2026-04-15T17:30:00Z", "--openings", "a=b", "--mean", "1"],
    "BASELINE_EVENT_INVALID",
  ],
  ["no interval", ["--count", "0", "--openings", "a=b", "--mean", "1"], "BASELINE_EVENT_INVALID"],
])("%s: no baseline is made", async (_name, flags, code) => {
  const { json } = await baseline("make", ...EVENT_FLAGS, ...flags, "-o", join(folder, "none"), "--json");
  expect(json).toMatchObject({ code });
});

/** What is read of a changed file; undefined where it is refused with a code. */
function readOf<T>(text: string, read: (text: string) => T, refusal: new (...args: never[]) => Error): T | undefined {
  try {
    return read(text);
  } catch (error) {
    expect(error).toBeInstanceOf(refusal);
    return undefined;
  }
}

test(
  "a changed commitment, and changed openings, are refused with a code or are what they say",
  () => {
    const commitment = { ...event, root: `0x${"05".repeat(32)}`, count: 2, method: "mean of 5 days" };
    fuzz("commitment", changedJson([encodeCommitment(commitment)]), 60, (changed) => {
      const read = readOf(changed, decodeCommitment, BaselineError);
      if (read !== undefined) expect(decodeCommitment(encodeCommitment(read))).toEqual(read);
    });
    fuzz("openings", changedJson([JSON.stringify(openings(5, "-7"))]), 60, (changed) => {
      const read = readOf(changed, (text) => decodeOpenings(text, "it"), CliError);
      for (const { intervalEndMs, salt } of read ?? []) expect([intervalEndMs >= 0n, salt.length]).toEqual([true, 32]);
    });
  },
  FUZZ_TIMEOUT_MS,
);

test("the README has every code of this folder", () => {
  const readme = readFileSync(`${import.meta.dirname}/README.md`, "utf8");
  const sources = globSync("*.ts", { cwd: import.meta.dirname }).filter((name) => !/test/i.test(name));
  const text = sources.map((name) => readFileSync(join(import.meta.dirname, name), "utf8")).join("\n");
  const codes = [...text.matchAll(/cliError\(\s*"\w+",\s*"([A-Z_]+)"/g)].map(([, code]) => code as string);
  // Other commands say these too, and other READMEs explain them.
  const own = codes.filter((code) => !/^(FILE|LOG|OPENINGS)_/.test(code));
  expect(own.length).toBeGreaterThan(10);
  for (const code of own) expect(readme).toContain(`\`${code}\``);
});
