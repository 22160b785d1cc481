import { createHmac } from "node:crypto";
import type { PrivateKey } from "#storage/crypto/keys.ts";

/**
 * One key file holds all of a prosumer's meters: each meter's device key and the secret behind its fingerprint seeds are derived from it by
 * HMAC-SHA256(meter key, label ‖ 0x00 ‖ meter id), so that a backup of one key restores every meter, and none tells anything of another.
 */
const DEVICE_KEY_LABEL = "edream device key";
const SECRET_LABEL = "edream meter secret";

/** D5.1's period P, whose seeds a light node's fingerprints begin with: 24 hours. */
export const SEED_PERIOD_MS = 24 * 3600 * 1000;

/** Ed25519 key that signs the meter's intervals. */
export function deviceKeyOf(meterKey: PrivateKey, meterId: string): PrivateKey {
  return { type: "ed25519", bytes: derive(meterKey, DEVICE_KEY_LABEL, meterId) };
}

/** 32 bytes for storage/types/intervalSecrets.ts. */
export function meterSecretOf(meterKey: PrivateKey, meterId: string): Uint8Array {
  return derive(meterKey, SECRET_LABEL, meterId);
}

function derive(key: PrivateKey, label: string, meterId: string): Uint8Array {
  return createHmac("sha256", key.bytes).update(`${label}\0${meterId}`).digest();
}
