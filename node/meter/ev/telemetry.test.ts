import { readFileSync } from "node:fs";
import { pino } from "pino";
import { expect, test } from "vitest";
import { changedJson } from "#storage/fuzz/decoder.ts";
import { FUZZ_TIMEOUT_MS, fuzz } from "#storage/fuzz/runs.ts";
import { validateReading } from "#storage/types/reading.ts";
import type { DecodedFrame } from "../frame.ts";
import { decodeTelemetry, readTelemetryProfile, TELEMETRY_PROFILES, type TelemetryProfile } from "./telemetry.ts";
import { startEvTelemetryInput } from "./telemetryInput.ts";

const [OBD, SAIC] = TELEMETRY_PROFILES as [TelemetryProfile, TelemetryProfile];
const SAMPLE = JSON.parse(
  readFileSync(new URL("./testdata/saic-mg-vehicle-status.json", import.meta.url), "utf8"),
).body;
const SECRET = "a secret of sixteen".replaceAll(" ", "-");
const RECEIVED_MS = Date.UTC(2026, 0, 1);

function decode(message: unknown, profile = OBD): DecodedFrame {
  const frame = decodeTelemetry(Buffer.from(typeof message === "string" ? message : JSON.stringify(message)), {
    profile,
    receivedMs: RECEIVED_MS,
    idSecret: SECRET,
  });
  for (const reading of frame.readings) validateReading(reading);
  return frame;
}

test("SAIC: the state of charge at the time of the status, and nothing else", () => {
  const frame = decode(SAMPLE, SAIC);
  expect(frame.rejected).toStrictEqual([]);
  expect(frame.readings).toMatchObject([
    {
      meterId: expect.stringMatching(/^ev:[0-9a-f]{32}$/),
      quantity: "stateOfCharge",
      kind: "instant",
      value: 84_000,
      timestampMs: 1_665_031_447_000,
      timeSource: "meter",
    },
  ]);
});

test("neither the place nor the chassis number is in what comes out, accepted or rejected", () => {
  const place = SAMPLE.applicationData.gpsPosition.wayPoint.position as { latitude: number; longitude: number };
  for (const frame of [
    decode(SAMPLE, SAIC),
    decode(SAMPLE, OBD),
    decode({ ...SAMPLE, vehicleId: "WVWZZZ1JZ3W386752", soc: 200, timestamp: "x" }),
  ]) {
    const text = JSON.stringify(frame);
    expect(text).not.toContain(String(place.latitude));
    expect(text).not.toContain(String(place.longitude));
    expect(text).not.toMatch(/X{17}|WVWZZZ/);
  }
});

test("a vehicle keeps its pseudonym, two have two, and another secret gives others", () => {
  const message = (vehicleId: string): object => ({ vehicleId, timestamp: "2025-06-01T10:00:00Z", soc: 50 });
  const idOf = (vehicleId: string): string | undefined => decode(message(vehicleId)).readings[0]?.meterId;
  expect(idOf("A")).toBe(idOf("A"));
  expect(idOf("A")).not.toBe(idOf("B"));
  const body = Buffer.from(JSON.stringify(message("A")));
  expect(
    decodeTelemetry(body, { profile: OBD, receivedMs: RECEIVED_MS, idSecret: "another" }).readings[0]?.meterId,
  ).not.toBe(idOf("A"));
});

const GOOD = { vehicleId: "A", timestamp: "2025-06-01T10:00:00Z", soc: 50.5 };

test.each([
  [{ soc: -128 }, "sentinel"],
  [{ soc: 255 }, "sentinel"],
  [{ soc: 101 }, "over-limit"],
  [{ soc: -1 }, "negative"],
  [{ soc: null }, "null-value"],
  [{ soc: "" }, "empty-value"],
  [{ vehicleId: "" }, "bad-meter-id"],
  [{ vehicleId: "0000000000" }, "bad-meter-id"],
  [{ timestamp: "0014-01-01T00:00:00Z" }, "bad-timestamp"],
  [{ timestamp: "2025-06-01T10:00:00" }, "bad-timestamp"],
])("%j is rejected: %s", (more, reason) => {
  expect(decode({ ...GOOD, ...more })).toMatchObject({ readings: [], rejected: [{ reason }] });
});

test("a flag that says the value is not there is believed", () => {
  const changed = structuredClone(SAMPLE);
  changed.applicationData.basicVehicleStatus.extendedData1Present = false;
  expect(decode(changed, SAIC)).toMatchObject({ readings: [], rejected: [{ reason: "null-value" }] });
});

test("several vehicles in one message, and too many", () => {
  expect(decode([GOOD, { ...GOOD, vehicleId: "B" }]).readings).toHaveLength(2);
  expect(decode(Array(1001).fill(GOOD))).toMatchObject({ readings: [], rejected: [{ reason: "too-long" }] });
  expect(decode("{")).toMatchObject({ readings: [], rejected: [{ reason: "unknown-format" }] });
});

test("a profile of one's own, and one that cannot be meant", () => {
  const profile = readTelemetryProfile(
    {
      name: "own",
      id: "car.id",
      time: "car.at",
      timeUnit: "ms",
      values: [{ path: "car.battery.kwh", quantity: "activeEnergyImport", unit: "kWh" }],
    },
    "ev.profile",
  );
  const [reading] = decode({ car: { id: 7, at: 1_748_772_000_000, battery: { kwh: "12.5" } } }, profile).readings;
  expect(reading).toMatchObject({
    quantity: "activeEnergyImport",
    kind: "register",
    value: 12_500_000,
    timestampMs: 1_748_772_000_000,
  });
  expect(() => readTelemetryProfile({ name: "own", id: "a b", time: "t", values: [] }, "ev.profile")).toThrow(
    "ev.profile.id",
  );
});

test("posted telemetry is answered when it is on disk", async () => {
  const frames: DecodedFrame[] = [];
  const ports = {
    offer: async (frame: DecodedFrame) => void frames.push(frame),
    nowMs: () => RECEIVED_MS,
    log: pino({ level: "silent" }),
  };
  await using input = await startEvTelemetryInput({ port: 0, idSecret: SECRET, token: "t" }, ports);
  const post = (headers: Record<string, string>): Promise<Response> =>
    fetch(`http://127.0.0.1:${input.port}/ev/telemetry`, {
      method: "POST",
      body: JSON.stringify(GOOD),
      headers: { "content-type": "application/json", ...headers },
    });
  expect((await post({})).status).toBe(401);
  expect((await post({ authorization: "Bearer t" })).status).toBe(204);
  expect(frames[0]?.readings[0]?.value).toBe(50_500);
  await expect(startEvTelemetryInput({ port: 0, idSecret: "short" }, ports)).rejects.toMatchObject({
    details: { option: "telemetry.idSecret" },
  });
  await expect(startEvTelemetryInput({ port: 0, idSecret: SECRET, profile: "odb" }, ports)).rejects.toMatchObject({
    details: { option: "telemetry.profile" },
  });
});

test(
  "changed messages give valid readings of pseudonyms, or are rejected",
  () => {
    fuzz("ev telemetry", changedJson([JSON.stringify(SAMPLE), JSON.stringify(GOOD)]), 300, (text) => {
      for (const profile of TELEMETRY_PROFILES)
        for (const { meterId } of decode(text, profile).readings) expect(meterId).toMatch(/^ev:[0-9a-f]{32}$/);
    });
  },
  FUZZ_TIMEOUT_MS,
);
