import { expect, test } from "vitest";
import { changedJson } from "#storage/fuzz/decoder.ts";
import { fuzz } from "#storage/fuzz/runs.ts";
import { CliError } from "../../cli/cliError.ts";
import {
  decodeAcknowledgement,
  decodeAttestation,
  encodeAcknowledgement,
  encodeAttestation,
  type RegistryAcknowledgement,
  type RegistryAttestation,
} from "./registryFiles.ts";

const SIGNED = {
  chainId: 31_337n,
  contract: "0x2f8127Ee46C95a2161B332A194bd6ab0667Fd70b",
  meterId: "dlms:7",
  version: 2,
  configHash: `0x${"0a".repeat(32)}`,
  signature: `0x${"1b".repeat(65)}`,
};
const ATTESTATION: RegistryAttestation = {
  ...SIGNED,
  ...{ schemaId: "edream-device-settings", schemaVersion: 1, checker: SIGNED.contract, salt: "ab".repeat(32) },
};
const ACKNOWLEDGEMENT: RegistryAcknowledgement = { ...SIGNED, code: 8 };

test("both files say the same when they are written and read again; without salt too", () => {
  expect(decodeAttestation(encodeAttestation(ATTESTATION))).toEqual(ATTESTATION);
  const known = { ...ATTESTATION, salt: undefined };
  expect(decodeAttestation(encodeAttestation(known))).toEqual(known);
  expect(decodeAcknowledgement(encodeAcknowledgement(ACKNOWLEDGEMENT))).toEqual(ACKNOWLEDGEMENT);
});

test("neither is taken for the other", () => {
  expect(() => decodeAttestation(encodeAcknowledgement(ACKNOWLEDGEMENT))).toThrow("its format is not");
  expect(() => decodeAcknowledgement(encodeAttestation(ATTESTATION))).toThrow("its format is not");
});

test.each<[string, (text: string) => object, string]>([
  ["a checker's", decodeAttestation, encodeAttestation(ATTESTATION)],
  ["a device's", decodeAcknowledgement, encodeAcknowledgement(ACKNOWLEDGEMENT)],
])("%s file that was changed is read as what it says, or refused with its code", (name, decode, sample) => {
  let refused = 0;
  fuzz(`${name} file`, changedJson([sample]), 800, (text) => {
    let read: object;
    try {
      read = decode(text);
    } catch (error) {
      if (!(error instanceof CliError) || error.code !== "REGISTRY_FILE_MALFORMED") throw error;
      refused++;
      return;
    }
    const { format: _format, ...said } = JSON.parse(text) as Record<string, unknown>;
    for (const [field, value] of Object.entries(read))
      if (field !== "contract" && field !== "checker" && value !== undefined) expect(`${value}`).toBe(`${said[field]}`);
  });
  expect(refused).toBeGreaterThan(0);
});
