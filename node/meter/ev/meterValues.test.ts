import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { changedJson } from "#storage/fuzz/decoder.ts";
import { FUZZ_TIMEOUT_MS, fuzz } from "#storage/fuzz/runs.ts";
import { validateReading } from "#storage/types/reading.ts";
import { parseExactJson } from "../exactJson.ts";
import type { DecodedFrame } from "../frame.ts";
import { decodeMeterValues, type MeterValuesContext } from "./meterValues.ts";
import { parsePublicKey } from "./ocmf.ts";

const RECEIVED_MS = Date.UTC(2026, 0, 1);
const [KEBA, TAMPERED] = JSON.parse(
  readFileSync(new URL("./testdata/ocmf-signed-meter-values.json", import.meta.url), "utf8"),
) as {
  ocmf: string;
  publicKeySpkiHex: string;
}[];

function decodeText(text: string, context: Partial<MeterValuesContext> = {}): DecodedFrame {
  const base = {
    meterId: "ocpp:CP1/1",
    receivedMs: RECEIVED_MS,
    rawHash: new Uint8Array(32),
    publicKey: undefined,
    maxPowerW: 400_000,
  };
  const frame = decodeMeterValues(parseExactJson(text), { ...base, ...context });
  for (const reading of frame.readings) validateReading(reading);
  return frame;
}

function decode(
  sampledValue: object[],
  context: Partial<MeterValuesContext> = {},
  timestamp = "2025-02-21T07:26:31Z",
): DecodedFrame {
  return decodeText(JSON.stringify([{ timestamp, sampledValue }]), context);
}

function shown({ readings }: DecodedFrame): string[] {
  return readings.map(({ quantity, phase, kind, value }) => `${quantity} L${phase} ${kind} ${value}`);
}

/** As chargers in the field write them: every value a text, kW beside Wh, all fields spelled out. */
const sample = (measurand: string, value: string, unit: string, more: object = {}): object => ({
  value,
  context: "Sample.Periodic",
  format: "Raw",
  measurand,
  location: "Body",
  unit,
  ...more,
});

test("OCPP 1.6: a three-phase charger at rest, W as kW and the register in Wh", () => {
  const frame = decode([
    sample("Voltage", "225.10", "V", { phase: "L1-N" }),
    sample("Current.Import", "0.00", "A", { phase: "L1-N" }),
    sample("Power.Active.Import", "0.00", "kW"),
    sample("Energy.Active.Import.Register", "12", "Wh"),
    ...["L2-N", "L3-N"].flatMap((phase) => [
      sample("Voltage", "0.00", "V", { phase }),
      sample("Current.Import", "0.00", "A", { phase }),
    ]),
  ]);
  expect(frame.rejected).toStrictEqual([]);
  expect(shown(frame)).toStrictEqual([
    "voltage L1 instant 225100",
    "current L1 instant 0",
    "activePower L0 instant 0",
    "activeEnergyImport L0 register 12000",
    "voltage L2 instant 0",
    "current L2 instant 0",
    "voltage L3 instant 0",
    "current L3 instant 0",
  ]);
  expect(frame.readings[0]).toMatchObject({
    meterId: "ocpp:CP1/1",
    timestampMs: Date.UTC(2025, 1, 21, 7, 26, 31),
    timeSource: "meter",
    timeQuality: "synced",
  });
});

test("OCPP 1.6: a direct-current charger with the register in kWh and the car's state of charge", () => {
  const frame = decode([
    sample("Current.Import", "0.0", "A", { location: "Outlet" }),
    sample("Energy.Active.Import.Register", "2320.370", "kWh", { location: "Outlet" }),
    sample("SoC", "10.0", "Percent", { location: "EV" }),
    sample("Voltage", "0.0", "V", { location: "Outlet" }),
  ]);
  expect(shown(frame)).toStrictEqual([
    "current L0 instant 0",
    "activeEnergyImport L0 register 2320370000",
    "stateOfCharge L0 instant 10000",
    "voltage L0 instant 0",
  ]);
});

test("OCPP 1.6: a value without anything is imported energy in Wh", () => {
  expect(shown(decode([{ value: "4264" }]))).toStrictEqual(["activeEnergyImport L0 register 4264000"]);
});

test("OCPP 2.0.1: numbers with a power of ten, by their digits", () => {
  const text =
    '[{"timestamp":"2025-02-21T07:26:31.500+01:00","sampledValue":[{"value":1.2345678,"measurand":"Energy.Active.Import.Register","unitOfMeasure":{"unit":"Wh","multiplier":3}},{"value":7.4,"measurand":"Power.Active.Import","unitOfMeasure":{"unit":"kW"}}]}]';
  const frame = decodeText(text);
  expect(shown(frame)).toStrictEqual(["activeEnergyImport L0 register 1234568", "activePower L0 instant 7400000"]);
  expect(frame.readings[0]?.timestampMs).toBe(Date.UTC(2025, 1, 21, 6, 26, 31, 500));
});

test("power in both directions is one signed number", () => {
  const frame = decode([sample("Power.Active.Import", "0", "W"), sample("Power.Active.Export", "3.7", "kW")]);
  expect(shown(frame)).toStrictEqual(["activePower L0 instant -3700000"]);
});

