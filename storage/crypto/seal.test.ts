import fc from "fast-check";
import { expect, test } from "vitest";
import { generatePrivateKey } from "./keys.ts";
import { openKey, readSealedKeyFile, SealError, type SealedKeyFile, sealKey } from "./seal.ts";

const key = generatePrivateKey("ed25519");
const sealed = await sealKey(key, "correct horse");

async function codeOf(file: unknown, passphrase: string): Promise<string> {
  try {
    await openKey(file, passphrase);
    return "opened";
  } catch (error) {
    expect(error).toBeInstanceOf(SealError);
    return (error as SealError).code;
  }
}

test("the right passphrase opens a key of either type, another passphrase does not", async () => {
  for (const type of ["ed25519", "secp256k1"] as const) {
    const own = generatePrivateKey(type);
    const file: unknown = JSON.parse(JSON.stringify(await sealKey(own, "correct horse")));
    expect(await openKey(file, "correct horse")).toEqual({ type, bytes: Uint8Array.from(own.bytes) });
    expect(await codeOf(file, "wrong horse")).toBe("KEY_PASSPHRASE_WRONG");
  }
});

test("a passphrase is the same however its accents and signs were typed", async () => {
  const file = await sealKey(key, "Z\u00e4hler \u2116 1");
  expect((await openKey(file, "Za\u0308hler No 1")).bytes).toEqual(Uint8Array.from(key.bytes));
});

test("two files of one key have neither salt nor nonce nor ciphertext in common, and do not show the key", async () => {
  const other = await sealKey(key, "correct horse");
  expect(other.scrypt.salt).not.toBe(sealed.scrypt.salt);
  expect(other.nonce).not.toBe(sealed.nonce);
  expect(other.ciphertext).not.toBe(sealed.ciphertext);
  for (const encoding of ["base64", "hex"] as const)
    expect(JSON.stringify(sealed)).not.toContain(Buffer.from(key.bytes).toString(encoding));
});

test("a flipped bit anywhere in the file is a damaged file, never a wrong passphrase", () => {
  const text = Buffer.from(JSON.stringify(sealed));
  for (let bit = 0; bit < text.length * 8; bit++) {
    const flipped = Buffer.from(text);
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    let file: unknown;
    try {
      file = JSON.parse(flipped.toString("utf8"));
    } catch {
      continue;
    }
    expect(() => readSealedKeyFile(file), flipped.toString("latin1")).toThrow("KEY_FILE_MALFORMED");
  }
});

test("whoever changes a field and mends the checksum meets the tag", async () => {
  const bytes = (length: number) => Buffer.alloc(length, 1).toString("base64");
  const changes: Partial<SealedKeyFile>[] = [
    { type: "secp256k1" },
    { scrypt: { ...sealed.scrypt, n: sealed.scrypt.n / 2 } },
    { scrypt: { ...sealed.scrypt, salt: bytes(32) } },
    { nonce: bytes(12) },
    { ciphertext: bytes(32) },
    { tag: bytes(16) },
  ];
  for (const change of changes)
    expect(await codeOf(await mended({ ...sealed, ...change }), "correct horse")).toBe("KEY_PASSPHRASE_WRONG");
});

/** The file with the checksum of its content: SHA-256 of the JSON of the other fields in the order of the interface. */
async function mended(file: SealedKeyFile): Promise<SealedKeyFile> {
  const { checksum: _, ...rest } = file;
  const digest = await crypto.subtle.digest("SHA-256", Buffer.from(JSON.stringify(rest)));
  return { ...file, checksum: Buffer.from(digest).toString("base64") };
}

test.each([
  { name: "256 MiB", kdf: { n: 2 ** 18, r: 8 } },
  { name: "a huge n", kdf: { n: 2 ** 30 } },
  { name: "n beyond 32 bits", kdf: { n: 2 ** 33 } },
  { name: "a huge r", kdf: { n: 2, r: 2 ** 20 } },
  { name: "too many passes", kdf: { p: 5 } },
  { name: "n no power of two", kdf: { n: 1000 } },
  { name: "n of 1", kdf: { n: 1 } },
  { name: "n too large for r", kdf: { n: 2 ** 16, r: 1 } },
  { name: "no pass", kdf: { p: 0 } },
  { name: "a negative r", kdf: { r: -8 } },
  { name: "a fraction", kdf: { r: 1.5 } },
  { name: "a text", kdf: { n: "32768" } },
])("scrypt parameters are refused before scrypt runs: $name", async ({ kdf }) => {
  const file = await mended({ ...sealed, scrypt: { ...sealed.scrypt, ...kdf } as SealedKeyFile["scrypt"] });
  // Read without a passphrase: scrypt is not reached.
  expect(() => readSealedKeyFile(file)).toThrow("KEY_FILE_MALFORMED");
});

test("the largest parameters that are allowed work", async () => {
  const atLimit = (kdf: { n: number; r: number; p: number }) =>
    mended({ ...sealed, scrypt: { ...sealed.scrypt, ...kdf } });
  expect(readSealedKeyFile(await atLimit({ n: 2 ** 17, r: 8, p: 4 })).scrypt.n).toBe(2 ** 17);
  // OpenSSL takes what passes our checks at the corners of its own.
  expect(await codeOf(await atLimit({ n: 2 ** 15, r: 1, p: 4 }), "x")).toBe("KEY_PASSPHRASE_WRONG");
  expect(await codeOf(await atLimit({ n: 2, r: 2 ** 18, p: 1 }), "x")).toBe("KEY_PASSPHRASE_WRONG");
});

test("bytes have one spelling in base64, whatever the checksum says", async () => {
  for (const other of [`${sealed.tag} `, sealed.tag.replace(/=+$/, ""), `${sealed.tag}=`])
    expect(await codeOf(await mended({ ...sealed, tag: other }), "correct horse")).toBe("KEY_FILE_MALFORMED");
});

test("what is no key file has its code", async () => {
  const files = [
    null,
    7,
    "text",
    [],
    {},
    { ...sealed, version: 2 },
    { ...sealed, type: "rsa" },
    { ...sealed, scrypt: null },
    { ...sealed, nonce: "!" },
    { ...sealed, nonce: `${sealed.nonce} ` },
    { ...sealed, tag: 5 },
    { ...sealed, ciphertext: "A".repeat(1_000_000) },
    { ...sealed, checksum: undefined },
  ];
  for (const file of files) expect(await codeOf(file, "correct horse")).toBe("KEY_FILE_MALFORMED");
});

test("any JSON is answered", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (file) => {
      expect(() => readSealedKeyFile(file)).toThrow(SealError);
    }),
  );
});
