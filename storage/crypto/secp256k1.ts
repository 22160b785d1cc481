import { createRequire } from "node:module";

/** ECDSA over secp256k1 with 64-byte r ‖ s signatures of a 32-byte hash; s must be low, so that a signature cannot be changed by others. */
export interface Secp256k1 {
  readonly implementation: "native" | "noble";
  isPrivateKey(scalar: Uint8Array): boolean;
  publicKey(scalar: Uint8Array): Uint8Array;
  sign(scalar: Uint8Array, hash: Uint8Array): Uint8Array;
  verify(publicKey: Uint8Array, hash: Uint8Array, signature: Uint8Array): boolean;
  /** The key, 33 bytes, whose signature this is; `parity`: of y of the nonce's point. Undefined where there is none, or s is high. */
  recover(hash: Uint8Array, signature: Uint8Array, parity: 0 | 1): Uint8Array | undefined;
}

const require = createRequire(import.meta.url);

/** Loaded when it is first asked something: with the native library that is never. */
let loadedNoble: typeof import("@noble/curves/secp256k1.js").secp256k1 | undefined;
function noble() {
  loadedNoble ??= (require("@noble/curves/secp256k1.js") as typeof import("@noble/curves/secp256k1.js")).secp256k1;
  return loadedNoble;
}

/**
 * libsecp256k1 through N-API. The package's own entry falls back to a JavaScript library 35 times slower without saying so;
 * its native part is therefore loaded by name, and our fallback is visible in `nativeCrypto()`.
 */
function loadNative(): Secp256k1 | undefined {
  let native: typeof import("secp256k1/bindings.js").default;
  try {
    native = require("secp256k1/bindings.js") as typeof native;
  } catch {
    return undefined;
  }
  return {
    implementation: "native",
    isPrivateKey: (scalar) => native.privateKeyVerify(scalar),
    publicKey: (scalar) => native.publicKeyCreate(scalar, true),
    sign: (scalar, hash) => native.ecdsaSign(hash, scalar).signature,
    verify(publicKey, hash, signature) {
      try {
        return native.ecdsaVerify(signature, hash, publicKey);
      } catch {
        return false;
      }
    },
    recover(hash, signature, parity) {
      try {
        const publicKey = native.ecdsaRecover(signature, parity, hash, true);
        // Recovering takes any s; verifying takes the low one only.
        return native.ecdsaVerify(signature, hash, publicKey) ? publicKey : undefined;
      } catch {
        return undefined;
      }
    },
  };
}

export const nobleSecp256k1: Secp256k1 = {
  implementation: "noble",
  isPrivateKey: (scalar) => noble().utils.isValidSecretKey(scalar),
  publicKey: (scalar) => noble().getPublicKey(scalar, true),
  sign: (scalar, hash) => noble().sign(hash, scalar, { prehash: false, lowS: true }),
  verify(publicKey, hash, signature) {
    try {
      return noble().verify(signature, hash, publicKey, { prehash: false, lowS: true });
    } catch {
      return false;
    }
  },
  recover(hash, signature, parity) {
    try {
      const parsed = noble().Signature.fromBytes(signature, "compact");
      if (parsed.hasHighS()) return undefined;
      return parsed.addRecoveryBit(parity).recoverPublicKey(hash).toBytes(true);
    } catch {
      return undefined;
    }
  },
};

let chosen: Secp256k1 | undefined;

/** Chosen when the first such key is met: a light node, whose keys are Ed25519, never carries the native part. */
export function secp256k1Implementation(): Secp256k1 {
  chosen ??= loadNative() ?? nobleSecp256k1;
  return chosen;
}
