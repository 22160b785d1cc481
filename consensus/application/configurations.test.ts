import { describe, expect, test } from "vitest";
import { sha256 } from "#storage/crypto/hash.ts";
import { publicKeyOf, sign } from "#storage/crypto/keys.ts";
import { MAX_CONFIGURATION_BYTES, MAX_KEPT_CONFIGURATIONS, MAX_TX_ATTESTATIONS } from "#storage/limits.ts";
import { attestationBytes } from "#storage/types/configurationAttestation.ts";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import { verifyStateAnswer } from "./appHash.ts";
import type { TestLedger } from "./testLedger.ts";
import {
  accountOf,
  blockRequest,
  CHAIN_ID,
  configurationMessage,
  createTestLedger,
  DAY_MS,
  EXPORT_METER,
  IMPORT_METER,
  keyOf,
  START_MS,
  sealMessage,
} from "./testLedger.ts";
import { setsUrgentConfiguration } from "./urgentBlock.ts";

type Fields = NonNullable<Parameters<typeof configurationMessage>[1]>;

const bytes = (length: number) => new Uint8Array(length).fill(7);
const configuration = (ledger: TestLedger, version: number) =>
  ledger.query("/edream/configuration", `${version} ${EXPORT_METER}`);
const payload = (ledger: TestLedger, version: number) =>
  ledger.query("/edream/configuration-payload", `${version} ${EXPORT_METER}`);
const counts = (ledger: TestLedger) => ledger.query("/edream/meter-counts", EXPORT_METER);
const acknowledge = (version: bigint, fields: object = {}) =>
  ledgerMessage("MsgAcknowledgeDeviceConfiguration", {
    signer: accountOf("device"),
    meterId: EXPORT_METER,
    version,
    outcome: "applied",
    appliedMs: BigInt(START_MS),
    ...fields,
  });
const revoke = ledgerMessage("MsgRevokeMeter", { authority: accountOf("dso"), meterId: EXPORT_METER });

