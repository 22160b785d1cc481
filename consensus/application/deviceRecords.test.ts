import { expect, test } from "vitest";
import { publicKeyOf } from "#storage/crypto/keys.ts";
import { fuzzDecoder } from "#storage/fuzz/decoder.ts";
import { FUZZ_TIMEOUT_MS } from "#storage/fuzz/runs.ts";
import { FormatError } from "#storage/types/formatError.ts";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import {
  certificateKey,
  configurationKey,
  configurationPayloadKey,
  decodeCertificateRecord,
  decodeConfigurationCounts,
  decodeConfigurationPayload,
  decodeConfigurationRecord,
  deviceKeyOfRecord,
} from "./deviceRecords.ts";
import { encodeRecord, newRecord } from "./stateRecords.ts";
import { accountOf, configurationMessage, createTestLedger, EXPORT_METER, keyOf, START_MS } from "./testLedger.ts";

function ledgerWithConfiguration() {
  const ledger = createTestLedger({ checker: true });
  expect(ledger.send(configurationMessage(1n, { priority: "urgent" }), "prosumer")).toBe("OK");
  const signer = accountOf("device");
  const answer = {
    signer,
    meterId: EXPORT_METER,
    version: 1n,
    outcome: "rejected",
    code: 7,
    appliedMs: BigInt(START_MS),
  };
  expect(ledger.send(ledgerMessage("MsgAcknowledgeDeviceConfiguration", answer), "device")).toBe("OK");
  const state = (key: Uint8Array) =>
    ledger.app.query({ path: "/edream/state", data: key, height: 0, prove: false }).value;
  return { ledger, state };
}

test("the records of a device are read as the ledger writes them, under the keys it gives them", () => {
  const { state } = ledgerWithConfiguration();
  const certificate = decodeCertificateRecord(state(certificateKey(EXPORT_METER)));
  expect(certificate).toMatchObject({ owner: accountOf("prosumer"), direction: "export", revoked: false });
  expect(deviceKeyOfRecord(certificate)).toEqual({
    type: "ed25519",
    bytes: new Uint8Array(publicKeyOf(keyOf("device")).bytes),
  });
  expect(decodeConfigurationRecord(state(configurationKey(EXPORT_METER, 1)))).toMatchObject({
    ...{
      schemaId: "meter-options",
      priority: "urgent",
      administrator: accountOf("prosumer"),
      checker: accountOf("checker"),
    },
    ...{ outcome: "rejected", code: 7, appliedMs: START_MS },
  });
  const payload = decodeConfigurationPayload(state(configurationPayloadKey(EXPORT_METER, 1)));
  expect(Buffer.from(payload).toString()).toBe("ciphertext 1");
  const counts = state(Buffer.from(`counts/${EXPORT_METER}`));
  expect(decodeConfigurationCounts(counts)).toEqual({ configurationVersion: 1, appliedVersion: 0 });
});

test("a certificate with everything it may say is read, revoked too", () => {
  const all = {
    deviceKey: { type: "secp256k1", key: new Uint8Array(33).fill(2) },
    ...{ deviceAccount: "d", owner: "o", quantity: "gas", direction: "import", administrator: "a", model: "m" },
    ...{ seedCommitment: new Uint8Array(32).fill(1), firmwareHash: new Uint8Array(32).fill(3), intervalMs: 900_000n },
    ...{ revoked: true, revokeReason: "stolen", validFromMs: 5n, validUntilMs: 6n },
  };
  expect(decodeCertificateRecord(encodeRecord("meter", newRecord("meter", all as never)))).toMatchObject({
    ...{ keyType: "secp256k1", administrator: "a", model: "m", revoked: true, revokeReason: "stolen" },
    ...{ intervalMs: 900_000, validFromMs: 5, validUntilMs: 6 },
  });
});

test("another spelling of a record is refused, and so is a field that it does not have", () => {
  for (const decode of [
    decodeCertificateRecord,
    decodeConfigurationRecord,
    decodeConfigurationPayload,
    decodeConfigurationCounts,
  ])
    expect(() => decode(Uint8Array.of(0xf8, 0x01, 1)), decode.name).toThrow("FORMAT_FIELD_UNKNOWN");
  expect(() => decodeConfigurationCounts(Uint8Array.of(0x28, 0))).toThrow("FORMAT_NOT_CANONICAL");
  expect(() => decodeConfigurationPayload(new Uint8Array(17 * 1024))).toThrow("FORMAT_TOO_LARGE");
});

test(
  "a changed record of a device is refused, or is another record's one encoding",
  () => {
    const { state } = ledgerWithConfiguration();
    const fuzzed: readonly { name: string; decode: (bytes: Uint8Array) => unknown; sample: Uint8Array }[] = [
      { name: "certificate", decode: decodeCertificateRecord, sample: state(certificateKey(EXPORT_METER)) },
      { name: "configuration", decode: decodeConfigurationRecord, sample: state(configurationKey(EXPORT_METER, 1)) },
      { name: "payload", decode: decodeConfigurationPayload, sample: state(configurationPayloadKey(EXPORT_METER, 1)) },
      { name: "counts", decode: decodeConfigurationCounts, sample: state(Buffer.from(`counts/${EXPORT_METER}`)) },
    ];
    for (const { name, decode, sample } of fuzzed)
      fuzzDecoder({ name, samples: [sample], decode, errors: [FormatError] }, 200);
  },
  FUZZ_TIMEOUT_MS,
);
