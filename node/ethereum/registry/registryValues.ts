import { p256 } from "@noble/curves/nist.js";
import { SigningKey } from "ethers";
import { isMeterId } from "#storage/types/reading.ts";
import { cliError } from "../../cli/cliError.ts";
import { type Param, text } from "../param.ts";

/** A device's public key as `DeviceRegistry.issueDevice` takes it. */
export interface RegistryKey {
  /** Number of the contract's KeyType. */
  readonly keyType: number;
  /** x ‖ y on the two curves with coordinates, 32 bytes of Ed25519; 0x and hex. */
  readonly publicKey: string;
}

/** By the contract's numbers. */
export const KEY_TYPES = ["p256", "secp256k1", "ed25519"] as const;

/** By the contract's numbers; what people read. */
export const STATUSES = [
  "unknown",
  "valid",
  "not valid yet",
  "expired",
  "revoked",
  "issuer revoked",
  "revoked on the ledger",
  "another key on the ledger",
] as const;

export const LEVELS = ["normal", "urgent"] as const;
export type Level = (typeof LEVELS)[number];

export const OUTCOMES = ["waiting", "applied", "rejected"] as const;

/** The word of a number that a contract answers. */
export function wordOf(words: readonly string[], number: bigint): string {
  return words[Number(number)] ?? `number ${number}`;
}

export const meter = (about = "meter id, as on the ledger"): Param<string> =>
  text("meter", about, (given) => {
    if (isMeterId(given)) return given;
    throw cliError("usage", "METER_MALFORMED", `${JSON.stringify(given)} is no meter id`, "give it as on the ledger");
  });

export const level: Param<Level> = text("priority", "normal, or urgent: the device applies it at once", (given) => {
  if (given === "normal" || given === "urgent") return given;
  throw cliError("usage", "PRIORITY_UNKNOWN", `${JSON.stringify(given)} is no priority`, "give normal or urgent");
});

export const deviceKey: Param<RegistryKey> = text(
  "key",
  "ed25519:HEX, secp256k1:HEX or p256:HEX (default: the one that the ledger has)",
  (given) => {
    const [type = "", digits = ""] = given.split(":");
    return registryKeyOf(type, digits);
  },
);

/**
 * type: p256 and secp256k1 with compressed (33) or uncompressed (65, or 64 without the first) bytes, ed25519 with 32; in hex.
 * @throws CliError DEVICE_KEY_MALFORMED
 */
export function registryKeyOf(type: string, digits: string): RegistryKey {
  const keyType = (KEY_TYPES as readonly string[]).indexOf(type);
  if (keyType < 0) throw keyError(`${JSON.stringify(type)} is no kind of key`);
  if (!/^([0-9a-fA-F]{2})+$/.test(digits)) throw keyError("the key is not in hex");
  const publicKey = coordinatesOf(type, digits);
  if (publicKey === undefined) throw keyError(`these bytes are no public key of ${type}`);
  return { keyType, publicKey };
}

function coordinatesOf(type: string, digits: string): string | undefined {
  if (type === "ed25519") return digits.length === 64 ? `0x${digits.toLowerCase()}` : undefined;
  try {
    const bytes = new Uint8Array(Buffer.from(digits.length === 128 ? `04${digits}` : digits, "hex"));
    if (type === "p256") return `0x${p256.Point.fromBytes(bytes).toHex(false).slice(2)}`;
    return `0x${SigningKey.computePublicKey(bytes, false).slice(4)}`;
  } catch {
    return undefined;
  }
}

function keyError(message: string) {
  const hint = "write ed25519:HEX, secp256k1:HEX or p256:HEX with the bytes of the public key";
  return cliError("usage", "DEVICE_KEY_MALFORMED", message, hint);
}
