import { deviceIdOf } from "#bridge/deviceTypedData.ts";
import { addressOfContract } from "#bridge/evm/contractsFile.ts";
import { Bridge } from "#contracts/abi/Bridge.ts";
import { DeviceRegistry } from "#contracts/abi/DeviceRegistry.ts";
import { LedgerReader } from "#contracts/abi/LedgerReader.ts";
import { Outbox } from "#contracts/abi/Outbox.ts";
import { cliError } from "../../cli/cliError.ts";
import { rejectionOf } from "../../devices/rejections.ts";
import { type ActionContext, action, type Outcome } from "../action.ts";
import { file, optional } from "../param.ts";
import { integer, number } from "../parsers.ts";
import { type ProvedRecord, recordOf } from "./ledgerRecord.ts";
import {
  decodeAcknowledgement,
  decodeAttestation,
  MAX_FILE_CHARS,
  type RegistryAcknowledgement,
} from "./registryFiles.ts";
import { LEVELS, level, meter, OUTCOMES, wordOf } from "./registryValues.ts";

/** What a device's administrator does, and what anybody may show the registry. */

type Sent = Parameters<Parameters<typeof action>[0]["outcome"]>[0];

const MAX_VERSION = 2 ** 32 - 1;

/** Whose errors come through the registry. */
const READERS = [LedgerReader, Bridge];

export const proposeAdministrator = action({
  name: "propose-administrator",
  about:
    "As the administrator: name the next one, who must accept; instead of one that is no longer valid its issuer does",
  example: "MAC000002 --certificate 2",
  contract: DeviceRegistry,
  params: { meter: meter(), certificate: number("number of the next administrator's certificate") },
  places: ["meter"],
  prepare: ({ at }, { meter: meterId, certificate }) =>
    at(DeviceRegistry).proposeAdministrator.populateTransaction(deviceIdOf(meterId), certificate),
  outcome({ logs }, { meter: meterId, certificate }) {
    const { account = "" } = DeviceRegistry.events(logs, "AdministratorProposed")[0] ?? {};
    return {
      json: { meterId, certificateId: `${certificate}`, account },
      text: [
        ["meter", meterId],
        ["proposed", `${account}, certificate ${certificate}`],
        ["next", `registry accept-administrator ${meterId}, by that account`],
      ],
    };
  },
});

export const acceptAdministrator = action({
  name: "accept-administrator",
  about: "As the one that was proposed: administer the device from now on",
  example: "MAC000002",
  contract: DeviceRegistry,
  params: { meter: meter() },
  places: ["meter"],
  prepare: ({ at }, { meter: meterId }) =>
    at(DeviceRegistry).acceptAdministrator.populateTransaction(deviceIdOf(meterId)),
  outcome({ logs }, { meter: meterId }) {
    const { certificateId = 0n, account = "" } = DeviceRegistry.events(logs, "AdministratorChanged")[0] ?? {};
    return {
      json: { meterId, certificateId: `${certificateId}`, account },
      text: [
        ["meter", meterId],
        ["administrator", `${account}, certificate ${certificateId}`],
      ],
    };
  },
});

export const setConfiguration = action({
  name: "set-configuration",
  about: "As the device's administrator: the hash of its next configuration, as a checker has attested it",
  example: "registry-attestation.json --priority urgent",
  contract: DeviceRegistry,
  others: [Outbox],
  params: {
    attestation: file("what the checker made with `registry attest`", MAX_FILE_CHARS, decodeAttestation),
    priority: optional(level),
  },
  places: ["attestation"],
  async prepare(context, { attestation, priority = "normal" }) {
    requireHere(context, attestation);
    const { meterId, version, configHash, schemaId, schemaVersion, checker, signature } = attestation;
    return context.at(DeviceRegistry).setConfiguration.populateTransaction({
      ...{ deviceId: deviceIdOf(meterId), version, configHash, schemaId, schemaVersion },
      ...{ level: LEVELS.indexOf(priority), checker, attestation: signature },
    });
  },
  outcome({ logs }, { attestation: { meterId, configHash, schemaId, schemaVersion, checker } }) {
    const { version = 0n, level: given = 0n } = DeviceRegistry.events(logs, "PriorityEvent")[0] ?? {};
    const json = { meterId, version: Number(version), priority: wordOf(LEVELS, given), configHash };
    return {
      json: { ...json, schemaId, schemaVersion, checker },
      text: [
        ["meter", meterId],
        ["version", `${version}`],
        ["priority", json.priority],
        ["schema", `${schemaId} ${schemaVersion}`],
        ["SHA256 of salt and document", configHash],
        ["checker", checker],
      ],
    };
  },
});

