import { getAddress, isAddress } from "ethers";
import { isMeterId } from "#storage/types/reading.ts";
import { cliError } from "../../cli/cliError.ts";

/** Which registry something is signed for. */
interface Signed {
  readonly chainId: bigint;
  /** Of DeviceRegistry, 0x and hex with its checksum. */
  readonly contract: string;
  readonly meterId: string;
  readonly version: number;
  /** SHA256 of salt and document: 0x and 64 hex digits. */
  readonly configHash: string;
  /** 0x and hex. */
  readonly signature: string;
}

/** What a checker hands to the administrator. */
export interface RegistryAttestation extends Signed {
  readonly schemaId: string;
  readonly schemaVersion: number;
  readonly checker: string;
  /** Hex; what the document's hash begins with, where no attestation for the ledger has it. Of no matter to the contract. */
  readonly salt: string | undefined;
}

/** What a device hands to whoever tells the registry. Code 0: applied. */
export interface RegistryAcknowledgement extends Signed {
  readonly code: number;
}

export const MAX_FILE_CHARS = 4096;

const ATTESTATION_FORMAT = "energy-ledger registry attestation 1";
const ACKNOWLEDGEMENT_FORMAT = "energy-ledger registry acknowledgement 1";
const MAX_NUMBER = 2 ** 32 - 1;

export function encodeAttestation(attestation: RegistryAttestation): string {
  return encode(ATTESTATION_FORMAT, attestation);
}

export function encodeAcknowledgement(acknowledgement: RegistryAcknowledgement): string {
  return encode(ACKNOWLEDGEMENT_FORMAT, acknowledgement);
}

/** @throws CliError REGISTRY_FILE_MALFORMED */
export function decodeAttestation(text: string): RegistryAttestation {
  const read = reader(text, ATTESTATION_FORMAT);
  const { salt } = read.json;
  return {
    ...signedOf(read),
    schemaId: read.text("schemaId", /^[\x20-\x7e]{1,64}$/),
    schemaVersion: read.number("schemaVersion", 1),
    checker: read.address("checker"),
    salt: salt === undefined ? undefined : read.text("salt", /^[0-9a-f]{64}$/),
  };
}

/** @throws CliError REGISTRY_FILE_MALFORMED */
export function decodeAcknowledgement(text: string): RegistryAcknowledgement {
  const read = reader(text, ACKNOWLEDGEMENT_FORMAT);
  return { ...signedOf(read), code: read.number("code", 0) };
}

function encode(format: string, { chainId, ...fields }: Signed): string {
  return `${JSON.stringify({ format, chainId: `${chainId}`, ...fields }, null, 2)}\n`;
}

type Reader = ReturnType<typeof reader>;

function signedOf(read: Reader): Signed {
  const meterId = read.text("meterId", /^.{1,96}$/);
  if (!isMeterId(meterId)) throw malformed("meterId is none");
  return {
    chainId: BigInt(read.text("chainId", /^[1-9][0-9]{0,18}$/)),
    contract: read.address("contract"),
    meterId,
    version: read.number("version", 1),
    configHash: read.text("configHash", /^0x[0-9a-f]{64}$/),
    signature: read.text("signature", /^0x([0-9a-f]{2}){1,1024}$/),
  };
}

function reader(text: string, format: string) {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw malformed("it is no JSON");
  }
  if (typeof parsed !== "object" || parsed === null) throw malformed("it is no object");
  const json = parsed as Readonly<Record<string, unknown>>;
  if (json.format !== format) throw malformed(`its format is not "${format}"`);
  const textOf = (name: string, pattern: RegExp): string => {
    const value = json[name];
    if (typeof value === "string" && pattern.test(value)) return value;
    throw malformed(`${name} is none`);
  };
  return {
    json,
    text: textOf,
    number(name: string, least: number): number {
      const value = json[name];
      if (typeof value === "number" && Number.isInteger(value) && value >= least && value <= MAX_NUMBER) return value;
      throw malformed(`${name} is no number from ${least} on`);
    },
    address(name: string): string {
      const value = textOf(name, /^0x[0-9a-fA-F]{40}$/);
      if (isAddress(value)) return getAddress(value);
      throw malformed(`${name} has a wrong checksum`);
    },
  };
}

function malformed(reason: string) {
  const hint = "give the file as `registry attest` or `registry sign-acknowledgement` wrote it";
  return cliError("usage", "REGISTRY_FILE_MALFORMED", `it is no file of the registry: ${reason}`, hint);
}
