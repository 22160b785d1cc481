import { generateKeyPairSync } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { Transaction } from "ethers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { REVERT_WORDS } from "#bridge/evm/revertWords.ts";
import { accountOf, CHAIN_ID, EXPORT_METER, keyOf, START_MS } from "#consensus/application/testLedger.ts";
import { Bridge } from "#contracts/abi/Bridge.ts";
import { DeviceRegistry } from "#contracts/abi/DeviceRegistry.ts";
import { LedgerReader } from "#contracts/abi/LedgerReader.ts";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import { attest, formatAttestation } from "../../devices/attestationFile.ts";
import { askApi } from "../testEthereumApi.ts";
import { startTestRegistry, type TestRegistry } from "./testRegistry.ts";

const P_METER = "p256:1";
const SECP_METER = "dsmr:7";
const ABOUT = { schemaId: "edream-device-settings", schemaVersion: 1 };
const DOCUMENT = { schema: ABOUT.schemaId, schemaVersion: 1, latenessMs: 60_000, clearSums: false };
const SALT = new Uint8Array(32).fill(9);

let at: TestRegistry;

beforeAll(async () => {
  at = await startTestRegistry();
  writeFileSync(at.path("settings.json"), JSON.stringify(DOCUMENT));
});
afterAll(() => at[Symbol.asyncDispose]());

/** As the ledger's checker attested it, and the ledger's transaction that sets it. */
function onLedger(version: number) {
  const document = readFileSync(at.path("settings.json"));
  const about = { ledgerId: CHAIN_ID, meterId: EXPORT_METER, version, ...ABOUT };
  const attested = attest(document, about, keyOf("checker"), SALT);
  writeFileSync(at.path("attestation.json"), formatAttestation(attested));
  const { plaintextHash, checkerKey, attestation, schemaId, schemaVersion } = attested;
  return ledgerMessage("MsgSetDeviceConfiguration", {
    ...{ administrator: accountOf("prosumer"), meterId: EXPORT_METER, version: BigInt(version), plaintextHash },
    ...{ schemaId, schemaVersion, priority: "urgent", payload: Buffer.from("ciphertext"), attestation },
    checkerKey: { type: checkerKey.type, key: checkerKey.bytes },
  });
}

function execute(message: Parameters<typeof at.bridged.ledger.sign>[0][number], by: string): void {
  const { txResults } = at.bridged.block([at.bridged.ledger.sign([message], [by])]);
  expect(txResults[0]).toMatchObject({ code: 0 });
}

/** Each attests for a device of its own: nobody waits for another. */
async function attested(meterId: string, version: number): Promise<string> {
  const file = at.path(`${meterId.replaceAll(":", "-")}-${version}.json`);
  const on = ["--meter", meterId, "--version", `${version}`];
  const answer = await at.as("checker", "attest", at.path("settings.json"), ...on, "-o", file);
  expect(answer.err).toBe("");
  return file;
}

test("issuers, checker and administrators are appointed by commands, in words", async () => {
  const [issuer, checker] = [at.wallet("issuer").address, at.wallet("checker").address];
  expect((await at.as("owner", "appoint-issuer", "--account", issuer)).json).toMatchObject({
    issuerId: "1",
    account: issuer,
    appointedBy: "owner",
    gasUsed: expect.stringMatching(/^[1-9]\d+$/),
  });
  expect((await at.as("owner", "appoint-checker", "--account", checker)).json).toMatchObject({ isChecker: true });
  for (const [i, role] of (["administrator", "successor"] as const).entries()) {
    const { json } = await at.as(
      "issuer",
      "issue-administrator",
      "--account",
      at.wallet(role).address,
      "--for",
      "365d",
    );
    expect(json).toMatchObject({ certificateId: `${i + 1}`, issuerId: "1" });
  }
  expect((await at.ask("issuers")).json).toMatchObject({
    owner: at.wallet("owner").address,
    issuers: [{ issuerId: "1", account: issuer, appointedBy: "owner", status: "valid" }],
  });
  expect((await at.ask("certificate", "2")).json).toMatchObject({
    kind: "administrator",
    status: "valid",
    account: at.wallet("successor").address,
  });
  const refused = await at.as("stranger", "issue-administrator", "--account", issuer, "--for", "1d");
  expect(refused).toMatchObject({
    exit: "failure",
    json: { code: "EVM_REVERTED", message: expect.stringContaining("this account is no issuer") },
  });
});

