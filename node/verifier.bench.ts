import { test } from "vitest";
import { generatePrivateKey, publicKeyOf, sign } from "#storage/crypto/keys.ts";
import { createVerifier } from "./verifier.ts";

/** 4 096 signatures of 250-byte messages, as a block of energy transactions has them. The cache is off: every check is computed. */
const COUNT = 4096;

test.each(["ed25519", "secp256k1"] as const)("verify a block of %s signatures", async (type) => {
  const keys = Array.from({ length: 64 }, () => generatePrivateKey(type));
  const checks = Array.from({ length: COUNT }, (_, index) => {
    const key = keys[index % keys.length] ?? generatePrivateKey(type);
    const message = new Uint8Array(250).fill(index & 0xff);
    return { publicKey: publicKeyOf(key), message, signature: sign(key, message) };
  });
  for (const workers of [0, 1, 2]) {
    await using verifier = createVerifier({ workers, cacheSize: 0 });
    await verifier.verifyBatch(checks);
    const rates: number[] = [];
    for (let round = 0; round < 7; round++) {
      const start = performance.now();
      await verifier.verifyBatch(checks);
      rates.push((COUNT * 1000) / (performance.now() - start));
    }
    rates.sort((a, b) => a - b);
    console.log(`${type}, ${workers} workers: ${Math.round(rates[3] ?? 0)}/s (best ${Math.round(rates[6] ?? 0)}/s)`);
  }
});
