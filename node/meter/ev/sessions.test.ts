import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { pino } from "pino";
import { afterAll, expect, test } from "vitest";
import { sha256 } from "#storage/crypto/hash.ts";
import { changedJson } from "#storage/fuzz/decoder.ts";
import { byteMutation, mutateBytes } from "#storage/fuzz/mutateBytes.ts";
import { FUZZ_TIMEOUT_MS, fuzz } from "#storage/fuzz/runs.ts";
import { QUALITY, validateReading } from "#storage/types/reading.ts";
import type { DecodedFrame } from "../frame.ts";
import { decodeAcnSessions, decodeWorkplaceCsv, parseRfc1123 } from "./sessions.ts";
import { startEvSessionsInput } from "./sessionsInput.ts";

const CONTEXT = { receivedMs: Date.UTC(2026, 0, 1), maxPowerW: 400_000 };
const WORKPLACE = readFileSync(new URL("./testdata/workplace.csv", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "ev-sessions-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A session with the fields, and the gaps, of the ACN export. */
function session(more: object = {}): object {
  return {
    _id: "60a30a8cf9af8b5f076a3919",
    clusterID: "0039",
    connectionTime: "Sat, 01 May 2021 20:42:47 GMT",
    disconnectTime: "Sat, 01 May 2021 21:32:12 GMT",
    doneChargingTime: null,
    kWhDelivered: 30.936,
    sessionID: "2_39_81_4550_2021-05-01 20:42:39.133163",
    siteID: "0002",
    stationID: "2-39-81-4550",
    timezone: "America/Los_Angeles",
    userID: null,
    userInputs: null,
    ...more,
  };
}

function acn(...sessions: unknown[]): DecodedFrame {
  const frame = decodeAcnSessions(Buffer.from(JSON.stringify(sessions)), CONTEXT);
  for (const reading of frame.readings) validateReading(reading);
  return frame;
}

test("a session is the energy of the time from plugging in to plugging out, at its station", () => {
  const bytes = Buffer.from(JSON.stringify([session()]));
  expect(decodeAcnSessions(bytes, CONTEXT)).toStrictEqual({
    readings: [
      {
        meterId: "ev:2-39-81-4550",
        quantity: "activeEnergyImport",
        kind: "interval",
        phase: 0,
        tariff: 0,
        value: 30_936_000,
        timestampMs: Date.UTC(2021, 4, 1, 21, 32, 12),
        periodMs: 2_965_000,
        receivedMs: CONTEXT.receivedMs,
        timeSource: "concentrator",
        timeQuality: "synced",
        quality: 0,
        rawHash: sha256(bytes),
      },
    ],
    rejected: [],
  });
});

test("a session that was done charging after it was unplugged is suspect", () => {
  const done = (doneChargingTime: string): number | undefined =>
    acn(session({ doneChargingTime })).readings[0]?.quality;
  expect(done("Sat, 01 May 2021 21:00:00 GMT")).toBe(0);
  expect(done("Sat, 01 May 2021 21:32:13 GMT")).toBe(QUALITY.SUSPECT);
});

test.each([
  [{ disconnectTime: null }, "bad-timestamp"],
  [{ connectionTime: "Sun, 01 May 2021 20:42:47 GMT" }, "bad-timestamp"],
  [{ connectionTime: "Sat, 01 May 2021 21:32:12 GMT" }, "bad-timestamp"],
  [{ kWhDelivered: null }, "null-value"],
  [{ kWhDelivered: -1 }, "negative"],
  [{ kWhDelivered: 4000 }, "over-limit"],
  [{ stationID: null }, "bad-meter-id"],
])("%j is rejected: %s, without naming the driver", (more, reason) => {
  const frame = acn(session({ userID: "000000915", ...more }));
  expect(frame).toMatchObject({ readings: [], rejected: [{ reason }] });
  expect(frame.rejected[0]?.text).not.toContain("915");
});

test("what is no list of sessions is rejected; the API's wrapping is not", () => {
  expect(decodeAcnSessions(Buffer.from("{}"), CONTEXT).rejected[0]?.reason).toBe("unknown-format");
  expect(decodeAcnSessions(Buffer.from(JSON.stringify({ _items: [session()] })), CONTEXT).readings).toHaveLength(1);
});

test("the published workplace rows are all of the year 0014: none is a reading, and none is taken for 2014", () => {
  const frame = decodeWorkplaceCsv(WORKPLACE, CONTEXT);
  expect(frame.readings).toStrictEqual([]);
  expect(frame.rejected).toHaveLength(20);
  expect(new Set(frame.rejected.map(({ reason }) => reason))).toStrictEqual(new Set(["bad-timestamp"]));
  expect(frame.rejected[0]?.text).toBe("582873 0014-11-18 15:40:26 0014-11-18 17:11:04 7.78");
});

test("with its real year a row is a reading, whose time has no zone", () => {
  const repaired = Buffer.from(WORKPLACE.toString("latin1").replaceAll(",00", ",20"), "latin1");
  const frame = decodeWorkplaceCsv(repaired, CONTEXT);
  for (const reading of frame.readings) validateReading(reading);
  expect(frame.readings).toHaveLength(20);
  expect(frame.readings[0]).toMatchObject({
    meterId: "ev:582873",
    value: 7_780_000,
    timestampMs: Date.UTC(2014, 10, 18, 17, 11, 4),
    periodMs: 5_438_000,
    timeQuality: "no-zone",
    rawHash: sha256(Buffer.from((repaired.toString().split("\n")[1] ?? "").trimEnd())),
  });
});

test("another CSV is rejected as a whole", () => {
  for (const text of ["a,b\n1,2\n", "", `kwhTotal,created,ended,stationId\n${"x".repeat(5000)}\n`])
    expect(decodeWorkplaceCsv(Buffer.from(text), CONTEXT)).toMatchObject({
      readings: [],
      rejected: [{ reason: "unknown-format" }],
    });
});

test.each(["Sat, 01 May 2021 20:42:47 GMT", "Tue, 29 Feb 2000 00:00:00 GMT"])("%s is a time", (text) => {
  expect(parseRfc1123(text)).toBe(Date.parse(text));
});

test.each([
  "Fri, 01 May 2021 20:42:47 GMT",
  "Mon, 31 Feb 2021 00:00:00 GMT",
  "Thu, 01 Jan 1970 00:00:00 GMT",
  "Sat, 01 May 2021 20:42:47 PDT",
  "",
  undefined,
])("%s is none", (text) => {
  expect(parseRfc1123(text)).toBeUndefined();
});

test("a file is offered in parts until all of it is on disk, plain or gzip", async () => {
  const path = join(folder, "acn.json.gz");
  const sessions = Array.from({ length: 2500 }, (_, index) => session({ stationID: `s${index}` }));
  writeFileSync(path, gzipSync(JSON.stringify(sessions)));
  const frames: DecodedFrame[] = [];
  const ports = {
    offer: async (frame: DecodedFrame) => void frames.push(frame),
    nowMs: Date.now,
    log: pino({ level: "silent" }),
  };
  await using input = await startEvSessionsInput({ path, format: "acn" }, ports);
  await input.done;
  expect(frames.map(({ readings }) => readings.length)).toStrictEqual([1000, 1000, 500]);
  await expect(startEvSessionsInput({ path: join(folder, "none"), format: "acn" }, ports)).rejects.toMatchObject({
    details: { option: "sessions.path" },
  });
  await expect(startEvSessionsInput({ path, format: "csv" as "acn" }, ports)).rejects.toMatchObject({
    details: { option: "sessions.format" },
  });
});

test(
  "changed files give valid readings or are rejected",
  () => {
    fuzz(
      "acn sessions",
      changedJson([JSON.stringify([session(), session({ doneChargingTime: "x" })])]),
      300,
      (text) => {
        for (const reading of decodeAcnSessions(Buffer.from(text), CONTEXT).readings) validateReading(reading);
      },
    );
    const repaired = Buffer.from(WORKPLACE.toString("latin1").replaceAll(",00", ",20"), "latin1");
    fuzz("workplace file", fc.array(byteMutation, { minLength: 1, maxLength: 4 }), 150, (mutations) => {
      for (const reading of decodeWorkplaceCsv(mutateBytes(repaired, mutations), CONTEXT).readings)
        validateReading(reading);
    });
  },
  FUZZ_TIMEOUT_MS,
);
