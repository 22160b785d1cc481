import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { sha256 } from "#storage/crypto/hash.ts";
import { QUALITY, type Reading, validateReading } from "#storage/types/reading.ts";
import { parseScaledDecimal } from "#storage/types/readingDecimal.ts";
import type { DecodedFrame } from "../frame.ts";
import { createDsmrDecoder } from "./decoder.ts";
import type { DsmrDecoderOptions } from "./dsmrOptions.ts";
import { createDsmrFramer } from "./telegramFramer.ts";
import { SAMPLE_FILES, sample, withCrc } from "./testTelegrams.ts";

interface Value {
  readonly value: number;
  readonly unit: string;
}

interface SubMeter {
  readonly utc: string;
  readonly value: number | null;
  readonly unit: string | null;
}

interface Expected {
  readonly file: string;
  readonly crc: "valid" | "INVALID" | "absent";
  readonly normalised: Readonly<Record<string, Value>> & {
    readonly telegramTimestamp?: { readonly utc: string };
    readonly mbus?: readonly SubMeter[];
  };
}

const EXPECTED = JSON.parse(readFileSync(`${import.meta.dirname}/testdata/expected.json`, "utf8")) as Expected[];

/** What a telegram is read with, and what of it is not among the expected values. */
const CASES: Readonly<
  Record<
    string,
    { options?: DsmrDecoderOptions; more?: readonly string[]; rejected?: Readonly<Record<string, number>> }
  >
> = {
  "amshan-a-landisgyr-360.txt": { options: { profile: "SE", meterId: "se1" }, rejected: { "unknown-quantity": 8 } },
  "amshan-c.txt": { options: { profile: "SE", meterId: "se2" }, rejected: { "unknown-quantity": 8 } },
  "dsmr22-iskra-mt382.txt": { options: { meterId: "nl22" } },
  "dsmr50-iskra-two-mbus.txt": { rejected: { sentinel: 1 } },
  "easymeter-q3db1024-d0.txt": { options: { profile: "D0" } },
  "fluvius-v171.txt": {
    options: { profile: "BE" },
    more: [
      "activePower max 0 0 2589000 2020-05-09T11:45:58.000Z",
      "activePower max 0 0 3695000 2020-04-23T17:25:38.000Z",
      "activePower max 0 0 5980000 2020-03-05T10:21:39.000Z",
      "activePower max 0 0 4318000 2020-02-10T02:54:21.000Z",
    ],
  },
  "sagemcom-t210dr-at.txt": {
    options: { profile: "AT", meterId: "at1" },
    more: ["reactiveEnergyImport register 0 1 0", "reactiveEnergyImport register 0 2 747000"].concat([
      "reactiveEnergyExport register 0 1 2692848000",
      "reactiveEnergyExport register 0 2 1204878000",
    ]),
    rejected: { "unknown-quantity": 2 },
  },
  // Its gas was measured 16 days after the telegram.
  "dsmr42-kaifa.txt": { options: { maxClockSkewMs: 17 * 86_400_000 } },
};

const RECEIVED_MS = Date.UTC(2024, 5, 1);

function receivedMs({ normalised }: Expected): number {
  return normalised.telegramTimestamp === undefined ? RECEIVED_MS : Date.parse(normalised.telegramTimestamp.utc) + 2000;
}

test("there is an expectation for every telegram", () => {
  expect(EXPECTED.map(({ file }) => file).sort()).toEqual(SAMPLE_FILES.toSorted());
});

test.each(EXPECTED)("$file decodes to its expected values, and to nothing else", (expected) => {
  const { options, more = [], rejected = {} } = CASES[expected.file] ?? {};
  // Two examples were published with a wrong CRC: their values are read with the right one.
  const bytes = expected.crc === "INVALID" ? withCrc(sample(expected.file).toString("latin1")) : sample(expected.file);
  const at = receivedMs(expected);
  const frame = createDsmrDecoder(options).decode(bytes, at);
  expect(frame.readings.map((reading) => described(reading, at)).sort()).toEqual(
    [...valuesOf(expected), ...more].sort(),
  );
  expect(countsOf(frame)).toEqual(rejected);
  for (const reading of frame.readings) {
    validateReading(reading);
    expect(reading.rawHash).toEqual(sha256(bytes));
    // A peak of the 5th of March is stamped with summer time.
    const isSuspect = reading.kind === "max" && reading.value === 5_980_000;
    expect(reading.quality).toBe(expected.crc === "absent" ? QUALITY.CRC_ABSENT : isSuspect ? QUALITY.SUSPECT : 0);
  }
});

test.each(EXPECTED)("$file is cut out of a stream of odd pieces as it is", (expected) => {
  const bytes = sample(expected.file);
  const stream = Buffer.concat([Buffer.from("12.3*kW)\r\n!1234\r\n"), bytes, Buffer.from("\r\n"), bytes]);
  const framer = createDsmrFramer();
  const found = [];
  for (let at = 0; at < stream.length; at += 37) found.push(...framer.push(stream.subarray(at, at + 37)));
  found.push(...framer.flush());
  const whole = bytes.toString("latin1").trimEnd();
  expect(found.map((each) => ("bytes" in each ? each.bytes.toString("latin1") : each.rejected.reason))).toEqual([
    "truncated",
    whole,
    whole,
  ]);
});

test.each(EXPECTED.filter(({ crc }) => crc === "INVALID"))("$file as published is refused for its CRC", (expected) => {
  const frame = createDsmrDecoder().decode(sample(expected.file), receivedMs(expected));
  expect(countsOf(frame)).toEqual({ "crc-wrong": 1 });
  expect(frame.readings).toEqual([]);
});