describe("a configuration is refused", () => {
  test.each<[string, string, Fields]>([
    ["for an unknown meter", "METER_UNKNOWN", { meterId: "lcl:nobody" }],
    ["without a payload", "CONFIGURATION_INVALID", { payload: bytes(0) }],
    ["with a payload beyond the limit", "CONFIGURATION_INVALID", { payload: bytes(MAX_CONFIGURATION_BYTES + 1) }],
    ["with a plaintext hash of 31 bytes", "CONFIGURATION_INVALID", { plaintextHash: bytes(31) }],
    ["without a schema", "CONFIGURATION_INVALID", { schemaId: "" }],
    ["with a schema id of 65 characters", "CONFIGURATION_INVALID", { schemaId: "s".repeat(65) }],
    ["with a schema id that is not printable", "CONFIGURATION_INVALID", { schemaId: "a\n" }],
    ["with schema version 0", "CONFIGURATION_INVALID", { schemaVersion: 0 }],
    ["of another priority", "CONFIGURATION_INVALID", { priority: "soon" }],
    ["with version 0", "CONFIGURATION_VERSION_MISMATCH", { version: 0n }],
    ["with version 2 first", "CONFIGURATION_VERSION_MISMATCH", { version: 2n }],
    ["without a checker's key", "ATTESTATION_INVALID", { checkerKey: { type: "", key: bytes(0) } }],
    [
      "with a checker's key of another length",
      "ATTESTATION_INVALID",
      { checkerKey: { type: "ed25519", key: bytes(33) } },
    ],
    ["without a signature", "ATTESTATION_INVALID", { attestation: bytes(0) }],
    ["with a signature over something else", "ATTESTATION_INVALID", { attestation: bytes(64) }],
  ])("%s", (_name, code, fields) => {
    const ledger = createTestLedger({ checker: true });
    expect(ledger.send(configurationMessage(fields.version ?? 1n, fields), "prosumer")).toBe(code);
    expect(counts(ledger)).toBeUndefined();
  });

  test("that a stranger, or the administrator itself, has attested", () => {
    const ledger = createTestLedger({ checker: true });
    expect(ledger.send(configurationMessage(1n, {}, "stranger"), "prosumer")).toBe("ROLE_FORBIDDEN");
    expect(ledger.send(configurationMessage(1n, {}, "prosumer"), "prosumer")).toBe("ATTESTATION_INVALID");
    const enrol = { authority: accountOf("regulator"), member: accountOf("prosumer"), role: "checker" };
    expect(ledger.send(ledgerMessage("MsgChangeRole", enrol), "regulator")).toBe("OK");
    expect(ledger.send(configurationMessage(1n, {}, "prosumer"), "prosumer")).toBe("ATTESTATION_INVALID");
    expect(ledger.send(configurationMessage(1n), "prosumer")).toBe("OK");
  });

  test("when its checker is one no longer", () => {
    const ledger = createTestLedger({ checker: true });
    const remove = { authority: accountOf("regulator"), member: accountOf("checker") };
    expect(ledger.send(ledgerMessage("MsgRemoveMember", remove), "regulator")).toBe("OK");
    expect(ledger.send(configurationMessage(1n), "prosumer")).toBe("ROLE_FORBIDDEN");
  });

  test("whose attestation is of another ledger, meter, version, plaintext, schema or schema version", () => {
    const ledger = createTestLedger({ checker: true });
    const said = { meterId: EXPORT_METER, version: 1n, plaintextHash: bytes(32), schemaId: "s", schemaVersion: 1 };
    const attested = { ...said, ledgerId: CHAIN_ID };
    const others = [
      { ledgerId: `${CHAIN_ID}2` },
      { meterId: IMPORT_METER },
      { version: 2n },
      { plaintextHash: bytes(32).fill(8) },
      { schemaId: "t" },
      { schemaVersion: 2 },
    ];
    const send = (other: object) => {
      const attestation = sign(keyOf("checker"), attestationBytes({ ...attested, ...other }) as Uint8Array);
      return ledger.send(configurationMessage(1n, { ...said, attestation }), "prosumer");
    };
    for (const other of others) expect(send(other)).toBe("ATTESTATION_INVALID");
    expect(send({})).toBe("OK");
  });

  test("for a revoked device, which cannot acknowledge any more either", () => {
    const ledger = createTestLedger({ checker: true });
    expect(ledger.send(configurationMessage(1n), "prosumer")).toBe("OK");
    expect(ledger.send(revoke, "dso")).toBe("OK");
    expect(ledger.send(configurationMessage(2n), "prosumer")).toBe("METER_REVOKED");
    expect(ledger.send(acknowledge(1n), "device")).toBe("METER_REVOKED");
    expect(counts(ledger)).toMatchObject({ configurationVersion: "1", appliedVersion: "0" });
  });

  test("beyond the signatures that one transaction may bring along", () => {
    const ledger = createTestLedger({ checker: true });
    const messages = Array.from({ length: MAX_TX_ATTESTATIONS + 1 }, (_, i) => configurationMessage(BigInt(i + 1)));
    expect(ledger.send(messages, "prosumer")).toBe("TX_LIMIT_EXCEEDED");
    expect(ledger.send(messages.slice(0, -1), "prosumer")).toBe("OK");
  });
});

test("a configuration of the largest size is kept with what was said of it, and both are provable", () => {
  const ledger = createTestLedger({ checker: true });
  const ciphertext = bytes(MAX_CONFIGURATION_BYTES);
  const message = configurationMessage(1n, { payload: ciphertext, priority: "urgent", schemaVersion: 3 });
  expect(ledger.send(message, "prosumer")).toBe("OK");
  expect(configuration(ledger, 1)).toMatchObject({
    payloadHash: Buffer.from(sha256(ciphertext)).toString("hex"),
    payloadBytes: MAX_CONFIGURATION_BYTES,
    plaintextHash: Buffer.from(sha256(Buffer.from("plaintext 1"))).toString("hex"),
    schemaId: "meter-options",
    schemaVersion: 3,
    priority: "urgent",
    administrator: accountOf("prosumer"),
    checker: accountOf("checker"),
    setMs: `${START_MS + DAY_MS / 2 + 1000}`,
    outcome: "",
  });
  expect(payload(ledger, 1)).toMatchObject({ ciphertext: Buffer.from(ciphertext).toString("hex") });
  for (const path of ["/edream/configuration", "/edream/configuration-payload"]) {
    const query = { path, data: Buffer.from(`1 ${EXPORT_METER}`), height: 0, prove: true };
    const { key, value, proof } = ledger.app.query(query);
    expect(value.length).toBeGreaterThan(0);
    expect(verifyStateAnswer(ledger.app.info().lastBlockAppHash, key, value, proof)).toEqual({ accepted: true });
  }
});

