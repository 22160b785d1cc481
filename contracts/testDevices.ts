import { Wallet } from "ethers";
import { deviceIdOf, p256PublicKeyOf, signDeviceAttestation } from "#bridge/deviceTypedData.ts";
import { stateProofFrom } from "#bridge/proofs.ts";
import {
  accountOf,
  configurationMessage,
  createTestLedger,
  EXPORT_METER,
  keyOf,
  START_MS,
} from "#consensus/application/testLedger.ts";
import { sha256 } from "#storage/crypto/hash.ts";
import { publicKeyOf } from "#storage/crypto/keys.ts";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import { DeviceRegistry, type DeviceRegistryContract } from "./abi/DeviceRegistry.ts";
import { LedgerReader } from "./abi/LedgerReader.ts";
import { Outbox } from "./abi/Outbox.ts";
import { deployTestBridge } from "./testBridge.ts";
import { mined, type TestEvm, type TestWallet } from "./testing.ts";

/** DeviceRegistry.KeyType. */
export const [P256, SECP256K1, ED25519] = [0, 1, 2] as const;
export const P_METER = "p256:1";
export const E_METER = EXPORT_METER;
export const SECP_METER = "dsmr:7";

/** A record of the ledger and the proof of it, as the contracts take them. */
export type Shown = readonly [Uint8Array, ReturnType<typeof stateProofFrom>];

/** DeviceRegistry with a device of each kind of key, and a ledger on which the Ed25519 one is configured, answers, and is revoked. */
export async function createTestDevices(evm: TestEvm) {
  const [owner, issuer, subIssuer, administrator, successor, checker, stranger] = evm.wallets as [
    TestWallet,
    TestWallet,
    TestWallet,
    TestWallet,
    TestWallet,
    TestWallet,
    TestWallet,
  ];
  const now = await evm.now();

  /** The ledger's own registry: the export meter's device is configured, answers, and is revoked; each state is shown by its own block. */
  const ledger = createTestLedger({ checker: true });
  const made = await deployTestBridge(evm, { ledger });
  const asked: {
    readonly key: string;
    readonly value: Uint8Array;
    readonly proof: Uint8Array;
    readonly height: number;
  }[] = [];
  const execute = (txs: readonly Uint8Array[]) => {
    for (const { code, log } of made.block(txs).txResults) if (code !== 0) throw new Error(log);
  };
  const keep = (key: string) => {
    const { value, proof } = ledger.app.query({
      path: "/edream/state",
      data: Buffer.from(key),
      height: 0,
      prove: true,
    });
    asked.push({ key, value, proof, height: ledger.height + 1 });
  };
  const configuration = `configuration/${EXPORT_METER}/0000000001`;
  const secpKey = { type: "secp256k1", key: publicKeyOf(keyOf("secp device")).bytes };
  execute([ledger.sign([ledger.enrolMeter({ meterId: SECP_METER, deviceKey: secpKey as never })], ["dso"])]);
  keep(`meter/${EXPORT_METER}`);
  keep(`meter/${SECP_METER}`);
  execute([ledger.sign([configurationMessage(1n)], ["prosumer"])]);
  keep(configuration);
  const answer = { signer: accountOf("device"), meterId: EXPORT_METER, version: 1n, outcome: "rejected", code: 7 };
  const answered = ledgerMessage("MsgAcknowledgeDeviceConfiguration", { ...answer, appliedMs: BigInt(START_MS) });
  execute([ledger.sign([answered], ["device"])]);
  keep(configuration);
  const revocation = { authority: accountOf("dso"), meterId: EXPORT_METER, reason: "stolen" };
  execute([ledger.sign([ledgerMessage("MsgRevokeMeter", revocation)], ["dso"])]);
  keep(`meter/${EXPORT_METER}`);
  execute([]);
  await made.anchor();
  const [meterRecord, secpRecord, unanswered, rejectedRecord, revokedRecord] = asked.map(({ value, proof, height }) => [
    value,
    stateProofFrom(made.proveBlock(height), proof),
  ]) as unknown as [Shown, Shown, Shown, Shown, Shown];

  const outbox = await Outbox.deploy(owner, [owner.address]);
  const reader = await LedgerReader.deploy(owner, [made.address]);
  const registry = await DeviceRegistry.deploy(owner, [
    await reader.getAddress(),
    await outbox.getAddress(),
    owner.address,
  ]);
  const domain = { chainId: BigInt(evm.anvil.chainId), contract: await registry.getAddress() };
  const at = (wallet: TestWallet) => registry.connect(wallet) as DeviceRegistryContract;
  const p256Key = sha256(Buffer.from("p256 device"));
  const ed25519 = publicKeyOf(keyOf("device")).bytes;
  const secpDevice = new Wallet(`0x${Buffer.from(keyOf("secp device").bytes).toString("hex")}`);
  const secpPoint = `0x${secpDevice.signingKey.publicKey.slice(4)}`;
  const [p, e, s] = [P_METER, E_METER, SECP_METER].map(deviceIdOf) as [string, string, string];
  const until = now + 365 * 86_400;

  await mined(outbox.grantRole(await outbox.EMITTER_ROLE(), registry));
  await mined(registry.grantRole(await registry.CHECKER_ROLE(), checker));
  await mined(registry.appointIssuer(issuer));
  await mined(at(issuer).appointIssuer(subIssuer));
  // 1 and 2 administer; 3, 4 and 5 are devices, the last one of the issuer below.
  await mined(at(issuer).issueAdministrator(administrator, now, until));
  await mined(at(issuer).issueAdministrator(successor, now, until));
  await mined(at(issuer).issueDevice(P_METER, P256, p256PublicKeyOf(p256Key), now, until, 1));
  await mined(at(issuer).issueDevice(E_METER, ED25519, ed25519, now, until, 1));
  await mined(at(subIssuer).issueDevice(SECP_METER, SECP256K1, secpPoint, now, until, 1));

  const attested = {
    meterId: P_METER,
    version: 1,
    configHash: sha256(Buffer.from("plaintext 1")),
    schemaId: "meter-options",
    schemaVersion: 1,
  };
  /** The checker signs what is given, unless told otherwise. */
  const settings = async (
    fields: Partial<typeof attested & { level: number; checker: string; attestation: string }> = {},
    by: TestWallet = checker,
  ) => {
    const { level = 0, checker: named = by.address, attestation, ...rest } = fields;
    const word = { ...attested, ...rest };
    const signature = attestation ?? (await signDeviceAttestation(by, domain, word));
    return { ...word, deviceId: deviceIdOf(word.meterId), level, checker: named, attestation: signature };
  };
  const configure = async (fields: Parameters<typeof settings>[0] = {}) =>
    mined(at(administrator).setConfiguration(await settings(fields)));

  return {
    ...{ owner, issuer, subIssuer, administrator, successor, checker, stranger, registry, outbox, domain, until, now },
    ...{ at, p256Key, ed25519, secpDevice, p, e, s, attested, settings, configure },
    ...{ meterRecord, secpRecord, unanswered, rejectedRecord, revokedRecord },
  };
}
