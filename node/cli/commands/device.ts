import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { type Command, Option } from "commander";
import type { CertificateRecord, ConfigurationRecord } from "#consensus/application/deviceRecords.ts";
import type { PrivateKey } from "#storage/crypto/keys.ts";
import { plaintextHashOf } from "#storage/types/configurationAttestation.ts";
import { ledgerMessage } from "#storage/types/transactionMessages.ts";
import { attest, formatAttestation, readAttestationFile } from "../../devices/attestationFile.ts";
import { sealConfiguration } from "../../devices/configurationBox.ts";
import { encodeContent, plaintextOf, SALT_BYTES } from "../../devices/configurationContent.ts";
import { rejectionOf } from "../../devices/rejections.ts";
import { deviceKeyOf } from "../../light/meterKeys.ts";
import { cliError } from "../cliError.ts";
import { type CommandContext, commandContext, example } from "../context.ts";
import { provedCertificate, standingOf } from "../deviceCertificate.ts";
import { readConfigurationFile } from "../deviceDocuments.ts";
import type { CliIo } from "../io.ts";
import { listKeys, loadKey } from "../keyStore.ts";
import { createLedgerClient, type LedgerClient } from "../ledgerClient.ts";
import { facts, printable, show, table } from "../output.ts";
import { readAllPages } from "../pages.ts";
import { readPassphrase } from "../passphrase.ts";
import { publicKeyOfFlag } from "../publicKeyFlag.ts";
import { type SubmitFlags, signAndSubmit, signingAccount } from "../submit.ts";
import { withSubmitFlags } from "./submitFlags.ts";

interface MeterJson {
  readonly deviceKey: { readonly type: string; readonly key: string };
  readonly owner: string;
  readonly administrator?: string;
  readonly configurationVersion?: string;
  readonly appliedVersion?: string;
}

/** A configuration as the API answers it: bytes in hex, 64-bit numbers as text. */
interface ConfigurationJson {
  readonly version: string;
  readonly payloadHash: string;
  readonly payloadBytes: number;
  readonly plaintextHash: string;
  readonly schemaId: string;
  readonly schemaVersion: number;
  readonly priority: string;
  readonly administrator: string;
  readonly checker: string;
  readonly setMs: string;
  readonly outcome: string;
  readonly code: number;
  readonly appliedMs: string;
  readonly acknowledgedMs: string;
  readonly ciphertext?: string | null;
}