test("a device on P-256: certified, told a configuration by priority, and its own signature acknowledges it", async () => {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  writeFileSync(at.path("device.pem"), privateKey.export({ type: "sec1", format: "pem" }));
  const { deviceKey } = (await at.cli.run("registry", "p256-key", at.path("device.pem"), "--json")).json;
  const issue = ["issue-device", P_METER, "--administrator", "1", "--device-key", String(deviceKey)];
  expect((await at.as("issuer", ...issue, "--for", "365d")).json).toMatchObject({ certificateId: "3", replaced: null });

  const file = await attested(P_METER, 1);
  const set = await at.as("administrator", "set-configuration", file, "--priority", "urgent");
  expect(set.json).toMatchObject({ meterId: P_METER, version: 1, priority: "urgent", schemaId: ABOUT.schemaId });
  expect((await at.ask("pending")).json).toMatchObject({
    pending: [{ meterId: P_METER, version: 1, priority: "urgent", configHash: set.json.configHash }],
  });

  const signed = at.path("acknowledgement.json");
  const sign = ["sign-acknowledgement", P_METER, "--version", "1", "--p256-key", at.path("device.pem")];
  expect((await at.ask(...sign, "--rejected", "8", "-o", signed)).json).toMatchObject({ code: 8 });
  expect((await at.as("stranger", "acknowledge", signed)).json).toMatchObject({
    meterId: P_METER,
    outcome: "rejected",
    code: 8,
    reason: "SETTING_IMPOSSIBLE",
    isByLedger: false,
  });
  expect((await at.ask("pending", P_METER)).json).toEqual({ pending: [], more: false });
  expect((await at.ask("device", P_METER)).json).toMatchObject({
    status: "valid",
    isValid: true,
    certificate: { certificateId: "3", kind: "device", status: "valid" },
    administrator: { certificateId: "1", account: at.wallet("administrator").address },
    configurations: [{ version: 1, priority: "urgent", outcome: "rejected", reason: "SETTING_IMPOSSIBLE" }],
  });
});

test("a device on secp256k1 with the key that the ledger has; its administrator changes in two steps", async () => {
  const publicKey = at.wallet("device").signingKey.compressedPublicKey.slice(2);
  const key = { type: "secp256k1", key: new Uint8Array(Buffer.from(publicKey, "hex")) };
  execute(at.bridged.ledger.enrolMeter({ meterId: SECP_METER, deviceKey: key as never }), "dso");
  const issued = await at.as("issuer", "issue-device", SECP_METER, "--administrator", "1", "--for", "365d");
  expect(issued.json).toMatchObject({ meterId: SECP_METER, administrator: "1" });
  const proposed = await at.as("administrator", "propose-administrator", SECP_METER, "--certificate", "2");
  expect(proposed.json).toMatchObject({ account: at.wallet("successor").address });
  expect((await at.as("successor", "accept-administrator", SECP_METER)).json).toMatchObject({ certificateId: "2" });

  const file = await attested(SECP_METER, 1);
  expect((await at.as("administrator", "set-configuration", file)).json).toMatchObject({
    message: expect.stringContaining("NotAdministrator"),
    hint: expect.stringContaining("registry device METER"),
  });
  await at.as("successor", "set-configuration", file);
  const signed = at.path("applied.json");
  await at.as("device", "sign-acknowledgement", SECP_METER, "--version", "1", "-o", signed);
  const forged = readFileSync(signed, "utf8").replace('"code": 0', '"code": 1');
  writeFileSync(at.path("forged.json"), forged);
  expect((await at.as("stranger", "acknowledge", at.path("forged.json"))).json).toMatchObject({
    message: expect.stringContaining("AcknowledgementInvalid"),
  });
  expect((await at.as("stranger", "acknowledge", signed)).json).toMatchObject({ outcome: "applied", code: 0 });
});

