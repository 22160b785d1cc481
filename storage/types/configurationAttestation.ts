import { createHash } from "node:crypto";
import { MAX_CHAIN_ID_BYTES, MAX_LABEL_CHARS, MAX_METER_ID_CHARS } from "../limits.ts";

/** What a checker says it has checked: that this plaintext is well-formed in this schema, for this version of this device's configuration. */
export interface ConfigurationAttestation {
  /** The chain id, 1..MAX_CHAIN_ID_BYTES bytes of UTF-8: an attestation holds on one ledger. */
  readonly ledgerId: string;
  readonly meterId: string;
  readonly version: bigint;
  /** SHA256 of the plaintext, 32 bytes. */
  readonly plaintextHash: Uint8Array;
  readonly schemaId: string;
  readonly schemaVersion: number;
}

/** No transaction's sign bytes begin with it: as protobuf it would be the end of a group that never began. */
const ATTESTATION_PREFIX = 0x1c;

/**
 * What the checker signs with its account's key:
 * `0x1c ‖ text ledger id ‖ text meter id ‖ uint64 version ‖ plaintext hash (32) ‖ text schema id ‖ uint32 schema version`, big-endian, a text
 * being `uint8 length ‖ UTF-8`. Undefined where a field has no place in it: a text too long, a hash of another length, a number out of range.
 */
export function attestationBytes(attestation: ConfigurationAttestation): Uint8Array | undefined {
  const { ledgerId, meterId, version, plaintextHash, schemaId, schemaVersion } = attestation;
  const ledger = shortText(ledgerId, MAX_CHAIN_ID_BYTES);
  const meter = shortText(meterId, MAX_METER_ID_CHARS);
  const schema = shortText(schemaId, MAX_LABEL_CHARS);
  if (ledger === undefined || meter === undefined || schema === undefined || plaintextHash.length !== 32)
    return undefined;
  if (version < 0n || version >= 2n ** 64n) return undefined;
  if (!Number.isInteger(schemaVersion) || schemaVersion < 0 || schemaVersion >= 2 ** 32) return undefined;
  const numbers = Buffer.alloc(12);
  numbers.writeBigUInt64BE(version);
  numbers.writeUInt32BE(schemaVersion, 8);
  const parts = [Buffer.of(ATTESTATION_PREFIX), ledger, meter, numbers.subarray(0, 8), plaintextHash, schema];
  return Buffer.concat([...parts, numbers.subarray(8)]);
}

/** The hash of a configuration that a checker attests and the ledger keeps. The plaintext begins with random bytes, 16 or more. */
export function plaintextHashOf(plaintext: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(plaintext).digest());
}

function shortText(text: string, maxBytes: number): Buffer | undefined {
  const bytes = Buffer.from(text, "utf8");
  return bytes.length === 0 || bytes.length > maxBytes ? undefined : Buffer.concat([Buffer.of(bytes.length), bytes]);
}
