import { createHmac } from "node:crypto";
import { base58 } from "@scure/base";
import {
  type AssetSigner,
  type BuiltTransaction,
  createTransaction,
  ed25519Details,
  ed25519Signer,
  jsonOf,
  transferTransaction,
} from "#storage/assets/buildTransaction.ts";
import type { PrivateKey } from "#storage/crypto/keys.ts";
import type { MeterRecord } from "./aggregatorRecords.ts";
import type { AggregateMetadata } from "./measurement.ts";

/**
 * Every meter has a key pair of its own: HMAC-SHA256(aggregator's key, label ‖ 0x00 ‖ meter id) is its Ed25519 seed. The one key they come from lies encrypted in
 * the home's key store, so that a backup of it brings every meter's back.
 */
const KEY_LABEL = "edream bigchain meter key";

/** What an asset of the BigchainDB model is made of: an indivisible one. */
const AMOUNT = 1n;

export function meterSigner(aggregatorKey: PrivateKey, meterId: string): AssetSigner {
  return ed25519Signer(createHmac("sha256", aggregatorKey.bytes).update(`${KEY_LABEL}\0${meterId}`).digest());
}

/** The CREATE that registers a meter (D5.1 Figure 18). The same meter and key always give the same transaction. */
export function meterCreate(signer: AssetSigner, meterId: string): BuiltTransaction {
  const [source = "", ...rest] = meterId.split(":");
  const meter = { serial_number: rest.join(":"), source };
  return createTransaction({
    data: jsonOf({ meter }),
    metadata: null,
    outputs: [{ amount: AMOUNT, details: ed25519Details(signer.publicKey) }],
    issuer: signer,
  });
}

/** A TRANSFER of the meter to itself (D5.1 Figure 19): of the same head and metadata always the same transaction. */
export function meterTransfer(
  signer: AssetSigner,
  { assetId, head }: Pick<MeterRecord, "assetId" | "head">,
  metadata: AggregateMetadata,
): BuiltTransaction {
  const details = ed25519Details(signer.publicKey);
  return transferTransaction({
    assetId,
    metadata: jsonOf(metadata),
    outputs: [{ amount: AMOUNT, details }],
    inputs: [{ transactionId: head, outputIndex: 0, details, signers: [signer] }],
  });
}

export function newMeterRecord(signer: AssetSigner, meterId: string): MeterRecord {
  const { id } = meterCreate(signer, meterId);
  return { meterId, publicKey: base58.encode(signer.publicKey), assetId: id, registered: false, head: id, next: 0 };
}
