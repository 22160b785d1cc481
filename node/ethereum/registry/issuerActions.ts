import { DeviceRegistry } from "#contracts/abi/DeviceRegistry.ts";
import { timeOf } from "../../cli/channelView.ts";
import { cliError } from "../../cli/cliError.ts";
import { type ActionContext, action, type Outcome } from "../action.ts";
import { optional } from "../param.ts";
import { address, duration, number, time } from "../parsers.ts";
import { deviceKey, meter, registryKeyOf } from "./registryValues.ts";

/** What owner and issuers do (seed 001 §4): certificates, and whoever may give them. */

type Logs = Parameters<Parameters<typeof action>[0]["outcome"]>[0];

const validity = {
  from: optional(time("valid from this time on (default: now)")),
  until: optional(time("valid until this time; or --for")),
  for: optional(duration("valid for so long, for example 365d")),
};

interface Validity {
  readonly from: bigint | undefined;
  readonly until: bigint | undefined;
  readonly for: number | undefined;
}

/** Unix seconds, by the chain's own clock. @throws CliError VALIDITY_MISSING */
async function validityOf(context: ActionContext, { from, until, for: seconds }: Validity) {
  if ((until === undefined) === (seconds === undefined)) {
    const hint = "give --until TIME or --for 365d";
    throw cliError("usage", "VALIDITY_MISSING", "a certificate needs one end", hint);
  }
  const latest = await context.connection.provider.getBlock("latest");
  const notBefore = from ?? BigInt(latest?.timestamp ?? 0);
  return { notBefore, notAfter: until ?? notBefore + BigInt(seconds ?? 0) };
}

export const appointIssuer = action({
  name: "appoint-issuer",
  about: "As the owner, or an issuer one below itself: an account may issue certificates",
  example: "--account 0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
  contract: DeviceRegistry,
  params: { account: address("the issuer's Ethereum address (`keys show` has it)") },
  prepare: ({ at }, { account }) => at(DeviceRegistry).appointIssuer.populateTransaction(account),
  outcome({ logs }, { account }) {
    const { issuerId = 0n, parentId = 0n } = DeviceRegistry.events(logs, "IssuerAppointed")[0] ?? {};
    return {
      json: { issuerId: `${issuerId}`, account, appointedBy: parentId === 0n ? "owner" : `${parentId}` },
      text: [
        ["issuer", `${issuerId}`],
        ["account", account],
        ["appointed by", parentId === 0n ? "the owner" : `issuer ${parentId}`],
      ],
    };
  },
});

export const revokeIssuer = action({
  name: "revoke-issuer",
  about: "As the owner, or who appointed it: nothing that it or those below it issued holds any more, for good",
  example: "1",
  contract: DeviceRegistry,
  params: { issuer: number("the issuer's number") },
  places: ["issuer"],
  prepare: ({ at }, { issuer }) => at(DeviceRegistry).revokeIssuer.populateTransaction(issuer),
  outcome({ logs }, { issuer }) {
    const { account = "" } = DeviceRegistry.events(logs, "IssuerRevoked")[0] ?? {};
    return {
      json: { issuerId: `${issuer}`, account, isRevoked: true },
      text: [
        ["issuer", `${issuer}, revoked`],
        ["account", account],
      ],
    };
  },
});

export const issueAdministrator = action({
  name: "issue-administrator",
  about: "As an issuer: certify that an account may administer devices",
  example: "--account 0x70997970C51812dc3A010C7d01b50e0d17dc79C8 --for 365d",
  contract: DeviceRegistry,
  params: { account: address("the administrator's Ethereum address"), ...validity },
  async prepare(context, { account, ...given }) {
    const { notBefore, notAfter } = await validityOf(context, given);
    return context.at(DeviceRegistry).issueAdministrator.populateTransaction(account, notBefore, notAfter);
  },
  outcome: ({ logs }, { account }) => issued(logs, { account }, [["administrator", account]]),
});

interface LedgerMeter {
  readonly deviceKey: { readonly type: string; readonly key: string };
}

export const issueDevice = action({
  name: "issue-device",
  about: "As an issuer: certify a device's key, and who administers it; a certificate before is revoked",
  example: "MAC000002 --administrator 1 --for 365d",
  contract: DeviceRegistry,
  params: {
    meter: meter(),
    administrator: number("number of the administrator's certificate"),
    deviceKey: optional(deviceKey),
    ...validity,
  },
  places: ["meter"],
  async prepare(context, { meter: meterId, administrator, deviceKey: given, ...when }) {
    const { keyType, publicKey } = given ?? (await ledgerKeyOf(context, meterId));
    const { notBefore, notAfter } = await validityOf(context, when);
    const registry = context.at(DeviceRegistry);
    return registry.issueDevice.populateTransaction(meterId, keyType, publicKey, notBefore, notAfter, administrator);
  },
  outcome({ logs }, { meter: meterId, administrator }) {
    const replaced = DeviceRegistry.events(logs, "CertificateRevoked")[0]?.certificateId;
    const json = {
      meterId,
      administrator: `${administrator}`,
      replaced: replaced === undefined ? null : `${replaced}`,
    };
    return issued(logs, json, [
      ["meter", meterId],
      ["administrator", `certificate ${administrator}`],
      ["revoked for it", replaced === undefined ? undefined : `certificate ${replaced}`],
    ]);
  },
});

async function ledgerKeyOf({ ledger }: ActionContext, meterId: string) {
  const { deviceKey: known } = await ledger<LedgerMeter>(`/meters/${encodeURIComponent(meterId)}`);
  return registryKeyOf(known.type, known.key);
}

function issued(logs: Logs["logs"], json: Readonly<Record<string, unknown>>, text: Outcome["text"]): Outcome {
  const event = DeviceRegistry.events(logs, "Issued")[0];
  const { certificateId = 0n, issuerId = 0n, notBefore = 0n, notAfter = 0n } = event ?? {};
  const times = { validFrom: timeOf(notBefore), validUntil: timeOf(notAfter) };
  return {
    json: { certificateId: `${certificateId}`, issuerId: `${issuerId}`, ...json, ...times },
    text: [
      ["certificate", `${certificateId}`],
      ...text,
      ["issuer", `${issuerId}`],
      ["valid", `${times.validFrom} to ${times.validUntil}`],
    ],
  };
}

export const revokeCertificate = action({
  name: "revoke-certificate",
  about: "As its issuer, one above, or the owner: a certificate of a device or an administrator ends, for good",
  example: "3",
  contract: DeviceRegistry,
  params: { certificate: number("the certificate's number") },
  places: ["certificate"],
  prepare: ({ at }, { certificate }) => at(DeviceRegistry).revokeCertificate.populateTransaction(certificate),
  outcome({ logs }, { certificate }) {
    const { deviceId = "" } = DeviceRegistry.events(logs, "CertificateRevoked")[0] ?? {};
    const isDevice = /[1-9a-f]/.test(deviceId.slice(2));
    return {
      json: { certificateId: `${certificate}`, isRevoked: true, deviceId: isDevice ? deviceId : null },
      text: [
        ["certificate", `${certificate}, revoked`],
        ["device", isDevice ? deviceId : undefined],
      ],
    };
  },
});
