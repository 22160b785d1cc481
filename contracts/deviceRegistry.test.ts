import { AbiCoder, id, ZeroAddress, ZeroHash } from "ethers";
import { afterAll, describe, expect, test } from "vitest";
import {
  deviceAcknowledgementDigest,
  deviceAttestationDigest,
  deviceIdOf,
  p256PublicKeyOf,
  signDeviceAcknowledgement,
  signDeviceAcknowledgementP256,
  signDeviceAttestation,
} from "#bridge/deviceTypedData.ts";
import { keyOf } from "#consensus/application/testLedger.ts";
import { sha256 } from "#storage/crypto/hash.ts";
import { publicKeyOf } from "#storage/crypto/keys.ts";
import { Bridge } from "./abi/Bridge.ts";
import { DeviceRegistry } from "./abi/DeviceRegistry.ts";
import { Wallet1271 } from "./abi/harness/Wallet1271.ts";
import { LedgerReader } from "./abi/LedgerReader.ts";
import { Outbox } from "./abi/Outbox.ts";
import {
  createTestDevices,
  E_METER,
  ED25519,
  P_METER,
  P256,
  SECP_METER,
  SECP256K1,
  type Shown,
} from "./testDevices.ts";
import { mined, revertOf, startTestEvm, type TestWallet } from "./testing.ts";

const VALID = 1n;
const DAY = 86_400;
/** Order of P-256, for the second signature of a message. */
const N256 = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

const evm = await startTestEvm({ hardfork: "osaka" });
afterAll(() => evm[Symbol.asyncDispose]());
const made = await createTestDevices(evm);
const { owner, issuer, subIssuer, administrator, successor, checker, stranger, registry, outbox } = made;
const { domain, until, now, at, p256Key, ed25519, secpDevice, p, e, s } = made;
const { attested, settings, configure, meterRecord, secpRecord, unanswered, rejectedRecord, revokedRecord } = made;
const refused = (sent: Promise<unknown>) => revertOf(sent, DeviceRegistry, LedgerReader, Bridge, Outbox);
const nameOf = async (sent: Promise<unknown>) => (await refused(sent)).name;

const isolated = (name: string, body: () => Promise<void>) => test(name, evm.isolated(body));
const settingName = async (
  fields: Parameters<typeof settings>[0] = {},
  by: TestWallet = checker,
  sender = administrator,
) => nameOf(at(sender).setConfiguration.staticCall(await settings(fields, by)));
const acknowledged = { meterId: P_METER, version: 1, configHash: attested.configHash, code: 0 };