test("a gas reading from the future is refused, the rest of its telegram is not", () => {
  const expected = EXPECTED.find(({ file }) => file === "dsmr42-kaifa.txt") as Expected;
  const frame = createDsmrDecoder().decode(sample(expected.file), receivedMs(expected));
  expect(countsOf(frame)).toEqual({ "clock-ahead": 1 });
  expect(frame.readings).toHaveLength(11);
  expect(frame.rejected[0]?.text).toBe(
    "0-1:24.2.1(161129200000W)(00981.443*m3) meter 2016-11-29T19:00:00Z received 2016-11-13T19:57:59Z",
  );
});

test("every device has its own id, as the meter sends it", () => {
  const ids = (file: string) => {
    const expected = EXPECTED.find((each) => each.file === file) as Expected;
    const { options } = CASES[file] ?? {};
    const frame = createDsmrDecoder(options).decode(sample(file), receivedMs(expected));
    return [...new Set(frame.readings.map(({ meterId }) => meterId))];
  };
  expect(ids("dsmr50-iskra-two-mbus.txt")).toEqual([
    "dsmr:4530303434303037333832323436303139",
    "dsmr:4730303339303031393336393930363139",
  ]);
  expect(ids("fluvius-v171.txt")).toEqual([
    "dsmr:3153414733313031303231363035",
    "dsmr:37464C4F32313139303333373333",
    "dsmr:3853414731323334353637383930",
  ]);
  expect(ids("easymeter-q3db1024-d0.txt")).toEqual(["dsmr:1ESY1313002565"]);
  expect(ids("kaifa42-summer-2019.txt")).toEqual(["dsmr:453xxxxxxxxxx", "dsmr:473xxx"]);
  expect(ids("warmtelink-unpadded-crc.txt")).toEqual(["dsmr:621848012D2C0B0C"]);
  // Ids of zeros are none: the configured one, and the place behind it.
  expect(ids("dsmr22-iskra-mt382.txt")).toEqual(["dsmr:nl22", "dsmr:nl22.mbus1"]);
});

function countsOf(frame: DecodedFrame): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { reason } of frame.rejected) counts[reason] = (counts[reason] ?? 0) + 1;
  return counts;
}

/** The time only where it is not that of the telegram or of its arrival. */
function described(reading: Reading, at: number): string {
  const { quantity, kind, phase, tariff, value, timestampMs } = reading;
  const isOfTelegram = timestampMs === at || timestampMs === at - 2000;
  const time = isOfTelegram ? "" : ` ${new Date(timestampMs).toISOString()}`;
  return `${quantity} ${kind} ${phase} ${tariff} ${value}${time}`;
}

/** The other decoder's names and units, as readings. */
function valuesOf({ normalised, file }: Expected): string[] {
  const scaled = ({ value, unit }: Value): number => {
    if (unit !== "0.1 mWh") return unit.startsWith("m") ? value : value * 1000;
    const parsed = parseScaledDecimal(`${Math.floor(value / 10)}.${value % 10}`, 0);
    return "value" in parsed ? parsed.value : Number.NaN;
  };
  const list: string[] = [];
  const registers = { import: "activeEnergyImport", export: "activeEnergyExport" };
  for (const [name, quantity] of Object.entries(registers))
    for (const [tariff, suffix] of ["Total", "T1", "T2"].entries()) {
      const value = normalised[`${name}${suffix}`];
      if (value !== undefined) list.push(`${quantity} register 0 ${tariff} ${scaled(value)}`);
    }
  for (const [phase, suffix] of ["", "L1", "L2", "L3"].entries()) {
    const [taken, given] = [normalised[`powerImport${suffix}`], normalised[`powerExport${suffix}`]];
    if (taken !== undefined) list.push(`activePower instant ${phase} 0 ${scaled(taken) - (given ? scaled(given) : 0)}`);
    for (const quantity of ["voltage", "current"]) {
      const value = normalised[`${quantity}${suffix}`];
      if (value !== undefined) list.push(`${quantity} instant ${phase} 0 ${scaled(value)}`);
    }
  }
  for (const [name, quantity] of [
    ["reactiveImportTotal", "reactiveEnergyImport register"],
    ["reactiveExportTotal", "reactiveEnergyExport register"],
    ["currentAvgDemand", "activePower average"],
  ] as const) {
    const value = normalised[name];
    if (value !== undefined) list.push(`${quantity} 0 0 ${scaled(value)}`);
  }
  for (const { utc, value, unit } of normalised.mbus ?? [])
    if (value !== null) list.push(subMeterValue(file, utc, value, unit));
  return list;
}

/** L and MJ are a thousand times mL and kJ. A time without a flag is the wall clock of Amsterdam, both times in winter. */
function subMeterValue(file: string, utc: string, value: number, unit: string | null): string {
  const [clock = ""] = utc.split(" ");
  const utcMs = utc.endsWith("Z") ? Date.parse(utc) : Date.parse(`${clock}+01:00`);
  const quantity =
    unit === "MJ" ? "heat" : file.startsWith("fluvius") && value === 872_234 ? "waterVolume" : "gasVolume";
  const isOfTelegram = file.startsWith("warmtelink");
  return `${quantity} register 0 0 ${value * 1000}${isOfTelegram ? "" : ` ${new Date(utcMs).toISOString()}`}`;
}
