import fc from "fast-check";
import { expect, test } from "vitest";
import { changedJson } from "#storage/fuzz/decoder.ts";
import { FUZZ_TIMEOUT_MS, fuzz } from "#storage/fuzz/runs.ts";
import { validateReading } from "#storage/types/reading.ts";
import { OCPP_VERSIONS, parseOcppMessage } from "./ocppMessage.ts";
import { OcppSession } from "./ocppSession.ts";

const meterValue = [
  {
    timestamp: "2025-06-01T10:00:00Z",
    sampledValue: [
      { value: "1.5", unit: "kWh" },
      { value: "7", measurand: "Power.Active.Import", unit: "kW" },
    ],
  },
];
const OCMF = `OCMF|${JSON.stringify({ PG: "T1", RD: [{ TM: "2025-06-01T10:00:00,000+0000 S", RV: 1.5, RI: "1-0:1.8.0", RU: "kWh", ST: "G" }] })}|{"SD":"00"}`;
const CALLS = [
  ["BootNotification", { chargePointVendor: "v", chargePointModel: "m" }],
  ["Authorize", { idTag: "CARD" }],
  ["StartTransaction", { connectorId: 1, idTag: "CARD", meterStart: 1000, timestamp: "2025-06-01T09:00:00Z" }],
  ["MeterValues", { connectorId: 1, transactionId: 1, meterValue }],
  ["MeterValues", { evseId: 1, meterValue }],
  [
    "StopTransaction",
    { transactionId: 1, meterStop: 2000, timestamp: "2025-06-01T11:00:00Z", transactionData: meterValue },
  ],
  [
    "TransactionEvent",
    {
      eventType: "Started",
      evse: { id: 1 },
      transactionInfo: { transactionId: "t" },
      idToken: { idToken: "CARD" },
      meterValue,
    },
  ],
  [
    "DataTransfer",
    {
      vendorId: "v",
      messageId: "signed",
      data: `{"connectorId":1,"signed":[${JSON.stringify(OCMF)},"${Buffer.from(OCMF).toString("base64")}"]}`,
    },
  ],
  ["DataTransfer", { vendorId: "v", data: { evse: { id: 2 }, values: [{ transactionId: "t" }, OCMF] } }],
].map(([action, payload], index) => JSON.stringify([2, `m${index}`, action, payload]));

test(
  "a charger that sends anything gets an answer or none, and what is stored of it is valid",
  () => {
    let stored = 0;
    const run = fc.record({
      version: fc.constantFrom(...OCPP_VERSIONS),
      texts: fc.array(changedJson(CALLS), { minLength: 1, maxLength: 6 }),
    });
    fuzz("ocpp session", run, 150, ({ version, texts }) => {
      let transactionId = 0;
      const session = new OcppSession({
        version,
        chargerId: "CP1",
        publicKey: undefined,
        maxPowerW: 400_000,
        heartbeatS: 300,
        idTags: new Set(["CARD"]),
        nextTransactionId: () => {
          transactionId += 1;
          return transactionId;
        },
      });
      for (const text of texts) {
        const message = parseOcppMessage(text);
        if (message.type !== "call") continue;
        const { answer, frame } = session.handle(
          message.action,
          message.payload,
          Buffer.from(text),
          Date.UTC(2026, 0, 1),
        );
        if (answer !== undefined) JSON.stringify(answer);
        for (const reading of frame?.readings ?? []) {
          validateReading(reading);
          expect(reading.meterId).toMatch(/^ocpp:CP1\/\d{1,4}$/);
          stored += 1;
        }
      }
    });
    expect(stored).toBeGreaterThan(0);
  },
  FUZZ_TIMEOUT_MS,
);