export function deviceCommand(program: Command, io: CliIo): void {
  const device = program
    .command("device")
    .description("Certificates of metering devices, and their encrypted configurations")
    .addHelpText("after", example("device certificate MAC000002", "device config status MAC000002"));
  const config = device
    .command("config")
    .description("What a device is told to be, version by version")
    .addHelpText("after", example("device config check settings.json"));

  config
    .command("check")
    .description("Check the syntax of a configuration; needs no node")
    .argument("<file>", "JSON document with its schema's id and version")
    .option("--schema <file>", "JSON Schema, where it is not one of this program's own")
    .addHelpText("after", example("device config check settings.json"))
    .action((file: string, flags: { schema?: string }, command: Command) => {
      const { json } = commandContext(io, command);
      const { schema, schemaVersion, bytes } = readConfigurationFile(file, flags.schema);
      const view = { file, schema, schemaVersion, bytes: bytes.length, valid: true };
      show(io, json, view, () => `${file} is of ${schema} ${schemaVersion}\n`);
    });

  config
    .command("attest")
    .description("Check a configuration and sign that its syntax is right, as a checker; sends nothing")
    .argument("<file>", "JSON document")
    .requiredOption("--meter <meter>", "meter id")
    .requiredOption(
      "-o, --output <file>",
      "where the attestation goes; it and the document are for the administrator only",
    )
    .option("--version <number>", "version of the configuration (default: the device's next one)")
    .option("--schema <file>", "JSON Schema, where it is not one of this program's own")
    .option("--key <name>", "the checker's key")
    .addHelpText(
      "after",
      example("device config attest settings.json --meter MAC000002 -o attestation.json --key checker"),
    )
    .action(
      async (
        file: string,
        flags: { meter: string; output: string; version?: string; schema?: string; key?: string },
        command: Command,
      ) => {
        const context = commandContext(io, command);
        const { schema: schemaId, schemaVersion, bytes } = readConfigurationFile(file, flags.schema);
        const { name } = signingAccount(context, flags.key, ["checker"]);
        const client = context.client();
        const { chainId: ledgerId } = await client.get<{ chainId: string }>("/status");
        const version = flags.version === undefined ? await nextVersion(client, flags.meter) : versionOf(flags.version);
        const key = await loadKey(context.paths.keys, name, await readPassphrase(io, context.options.passphraseFile));
        const about = { ledgerId, meterId: flags.meter, version, schemaId, schemaVersion };
        const attestation = attest(bytes, about, key, randomBytes(SALT_BYTES));
        writeFileSync(flags.output, formatAttestation(attestation), { mode: 0o600 });
        const plaintextHash = Buffer.from(attestation.plaintextHash).toString("hex");
        show(io, context.json, { file: flags.output, ...about, plaintextHash }, () =>
          facts([
            ["file", flags.output],
            ["meter", printable(flags.meter)],
            ["version", version],
            ["schema", `${schemaId} ${schemaVersion}`],
            ["next", `device config set ${flags.meter} ${file} --attestation ${flags.output}, by the administrator`],
          ]),
        );
      },
    );

  withSubmitFlags(
    config
      .command("set")
      .description("Encrypt a configuration to the device and put it on the ledger, as its administrator")
      .argument("<meter>", "meter id")
      .argument("<file>", "JSON document, as it was attested")
      .requiredOption("--attestation <file>", "what the checker made with `device config attest`")
      .option("--schema <file>", "JSON Schema, where it is not one of this program's own")
      .addOption(
        new Option("--priority <priority>", "urgent: the device applies it at once; normal: when it looks next")
          .choices(["urgent", "normal"])
          .default("normal"),
      ),
  )
    .addHelpText(
      "after",
      example("device config set MAC000002 settings.json --attestation attestation.json --priority urgent"),
    )
    .action(
      async (
        meterId: string,
        file: string,
        flags: SubmitFlags & { attestation: string; schema?: string; priority: string },
        command: Command,
      ) => {
        const context = commandContext(io, command);
        const { bytes: document } = readConfigurationFile(file, flags.schema);
        const attested = readAttestationFile(flags.attestation);
        const plaintext = plaintextOf(attested.salt, document);
        if (Buffer.compare(plaintextHashOf(plaintext), attested.plaintextHash) !== 0 || attested.meterId !== meterId) {
          const hint = "let the checker attest this file for this meter";
          throw cliError("usage", "ATTESTATION_OTHER", `${flags.attestation} is of another document or meter`, hint);
        }
        const { name, account: administrator } = signingAccount(context, flags.key);
        const client = context.client();
        const { deviceKey } = await client.get<MeterJson>(`/meters/${encodeURIComponent(meterId)}`);
        const to = publicKeyOfFlag(context, `${deviceKey.type}:${deviceKey.key}`);
        const payload = await sealConfiguration(
          encodeContent({ ...attested, plaintext }),
          to,
          attested,
          randomBytes(32),
        );
        const { version, plaintextHash, schemaId, schemaVersion, checkerKey, attestation } = attested;
        const message = ledgerMessage("MsgSetDeviceConfiguration", {
          ...{ administrator, meterId, version: BigInt(version), payload, plaintextHash, schemaId, schemaVersion },
          ...{ priority: flags.priority, attestation, checkerKey: { type: checkerKey.type, key: checkerKey.bytes } },
        });
        await signAndSubmit(context, [message], [name], flags);
      },
    );

  config
    .command("show")
    .description("Decrypt a configuration with the device's key, and check it as the device does")
    .argument("<meter>", "meter id")
    .option("--version <number>", "version (default: the latest)")
    .option("--key <name>", "the device's own key (default: the one derived from this home's meter key)")
    .addHelpText("after", example("device config show MAC000002 --version 3"))
    .action(async (meterId: string, flags: { version?: string; key?: string }, command: Command) => {
      const context = commandContext(io, command);
      const { json } = context;
      const asked = flags.version === undefined ? "latest" : String(versionOf(flags.version));
      const client = context.client();
      const { chainId: ledgerId } = await client.get<{ chainId: string }>("/status");
      const path = `/meters/${encodeURIComponent(meterId)}`;
      const answer = await client.get<ConfigurationJson>(`${path}/configurations/${asked}`);
      if (typeof answer.ciphertext !== "string") {
        const message = `the ciphertext of version ${answer.version} is only in its block`;
        throw cliError("notFound", "CONFIGURATION_RETIRED", message, "the state keeps those of the latest 8 versions");
      }
      const certificate = certificateOf(await client.get<MeterJson>(path));
      const key = await deviceKey(context, meterId, flags.key);
      const { readReceived } = await import("../../devices/receivedConfiguration.ts");
      const sent = { record: recordOf(answer), payload: bytesOf(answer.ciphertext), certificate };
      const version = Number(answer.version);
      const received = await readReceived(sent, key, { ledgerId, meterId, version });
      if ("rejection" in received) {
        const message = `a device rejects this configuration: ${received.rejection} ${received.reason}`;
        throw cliError(
          "verificationFailed",
          `CONFIGURATION_${received.rejection}`,
          message,
          "node/devices/README.md explains the code",
        );
      }
      const { setMs, priority, checker, administrator, outcome } = answer;
      const configuration = JSON.parse(Buffer.from(received.document).toString("utf8")) as object;
      const view = { meterId, version, priority, setMs, administrator, checker, outcome, configuration };
      show(io, json, view, () => `${printableLines(JSON.stringify(configuration, null, 2))}\n`);
    });

  config
    .command("status")
    .description("What a device was told and what it answered, with times")
    .argument("<meter>", "meter id")
    .addHelpText("after", example("device config status MAC000002"))
    .action(async (meterId: string, _flags: object, command: Command) => {
      const { json, client } = commandContext(io, command);
      const path = `/meters/${encodeURIComponent(meterId)}`;
      const meter = await client().get<MeterJson>(path);
      const all = await readAllPages<ConfigurationJson>(client(), `${path}/configurations`, "configurations");
      const configurations = all.map((each) => ({
        version: Number(each.version),
        priority: each.priority,
        requestedMs: Number(each.setMs),
        outcome: each.outcome === "" ? "waiting" : each.outcome,
        ...(each.outcome === ""
          ? {}
          : { appliedMs: Number(each.appliedMs), acknowledgedMs: Number(each.acknowledgedMs) }),
        ...(each.outcome === "rejected" ? { code: each.code, reason: rejectionOf(each.code) ?? "unknown" } : {}),
      }));
      const view = {
        meterId,
        version: Number(meter.configurationVersion ?? 0),
        appliedVersion: Number(meter.appliedVersion ?? 0),
        configurations,
      };
      show(io, json, view, () =>
        table(
          ["VERSION", "PRIORITY", "REQUESTED", "OUTCOME", "BY THE DEVICE'S CLOCK", "ON THE LEDGER"],
          configurations.map(({ version, priority, requestedMs, outcome, reason, appliedMs, acknowledgedMs }) => [
            version,
            priority,
            timeOf(requestedMs),
            reason === undefined ? outcome : `${outcome}: ${reason}`,
            timeOf(appliedMs),
            timeOf(acknowledgedMs),
          ]),
        ),
      );
    });

  device
    .command("certificate")
    .description("A device's certificate, whether it holds, and the proof that it is on the ledger")
    .argument("<meter>", "meter id")
    .option(
      "--light <url>",
      "a light node of yours: its verified headers are believed (default: those of the node asked)",
    )
    .addHelpText("after", example("device certificate MAC000002 --light http://127.0.0.1:26680"))
    .action(async (meterId: string, flags: { light?: string }, command: Command) => {
      const { json, client } = commandContext(io, command);
      const headers =
        flags.light === undefined
          ? client()
          : createLedgerClient({ url: flags.light.replace(/\/+$/, ""), fetch: io.fetch, token: undefined });
      const { certificate, height, appHash } = await provedCertificate(client(), headers, meterId);
      const { key, seedCommitment, firmwareHash, keyType, administrator, ...rest } = certificate;
      const standing = standingOf(certificate, io.nowMs());
      const view = {
        meterId,
        standing,
        ...rest,
        deviceKey: `${keyType}:${Buffer.from(key).toString("hex")}`,
        administrator: administrator === "" ? certificate.owner : administrator,
        firmwareHash: Buffer.from(firmwareHash).toString("hex"),
        seedCommitment: Buffer.from(seedCommitment).toString("hex"),
        proof: { holds: true, height, appHash, headersOf: headers.url, isOwnWord: flags.light === undefined },
      };
      show(io, json, view, () =>
        facts([
          ["meter", printable(meterId)],
          ["certificate", certificate.revoked ? `revoked: ${printable(certificate.revokeReason)}` : standing],
          ["device key", view.deviceKey],
          ["owner", certificate.owner],
          ["administrator", view.administrator],
          ["model", certificate.model === "" ? undefined : printable(certificate.model)],
          ["firmware SHA256", view.firmwareHash === "" ? undefined : view.firmwareHash],
          ["valid from", certificate.validFromMs === 0 ? undefined : timeOf(certificate.validFromMs)],
          ["valid until", certificate.validUntilMs === 0 ? undefined : timeOf(certificate.validUntilMs)],
          [
            "proof",
            `holds for the state after block ${height}, by the headers of ${headers.url}${flags.light === undefined ? ", its own word: name a light node of yours with --light" : ""}`,
          ],
        ]),
      );
    });
}

