import {
  createCipheriv,
  createDecipheriv,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
} from "node:crypto";
import type { ICryptoInterface } from "@chainsafe/libp2p-noise";
import { sha256 } from "#storage/crypto/hash.ts";

const CIPHER = "chacha20-poly1305";
const TAG_BYTES = 16;
const KEY_BYTES = 32;

/**
 * The primitives of Noise_XX_25519_ChaChaPoly_SHA256 on node:crypto alone. libp2p's own choice seals short messages in WebAssembly, which
 * is faster there but makes V8 load its WebAssembly compiler: 9 MB (Node 24.21, x64) that a light node does not have to spare.
 */
export const noiseCrypto: ICryptoInterface = {
  hashSHA256: (data) => sha256(data.subarray()),

  getHKDF(chainingKey, inputKeyMaterial) {
    const okm = new Uint8Array(hkdfSync("sha256", inputKeyMaterial, chainingKey, new Uint8Array(0), 3 * KEY_BYTES));
    const part = (index: number) => okm.subarray(index * KEY_BYTES, (index + 1) * KEY_BYTES);
    return [part(0), part(1), part(2)];
  },

  generateX25519KeyPair() {
    const { d, x } = generateKeyPairSync("x25519").privateKey.export({ format: "jwk" });
    return { privateKey: fromBase64(d), publicKey: fromBase64(x) };
  },

  generateX25519KeyPairFromSeed(seed) {
    const { x } = createPublicKey(privateKeyOf(seed)).export({ format: "jwk" });
    return { privateKey: seed, publicKey: fromBase64(x) };
  },

  generateX25519SharedKey: (privateKey, publicKey) =>
    diffieHellman({ privateKey: privateKeyOf(privateKey.subarray()), publicKey: publicKeyOf(publicKey.subarray()) }),

  chaCha20Poly1305Encrypt(plaintext, nonce, ad, key) {
    const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
    cipher.setAAD(ad, { plaintextLength: plaintext.byteLength });
    const sealed = cipher.update(plaintext.subarray());
    return Buffer.concat([sealed, cipher.final(), cipher.getAuthTag()]);
  },

  /** @throws Error of node:crypto when the tag is wrong */
  chaCha20Poly1305Decrypt(ciphertext, nonce, ad, key) {
    const sealed = ciphertext.subarray();
    const end = Math.max(0, sealed.length - TAG_BYTES);
    const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
    decipher.setAAD(ad, { plaintextLength: end });
    decipher.setAuthTag(sealed.subarray(end));
    const plaintext = decipher.update(sealed.subarray(0, end));
    decipher.final();
    return plaintext;
  },
};

/** PKCS #8 and SubjectPublicKeyInfo of X25519 (RFC 8410) up to the 32 bytes of the key. */
const PKCS8_PREFIX = Buffer.from("302e020100300506032b656e04220420", "hex");
const SPKI_PREFIX = Buffer.from("302a300506032b656e032100", "hex");

function privateKeyOf(bytes: Uint8Array) {
  return createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, bytes]), type: "pkcs8", format: "der" });
}

function publicKeyOf(bytes: Uint8Array) {
  return createPublicKey({ key: Buffer.concat([SPKI_PREFIX, bytes]), type: "spki", format: "der" });
}

function fromBase64(text: string | undefined): Uint8Array {
  return Uint8Array.from(Buffer.from(text ?? "", "base64url"));
}
