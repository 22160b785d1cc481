import { createHash } from "node:crypto";
import type { CertificateRecord, ConfigurationRecord } from "#consensus/application/deviceRecords.ts";
import { type PrivateKey, verifySignature } from "#storage/crypto/keys.ts";
import { attestationBytes, plaintextHashOf } from "#storage/types/configurationAttestation.ts";
import { accountOfKey } from "#storage/types/transactionAccounts.ts";
import { type ConfigurationContext, openConfiguration } from "./configurationBox.ts";
import { documentOf, readContent } from "./configurationContent.ts";
import { DeviceError } from "./deviceError.ts";
import type { DeviceSettings } from "./deviceSettings.ts";
import type { Rejection } from "./rejections.ts";

export type ReceivedConfiguration =
  | { readonly settings: DeviceSettings; readonly document: Uint8Array }
  | { readonly rejection: Rejection; readonly reason: string };

/**
 * A device's own look at what it was sent; that the ledger has looked too is no reason to believe it. Never throws. Checks in order:
 *   a) who set it administers the device (ADMINISTRATOR_WRONG)
 *   b) the payload is the one the record is of, and opens with the device's key for this ledger, meter and version
 *      (PAYLOAD_MALFORMED, UNDECRYPTABLE)
 *   c) the plaintext is the one whose hash stands on the ledger (HASH_MISMATCH)
 *   d) another than the administrator has attested it, who is the record's checker (ATTESTATION_INVALID)
 *   e) this program knows the schema, which is the record's (SCHEMA_UNKNOWN), and the document is of it (SYNTAX_INVALID)
 */
export async function readReceived(
  sent: { readonly record: ConfigurationRecord; readonly payload: Uint8Array; readonly certificate: CertificateRecord },
  device: PrivateKey,
  context: ConfigurationContext,
): Promise<ReceivedConfiguration> {
  const { record, payload, certificate } = sent;
  const no = (rejection: Rejection, reason: string): ReceivedConfiguration => ({ rejection, reason });
  const administrator = certificate.administrator === "" ? certificate.owner : certificate.administrator;
  if (record.administrator !== administrator) return no("ADMINISTRATOR_WRONG", record.administrator);

  const payloadHash = createHash("sha256").update(payload).digest();
  if (Buffer.compare(payloadHash, record.payloadHash) !== 0) return no("PAYLOAD_MALFORMED", "not of the record's hash");
  const opened = openConfiguration(payload, device, context);
  if ("rejection" in opened) return opened;
  const content = readContent(opened.content);
  if (content === undefined) return no("PAYLOAD_MALFORMED", "content");
  const { plaintext, checkerKey, attestation } = content;
  if (Buffer.compare(plaintextHashOf(plaintext), record.plaintextHash) !== 0) return no("HASH_MISMATCH", "");

  const { schemaId, schemaVersion, plaintextHash } = record;
  const { ledgerId, meterId } = context;
  const version = BigInt(context.version);
  const checker = accountOfKey(checkerKey);
  if (checker !== record.checker || checker === record.administrator) return no("ATTESTATION_INVALID", checker);
  const signed = attestationBytes({ ledgerId, meterId, version, plaintextHash, schemaId, schemaVersion });
  if (signed === undefined || !verifySignature(checkerKey, signed, attestation))
    return no("ATTESTATION_INVALID", "signature");

  // Loaded when the first configuration comes: the validator is some MB that most light nodes never need.
  const { checkDocument, ownSchema, readDocument } = await import("./configurationSchemas.ts");
  const document = documentOf(plaintext);
  try {
    const validate = ownSchema({ schema: schemaId, schemaVersion });
    const { schema, schemaVersion: inDocument, ...settings } = readDocument(document);
    if (schema !== schemaId || inDocument !== schemaVersion)
      return no("SYNTAX_INVALID", "the document names another schema");
    checkDocument({ schema, schemaVersion, ...settings }, validate);
    return { settings, document };
  } catch (error) {
    if (!(error instanceof DeviceError)) throw error;
    return no(error.code === "CONFIGURATION_SCHEMA_UNKNOWN" ? "SCHEMA_UNKNOWN" : "SYNTAX_INVALID", error.message);
  }
}