async function nextVersion(client: LedgerClient, meterId: string): Promise<number> {
  const meter = await client.get<MeterJson>(`/meters/${encodeURIComponent(meterId)}`);
  return Number(meter.configurationVersion ?? 0) + 1;
}

function versionOf(text: string): number {
  if (/^[1-9][0-9]{0,9}$/.test(text)) return Number(text);
  throw cliError("usage", "VERSION_MALFORMED", `${text} is no version`, "versions are numbers from 1 on");
}

/** @throws CliError KEY_UNKNOWN, KEY_PASSPHRASE_WRONG */
async function deviceKey(
  { io, paths, options }: CommandContext,
  meterId: string,
  name: string | undefined,
): Promise<PrivateKey> {
  if (name === undefined && !listKeys(paths.keys).some((each) => each.name === options.meterKey)) {
    const message = `there is no meter key in ${paths.keys}, and only the device's key opens its configuration`;
    throw cliError("notFound", "KEY_UNKNOWN", message, "run this at the device's home, or name its own key with --key");
  }
  const passphrase = await readPassphrase(io, options.passphraseFile);
  const key = await loadKey(paths.keys, name ?? options.meterKey, passphrase);
  return name === undefined ? deviceKeyOf(key, meterId) : key;
}

/** What readReceived looks at; the rest of the certificate is no matter here. */
function certificateOf({ deviceKey, owner, administrator = "" }: MeterJson): CertificateRecord {
  const none = new Uint8Array(0);
  return {
    ...{ keyType: deviceKey.type, key: bytesOf(deviceKey.key), owner, administrator },
    ...{ deviceAccount: "", quantity: "", direction: "", seedCommitment: none, intervalMs: 0, revoked: false },
    ...{ revokeReason: "", model: "", firmwareHash: none, validFromMs: 0, validUntilMs: 0 },
  };
}

function recordOf(json: ConfigurationJson): ConfigurationRecord {
  return {
    ...json,
    payloadHash: bytesOf(json.payloadHash),
    plaintextHash: bytesOf(json.plaintextHash),
    setMs: Number(json.setMs),
    appliedMs: Number(json.appliedMs),
    acknowledgedMs: Number(json.acknowledgedMs),
  };
}

function bytesOf(hex: string): Uint8Array {
  return new Uint8Array(Buffer.from(hex, "hex"));
}

function printableLines(text: string): string {
  return text.split("\n").map(printable).join("\n");
}

/** Unix ms as RFC 3339 in UTC. */
function timeOf(timeMs: number | undefined): string {
  return timeMs === undefined ? "-" : new Date(timeMs).toISOString();
}