describe("certificates", () => {
  isolated("hold from their beginning to their end, both included, and no longer than they may", async () => {
    const from = now + DAY;
    await mined(at(issuer).issueAdministrator(stranger, from, from + DAY));
    expect(await registry.certificateStatus(6)).toBe(2n);
    for (const [time, status] of [
      [from - 1, 2n],
      [from, VALID],
      [from + DAY, VALID],
      [from + DAY + 1, 3n],
    ] as const) {
      await evm.mineAt(time);
      expect(await registry.certificateStatus(6)).toBe(status);
    }
    expect(await registry.certificateStatus(7)).toBe(0n);
    const issue = (begin: number, end: number) =>
      nameOf(at(issuer).issueAdministrator.staticCall(stranger, begin, end));
    const time = await evm.now();
    expect(await issue(time + 2, time + 1)).toBe("ValidityInvalid");
    expect(await issue(time - 2, time - 1)).toBe("ValidityInvalid");
    expect(await issue(time, time + 30 * 365 * DAY + 100)).toBe("ValidityInvalid");
    expect(await nameOf(at(issuer).issueAdministrator.staticCall(ZeroAddress, time, until))).toBe("AccountInvalid");
    expect(await nameOf(registry.certificateOf(7))).toBe("CertificateUnknown");
  });

  isolated("of a revoked issuer, and of all below it, are never valid again, whoever is appointed anew", async () => {
    await mined(registry.revokeIssuer(1));
    for (const id of [1, 2, 3, 4, 5]) expect(await registry.certificateStatus(id)).toBe(5n);
    for (const id of [p, e, s]) expect(await registry.deviceStatus(id)).toBe(5n);
    expect([await registry.isIssuer(issuer), await registry.isIssuer(subIssuer)]).toEqual([false, false]);
    for (const by of [issuer, subIssuer])
      expect(await nameOf(at(by).issueAdministrator.staticCall(stranger, now, until))).toBe("NotIssuer");
    expect(await nameOf(registry.revokeIssuer.staticCall(1))).toBe("AlreadyRevoked");
    await mined(registry.appointIssuer(issuer));
    expect(await registry.isIssuer(issuer)).toBe(true);
    for (const id of [1, 2, 3, 4, 5]) expect(await registry.certificateStatus(id)).toBe(5n);
    // Its devices can be certified anew, with an administrator of its own.
    await mined(at(issuer).issueAdministrator(administrator, now, until));
    await mined(at(issuer).issueDevice(P_METER, P256, p256PublicKeyOf(p256Key), now, until, 6));
    expect(await registry.deviceStatus(p)).toBe(VALID);
    // Two issuers and three devices before; a revocation, an issuer and a device.
    expect((await outbox.chain()).eventNonce).toBe(5n + 3n);
  });

  isolated("below an issuer that was revoked stay, when it is another branch; four are the depth", async () => {
    await mined(at(issuer).revokeIssuer(2));
    expect([await registry.deviceStatus(s), await registry.deviceStatus(p)]).toEqual([5n, VALID]);
    for (const [above, below] of [
      [issuer, subIssuer],
      [subIssuer, stranger],
      [stranger, successor],
    ] as const)
      await mined(at(above).appointIssuer(below));
    expect(await nameOf(at(successor).appointIssuer.staticCall(checker))).toBe("IssuersTooDeep");
    for (const account of [ZeroAddress, issuer.address])
      expect(await nameOf(registry.appointIssuer.staticCall(account))).toBe("IssuerInvalid");
    expect(await nameOf(registry.revokeIssuer.staticCall(9))).toBe("IssuerUnknown");
  });

  isolated("are revoked by their issuer, one above, or the owner, once", async () => {
    for (const by of [administrator, stranger, checker])
      expect(await nameOf(at(by).revokeCertificate.staticCall(5))).toBe("NotIssuer");
    expect(await nameOf(at(subIssuer).revokeCertificate.staticCall(3))).toBe("NotYours");
    expect(await nameOf(registry.revokeCertificate.staticCall(9))).toBe("CertificateUnknown");
    await mined(at(issuer).revokeCertificate(5));
    await mined(registry.revokeCertificate(3));
    await mined(at(issuer).revokeCertificate(1));
    for (const id of [1, 3, 5]) expect(await registry.certificateStatus(id)).toBe(4n);
    expect(await nameOf(registry.revokeCertificate.staticCall(3))).toBe("AlreadyRevoked");
  });

  isolated("of a device are renewed by the same issuer, and by another only when they were revoked", async () => {
    const key = p256PublicKeyOf(sha256(p256Key));
    const issue = (by: TestWallet, administratorId = 1) =>
      at(by).issueDevice.staticCall(P_METER, P256, key, now, until, administratorId);
    expect(await nameOf(issue(subIssuer))).toBe("DeviceCertifiedElsewhere");
    expect(await nameOf(issue(issuer, 2))).toBe("AdministratorInvalid");
    await mined(at(issuer).issueDevice(P_METER, P256, key, now, until, 1));
    expect([await registry.certificateStatus(3), await registry.certificateStatus(6)]).toEqual([4n, VALID]);
    await mined(at(issuer).revokeCertificate(6));
    await mined(at(subIssuer).issueDevice(P_METER, P256, key, now, until, 1));
    expect(await registry.deviceStatus(p)).toBe(VALID);
    for (const [keyType, bytes] of [
      [P256, ed25519],
      [ED25519, key],
      [SECP256K1, ed25519],
      [P256, new Uint8Array(64)],
      [SECP256K1, new Uint8Array(64)],
      [SECP256K1, key],
    ] as const)
      expect(await nameOf(at(issuer).issueDevice.staticCall("x:1", keyType, bytes, now, until, 1))).toBe("KeyInvalid");
    for (const meterId of ["", "x".repeat(97)])
      expect(await nameOf(at(issuer).issueDevice.staticCall(meterId, P256, key, now, until, 1))).toBe("MeterIdInvalid");
    for (const id of [0, 3, 9])
      expect(await nameOf(at(issuer).issueDevice.staticCall("x:1", P256, key, now, until, id))).toBe(
        "AdministratorInvalid",
      );
  });
});

