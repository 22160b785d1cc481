import { expect, test } from "vitest";
import { LedgerError } from "../error.ts";
import { generatePrivateKey } from "./keys.ts";
import { openKey, readSealedKeyFile, sealKey } from "./seal.ts";

const key = generatePrivateKey("ed25519");
const sealed = await sealKey(key, "correct horse");

async function codeOf(file: unknown, passphrase: string): Promise<string> {
  try {
    await openKey(file, passphrase);
    return "opened";
  } catch (error) {
    expect(error).toBeInstanceOf(LedgerError);
    return (error as LedgerError).code;
  }
}

test("the right passphrase opens the key, another does not", async () => {
  expect(await openKey(JSON.parse(JSON.stringify(sealed)), "correct horse")).toEqual({
    type: "ed25519",
    bytes: Uint8Array.from(key.bytes),
  });
  expect(await codeOf(sealed, "wrong horse")).toBe("KEY_PASSPHRASE_WRONG");
});

test("the file does not hold the key in the clear", () => {
  expect(JSON.stringify(sealed)).not.toContain(Buffer.from(key.bytes).toString("base64"));
});

test("a changed type, ciphertext or tag does not open", async () => {
  const other = Buffer.alloc(32, 1).toString("base64");
  expect(await codeOf({ ...sealed, type: "secp256k1" }, "correct horse")).toBe("KEY_PASSPHRASE_WRONG");
  expect(await codeOf({ ...sealed, ciphertext: other }, "correct horse")).toBe("KEY_PASSPHRASE_WRONG");
});

test("a file that asks for too much memory is refused before scrypt runs", () => {
  const hostile = { ...sealed, scrypt: { ...sealed.scrypt, n: 2 ** 30 } };
  expect(() => readSealedKeyFile(hostile)).toThrow("KEY_FILE_MALFORMED");
  for (const file of [null, {}, { ...sealed, version: 2 }, { ...sealed, type: "rsa" }, { ...sealed, nonce: "!" }])
    expect(() => readSealedKeyFile(file)).toThrow("KEY_FILE_MALFORMED");
});
