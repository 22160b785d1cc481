import { createPrivateKey, randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import type { Command } from "commander";
import {
  deviceIdOf,
  p256PublicKeyOf,
  signDeviceAcknowledgement,
  signDeviceAcknowledgementP256,
  signDeviceAttestation,
} from "#bridge/deviceTypedData.ts";
import { addressOfContract } from "#bridge/evm/contractsFile.ts";
import { askingEvm } from "#bridge/evm/evmErrors.ts";
import { DeviceRegistry } from "#contracts/abi/DeviceRegistry.ts";
import { plaintextHashOf } from "#storage/types/configurationAttestation.ts";
import { CliError, cliError } from "../../cli/cliError.ts";
import { type CommandContext, commandContext, example } from "../../cli/context.ts";
import { readConfigurationFile } from "../../cli/deviceDocuments.ts";
import {
  type ChainFlags,
  contractsOf,
  openContract,
  ownWallet,
  withChainFlags,
  withContractsFlag,
} from "../../cli/ethereum.ts";
import type { CliIo } from "../../cli/io.ts";
import { facts, show } from "../../cli/output.ts";
import { readAttestationFile } from "../../devices/attestationFile.ts";
import { plaintextOf, SALT_BYTES } from "../../devices/configurationContent.ts";
import { encodeAcknowledgement, encodeAttestation } from "./registryFiles.ts";
import { meter } from "./registryValues.ts";

/** What is signed at home: a checker's word on a configuration, a device's answer to one. */
export function registryHomeCommands(group: Command, io: CliIo): void {
  attestCommand(group, io);
  acknowledgementCommand(group, io);
  deviceKeyCommand(group, io);
}

interface AttestFlags {
  readonly meter?: string;
  readonly version?: string;
  readonly asOnLedger?: string;
  readonly output: string;
  readonly schema?: string;
  readonly key?: string;
  readonly contracts?: string;
}

function attestCommand(group: Command, io: CliIo): void {
  withContractsFlag(
    group
      .command("attest")
      .description(
        "As a checker: check a configuration's syntax and sign that it is right; nothing is asked of any network",
      )
      .argument("<file>", "JSON document with its schema's id and version")
      .requiredOption("-o, --output <file>", "where the attestation goes; it is for the administrator only")
      .option(
        "--as-on-ledger <file>",
        "what `device config attest` made of the same document: the same salt, meter and version",
      )
      .option("--meter <meter>", "meter id, where there is no such file")
      .option("--version <number>", "version of the configuration: one more than the device's last")
      .option("--schema <file>", "JSON Schema, where it is not one of this program's own")
      .option("--key <name>", "the checker's key (default: the one that init made for it, or the only one)"),
  )
    .addHelpText(
      "after",
      example("registry attest settings.json --as-on-ledger attestation.json -o registry-attestation.json"),
    )
    .action(async (path: string, flags: AttestFlags, command: Command) => {
      const context = commandContext(io, command);
      const { schema: schemaId, schemaVersion, bytes } = readConfigurationFile(path, flags.schema);
      const { meterId, version, salt, isOnLedger } = subjectOf(flags);
      const configHash = plaintextHashOf(plaintextOf(salt, bytes));
      if (flags.asOnLedger !== undefined) requireSame(flags.asOnLedger, configHash);
      const domain = domainOf(context, flags);
      const wallet = await ownWallet(context, flags.key);
      const word = { meterId, version, configHash, schemaId, schemaVersion };
      const signature = await signDeviceAttestation(wallet, domain, word);
      const file = {
        ...{ ...domain, ...word, configHash: hex(configHash), checker: wallet.address, signature },
        salt: isOnLedger ? undefined : Buffer.from(salt).toString("hex"),
      };
      writeFileSync(flags.output, encodeAttestation(file), { mode: 0o600 });
      const { salt: _salt, chainId, ...shown } = file;
      show(io, context.json, { file: flags.output, chainId: `${chainId}`, ...shown }, () =>
        facts([
          ["file", flags.output],
          ["meter", meterId],
          ["version", version],
          ["schema", `${schemaId} ${schemaVersion}`],
          ["SHA256 of salt and document", file.configHash],
          ["checker", wallet.address],
          ["next", `registry set-configuration ${flags.output}, by the administrator`],
        ]),
      );
    });
}

/** Which device and version, and the random bytes that its hash begins with. */
function subjectOf({ asOnLedger, meter: meterId, version }: AttestFlags) {
  if (asOnLedger !== undefined) {
    const attested = readAttestationFile(asOnLedger);
    const given = version === undefined ? attested.version : versionOf(version);
    return { meterId: attested.meterId, version: given, salt: attested.salt, isOnLedger: true };
  }
  if (meterId === undefined || version === undefined) {
    const hint = "give --as-on-ledger FILE, or --meter and --version";
    throw cliError("usage", "ATTESTATION_SUBJECT_MISSING", "no device or version is named", hint);
  }
  return {
    meterId: meter().parse(meterId),
    version: versionOf(version),
    salt: randomBytes(SALT_BYTES),
    isOnLedger: false,
  };
}

function requireSame(path: string, configHash: Uint8Array): void {
  if (Buffer.compare(readAttestationFile(path).plaintextHash, configHash) === 0) return;
  const hint = "give the document as it was attested for the ledger";
  throw cliError("usage", "ATTESTATION_OTHER", `${path} is of another document`, hint);
}

interface SignFlags extends ChainFlags {
  readonly version: string;
  readonly rejected?: string;
  readonly hash?: string;
  readonly key?: string;
  readonly p256Key?: string;
  readonly output?: string;
}

function acknowledgementCommand(group: Command, io: CliIo): void {
  withChainFlags(
    group
      .command("sign-acknowledgement")
      .description("As a device with a key on secp256k1 or P-256: sign what it did with a version")
      .argument("<meter>", "meter id")
      .requiredOption("--version <number>", "of the configuration")
      .option("--rejected <code>", "it was rejected, and why: a number from 1 on (default: it was applied)")
      .option("--hash <hex>", "SHA256 of salt and document, as the device has it (default: as Ethereum has it)")
      .option("--key <name>", "the device's key in this home, on secp256k1")
      .option("--p256-key <file>", "PEM file of the device's private key, on P-256")
      .option("-o, --output <file>", "where to write it (default: standard output)"),
  )
    .addHelpText(
      "after",
      example("registry sign-acknowledgement demo:1 --version 1 --p256-key device.pem -o acknowledgement.json"),
    )
    .action(async (meterId: string, flags: SignFlags, command: Command) => {
      const context = commandContext(io, command);
      const version = versionOf(flags.version);
      const code = flags.rejected === undefined ? 0 : versionOf(flags.rejected);
      const domain = domainOf(context, flags);
      const configHash = await hashOf(context, flags, meter().parse(meterId), version);
      const answer = { meterId, version, configHash: Buffer.from(configHash.slice(2), "hex"), code };
      const signature =
        flags.p256Key === undefined
          ? await signDeviceAcknowledgement(await ownWallet(context, flags.key), domain, answer)
          : signDeviceAcknowledgementP256(readP256Key(flags.p256Key), domain, answer);
      const text = encodeAcknowledgement({ ...domain, meterId, version, configHash, code, signature });
      if (flags.output === undefined) {
        io.out(text);
        return;
      }
      writeFileSync(flags.output, text);
      const view = { file: flags.output, ...domain, chainId: `${domain.chainId}`, meterId, version, configHash, code };
      show(io, context.json, { ...view, signature }, () =>
        facts([
          ["file", flags.output],
          ["meter", meterId],
          ["version", version],
          ["the device says", code === 0 ? "applied" : `rejected, code ${code}`],
          ["next", `registry acknowledge ${flags.output}, by anybody`],
        ]),
      );
    });
}

function deviceKeyCommand(group: Command, io: CliIo): void {
  group
    .command("p256-key")
    .description("The public key of a device's P-256 key, as `registry issue-device` takes it; needs no node")
    .argument("<file>", "PEM file of the private key")
    .addHelpText("after", example("registry p256-key device.pem"))
    .action((path: string, _flags: object, command: Command) => {
      const { json } = commandContext(io, command);
      const deviceKey = `p256:04${Buffer.from(p256PublicKeyOf(readP256Key(path))).toString("hex")}`;
      show(io, json, { deviceKey }, () => facts([["device key", deviceKey]]));
    });
}

/** The one that the device was told: from the device itself, else from the contract. */
async function hashOf(context: CommandContext, flags: SignFlags, meterId: string, version: number): Promise<string> {
  if (flags.hash !== undefined) {
    if (/^(0x)?[0-9a-fA-F]{64}$/.test(flags.hash)) return `0x${flags.hash.replace(/^0x/, "").toLowerCase()}`;
    throw cliError("usage", "HEX_MALFORMED", "the hash is not 32 bytes", "write 64 hexadecimal digits");
  }
  using ethereum = await openContract(context, flags, DeviceRegistry.name);
  const registry = DeviceRegistry.at(ethereum.address, ethereum.connection.provider);
  const { configHash } = await askingEvm([DeviceRegistry.interface], () =>
    registry.configurationOf(deviceIdOf(meterId), version),
  );
  if (/[1-9a-f]/.test(configHash.slice(2))) return configHash;
  const hint = "`energy-ledger registry device METER` has the versions";
  throw cliError("notFound", "CONFIGURATION_UNKNOWN", `${meterId} was never told version ${version}`, hint);
}

/** 32 bytes. @throws CliError P256_KEY_UNREADABLE */
function readP256Key(path: string): Uint8Array {
  try {
    const { crv, d } = createPrivateKey(readFileSync(path)).export({ format: "jwk" });
    if (crv !== "P-256" || d === undefined) throw unreadable(path, `it is of ${crv ?? "another kind"}`);
    return new Uint8Array(Buffer.from(d, "base64url"));
  } catch (error) {
    if (error instanceof CliError) throw error;
    throw unreadable(path, (error as NodeJS.ErrnoException).code ?? "it is none");
  }
}

function unreadable(path: string, reason: string) {
  const hint = "make one with `openssl ecparam -name prime256v1 -genkey -noout -out device.pem`";
  return cliError("usage", "P256_KEY_UNREADABLE", `${path} has no private key on P-256: ${reason}`, hint);
}

function domainOf(context: CommandContext, flags: ChainFlags) {
  const file = contractsOf(context, flags);
  return { chainId: file.chainId, contract: addressOfContract(file, DeviceRegistry.name) };
}

function versionOf(text: string): number {
  if (/^[1-9][0-9]{0,9}$/.test(text) && Number(text) < 2 ** 32) return Number(text);
  throw cliError("usage", "VERSION_MALFORMED", `${JSON.stringify(text)} is no number from 1 on`, "write digits only");
}

function hex(bytes: Uint8Array): string {
  return `0x${Buffer.from(bytes).toString("hex")}`;
}
