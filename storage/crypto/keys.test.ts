import { createRequire } from "node:module";
import fc from "fast-check";
import { expect, test } from "vitest";
import { sha256 } from "./hash.ts";
import {
  addressOf,
  generatePrivateKey,
  nativeCrypto,
  publicKeyOf,
  SIGNATURE_LENGTH,
  sign,
  verifySignature,
  verifyVoteSignature,
} from "./keys.ts";

const message = Buffer.from("a sealed interval");
const types = ["ed25519", "secp256k1"] as const;
const hexOf = (value: Uint8Array) => Buffer.from(value).toString("hex");

test("this machine uses the native libraries", () => {
  expect(nativeCrypto()).toEqual({ ed25519: "sodium-native", secp256k1: "native" });
});

test("the secp256k1 package's slow JavaScript part is never loaded", () => {
  const loaded = Object.keys(createRequire(import.meta.url).cache);
  expect(loaded.some((file) => file.endsWith("secp256k1/bindings.js"))).toBe(true);
  expect(loaded.filter((file) => /secp256k1\/(elliptic|index)\.js$|\/elliptic\/lib\//.test(file))).toEqual([]);
});

test("verification answers for any bytes", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...types),
      fc.uint8Array({ maxLength: 70 }),
      fc.uint8Array({ maxLength: 70 }),
      (type, key, signature) => {
        expect(verifySignature({ type, bytes: key }, message, signature)).toBe(false);
        expect(verifyVoteSignature({ type, bytes: key }, message, signature)).toBe(false);
      },
    ),
  );
});

test.each(types)("a key and a signature one byte too short or too long are refused: %s", (type) => {
  const key = generatePrivateKey(type);
  const { bytes } = publicKeyOf(key);
  const signature = sign(key, message);
  for (const verify of [verifySignature, verifyVoteSignature]) {
    expect(verify({ type, bytes }, message, signature)).toBe(true);
    for (const wrong of [signature.subarray(1), Buffer.concat([signature, Buffer.alloc(1)]), Buffer.alloc(0)])
      expect(verify({ type, bytes }, message, wrong)).toBe(false);
    for (const wrong of [bytes.subarray(1), Buffer.concat([bytes, Buffer.alloc(1)]), Buffer.alloc(0)])
      expect(verify({ type, bytes: wrong }, message, signature)).toBe(false);
  }
});

test.each(types)("a key signs any message, also an empty one, and no other key or message fits: %s", (type) => {
  const [key, other] = [generatePrivateKey(type), generatePrivateKey(type)];
  for (const text of [Buffer.alloc(0), message, Buffer.alloc(100_000, 7)]) {
    const signature = sign(key, text);
    expect(signature).toHaveLength(SIGNATURE_LENGTH);
    expect(verifySignature(publicKeyOf(key), text, signature)).toBe(true);
    expect(verifySignature(publicKeyOf(other), text, signature)).toBe(false);
    expect(verifySignature(publicKeyOf(key), Buffer.concat([text, Buffer.alloc(1)]), signature)).toBe(false);
  }
});

test("a generated key uses the random bytes it is given, and asks again for those that are no scalar", () => {
  const asked = [Buffer.alloc(32), Buffer.alloc(32, 0xff), Buffer.alloc(32, 5)];
  expect(generatePrivateKey("secp256k1", () => asked.shift() ?? Buffer.alloc(32)).bytes).toEqual(Buffer.alloc(32, 5));
  expect(generatePrivateKey("ed25519", (count) => Buffer.alloc(count, 3)).bytes).toEqual(Buffer.alloc(32, 3));
  expect(hexOf(generatePrivateKey("ed25519").bytes)).not.toBe(hexOf(generatePrivateKey("ed25519").bytes));
});

test("addresses are CometBFT's: of the secp256k1 key 1 its well-known hash, of Ed25519 the start of SHA-256", () => {
  const one = Buffer.alloc(32);
  one[31] = 1;
  expect(hexOf(addressOf(publicKeyOf({ type: "secp256k1", bytes: one })))).toBe(
    "751e76e8199196d454941c45d1b3a323f1433bd6",
  );
  const publicKey = publicKeyOf({ type: "ed25519", bytes: one });
  expect(hexOf(addressOf(publicKey))).toBe(hexOf(sha256(publicKey.bytes)).slice(0, 40));
});
