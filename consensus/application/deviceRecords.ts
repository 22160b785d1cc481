import { PUBLIC_KEY_LENGTH, type PublicKey } from "#storage/crypto/keys.ts";
import { MAX_CONFIGURATION_BYTES } from "#storage/limits.ts";
import { decodeCanonical, EMPTY_BYTES, FieldReader, FieldWriter, type Mutable } from "#storage/types/wire.ts";

/** What a device's node must know of its certificate: edream.ledger.v1.Meter. */
export interface CertificateRecord {
  /** "ed25519" or "secp256k1", as the ledger has checked. */
  readonly keyType: string;
  readonly key: Uint8Array;
  readonly deviceAccount: string;
  readonly owner: string;
  readonly quantity: string;
  readonly direction: string;
  readonly seedCommitment: Uint8Array;
  readonly intervalMs: number;
  readonly revoked: boolean;
  readonly revokeReason: string;
  /** Empty: the owner. */
  readonly administrator: string;
  readonly model: string;
  readonly firmwareHash: Uint8Array;
  /** Unix ms; 0: not bounded on that side. */
  readonly validFromMs: number;
  readonly validUntilMs: number;
}

/** edream.ledger.v1.DeviceConfiguration. */
export interface ConfigurationRecord {
  readonly payloadHash: Uint8Array;
  readonly payloadBytes: number;
  readonly plaintextHash: Uint8Array;
  readonly schemaId: string;
  readonly schemaVersion: number;
  readonly priority: string;
  readonly administrator: string;
  readonly checker: string;
  readonly setMs: number;
  /** applied or rejected; empty until the device has answered. */
  readonly outcome: string;
  readonly code: number;
  readonly appliedMs: number;
  readonly acknowledgedMs: number;
}

/** Of MeterCounts, what is about the device. */
export interface ConfigurationCounts {
  readonly configurationVersion: number;
  readonly appliedVersion: number;
}

const MAX_RECORD_BYTES = 1024;
const MAX_TEXT_BYTES = 256;
const MAX_KEY_BYTES = 64;

/** Keys of the records in the state tree (stateRecords.ts). */
export function certificateKey(meterId: string): Uint8Array {
  return Buffer.from(`meter/${meterId}`);
}

export function configurationKey(meterId: string, version: number): Uint8Array {
  return Buffer.from(`configuration/${meterId}/${version.toString().padStart(10, "0")}`);
}

export function configurationPayloadKey(meterId: string, version: number): Uint8Array {
  return Buffer.from(`payload/${meterId}/${version.toString().padStart(10, "0")}`);
}

/**
 * The records as a light node gets them with their proofs; by hand for the reason given at decodeAccountRecord, and canonical like it.
 * @throws FormatError
 */
export function decodeCertificateRecord(bytes: Uint8Array): CertificateRecord {
  return decodeCanonical("Meter", MAX_RECORD_BYTES, bytes, readCertificate, encodeCertificate);
}

/** @throws FormatError */
export function decodeConfigurationRecord(bytes: Uint8Array): ConfigurationRecord {
  return decodeCanonical("DeviceConfiguration", MAX_RECORD_BYTES, bytes, readConfiguration, encodeConfiguration);
}

/** The ciphertext. @throws FormatError */
export function decodeConfigurationPayload(bytes: Uint8Array): Uint8Array {
  const max = MAX_CONFIGURATION_BYTES + 16;
  return decodeCanonical("ConfigurationPayload", max, bytes, readPayload, encodePayload);
}

/** @throws FormatError */
export function decodeConfigurationCounts(bytes: Uint8Array): ConfigurationCounts {
  const counts = decodeCanonical("MeterCounts", MAX_RECORD_BYTES, bytes, readCounts, encodeCounts);
  return { configurationVersion: counts[4] ?? 0, appliedVersion: counts[5] ?? 0 };
}

/** Undefined for a key that no device can have. */
export function deviceKeyOfRecord({ keyType, key }: CertificateRecord): PublicKey | undefined {
  if (keyType !== "ed25519" && keyType !== "secp256k1") return undefined;
  return key.length === PUBLIC_KEY_LENGTH[keyType] ? { type: keyType, bytes: key } : undefined;
}