describe("the ledger", () => {
  const told = ({ logs }: Awaited<ReturnType<typeof mined>>) =>
    Outbox.events(
      logs.filter(({ address }) => address !== domain.contract),
      "OutboxEvent",
    ).map(({ kind, payload }) => [kind, payload]);
  const encode = (types: readonly string[], values: readonly unknown[]) =>
    AbiCoder.defaultAbiCoder().encode([...types], [...values]);

  isolated("is told of an issuer with who appointed it, and of its end", async () => {
    expect(told(await mined(at(issuer).appointIssuer(stranger)))).toEqual([
      [id("DeviceRegistry.IssuerAppointed"), encode(["uint256", "uint256"], [3, 1])],
    ]);
    expect(told(await mined(registry.revokeIssuer(3)))).toEqual([
      [id("DeviceRegistry.IssuerRevoked"), encode(["uint256", "address"], [3, stranger.address])],
    ]);
  });

  isolated("is told of a device's new certificate before the end of the one it replaces", async () => {
    const renewed = await mined(at(issuer).issueDevice(E_METER, ED25519, ed25519, now, until, 1));
    const types = ["bytes32", "uint256", "uint256", "uint256", "uint256"];
    expect(told(renewed)).toEqual([
      [id("DeviceRegistry.DeviceCertified"), encode(types, [e, 6, 1, now, until])],
      [id("DeviceRegistry.CertificateRevoked"), encode(["uint256", "bytes32"], [4, e])],
    ]);
  });
});

describe("administrators", () => {
  isolated("change in two steps", async () => {
    expect(await nameOf(at(administrator).acceptAdministrator.staticCall(p))).toBe("NotAdministrator");
    for (const by of [issuer, owner, successor, stranger])
      expect(await nameOf(at(by).proposeAdministrator.staticCall(p, 2))).toBe("NotAdministrator");
    for (const id of [0, 3, 9])
      expect(await nameOf(at(administrator).proposeAdministrator.staticCall(p, id))).toBe("AdministratorInvalid");
    expect(await nameOf(at(administrator).proposeAdministrator.staticCall(ZeroHash, 2))).toBe("DeviceUnknown");
    await mined(at(administrator).proposeAdministrator(p, 2));
    await configure();
    expect(await settingName({ version: 2 }, checker, successor)).toBe("NotAdministrator");
    for (const by of [administrator, stranger])
      expect(await nameOf(at(by).acceptAdministrator.staticCall(p))).toBe("NotAdministrator");
    await mined(at(successor).acceptAdministrator(p));
    expect((await registry.deviceOf(p)).administratorId).toBe(2n);
    expect(await settingName({ version: 2 })).toBe("NotAdministrator");
    await mined(at(successor).setConfiguration(await settings({ version: 2 })));
    expect(await nameOf(at(successor).acceptAdministrator.staticCall(p))).toBe("NotAdministrator");
  });

  isolated("whose certificate is revoked set nothing, and the device's issuer names the next", async () => {
    await mined(at(administrator).proposeAdministrator(p, 2));
    await mined(at(issuer).revokeCertificate(2));
    expect(await nameOf(at(successor).acceptAdministrator.staticCall(p))).toBe("AdministratorInvalid");
    await mined(at(issuer).revokeCertificate(1));
    expect(await settingName()).toBe("AdministratorInvalid");
    await mined(at(issuer).issueAdministrator(stranger, now, until));
    expect(await nameOf(at(administrator).proposeAdministrator.staticCall(p, 6))).toBe("NotAdministrator");
    await mined(at(issuer).proposeAdministrator(p, 6));
    await mined(at(stranger).acceptAdministrator(p));
    await mined(at(stranger).setConfiguration(await settings()));
  });
});

