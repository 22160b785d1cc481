import { test } from "vitest";
import { ed25519Implementation, nobleEd25519 } from "./ed25519.ts";
import { sha256 } from "./hash.ts";
import { nobleSecp256k1, secp256k1Implementation } from "./secp256k1.ts";

/** A sealed interval as a transaction, 250 B. */
const message = Buffer.alloc(250, 7);
const digest = sha256(message);
const seed = sha256(Buffer.from("seed"));
const edKey = ed25519Implementation.publicKey(seed);
const edSignature = ed25519Implementation.sign(seed, message);
const ecKey = secp256k1Implementation().publicKey(seed);
const ecSignature = secp256k1Implementation().sign(seed, digest);

test("verify one signature", async ({ bench }) => {
  await bench.compare(
    bench("ed25519 sodium-native", () => void ed25519Implementation.verify(edKey, message, edSignature)),
    bench("ed25519 noble", () => void nobleEd25519.verify(edKey, message, edSignature)),
    bench("secp256k1 native", () => void secp256k1Implementation().verify(ecKey, digest, ecSignature)),
    bench("secp256k1 noble", () => void nobleSecp256k1.verify(ecKey, digest, ecSignature)),
  );
});

test("sign once", async ({ bench }) => {
  await bench.compare(
    bench("ed25519 sodium-native", () => void ed25519Implementation.sign(seed, message)),
    bench("ed25519 sodium-native, a fresh copy of the seed each time", () => {
      ed25519Implementation.sign(Uint8Array.from(seed), message);
    }),
    bench("ed25519 noble", () => void nobleEd25519.sign(seed, message)),
    bench("secp256k1 native", () => void secp256k1Implementation().sign(seed, digest)),
    bench("secp256k1 noble", () => void nobleSecp256k1.sign(seed, digest)),
  );
});