test("a device on Ed25519 answers on the ledger, and its record is the acknowledgement here; a revocation there ends it here", async () => {
  await at.as("issuer", "issue-device", EXPORT_METER, "--administrator", "1", "--for", "365d");
  execute(onLedger(1), "prosumer");
  await at.anchor();
  const file = at.path("as-on-ledger.json");
  const ledgerFile = ["--as-on-ledger", at.path("attestation.json")];
  const { json } = await at.as("checker", "attest", at.path("settings.json"), ...ledgerFile, "-o", file);
  expect(json).toMatchObject({ meterId: EXPORT_METER, version: 1 });
  expect(readFileSync(file, "utf8")).not.toContain("salt");
  await at.as("administrator", "set-configuration", file, "--priority", "urgent");
  expect((await at.as("stranger", "acknowledge-by-ledger", EXPORT_METER)).json).toMatchObject({
    message: expect.stringContaining("OutcomeInvalid"),
  });

  const answer = { signer: accountOf("device"), meterId: EXPORT_METER, version: 1n, outcome: "applied", code: 0 };
  execute(ledgerMessage("MsgAcknowledgeDeviceConfiguration", { ...answer, appliedMs: BigInt(START_MS) }), "device");
  // The anchor has the record as it was before: what it does not prove yet is waited for.
  expect(await at.as("stranger", "acknowledge-by-ledger", EXPORT_METER)).toMatchObject({
    exit: "notFound",
    json: { code: "PROOF_NOT_ANCHORED" },
  });
  const waiting = at.as("stranger", "acknowledge-by-ledger", EXPORT_METER, "--version", "1", "--wait", "30s");
  await at.anchor();
  expect((await waiting).json).toMatchObject({ version: 1, outcome: "applied", isByLedger: true });

  const revocation = { authority: accountOf("dso"), meterId: EXPORT_METER, reason: "stolen" };
  expect((await at.as("stranger", "mirror", EXPORT_METER)).json).toMatchObject({ isRevoked: false });
  execute(ledgerMessage("MsgRevokeMeter", revocation), "dso");
  await at.anchor();
  expect((await at.as("stranger", "mirror", EXPORT_METER)).json).toMatchObject({ isRevoked: true });
  expect((await at.ask("device", EXPORT_METER)).json).toMatchObject({
    status: "revoked on the ledger",
    isValid: false,
    mirrored: { isRevoked: true },
  });
  expect((await at.as("stranger", "mirror", EXPORT_METER)).json).toMatchObject({
    message: expect.stringContaining("MirrorNotNewer"),
  });
});