test("history stays: all versions are listed, the latest ones with their ciphertexts in the state", () => {
  const ledger = createTestLedger({ checker: true });
  const total = MAX_KEPT_CONFIGURATIONS + 2;
  for (let version = 1; version <= total; version++)
    expect(ledger.send(configurationMessage(BigInt(version)), "prosumer")).toBe("OK");
  expect(counts(ledger)).toMatchObject({ configurationVersion: `${total}` });
  const { entries } = ledger.query("/edream/configurations", JSON.stringify({ meter: EXPORT_METER })) as {
    entries: { id: string; payloadHash: string }[];
  };
  expect(entries.map(({ id }) => Number(id))).toEqual(Array.from({ length: total }, (_, i) => i + 1));
  expect(entries[0]?.payloadHash).toBe(Buffer.from(sha256(Buffer.from("ciphertext 1"))).toString("hex"));
  const kept = entries.map(({ id }) => payload(ledger, Number(id)) !== undefined);
  expect(kept).toEqual(entries.map((_, i) => i >= 2));
});

describe("an acknowledgement", () => {
  test("is given once for each version, in any order; the latest applied one is known", () => {
    const ledger = createTestLedger({ checker: true });
    const all = [1n, 2n, 3n].map((version) => configurationMessage(version));
    expect(ledger.send(all, "prosumer")).toBe("OK");
    expect(ledger.send(acknowledge(2n), "device")).toBe("OK");
    expect(ledger.send(acknowledge(1n), "device")).toBe("OK");
    expect(ledger.send(acknowledge(3n, { outcome: "rejected", code: 17 }), "device")).toBe("OK");
    expect(ledger.send(acknowledge(3n), "device")).toBe("CONFIGURATION_ACKNOWLEDGED");
    expect(ledger.send(acknowledge(4n), "device")).toBe("CONFIGURATION_UNKNOWN");
    expect(ledger.send(acknowledge(0n), "device")).toBe("CONFIGURATION_UNKNOWN");
    expect(counts(ledger)).toMatchObject({ configurationVersion: "3", appliedVersion: "2" });
    expect(configuration(ledger, 2)).toMatchObject({ outcome: "applied", code: 0, appliedMs: `${START_MS}` });
    const acknowledgedMs = `${START_MS + DAY_MS / 2 + 4000}`;
    expect(configuration(ledger, 3)).toMatchObject({ outcome: "rejected", code: 17, acknowledgedMs });
  });

  test.each<[string, string, object]>([
    ["without an outcome", "CONFIGURATION_INVALID", { outcome: "" }],
    ["that is applied with a code", "CONFIGURATION_INVALID", { code: 1 }],
    ["that is rejected without one", "CONFIGURATION_INVALID", { outcome: "rejected" }],
    ["of no time", "CONFIGURATION_INVALID", { appliedMs: 0n }],
    ["of a time to come", "INTERVAL_IN_FUTURE", { appliedMs: BigInt(START_MS + DAY_MS) }],
    ["of an unknown meter", "METER_UNKNOWN", { meterId: "lcl:nobody" }],
    ["of another meter's device", "ROLE_FORBIDDEN", { meterId: IMPORT_METER }],
  ])("%s is refused", (_name, code, fields) => {
    const ledger = createTestLedger({ checker: true });
    expect(ledger.send(configurationMessage(1n), "prosumer")).toBe("OK");
    expect(ledger.send(acknowledge(1n, fields), "device")).toBe(code);
  });
});

test("device and administrator are told of a configuration and of what became of it", () => {
  const ledger = createTestLedger({ checker: true });
  const told = (tx: Uint8Array) => {
    const { events } = ledger.app.finalizeBlock(blockRequest(ledger.height + 1, [tx])).txResults[0] ?? { events: [] };
    return events
      .filter(({ type }) => type === "configuration")
      .map(({ attributes }) =>
        Object.fromEntries(attributes.map(({ key, value, index }) => [index ? `${key}*` : key, value])),
      );
  };
  const attributes = { "meter*": EXPORT_METER, "device*": accountOf("device"), version: "1", "priority*": "urgent" };
  const set = ledger.sign([configurationMessage(1n, { priority: "urgent" })], ["prosumer"]);
  expect(told(set)).toEqual([{ ...attributes, "action*": "set" }]);
  ledger.block([set]);
  const answer = ledger.sign([acknowledge(1n, { outcome: "rejected", code: 2 })], ["device"]);
  expect(told(answer)).toEqual([{ ...attributes, "action*": "rejected" }]);
});