describe("an orphan's administrator", () => {
  isolated("is not named by an issuer that was revoked itself", async () => {
    await mined(at(issuer).revokeIssuer(2));
    await mined(at(issuer).revokeCertificate(1));
    expect(await nameOf(at(subIssuer).proposeAdministrator.staticCall(s, 2))).toBe("NotIssuer");
  });

  isolated("is not who the revoked one had proposed, once the issuer has certified the device anew", async () => {
    await mined(at(administrator).proposeAdministrator(p, 2));
    await mined(at(issuer).revokeCertificate(1));
    await mined(at(issuer).issueAdministrator(stranger, now, until));
    await mined(at(issuer).issueDevice(P_METER, P256, p256PublicKeyOf(p256Key), now, until, 6));
    expect(await nameOf(at(successor).acceptAdministrator.staticCall(p))).toBe("NotAdministrator");
  });
});

describe("configurations", () => {
  isolated("count up by one, tell their priority by the device's id, and tell the ledger", async () => {
    const { logs } = await configure({ level: 1 });
    expect(
      DeviceRegistry.events(
        logs.filter(({ address }) => address === domain.contract),
        "PriorityEvent",
      ),
    ).toEqual([{ deviceId: p, version: 1n, level: 1n }]);
    expect((await outbox.chain()).eventNonce).toBe(5n + 1n);
    for (const version of [0, 1, 3]) expect(await settingName({ version })).toBe("VersionWrong");
    await configure({ version: 2, configHash: sha256(Buffer.from("another")) });
    // Back to what was, under a higher number.
    await configure({ version: 3 });
    expect((await registry.deviceOf(p)).version).toBe(3n);
    expect((await registry.configurationOf(p, 3)).configHash).toBe((await registry.configurationOf(p, 1)).configHash);
  });

  isolated("are attested by a checker who is not the administrator, for exactly what is set", async () => {
    const word = { ...attested, meterId: P_METER };
    expect(await registry.attestationDigest(p, 1, attested.configHash, deviceIdOf("meter-options"), 1)).toBe(
      deviceAttestationDigest(domain, word),
    );
    for (const changed of [
      { meterId: E_METER },
      { version: 2 },
      { configHash: sha256(p256Key) },
      { schemaId: "other" },
      { schemaVersion: 2 },
    ]) {
      const attestation = await signDeviceAttestation(checker, domain, { ...word, ...changed });
      expect(await settingName({ attestation })).toBe("AttestationInvalid");
    }
    for (const elsewhere of [{ chainId: 1n }, { contract: stranger.address }]) {
      const attestation = await signDeviceAttestation(checker, { ...domain, ...elsewhere }, word);
      expect(await settingName({ attestation })).toBe("AttestationInvalid");
    }
    expect(await settingName({ attestation: "0x" })).toBe("AttestationInvalid");
    expect(await settingName({ checker: checker.address }, stranger)).toBe("AttestationInvalid");
    expect(await settingName({}, stranger)).toBe("CheckerInvalid");
    await mined(registry.grantRole(await registry.CHECKER_ROLE(), administrator));
    expect(await settingName({}, administrator)).toBe("CheckerInvalid");
    await mined(registry.revokeRole(await registry.CHECKER_ROLE(), checker));
    expect(await settingName()).toBe("CheckerInvalid");
  });

  isolated("may be attested by a checker whose wallet is a contract", async () => {
    const wallet = await Wallet1271.deploy(owner, [stranger.address]);
    await mined(registry.grantRole(await registry.CHECKER_ROLE(), wallet));
    const named = await wallet.getAddress();
    expect(await settingName({ checker: named })).toBe("AttestationInvalid");
    await mined(at(administrator).setConfiguration(await settings({ checker: named }, stranger)));
  });

  isolated("are set for a valid device only, and say something", async () => {
    expect(await settingName({ meterId: "unknown:1" })).toBe("DeviceUnknown");
    for (const fields of [
      { configHash: new Uint8Array(32) },
      { schemaVersion: 0 },
      { schemaId: "" },
      { schemaId: "x".repeat(65) },
    ])
      expect(await settingName(fields)).toBe("ConfigurationInvalid");
    await mined(at(issuer).revokeCertificate(3));
    expect((await refused(at(administrator).setConfiguration.staticCall(await settings()))).args).toEqual([p, 4n]);
    await evm.mineAt(until + 1);
    expect(await settingName({ meterId: E_METER })).toBe("AdministratorInvalid");
  });
});

