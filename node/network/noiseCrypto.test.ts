import { pureJsCrypto } from "@chainsafe/libp2p-noise";
import fc from "fast-check";
import { expect, test } from "vitest";
import { noiseCrypto } from "./noiseCrypto.ts";

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const same = (a: Uint8Array, b: Uint8Array) =>
  expect(Buffer.from(a).toString("hex")).toBe(Buffer.from(b).toString("hex"));

test("hash, key derivation and key agreement are those of the pure JavaScript implementation", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), bytes(32), bytes(32), bytes(32), (data, ck, seed, other) => {
      same(noiseCrypto.hashSHA256(data), pureJsCrypto.hashSHA256(data));
      const derived = noiseCrypto.getHKDF(ck, data);
      for (const [index, part] of pureJsCrypto.getHKDF(ck, data).entries()) same(derived[index] as Uint8Array, part);
      const pair = noiseCrypto.generateX25519KeyPairFromSeed(seed);
      same(pair.publicKey.subarray(), pureJsCrypto.generateX25519KeyPairFromSeed(seed).publicKey.subarray());
      const peer = pureJsCrypto.generateX25519KeyPairFromSeed(other);
      same(
        noiseCrypto.generateX25519SharedKey(pair.privateKey, peer.publicKey),
        pureJsCrypto.generateX25519SharedKey(peer.privateKey, pair.publicKey),
      );
    }),
    { numRuns: 20 },
  );
});

test("a fresh key pair agrees with the other side", () => {
  const mine = noiseCrypto.generateX25519KeyPair();
  const theirs = pureJsCrypto.generateX25519KeyPair();
  same(
    noiseCrypto.generateX25519SharedKey(mine.privateKey, theirs.publicKey),
    pureJsCrypto.generateX25519SharedKey(theirs.privateKey, mine.publicKey),
  );
});

test("each side opens what the other sealed", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 3000 }), bytes(12), bytes(32), bytes(32), (plaintext, nonce, ad, key) => {
      const sealed = noiseCrypto.chaCha20Poly1305Encrypt(plaintext, nonce, ad, key).subarray();
      same(sealed, pureJsCrypto.chaCha20Poly1305Encrypt(plaintext, nonce, ad, key).subarray());
      same(noiseCrypto.chaCha20Poly1305Decrypt(sealed, nonce, ad, key).subarray(), plaintext);
    }),
    { numRuns: 50 },
  );
});

test("a changed byte, another nonce, other associated data or a short message do not open", () => {
  const [nonce, ad, key] = [new Uint8Array(12), new Uint8Array(32), new Uint8Array(32)];
  const sealed = noiseCrypto.chaCha20Poly1305Encrypt(Buffer.from("reading"), nonce, ad, key).subarray();
  const open =
    (message: Uint8Array, withNonce = nonce, withAd = ad) =>
    () =>
      noiseCrypto.chaCha20Poly1305Decrypt(message, withNonce, withAd, key);
  for (let at = 0; at < sealed.length; at++) {
    const changed = Uint8Array.from(sealed);
    changed[at] = (changed[at] ?? 0) ^ 1;
    expect(open(changed)).toThrow();
  }
  expect(open(sealed, nonce.slice().fill(1))).toThrow();
  expect(open(sealed, nonce, ad.slice().fill(1))).toThrow();
  for (const length of [0, 1, 15, 16]) expect(open(sealed.subarray(0, length))).toThrow();
  expect(() => noiseCrypto.generateX25519SharedKey(key, new Uint8Array(31))).toThrow();
});
