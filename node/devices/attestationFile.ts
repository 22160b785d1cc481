import { readFileSync } from "node:fs";
import {
  type PrivateKey,
  PUBLIC_KEY_LENGTH,
  type PublicKey,
  publicKeyOf,
  SIGNATURE_LENGTH,
  sign,
} from "#storage/crypto/keys.ts";
import { attestationBytes, plaintextHashOf } from "#storage/types/configurationAttestation.ts";
import { plaintextOf, SALT_BYTES } from "./configurationContent.ts";
import { DeviceError } from "./deviceError.ts";

/** What a checker hands to an administrator beside the document. Whoever has the salt can tell which document a hash on the ledger is of. */
export interface Attestation {
  readonly ledgerId: string;
  readonly meterId: string;
  readonly version: number;
  readonly schemaId: string;
  readonly schemaVersion: number;
  /** Of `salt ‖ document`, 32 bytes. */
  readonly plaintextHash: Uint8Array;
  readonly salt: Uint8Array;
  readonly checkerKey: PublicKey;
  readonly attestation: Uint8Array;
}

const FORMAT = "energy-ledger attestation 1";
const MAX_FILE_BYTES = 8 * 1024;

/** `salt`: SALT_BYTES random bytes. @throws RangeError where a field has no place in what is signed */
export function attest(
  document: Uint8Array,
  about: Pick<Attestation, "ledgerId" | "meterId" | "version" | "schemaId" | "schemaVersion">,
  checker: PrivateKey,
  salt: Uint8Array,
): Attestation {
  const plaintextHash = plaintextHashOf(plaintextOf(salt, document));
  const signed = attestationBytes({ ...about, version: BigInt(about.version), plaintextHash });
  if (signed === undefined) throw new RangeError("meter id, ledger id or schema is too long");
  return { ...about, plaintextHash, salt, checkerKey: publicKeyOf(checker), attestation: sign(checker, signed) };
}

export function formatAttestation(attestation: Attestation): string {
  const { plaintextHash, salt, checkerKey, attestation: signature, ...about } = attestation;
  const key = `${checkerKey.type}:${hex(checkerKey.bytes)}`;
  const file = { format: FORMAT, ...about, plaintextHash: hex(plaintextHash), salt: hex(salt), checkerKey: key };
  return `${JSON.stringify({ ...file, attestation: hex(signature) }, null, 2)}\n`;
}

/** @throws DeviceError ATTESTATION_FILE_MALFORMED; the system's error where the file cannot be read */
export function readAttestationFile(path: string): Attestation {
  const malformed = (reason: string) => new DeviceError({ code: "ATTESTATION_FILE_MALFORMED", file: path, reason });
  let json: Readonly<Record<string, unknown>> | null;
  const text = readFileSync(path, "utf8");
  try {
    if (text.length > MAX_FILE_BYTES) throw new Error(`more than ${MAX_FILE_BYTES} bytes`);
    json = JSON.parse(text) as typeof json;
  } catch (error) {
    throw malformed((error as Error).message);
  }
  if (json?.format !== FORMAT) throw malformed(`format is not "${FORMAT}"`);
  const textOf = (name: string): string => {
    const value = json[name];
    if (typeof value !== "string" || value === "" || value.length > 128) throw malformed(`${name} is no text`);
    return value;
  };
  const number = (name: string): number => {
    const value = json[name];
    if (!Number.isSafeInteger(value) || (value as number) < 1) throw malformed(`${name} is no number from 1 on`);
    return value as number;
  };
  const bytes = (name: string, value: string, length: number): Uint8Array => {
    if (!/^[0-9a-f]*$/.test(value) || value.length !== 2 * length) throw malformed(`${name} is not ${length} bytes`);
    return new Uint8Array(Buffer.from(value, "hex"));
  };
  const [type = "", digits = ""] = textOf("checkerKey").split(":");
  if (type !== "ed25519" && type !== "secp256k1") throw malformed("checkerKey is of no known type");
  const signature = json.attestation;
  if (typeof signature !== "string") throw malformed("attestation is no text");
  return {
    ledgerId: textOf("ledgerId"),
    meterId: textOf("meterId"),
    version: number("version"),
    schemaId: textOf("schemaId"),
    schemaVersion: number("schemaVersion"),
    plaintextHash: bytes("plaintextHash", textOf("plaintextHash"), 32),
    salt: bytes("salt", textOf("salt"), SALT_BYTES),
    checkerKey: { type, bytes: bytes("checkerKey", digits, PUBLIC_KEY_LENGTH[type]) },
    attestation: bytes("attestation", signature, SIGNATURE_LENGTH),
  };
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