test("what is attested wrongly, for elsewhere or of no right form is refused before anything is sent", async () => {
  const block = await at.evm.provider.getBlockNumber();
  const file = await attested(P_METER, 2);
  const text = readFileSync(file, "utf8");
  const given = async (changed: string) => {
    writeFileSync(at.path("changed.json"), changed);
    return at.as("administrator", "set-configuration", at.path("changed.json"));
  };
  expect(
    (await given(text.replace(/(?<="configHash": "0x)./, (digit) => (digit === "0" ? "1" : "0")))).json,
  ).toMatchObject({
    message: expect.stringContaining("the checker has not signed exactly this"),
  });
  expect((await given(text.replace('"version": 2', '"version": 3'))).json).toMatchObject({
    message: expect.stringContaining("a configuration's version is the one before and one more"),
  });
  const elsewhere = await given(text.replace('"chainId": "31337"', '"chainId": "1"'));
  expect(elsewhere).toMatchObject({ exit: "verificationFailed", json: { code: "REGISTRY_FILE_ELSEWHERE" } });
  for (const damaged of ["", "null", "{}", text.slice(0, -20), text.replace('"version": 2', '"version": "2"')])
    expect((await given(damaged)).json).toMatchObject({ code: "REGISTRY_FILE_MALFORMED" });

  writeFileSync(at.path("wrong.json"), JSON.stringify({ ...DOCUMENT, latenessMs: "soon" }));
  const to = ["--meter", P_METER, "--version", "2", "-o", at.path("never.json")];
  expect((await at.as("checker", "attest", at.path("wrong.json"), ...to)).json).toMatchObject({
    code: "CONFIGURATION_SYNTAX",
  });
  onLedger(1);
  writeFileSync(at.path("other.json"), JSON.stringify({ ...DOCUMENT, latenessMs: 1000 }));
  const like = ["--as-on-ledger", at.path("attestation.json"), "-o", at.path("never.json")];
  expect((await at.as("checker", "attest", at.path("other.json"), ...like)).json).toMatchObject({
    code: "ATTESTATION_OTHER",
  });
  expect(await at.evm.provider.getBlockNumber()).toBe(block);
});

test.each<[string, readonly string[], string]>([
  ["an account that is none", ["appoint-issuer", "--account", "bob"], "ADDRESS_MALFORMED"],
  ["a meter that is none", ["accept-administrator", "a meter"], "METER_MALFORMED"],
  ["a certificate without an end", ["issue-administrator", "--account", "TO"], "VALIDITY_MISSING"],
  ["one with two ends", ["issue-administrator", "--account", "TO", "--for", "1d", "--until", "1"], "VALIDITY_MISSING"],
  ["a kind of key", ["issue-device", "x:1", "--administrator", "1", "--device-key", "rsa:00"], "DEVICE_KEY_MALFORMED"],
  [
    "a key off its curve",
    ["issue-device", "x:1", "--administrator", "1", "--device-key", "p256:00"],
    "DEVICE_KEY_MALFORMED",
  ],
  ["a meter unknown to the ledger", ["issue-device", "x:1", "--administrator", "1", "--for", "1d"], "NOT_FOUND"],
  ["a priority", ["set-configuration", "FILE", "--priority", "later"], "PRIORITY_UNKNOWN"],
  ["a version", ["sign-acknowledgement", P_METER, "--version", "0"], "VERSION_MALFORMED"],
  ["a version that was never set", ["sign-acknowledgement", P_METER, "--version", "9"], "CONFIGURATION_UNKNOWN"],
  ["a key file", ["sign-acknowledgement", P_METER, "--version", "1", "--p256-key", "/none"], "P256_KEY_UNREADABLE"],
  ["no device to attest for", ["attest", "SETTINGS", "-o", "/none"], "ATTESTATION_SUBJECT_MISSING"],
])("%s is refused at the command line", async (_name, args, code) => {
  const file = args.includes("FILE") ? await attested(P_METER, 2) : "";
  const places: Readonly<Record<string, string>> = {
    TO: at.wallet("stranger").address,
    SETTINGS: at.path("settings.json"),
    FILE: file,
  };
  expect((await at.as("owner", ...args.map((arg) => places[arg] ?? arg))).json).toMatchObject({ code });
});

test("by REST: a wallet's owner appoints an issuer, and anybody asks for it", async () => {
  const { api, wallet } = at;
  const parameters = { account: wallet("stranger").address };
  const prepared = await askApi(api, "/ethereum/registry/appoint-issuer", {
    from: wallet("owner").address,
    parameters,
  });
  expect(prepared.status).toBe(200);
  const signed = await wallet("owner").signTransaction(Transaction.from(String(prepared.body.unsigned)));
  expect(await askApi(api, "/ethereum/transactions", { signed })).toMatchObject({
    status: 200,
    body: { events: expect.arrayContaining([expect.objectContaining({ event: "IssuerAppointed" })]) },
  });
  const { body } = await askApi(api, "/ethereum/registry/issuers");
  expect((body.issuers as readonly object[])[0]).toMatchObject({ ...parameters, status: "valid" });
  const refused = await askApi(api, "/ethereum/registry/appoint-issuer", { from: wallet("owner").address, parameters });
  expect(refused).toMatchObject({
    status: 422,
    body: { code: "CONTRACT_REFUSED", details: { error: "IssuerInvalid" } },
  });
});

test("an issuer's revocation takes its devices with it, by a command, on Ethereum and on the ledger", async () => {
  await at.tellLedger();
  expect((await at.ask("on-ledger", SECP_METER)).json).toMatchObject({
    status: "valid",
    registry: (await at.registry.getAddress()).toLowerCase(),
    certificate: { issuerId: "1", isRevoked: false, validUntil: expect.stringMatching(/Z$/) },
    configuration: { version: 1, priority: "normal", configHash: expect.stringMatching(/^0x[0-9a-f]{64}$/) },
  });
  expect((await at.ask("on-ledger", "x:1")).json).toMatchObject({ status: "unknown", certificate: null });
  expect((await at.as("owner", "revoke-issuer", "1")).json).toMatchObject({ isRevoked: true });
  expect((await at.ask("device", P_METER)).json).toMatchObject({ status: "issuer revoked", isValid: false });
  expect((await at.as("owner", "revoke-certificate", "3")).json).toMatchObject({
    isRevoked: true,
    deviceId: expect.stringMatching(/^0x[0-9a-f]{64}$/),
  });
  // Renewed with the key as `registry device` shows it; the issuer being revoked, nobody may.
  const { certificate } = (await at.ask("device", P_METER)).json as { certificate: { key: string } };
  const again = ["issue-device", P_METER, "--administrator", "1", "--device-key", certificate.key, "--for", "1d"];
  expect((await at.as("issuer", ...again)).json).toMatchObject({ message: expect.stringContaining("NotIssuer") });
  await at.tellLedger();
  expect((await at.ask("on-ledger", P_METER)).json).toMatchObject({
    status: "revoked",
    certificate: { isRevoked: true, revokedIssuer: "1" },
  });
  expect((await at.ask("on-ledger", SECP_METER)).json).toMatchObject({ status: "issuerRevoked" });
  expect((await at.as("owner", "dismiss-checker", "--account", at.wallet("checker").address)).json).toMatchObject({
    isChecker: false,
  });
});

test("the owner hands the registry over in two steps, with two days between", async () => {
  const successor = at.wallet("successor").address;
  await at.as("owner", "hand-over", at.wallet("stranger").address);
  expect((await at.as("owner", "keep-ownership")).json).toMatchObject({ successor: null });
  const { json } = await at.as("owner", "hand-over", successor);
  expect(json).toMatchObject({ successor, from: expect.stringMatching(/Z$/) });
  expect((await at.as("successor", "accept-ownership")).json).toMatchObject({
    message: expect.stringContaining("AccessControlEnforcedDefaultAdminDelay"),
  });
  await at.evm.mineAt(Date.parse(String(json.from)) / 1000 + 1);
  expect((await at.as("successor", "accept-ownership")).json).toMatchObject({ owner: successor });
  expect((await at.ask("issuers")).json).toMatchObject({ owner: successor });
});

/** Of OpenZeppelin's EIP-712: names of contracts that are too long. */
const NEVER_BY_ACTION = ["InvalidShortString", "StringTooLong"];

test("every error of registry and reader that a user can cause has words", () => {
  const names = [DeviceRegistry, LedgerReader].flatMap(({ interface: contract }) =>
    contract.fragments.flatMap((each) => (each.type === "error" ? [(each as unknown as { name: string }).name] : [])),
  );
  const proofs = ["BridgeFrozen", "AnchorUnknown", "BlockNotInAnchor", "AppHashMismatch", "StateNotInBlock"];
  for (const name of proofs) expect(Bridge.interface.getError(name)).not.toBeNull();
  const without = [...names, ...proofs].filter((name) => !Object.hasOwn(REVERT_WORDS, name));
  expect(without.sort()).toEqual(expect.arrayContaining(NEVER_BY_ACTION));
  expect(without.filter((name) => !NEVER_BY_ACTION.includes(name))).toEqual([]);
});
