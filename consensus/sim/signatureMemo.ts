import { ed25519Implementation } from "#storage/crypto/ed25519.ts";
import { verifySignature } from "#storage/crypto/keys.ts";
import type { SignatureCheck } from "#storage/types/transaction.ts";

/** Answers kept at once; a run asks some thousand. */
const KEPT_MAX = 50_000;

/**
 * Remembers what a function of bytes answered. A signature check costs 40 to 50 µs and every node of a run asks for the same ones; the
 * answer depends on the bytes alone, so who asked first makes no difference.
 */
function remembered(check: (key: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean) {
  let answers = new Map<string, boolean>();
  return (key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean => {
    const name = latin1(signature) + latin1(key) + latin1(message);
    let answer = answers.get(name);
    if (answer === undefined) {
      answer = check(key, message, signature);
      if (answers.size >= KEPT_MAX) answers = new Map();
      answers.set(name, answer);
    }
    return answer;
  };
}

let isShared = false;

/** From now on this process checks each Ed25519 signature once. Only the simulator asks for it. */
export function shareSignatureChecks(): void {
  if (isShared) return;
  isShared = true;
  ed25519Implementation.verify = remembered(ed25519Implementation.verify);
}

const secp256k1Check = remembered((bytes, message, signature) =>
  verifySignature({ type: "secp256k1", bytes }, message, signature),
);

/** For the application: the check of a transaction's signature. */
export function verifyTxSignature({ publicKey, message, signature }: SignatureCheck): boolean {
  if (publicKey.type === "ed25519") return verifySignature(publicKey, message, signature);
  return secp256k1Check(publicKey.bytes, message, signature);
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}