test("times with a zone without its colon, as KEBA writes them, are times", () => {
  expect(decode([{ value: "1" }], {}, "2019-08-13T10:03:15,000+0000").readings[0]?.timestampMs).toBe(
    Date.UTC(2019, 7, 13, 10, 3, 15),
  );
});

const KEY = parsePublicKey(KEBA?.publicKeySpkiHex ?? "");
const signedSample = (value: string | undefined): object => ({
  value,
  format: "SignedData",
  context: "Transaction.End",
});

test("a signed value is read with its signature, beside unsigned ones", () => {
  const frame = decode([signedSample(KEBA?.ocmf), sample("Power.Active.Import", "11", "kW")], { publicKey: KEY });
  expect(shown(frame)).toStrictEqual([
    "activeEnergyImport L0 register 259600",
    "activeEnergyImport L0 register 259700",
    "activePower L0 instant 11000000",
  ]);
});

test("a forged signature takes the unsigned register beside it along", () => {
  const frame = decode([signedSample(TAMPERED?.ocmf), sample("Energy.Active.Import.Register", "999999", "Wh")], {
    publicKey: KEY,
  });
  expect(frame.readings).toStrictEqual([]);
  expect(frame.rejected.map(({ reason }) => reason)).toStrictEqual(["signature-wrong", "signature-wrong"]);
});

test("OCPP 2.0.1: the signed form goes before the number, and the key in the message is not asked", () => {
  const signedMeterValue = (ocmf = ""): object => ({
    signedMeterData: Buffer.from(ocmf).toString("base64"),
    signingMethod: "",
    encodingMethod: "OCMF",
    publicKey: KEBA?.publicKeySpkiHex,
  });
  expect(
    shown(decode([{ value: 1, signedMeterValue: signedMeterValue(KEBA?.ocmf) }], { publicKey: KEY })),
  ).toHaveLength(2);
  const forged = decode([{ value: 1, signedMeterValue: signedMeterValue(TAMPERED?.ocmf) }], { publicKey: KEY });
  expect(forged).toMatchObject({ readings: [], rejected: [{ reason: "signature-wrong" }] });
});

test.each([
  [sample("Temperature", "20", "Celsius"), "unknown-quantity"],
  [sample("Energy.Active.Import.Interval", "20", "Wh"), "unknown-quantity"],
  [sample("Voltage", "400", "V", { phase: "L1-L2" }), "unknown-quantity"],
  [sample("Current.Import", "1", "A", { phase: "N" }), "unknown-quantity"],
  [sample("Energy.Active.Import.Register", "20", "W"), "unknown-unit"],
  [sample("Energy.Active.Import.Register", "NaN", "Wh"), "not-a-number"],
  [sample("Energy.Active.Import.Register", "", "Wh"), "empty-value"],
  [sample("Energy.Active.Import.Register", "-1", "Wh"), "negative"],
  [sample("Power.Active.Import", "500", "kW"), "over-limit"],
  [sample("SoC", "101", "Percent"), "over-limit"],
  [{ format: "SignedData", value: "AP;0;3;ALCV" }, "unknown-format"],
  [{ measurand: "Voltage", value: 1, unitOfMeasure: { multiplier: 99 } }, "unknown-unit"],
  [{}, "null-value"],
])("%j is rejected: %s", (value, reason) => {
  expect(decode([value])).toMatchObject({ readings: [], rejected: [{ reason }] });
});

test("the same measurand twice is one reading when it is the same, and a conflict when it is not", () => {
  const twice = (second: string): DecodedFrame =>
    decode([sample("Voltage", "230", "V"), sample("Voltage", second, "V", { location: "Inlet" })]);
  expect(twice("230.0")).toMatchObject({ readings: [{ value: 230_000 }], rejected: [] });
  expect(twice("231")).toMatchObject({ readings: [{ value: 230_000 }], rejected: [{ reason: "conflict" }] });
});

test("a clock that was never set, and one that runs ahead", () => {
  expect(decode([{ value: "1" }], {}, "1970-01-01T00:00:10Z").rejected[0]?.reason).toBe("bad-timestamp");
  expect(decode([{ value: "1" }], {}, "2026-01-01T00:05:00Z").readings[0]?.timeQuality).toBe("drifting");
  expect(decodeText("{}").rejected[0]?.reason).toBe("unknown-format");
  expect(decodeText('[{"timestamp":"2025-01-01T00:00:00Z"}]').rejected[0]?.reason).toBe("unknown-format");
});

test(
  "changed values are valid readings or are rejected",
  () => {
    const text = JSON.stringify([
      {
        timestamp: "2025-02-21T07:26:31Z",
        sampledValue: [
          sample("Voltage", "225.10", "V"),
          signedSample(KEBA?.ocmf),
          { value: 5, unitOfMeasure: { unit: "Wh", multiplier: 1 } },
        ],
      },
    ]);
    fuzz("ocpp meter values", changedJson([text]), 400, (changed) => void decodeText(changed));
  },
  FUZZ_TIMEOUT_MS,
);
