import { deviceIdOf } from "#bridge/deviceTypedData.ts";
import { addressOfContract } from "#bridge/evm/contractsFile.ts";
import { readLogs } from "#bridge/evm/readLogs.ts";
import {
  type CertificateOutput,
  type ConfigurationOutput,
  DeviceRegistry,
  type DeviceRegistryContract,
} from "#contracts/abi/DeviceRegistry.ts";
import { timeOf } from "../../cli/channelView.ts";
import { facts, printable, table } from "../../cli/output.ts";
import { rejectionOf } from "../../devices/rejections.ts";
import { type ActionContext, query } from "../action.ts";
import { optional } from "../param.ts";
import { number } from "../parsers.ts";
import { KEY_TYPES, LEVELS, meter, OUTCOMES, STATUSES, wordOf } from "./registryValues.ts";

/** Versions and issuers that an answer has at most, the newest ones. */
const MAX_LISTED = 50;

const timeOrNull = (seconds: bigint) => (seconds === 0n ? null : timeOf(seconds));

export const device = query({
  name: "device",
  about: "A device as Ethereum has it: status, certificate, administrator, configurations and what it answered",
  example: "MAC000002",
  contract: DeviceRegistry,
  params: { meter: meter() },
  places: ["meter"],
  async ask(context, { meter: meterId }) {
    const registry = context.at(DeviceRegistry);
    const id = deviceIdOf(meterId);
    const { certificateId, administratorId, nextAdministratorId, version } = await registry.deviceOf(id);
    const certificate = await certificateView(registry, certificateId);
    const administrator = await certificateView(registry, administratorId);
    const next = nextAdministratorId === 0n ? null : await certificateView(registry, nextAdministratorId);
    const status = wordOf(STATUSES, await registry.deviceStatus(id));
    const { timeMs, isRevoked } = await registry.mirrorOf(id);
    const mirrored = timeMs === 0n ? null : { at: new Date(Number(timeMs)).toISOString(), isRevoked };
    const configurations = await configurationsOf(registry, id, version);
    const answer = {
      ...{ meterId, deviceId: id, status, isValid: status === "valid", certificate, administrator },
      ...{ nextAdministrator: next, mirrored, version: Number(version), configurations },
    };
    const head = facts([
      ["meter", meterId],
      ["status", status],
      ["certificate", `${certificateId}, of issuer ${certificate.issuerId}, ${certificate.status}`],
      ["key", certificate.key ?? undefined],
      ["valid", `${certificate.validFrom} to ${certificate.validUntil}`],
      ["administrator", `${administrator.account}, certificate ${administratorId}, ${administrator.status}`],
      ["next administrator", next === null ? undefined : `${next.account}, certificate ${nextAdministratorId}`],
      ["the ledger's word", mirrored === null ? undefined : `${isRevoked ? "" : "not "}revoked, as of ${mirrored.at}`],
    ]);
    const rows = configurations.map((each) => [
      each.version,
      each.priority,
      each.setAt ?? "-",
      each.reason === null ? each.outcome : `${each.outcome}: ${each.reason}`,
      each.acknowledgedAt ?? "-",
    ]);
    const columns = ["VERSION", "PRIORITY", "SET", "OUTCOME", "ACKNOWLEDGED"];
    return { answer, text: `${head}${rows.length === 0 ? "" : table(columns, rows)}` };
  },
});

export const certificate = query({
  name: "certificate",
  about: "A certificate of a device or an administrator, and whether it holds",
  example: "1",
  contract: DeviceRegistry,
  params: { certificate: number("the certificate's number") },
  places: ["certificate"],
  async ask({ at }, { certificate: id }) {
    const view = await certificateView(at(DeviceRegistry), id);
    return {
      answer: view,
      text: facts([
        ["certificate", `${view.certificateId}, of ${view.kind === "device" ? "a device" : "an administrator"}`],
        ["status", view.status],
        ["issuer", view.issuerId],
        ["account", view.account ?? undefined],
        ["device", view.deviceId ?? undefined],
        ["key", view.key ?? undefined],
        ["valid", `${view.validFrom} to ${view.validUntil}`],
      ]),
    };
  },
});

async function certificateView(registry: DeviceRegistryContract, id: bigint) {
  const found: CertificateOutput = await registry.certificateOf(id);
  const { kind, keyType, issuerId, account, deviceId, publicKey, notBefore, notAfter } = found;
  const isDevice = kind === 0n;
  return {
    certificateId: `${id}`,
    kind: isDevice ? "device" : "administrator",
    status: wordOf(STATUSES, await registry.certificateStatus(id)),
    issuerId: `${issuerId}`,
    account: isDevice ? null : account,
    deviceId: isDevice ? deviceId : null,
    key: isDevice ? `${wordOf(KEY_TYPES, keyType)}:${publicKey.slice(2)}` : null,
    validFrom: timeOf(notBefore),
    validUntil: timeOf(notAfter),
  };
}

/** Newest first. */
async function configurationsOf(registry: DeviceRegistryContract, deviceId: string, latest: bigint) {
  const least = latest > BigInt(MAX_LISTED) ? latest - BigInt(MAX_LISTED) + 1n : 1n;
  const views: ReturnType<typeof configurationView>[] = [];
  for (let version = latest; version >= least; version--)
    views.push(configurationView(version, await registry.configurationOf(deviceId, version)));
  return views;
}

function configurationView(version: bigint, configuration: ConfigurationOutput) {
  const { configHash, schemaVersion, level, outcome, code, setAt, acknowledgedAt, checker } = configuration;
  return {
    version: Number(version),
    priority: wordOf(LEVELS, level),
    configHash,
    schemaVersion: Number(schemaVersion),
    checker,
    setAt: timeOrNull(setAt),
    outcome: wordOf(OUTCOMES, outcome),
    code: Number(code),
    reason: code === 0n ? null : (rejectionOf(Number(code)) ?? `code ${code}`),
    acknowledgedAt: timeOrNull(acknowledgedAt),
  };
}