describe("a certificate", () => {
  const certificate = (fields: object) => createTestLedger({ checker: true }).enrolMeter(fields);
  test.each<[string, string, object]>([
    ["whose administrator is no account", "ACCOUNT_MALFORMED", { administrator: "somebody" }],
    ["whose administrator is no member", "MEMBER_UNKNOWN", { administrator: accountOf("stranger") }],
    ["whose model is too long", "METER_INVALID", { model: "m".repeat(65) }],
    ["whose model is not printable", "METER_INVALID", { model: "a\tb" }],
    ["whose firmware hash has 31 bytes", "METER_INVALID", { firmwareHash: bytes(31) }],
    ["that ends before it begins", "METER_INVALID", { validFromMs: 2n, validUntilMs: 1n }],
    ["that holds for no time", "METER_INVALID", { validFromMs: 2n, validUntilMs: 2n }],
    ["that begins before 1970", "METER_INVALID", { validFromMs: -1n }],
  ])("%s is refused", (_name, code, fields) => {
    expect(createTestLedger({ checker: true }).send(certificate(fields), "dso")).toBe(code);
  });

  test("says who makes the device, what runs on it, who configures it and how long that holds", () => {
    const ledger = createTestLedger({ checker: true });
    const fields = {
      administrator: accountOf("consumer"),
      model: "m".repeat(64),
      firmwareHash: bytes(32),
      validFromMs: BigInt(START_MS),
      validUntilMs: BigInt(START_MS + DAY_MS),
    };
    expect(ledger.send(ledger.enrolMeter(fields), "dso")).toBe("OK");
    expect(ledger.query("/edream/meter", "new:1")).toMatchObject({
      administrator: fields.administrator,
      model: fields.model,
      firmwareHash: Buffer.from(fields.firmwareHash).toString("hex"),
      validFromMs: `${START_MS}`,
      validUntilMs: `${START_MS + DAY_MS}`,
    });
    const meterId = "new:1";
    const send = (administrator: string, timeMs: number) =>
      ledger.send(
        configurationMessage(1n, { meterId, administrator: accountOf(administrator) }),
        administrator,
        timeMs,
      );
    expect(send("prosumer", START_MS)).toBe("ROLE_FORBIDDEN");
    expect(send("consumer", START_MS - 1)).toBe("METER_NOT_VALID");
    expect(send("consumer", START_MS + DAY_MS + 1)).toBe("METER_NOT_VALID");
    expect(send("consumer", START_MS + DAY_MS)).toBe("OK");
    const seal = (index: number) => ledger.send(sealMessage(index, { meterId }), "device", START_MS + 2 * DAY_MS);
    expect([-1, 0, 95, 96].map(seal)).toEqual(["METER_NOT_VALID", "OK", "OK", "METER_NOT_VALID"]);
  });

  test("of one device key for two meters gives each its own configurations", () => {
    const ledger = createTestLedger({ checker: true });
    expect(publicKeyOf(keyOf("device")).type).toBe("ed25519");
    expect(ledger.send(ledger.enrolMeter({}), "dso")).toBe("OK");
    const messages = [configurationMessage(1n), configurationMessage(1n, { meterId: "new:1" })];
    expect(ledger.send(messages, "prosumer")).toBe("OK");
    expect(ledger.send([acknowledge(1n), acknowledge(1n, { meterId: "new:1" })], "device")).toBe("OK");
  });
});

test("a block is urgent when it sets an urgent configuration, and not when that is refused, normal, or answered", () => {
  const ledger = createTestLedger({ checker: true });
  const block = (message: Parameters<typeof ledger.sign>[0][number], by: Parameters<typeof ledger.sign>[1]) =>
    setsUrgentConfiguration(ledger.block([ledger.sign([message], by)]));
  expect(block(configurationMessage(1n, { priority: "normal" }), ["prosumer"])).toBe(false);
  expect(block(configurationMessage(2n, { priority: "urgent" }), ["prosumer"])).toBe(true);
  expect(block(configurationMessage(2n, { priority: "urgent" }), ["prosumer"])).toBe(false);
  expect(block(acknowledge(2n), ["device"])).toBe(false);
  expect(setsUrgentConfiguration(ledger.block([]))).toBe(false);
});