describe("acknowledgements", () => {
  isolated("are signed by the device's key on P-256, once, and by nobody else", async () => {
    await configure();
    expect(await registry.acknowledgementDigest(p, 1, attested.configHash, true, 0)).toBe(
      deviceAcknowledgementDigest(domain, acknowledged),
    );
    const signature = signDeviceAcknowledgementP256(p256Key, domain, acknowledged);
    const nameWith = (given: string, applied = true, code = 0, version = 1) =>
      nameOf(at(stranger).acknowledge.staticCall(p, version, applied, code, given));
    const s_ = BigInt(`0x${signature.slice(66)}`);
    const wrong = [
      signDeviceAcknowledgementP256(sha256(p256Key), domain, acknowledged),
      signDeviceAcknowledgementP256(p256Key, domain, { ...acknowledged, code: 1 }),
      signDeviceAcknowledgementP256(p256Key, { ...domain, chainId: 1n }, acknowledged),
      `${signature.slice(0, 66)}${(N256 - s_).toString(16).padStart(64, "0")}`,
      signature.slice(0, -2),
      `${signature}00`,
      "0x",
    ];
    for (const given of wrong) expect(await nameWith(given)).toBe("AcknowledgementInvalid");
    expect(await nameWith(signature, true, 1)).toBe("OutcomeInvalid");
    expect(await nameWith(signature, false, 0)).toBe("OutcomeInvalid");
    expect(await nameWith(signature, true, 0, 2)).toBe("ConfigurationUnknown");
    await mined(at(stranger).acknowledge(p, 1, true, 0, signature));
    expect((await registry.configurationOf(p, 1)).outcome).toBe(1n);
    expect(await nameWith(signature)).toBe("AlreadyAcknowledged");
  });

  isolated("of a key on secp256k1, with the reason of a refusal; and none of a device that is revoked", async () => {
    await configure({ meterId: SECP_METER });
    const no = { ...acknowledged, meterId: SECP_METER, code: 7 };
    const signature = await signDeviceAcknowledgement(secpDevice, domain, no);
    const other = await signDeviceAcknowledgement(stranger, domain, no);
    expect(await nameOf(registry.acknowledge.staticCall(s, 1, false, 7, other))).toBe("AcknowledgementInvalid");
    expect(await nameOf(registry.acknowledge.staticCall(s, 1, false, 8, signature))).toBe("AcknowledgementInvalid");
    const before = await evm.provider.send("evm_snapshot", []);
    await mined(registry.revokeCertificate(5));
    expect(await nameOf(registry.acknowledge.staticCall(s, 1, false, 7, signature))).toBe("DeviceNotValid");
    await evm.provider.send("evm_revert", [before]);
    await mined(registry.acknowledge(s, 1, false, 7, signature));
    const { outcome, code } = await registry.configurationOf(s, 1);
    expect([outcome, code]).toEqual([2n, 7n]);
  });

  isolated("of a key on Ed25519 come from the ledger, where it has answered", async () => {
    const set = { meterId: E_METER, configHash: sha256(Buffer.from("plaintext 1")) };
    const byLedger = ([record, proof]: Shown, version = 1) =>
      at(stranger).acknowledgeByLedger.staticCall(E_METER, version, record, proof);
    expect(await nameOf(byLedger(rejectedRecord))).toBe("ConfigurationUnknown");
    await configure(set);
    expect(await refused(registry.acknowledge.staticCall(e, 1, true, 0, "0x"))).toEqual({
      name: "KeyCannotSign",
      args: [2n],
    });
    expect(await nameOf(byLedger(unanswered))).toBe("OutcomeInvalid");
    expect(await nameOf(byLedger([rejectedRecord[0], unanswered[1]]))).toBe("StateNotInBlock");
    // As with its own signature: the word of a device that is not valid counts no more.
    const before = await evm.provider.send("evm_snapshot", []);
    await mined(at(stranger).mirror(E_METER, ...revokedRecord));
    expect(await refused(byLedger(rejectedRecord))).toEqual({ name: "DeviceNotValid", args: [e, 6n] });
    await evm.provider.send("evm_revert", [before]);
    const { logs } = await mined(at(stranger).acknowledgeByLedger(E_METER, 1, ...rejectedRecord));
    expect(DeviceRegistry.events(logs, "Acknowledged")).toEqual([
      { deviceId: e, version: 1n, outcome: 2n, code: 7n, isByLedger: true },
    ]);
    expect(await nameOf(byLedger(rejectedRecord))).toBe("AlreadyAcknowledged");
  });

  isolated("on the ledger of another plaintext or schema are none here", async () => {
    for (const [i, fields] of [
      { configHash: sha256(p256Key) },
      { schemaVersion: 2 },
      { schemaId: "other" },
    ].entries()) {
      const snapshot = await evm.provider.send("evm_snapshot", []);
      await configure({ meterId: E_METER, ...fields });
      expect(await nameOf(registry.acknowledgeByLedger.staticCall(E_METER, 1, ...rejectedRecord)), `${i}`).toBe(
        "ConfigurationDiffers",
      );
      await evm.provider.send("evm_revert", [snapshot]);
    }
  });
});

