import { createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { parseExactJson } from "../exactJson.ts";
import { readSignedTransfer } from "./dataTransfer.ts";
import { OcppSession } from "./ocppSession.ts";

const [KEBA, TAMPERED] = JSON.parse(
  readFileSync(new URL("./testdata/ocmf-signed-meter-values.json", import.meta.url), "utf8"),
) as { readonly ocmf: string; readonly publicKeySpkiHex: string }[];
const OCMF = KEBA?.ocmf ?? "";
const KEY = createPublicKey({ key: Buffer.from(KEBA?.publicKeySpkiHex ?? "", "hex"), format: "der", type: "spki" });
const NOW_MS = Date.UTC(2026, 0, 1);

function session(version: "ocpp1.6" | "ocpp2.0.1" = "ocpp1.6") {
  let transactionId = 41;
  const one = new OcppSession({
    ...{ version, chargerId: "CP1", publicKey: KEY, maxPowerW: 400_000, heartbeatS: 300, idTags: undefined },
    nextTransactionId: () => {
      transactionId += 1;
      return transactionId;
    },
  });
  return (action: string, payload: object) => {
    const text = JSON.stringify(payload);
    const { answer, frame } = one.handle(action, parseExactJson(text) ?? null, Buffer.from(text), NOW_MS);
    return {
      status: (answer as { status?: string } | undefined)?.status,
      values: frame?.readings.map(({ meterId, value, quality }) => [meterId, value, quality]),
      rejected: frame?.rejected.map(({ reason }) => reason),
    };
  };
}

/** What the record of the charger holds by itself: begin and end of a session. */
const VALUES = (meterId: string) =>
  session()("MeterValues", {
    connectorId: 1,
    meterValue: [{ timestamp: "2019-08-13T10:03:15Z", sampledValue: [{ value: OCMF, format: "SignedData" }] }],
  }).values?.map(([, ...rest]) => [meterId, ...rest]);

test("a signed record in DataTransfer is what it is in MeterValues, in whatever the vendor wraps it", () => {
  const expected = VALUES("ocpp:CP1/2");
  expect(expected?.length).toBeGreaterThan(0);
  const wrapped: unknown[] = [
    JSON.stringify({ connectorId: 2, signedMeterValue: OCMF }),
    JSON.stringify({ connectorId: 2, signed: { data: Buffer.from(OCMF).toString("base64"), encoding: "base64" } }),
    JSON.stringify({ evseId: 2, data: JSON.stringify({ values: [{ payload: OCMF }] }) }),
    { evse: { id: 2 }, meter: [OCMF] },
  ];
  for (const data of wrapped)
    expect(session("ocpp2.0.1")("DataTransfer", { vendorId: "any", messageId: "any", data })).toEqual({
      status: "Accepted",
      values: expected,
      rejected: [],
    });
});

test("a record that names its transaction is of that transaction's socket, also when that has ended", () => {
  const call = session();
  call("StartTransaction", { connectorId: 3, idTag: "C", meterStart: 0, timestamp: "2019-08-13T10:00:00Z" });
  call("StopTransaction", { transactionId: 42, meterStop: 0, timestamp: "2019-08-13T10:00:01Z" });
  const data = JSON.stringify({ transactionId: 42, ocmf: OCMF });
  expect(call("DataTransfer", { vendorId: "any", data })).toMatchObject({
    status: "Accepted",
    values: VALUES("ocpp:CP1/3"),
  });
});

test("what is forged, of no socket that is known, or no record is not taken", () => {
  const call = session();
  const send = (data: unknown) => call("DataTransfer", { vendorId: "any", data });
  expect(send(JSON.stringify({ connectorId: 1, ocmf: TAMPERED?.ocmf }))).toEqual({
    status: "Rejected",
    values: [],
    rejected: ["signature-wrong"],
  });
  for (const data of [
    OCMF,
    JSON.stringify({ transactionId: 7, ocmf: OCMF }),
    JSON.stringify({ connectorId: 10_000, ocmf: OCMF }),
  ])
    expect(send(data)).toEqual({ status: "Rejected", values: [], rejected: ["bad-meter-id"] });
  for (const data of [undefined, "", "hello", "{", { connectorId: 1 }, 5, "T0NNRnope"])
    expect(send(data)).toEqual({ status: "UnknownVendorId", values: undefined, rejected: undefined });
});

test("a message of records without end is cut", () => {
  const data = Array.from({ length: 1000 }, () => "OCMF|{}|{}");
  expect(readSignedTransfer({ data })?.records).toHaveLength(64);
});