export const issuers = query({
  name: "issuers",
  about: "Who may certify devices and administrators, newest first, and who owns the registry",
  example: "",
  contract: DeviceRegistry,
  params: {},
  async ask({ at }) {
    const registry = at(DeviceRegistry);
    const [owner, last] = [await registry.owner(), await registry.lastIssuerId()];
    const found: { issuerId: string; account: string; appointedBy: string; status: string }[] = [];
    for (let id = last; id > 0n && found.length < MAX_LISTED; id--) {
      const { account, parentId, isRevoked } = await registry.issuerOf(id);
      const isPresent = (await registry.issuerIdOf(account)) === id && (await registry.isIssuer(account));
      const status = isRevoked ? "revoked" : isPresent ? "valid" : "issuer above revoked";
      found.push({ issuerId: `${id}`, account, appointedBy: parentId === 0n ? "owner" : `${parentId}`, status });
    }
    const rows = found.map(({ issuerId, account, appointedBy, status }) => [issuerId, account, appointedBy, status]);
    return {
      answer: { owner, issuers: found, more: last > BigInt(found.length) },
      text: `${facts([["owner", owner]])}${table(["ISSUER", "ACCOUNT", "APPOINTED BY", "STATUS"], rows)}`,
    };
  },
});

export const pending = query({
  name: "pending",
  about: "Configurations that devices have not answered yet, urgent ones first: the priority events to look at",
  example: "MAC000002",
  contract: DeviceRegistry,
  params: { meter: optional(meter("of one device only")) },
  places: ["meter"],
  async ask(context, { meter: meterId }) {
    const open = await unanswered(context, meterId === undefined ? null : deviceIdOf(meterId));
    const names = await meterNames(context, meterId);
    const registry = context.at(DeviceRegistry);
    const waiting: ReturnType<typeof waitingView>[] = [];
    for (const { deviceId, version } of open.slice(0, MAX_LISTED)) {
      const found = await registry.configurationOf(deviceId, version);
      waiting.push(waitingView(names.get(deviceId) ?? null, deviceId, version, found));
    }
    waiting.sort((a, b) => Number(b.priority === "urgent") - Number(a.priority === "urgent"));
    const rows = waiting.map((each) => [
      each.priority,
      printable(each.meterId ?? each.deviceId),
      each.version,
      each.setAt ?? "-",
      each.configHash,
    ]);
    const columns = ["PRIORITY", "METER", "VERSION", "SET", "SHA256 OF SALT AND DOCUMENT"];
    return { answer: { pending: waiting, more: open.length > MAX_LISTED }, text: table(columns, rows) };
  },
});

interface LedgerDevice {
  readonly registry: string;
  readonly status: string;
  readonly certificate: { readonly certificateId: string; readonly issuerId: string } | null;
  readonly configuration: { readonly version: number; readonly priority: string; readonly configHash: string } | null;
}

export const onLedger = query({
  name: "on-ledger",
  about:
    "What the validators' votes have told the ledger of a device here; one that is revoked may do nothing there either",
  example: "MAC000002",
  contract: DeviceRegistry,
  params: { meter: meter() },
  places: ["meter"],
  async ask({ ledger }, { meter: meterId }) {
    const known = await ledger<LedgerDevice>(`/meters/${encodeURIComponent(meterId)}/ethereum`);
    const { status, certificate: told, configuration } = known;
    return {
      answer: { ...known },
      text: facts([
        ["meter", meterId],
        ["on the ledger", status === "issuerRevoked" ? "issuer revoked" : status],
        ["certificate", told === null ? undefined : `${told.certificateId}, of issuer ${told.issuerId}`],
        [
          "configuration",
          configuration === null ? undefined : `version ${configuration.version}, ${configuration.priority}`,
        ],
      ]),
    };
  },
});

function waitingView(meterId: string | null, deviceId: string, version: bigint, found: ConfigurationOutput) {
  const { priority, setAt, configHash, schemaVersion, checker } = configurationView(version, found);
  return { meterId, deviceId, version: Number(version), priority, setAt, configHash, schemaVersion, checker };
}

/** Priority events without an acknowledgement, newest first. */
async function unanswered(context: ActionContext, deviceId: string | null) {
  const told = DeviceRegistry.events(await logsOf(context, "PriorityEvent", [deviceId]), "PriorityEvent");
  const answers = DeviceRegistry.events(await logsOf(context, "Acknowledged", [deviceId]), "Acknowledged");
  const nameOf = (each: { readonly deviceId: string; readonly version: bigint }) => `${each.deviceId} ${each.version}`;
  const answered = new Set(answers.map(nameOf));
  return told.filter((each) => !answered.has(nameOf(each))).reverse();
}

/** The registry knows devices by a hash; what was certified has their names. */
async function meterNames(context: ActionContext, meterId: string | undefined): Promise<ReadonlyMap<string, string>> {
  if (meterId !== undefined) return new Map([[deviceIdOf(meterId), meterId]]);
  const certified = DeviceRegistry.events(await logsOf(context, "DeviceCertified", []), "DeviceCertified");
  return new Map(certified.map((each) => [each.deviceId, each.meterId]));
}

async function logsOf({ connection, file }: ActionContext, event: string, topics: readonly (string | null)[]) {
  const topic = DeviceRegistry.interface.getEvent(event)?.topicHash ?? null;
  const address = addressOfContract(file, DeviceRegistry.name);
  return readLogs(connection.provider, { address, topics: [topic, ...topics], fromBlock: file.fromBlock });
}