describe("the ledger's registry", () => {
  isolated("confirms a key, and a device revoked there is not valid here", async () => {
    await mined(at(stranger).mirror(E_METER, ...meterRecord));
    await mined(at(stranger).mirror(SECP_METER, ...secpRecord));
    expect([await registry.deviceStatus(e), await registry.deviceStatus(s)]).toEqual([VALID, VALID]);
    expect(await nameOf(registry.mirror.staticCall(E_METER, ...meterRecord))).toBe("MirrorNotNewer");
    expect(await nameOf(registry.mirror.staticCall(P_METER, ...meterRecord))).toBe("StateNotInBlock");
    await mined(at(stranger).mirror(E_METER, ...revokedRecord));
    expect(await registry.deviceStatus(e)).toBe(6n);
    expect(await settingName({ meterId: E_METER })).toBe("DeviceNotValid");
    expect(await nameOf(registry.mirror.staticCall(E_METER, ...meterRecord))).toBe("MirrorNotNewer");
  });

  isolated("with another key than the certificate's makes that device not valid", async () => {
    await mined(at(stranger).mirror(E_METER, ...meterRecord));
    const other = publicKeyOf(keyOf("device import")).bytes;
    await mined(at(issuer).issueDevice(E_METER, ED25519, other, now, until, 1));
    expect(await registry.deviceStatus(e)).toBe(7n);
    await mined(at(issuer).issueDevice(E_METER, P256, p256PublicKeyOf(p256Key), now, until, 1));
    expect(await registry.deviceStatus(e)).toBe(7n);
    await mined(at(issuer).issueDevice(E_METER, ED25519, ed25519, now, until, 1));
    expect(await registry.deviceStatus(e)).toBe(VALID);
  });
});
