import { parentPort } from "node:worker_threads";
import { verifySignature } from "#storage/crypto/keys.ts";
import { unpackChecks } from "./verifierWire.ts";

/** A job of verifierPool.ts, and its answer: one byte per check, 1 for a valid signature. */
export interface VerifyJob {
  readonly id: number;
  readonly packed: ArrayBuffer;
}

export interface VerifyAnswer {
  readonly id: number;
  readonly verdicts: Uint8Array<ArrayBuffer>;
}

parentPort?.on("message", ({ id, packed }: VerifyJob) => {
  const checks = unpackChecks(packed);
  const verdicts = new Uint8Array(checks.length);
  for (const [index, { publicKey, message, signature }] of checks.entries())
    verdicts[index] = verifySignature(publicKey, message, signature) ? 1 : 0;
  const answer: VerifyAnswer = { id, verdicts };
  parentPort?.postMessage(answer, [verdicts.buffer]);
});