function readCertificate(bytes: Uint8Array): CertificateRecord {
  const reader = new FieldReader("Meter", bytes);
  const record: Mutable<CertificateRecord> = {
    ...{ keyType: "", key: EMPTY_BYTES, deviceAccount: "", owner: "", quantity: "", direction: "" },
    ...{ seedCommitment: EMPTY_BYTES, intervalMs: 0, revoked: false, revokeReason: "", administrator: "", model: "" },
    ...{ firmwareHash: EMPTY_BYTES, validFromMs: 0, validUntilMs: 0 },
  };
  while (reader.next()) {
    const text = () => reader.text("meter.text", MAX_TEXT_BYTES);
    if (reader.number === 1) {
      const key = new FieldReader("DeviceKey", reader.message());
      while (key.next()) {
        if (key.number === 1) record.keyType = key.text("deviceKey.type", MAX_TEXT_BYTES);
        else if (key.number === 2) record.key = key.bytesUpTo("deviceKey.key", MAX_KEY_BYTES);
        else key.refuse();
      }
    } else if (reader.number === 2) record.deviceAccount = text();
    else if (reader.number === 3) record.owner = text();
    else if (reader.number === 4) record.quantity = text();
    else if (reader.number === 5) record.direction = text();
    else if (reader.number === 6) record.seedCommitment = reader.bytesOf("meter.seedCommitment", 32);
    else if (reader.number === 7) record.intervalMs = reader.count("meter.intervalMs");
    else if (reader.number === 8) record.revoked = reader.count("meter.revoked", 1) === 1;
    else if (reader.number === 9) record.revokeReason = text();
    else if (reader.number === 10) record.administrator = text();
    else if (reader.number === 11) record.model = text();
    else if (reader.number === 12) record.firmwareHash = reader.bytesOf("meter.firmwareHash", 32);
    else if (reader.number === 13) record.validFromMs = reader.count("meter.validFromMs");
    else if (reader.number === 14) record.validUntilMs = reader.count("meter.validUntilMs");
    else reader.refuse();
  }
  return record;
}

function encodeCertificate(record: CertificateRecord): Uint8Array {
  return new FieldWriter()
    .message(1, new FieldWriter().text(1, record.keyType).bytes(2, record.key).finish())
    .text(2, record.deviceAccount)
    .text(3, record.owner)
    .text(4, record.quantity)
    .text(5, record.direction)
    .bytes(6, record.seedCommitment)
    .int(7, record.intervalMs)
    .int(8, record.revoked ? 1 : 0)
    .text(9, record.revokeReason)
    .text(10, record.administrator)
    .text(11, record.model)
    .bytes(12, record.firmwareHash)
    .int(13, record.validFromMs)
    .int(14, record.validUntilMs)
    .finish();
}

function readConfiguration(bytes: Uint8Array): ConfigurationRecord {
  const reader = new FieldReader("DeviceConfiguration", bytes);
  const record: Mutable<ConfigurationRecord> = {
    ...{ payloadHash: EMPTY_BYTES, payloadBytes: 0, plaintextHash: EMPTY_BYTES, schemaId: "", schemaVersion: 0 },
    ...{
      priority: "",
      administrator: "",
      checker: "",
      setMs: 0,
      outcome: "",
      code: 0,
      appliedMs: 0,
      acknowledgedMs: 0,
    },
  };
  while (reader.next()) {
    const text = () => reader.text("configuration.text", MAX_TEXT_BYTES);
    if (reader.number === 1) record.payloadHash = reader.bytesOf("configuration.payloadHash", 32);
    else if (reader.number === 2) record.payloadBytes = reader.count("configuration.payloadBytes");
    else if (reader.number === 3) record.plaintextHash = reader.bytesOf("configuration.plaintextHash", 32);
    else if (reader.number === 4) record.schemaId = text();
    else if (reader.number === 5) record.schemaVersion = reader.count("configuration.schemaVersion");
    else if (reader.number === 6) record.priority = text();
    else if (reader.number === 7) record.administrator = text();
    else if (reader.number === 8) record.checker = text();
    else if (reader.number === 9) record.setMs = reader.count("configuration.setMs");
    else if (reader.number === 10) record.outcome = text();
    else if (reader.number === 11) record.code = reader.count("configuration.code");
    else if (reader.number === 12) record.appliedMs = reader.count("configuration.appliedMs");
    else if (reader.number === 13) record.acknowledgedMs = reader.count("configuration.acknowledgedMs");
    else reader.refuse();
  }
  return record;
}

function encodeConfiguration(record: ConfigurationRecord): Uint8Array {
  return new FieldWriter()
    .bytes(1, record.payloadHash)
    .int(2, record.payloadBytes)
    .bytes(3, record.plaintextHash)
    .text(4, record.schemaId)
    .int(5, record.schemaVersion)
    .text(6, record.priority)
    .text(7, record.administrator)
    .text(8, record.checker)
    .int(9, record.setMs)
    .text(10, record.outcome)
    .int(11, record.code)
    .int(12, record.appliedMs)
    .int(13, record.acknowledgedMs)
    .finish();
}

function readPayload(bytes: Uint8Array): Uint8Array {
  const reader = new FieldReader("ConfigurationPayload", bytes);
  let ciphertext: Uint8Array = EMPTY_BYTES;
  while (reader.next()) {
    if (reader.number !== 1) reader.refuse();
    ciphertext = reader.bytesUpTo("payload.ciphertext", MAX_CONFIGURATION_BYTES);
  }
  return ciphertext;
}

function encodePayload(ciphertext: Uint8Array): Uint8Array {
  return new FieldWriter().bytes(1, ciphertext).finish();
}

function readCounts(bytes: Uint8Array): readonly number[] {
  const reader = new FieldReader("MeterCounts", bytes);
  const counts = [0, 0, 0, 0, 0, 0];
  while (reader.next()) {
    if (reader.number > counts.length) reader.refuse();
    counts[reader.number - 1] = reader.count("meterCounts");
  }
  return counts;
}

function encodeCounts(counts: readonly number[]): Uint8Array {
  const writer = new FieldWriter();
  for (const [index, count] of counts.entries()) writer.int(index + 1, count);
  return writer.finish();
}