export const acknowledge = action({
  name: "acknowledge",
  about: "Show what a device has signed about a version: applied, or rejected",
  example: "acknowledgement.json",
  contract: DeviceRegistry,
  params: {
    acknowledgement: file(
      "what the device made with `registry sign-acknowledgement`",
      MAX_FILE_CHARS,
      decodeAcknowledgement,
    ),
  },
  places: ["acknowledgement"],
  async prepare(context, { acknowledgement }) {
    requireHere(context, acknowledgement);
    const { meterId, version, code, signature } = acknowledgement;
    const registry = context.at(DeviceRegistry);
    return registry.acknowledge.populateTransaction(deviceIdOf(meterId), version, code === 0, code, signature);
  },
  outcome: (sent, { acknowledgement: { meterId } }) => acknowledged(sent, meterId),
});

export const acknowledgeByLedger = action({
  name: "acknowledge-by-ledger",
  about: "Show what a device has answered on the ledger, for keys whose signature no contract can verify",
  example: "MAC000002 --version 1 --wait 10m",
  contract: DeviceRegistry,
  others: READERS,
  isProved: true,
  params: {
    meter: meter(),
    version: optional(integer("of the configuration (default: the latest on Ethereum)", 1, MAX_VERSION)),
  },
  places: ["meter"],
  async prepare(context, { meter: meterId, version: given }) {
    const registry = context.at(DeviceRegistry);
    const version = given ?? Number((await registry.deviceOf(deviceIdOf(meterId))).version);
    const { value, proof } = await recordOf(context, "configuration", `${version} ${meterId}`);
    return registry.acknowledgeByLedger.populateTransaction(meterId, version, value, proof);
  },
  outcome: (sent, { meter: meterId }) => acknowledged(sent, meterId),
});

export const mirror = action({
  name: "mirror",
  about: "Show the ledger's certificate of a device: one that is revoked there, or has another key, is not valid here",
  example: "MAC000002 --wait 10m",
  contract: DeviceRegistry,
  others: READERS,
  isProved: true,
  params: { meter: meter() },
  places: ["meter"],
  async prepare(context, { meter: meterId }) {
    const { value, proof }: ProvedRecord = await recordOf(context, "meter", meterId);
    return context.at(DeviceRegistry).mirror.populateTransaction(meterId, value, proof);
  },
  outcome({ logs }, { meter: meterId }) {
    const { timeMs = 0n, isRevoked = false } = DeviceRegistry.events(logs, "Mirrored")[0] ?? {};
    const at = new Date(Number(timeMs)).toISOString();
    return {
      json: { meterId, at, timeMs: Number(timeMs), isRevoked },
      text: [
        ["meter", meterId],
        ["on the ledger", isRevoked ? "revoked" : "not revoked"],
        ["as of", at],
      ],
    };
  },
});

function acknowledged({ logs }: Sent, meterId: string): Outcome {
  const event = DeviceRegistry.events(logs, "Acknowledged")[0];
  const { version = 0n, outcome = 0n, code = 0n, isByLedger = false } = event ?? {};
  const reason = code === 0n ? undefined : (rejectionOf(Number(code)) ?? `code ${code}`);
  const word = wordOf(OUTCOMES, outcome);
  return {
    json: { meterId, version: Number(version), outcome: word, code: Number(code), reason: reason ?? null, isByLedger },
    text: [
      ["meter", meterId],
      ["version", `${version}`],
      ["the device says", reason === undefined ? word : `${word}: ${reason}`],
      ["known by", isByLedger ? "the ledger's record" : "the device's signature"],
    ],
  };
}

/** The signature would not hold anywhere else. @throws CliError REGISTRY_FILE_ELSEWHERE */
function requireHere(
  { file: contracts, connection }: ActionContext,
  { chainId, contract }: Pick<RegistryAcknowledgement, "chainId" | "contract">,
): void {
  if (chainId === connection.chainId && contract === addressOfContract(contracts, DeviceRegistry.name)) return;
  const message = "the file is signed for another chain or registry than the contracts file names";
  throw cliError("verificationFailed", "REGISTRY_FILE_ELSEWHERE", message, "ask for one of this registry");
}
