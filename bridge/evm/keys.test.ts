import { encryptKeystoreJson, verifyMessage, Wallet } from "ethers";
import { expect, test } from "vitest";
import { generatePrivateKey, publicKeyOf } from "#storage/crypto/keys.ts";
import { ethereumAddressOf, openKeystoreV3, walletOf } from "./keys.ts";

test("a ledger's key signs for the Ethereum address of its public key", async () => {
  const key = generatePrivateKey("secp256k1");
  const address = ethereumAddressOf(publicKeyOf(key));
  expect(verifyMessage("energy", await walletOf(key).signMessage("energy"))).toBe(address);
});

test("an Ed25519 key has no address on Ethereum", () => {
  const key = generatePrivateKey("ed25519");
  expect(() => walletOf(key)).toThrow(expect.objectContaining({ code: "EVM_KEY_TYPE" }));
  expect(() => ethereumAddressOf(publicKeyOf(key))).toThrow(expect.objectContaining({ code: "EVM_KEY_TYPE" }));
});

test("a Web3 keystore opens with its passphrase and no other, and asks for no more than a PC has", async () => {
  const { address, privateKey } = Wallet.createRandom();
  const file = await encryptKeystoreJson({ address, privateKey }, "mouse", { scrypt: { N: 1024, r: 8, p: 1 } });
  expect(walletOf(await openKeystoreV3(file, "mouse")).address).toBe(address);
  await expect(openKeystoreV3(file, "cat")).rejects.toMatchObject({ code: "EVM_KEYSTORE_PASSPHRASE_WRONG" });
  for (const damaged of [
    "",
    "{}",
    "[3]",
    '{"version":3}',
    file.replace('"n":1024', '"n":1073741824'),
    "x".repeat(20_000),
  ])
    await expect(openKeystoreV3(damaged, "mouse")).rejects.toMatchObject({ code: "EVM_KEYSTORE_MALFORMED" });
});
