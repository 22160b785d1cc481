import { createCipheriv, createDecipheriv, randomBytes, scrypt } from "node:crypto";
import { LedgerError } from "../error.ts";
import type { KeyType, PrivateKey } from "./keys.ts";

export class SealError extends LedgerError<
  { code: "KEY_FILE_MALFORMED"; reason: string } | { code: "KEY_PASSPHRASE_WRONG" }
> {}

/**
 * A private key encrypted at rest: scrypt (RFC 7914) makes the key of AES-256-GCM from the passphrase; the other fields are authenticated
 * with it, so that a changed file opens as little as a wrong passphrase. All bytes are base64.
 */
export interface SealedKeyFile {
  readonly version: 1;
  readonly type: KeyType;
  readonly scrypt: { readonly n: number; readonly r: number; readonly p: number; readonly salt: string };
  readonly nonce: string;
  readonly ciphertext: string;
  readonly tag: string;
}

/** 2^15, 8, 1: 32 MiB and about 0.1 s on a PC, which a Raspberry Pi with 1 GB bears at every start. */
const SCRYPT = { n: 2 ** 15, r: 8, p: 1 };

/** What a file may ask of scrypt, 128 · n · r bytes: a hostile one must not take the machine's memory. */
const MAX_SCRYPT_BYTES = 256 * 1024 * 1024;
const MAX_SCRYPT_P = 4;

/** `random(n)` gives n random bytes for salt and nonce; the default is the system's source. */
export async function sealKey(
  key: PrivateKey,
  passphrase: string,
  random: (bytes: number) => Uint8Array = randomBytes,
): Promise<SealedKeyFile> {
  const salt = random(32);
  const nonce = random(12);
  const header = {
    version: 1,
    type: key.type,
    scrypt: { ...SCRYPT, salt: base64(salt) },
    nonce: base64(nonce),
  } as const;
  const cipher = createCipheriv("aes-256-gcm", await derive(passphrase, salt, SCRYPT), nonce);
  cipher.setAAD(Buffer.from(JSON.stringify(header)));
  const ciphertext = Buffer.concat([cipher.update(key.bytes), cipher.final()]);
  return { ...header, ciphertext: base64(ciphertext), tag: base64(cipher.getAuthTag()) };
}

/** @throws SealError KEY_FILE_MALFORMED, KEY_PASSPHRASE_WRONG (also for a file whose content was changed) */
export async function openKey(file: unknown, passphrase: string): Promise<PrivateKey> {
  const sealed = readSealedKeyFile(file);
  const { version, type, nonce } = sealed;
  const { n, r, p, salt } = sealed.scrypt;
  const decipher = createDecipheriv(
    "aes-256-gcm",
    await derive(passphrase, Buffer.from(salt, "base64"), { n, r, p }),
    Buffer.from(nonce, "base64"),
  );
  decipher.setAAD(Buffer.from(JSON.stringify({ version, type, scrypt: { n, r, p, salt }, nonce })));
  decipher.setAuthTag(Buffer.from(sealed.tag, "base64"));
  try {
    const bytes = Buffer.concat([decipher.update(Buffer.from(sealed.ciphertext, "base64")), decipher.final()]);
    return { type, bytes: Uint8Array.from(bytes) };
  } catch {
    throw new SealError({ code: "KEY_PASSPHRASE_WRONG" });
  }
}

/** Checks the form of a key file, and its demands before scrypt meets them. @throws SealError KEY_FILE_MALFORMED */
export function readSealedKeyFile(file: unknown): SealedKeyFile {
  const malformed = (reason: string) => new SealError({ code: "KEY_FILE_MALFORMED", reason });
  if (typeof file !== "object" || file === null) throw malformed("not an object");
  const { version, type, scrypt: kdf, nonce, ciphertext, tag } = file as Partial<SealedKeyFile>;
  if (version !== 1) throw malformed("version is not 1");
  if (type !== "ed25519" && type !== "secp256k1") throw malformed("type is neither ed25519 nor secp256k1");
  if (typeof kdf !== "object" || kdf === null) throw malformed("scrypt is missing");
  const { n, r, p, salt } = kdf;
  if (![n, r, p].every((value) => Number.isSafeInteger(value) && value > 0) || (n & (n - 1)) !== 0 || n < 2)
    throw malformed("scrypt parameters are not positive integers with n a power of two");
  if (128 * n * r > MAX_SCRYPT_BYTES || p > MAX_SCRYPT_P)
    throw malformed("scrypt parameters ask for too much memory or time");
  const checkBytes = (name: string, text: unknown, length: number) => {
    if (
      typeof text !== "string" ||
      text.length > 64 ||
      Buffer.from(text, "base64").length !== length ||
      base64(Buffer.from(text, "base64")) !== text
    )
      throw malformed(`${name} is not ${length} bytes of base64`);
  };
  checkBytes("salt", salt, 32);
  checkBytes("nonce", nonce, 12);
  checkBytes("ciphertext", ciphertext, 32);
  checkBytes("tag", tag, 16);
  return file as SealedKeyFile;
}

function derive(
  passphrase: string,
  salt: Uint8Array,
  { n, r, p }: { n: number; r: number; p: number },
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const options = { N: n, r, p, maxmem: 2 * MAX_SCRYPT_BYTES };
    scrypt(passphrase.normalize("NFKC"), salt, 32, options, (error, key) => (error ? reject(error) : resolve(key)));
  });
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}
