import { randomBytes } from "node:crypto";
import { generatePrivateKey, publicKeyOf, sign, verifySignature } from "#storage/crypto/keys.ts";

const CEILING_MS = 1_000;

/**
 * Signature checks of this machine per second, one core, with what the node itself uses: nothing can finalise faster than all validators
 * check.
 */
export function verificationsPerSecond(): number {
  const key = generatePrivateKey("ed25519");
  const publicKey = publicKeyOf(key);
  const messages = Array.from({ length: 64 }, () => randomBytes(250));
  const signatures = messages.map((message) => sign(key, message));
  let checked = 0;
  const began = performance.now();
  while (performance.now() - began < CEILING_MS)
    for (const [i, message] of messages.entries())
      if (verifySignature(publicKey, message, signatures[i] ?? message)) checked += 1;
  return (checked * 1000) / (performance.now() - began);
}
