import { createCipheriv, createDecipheriv, randomBytes, scrypt } from "node:crypto";
import { LedgerError } from "../error.ts";
import { sha256 } from "./hash.ts";
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
  /** SHA-256 over the JSON of the other fields. It tells a damaged file from a wrong passphrase; it protects nothing, the tag does. */
  readonly checksum: string;
}

/** 2^15, 8, 1: 32 MiB and about 0.1 s on a PC, which a Raspberry Pi with 1 GB bears at every start. */
const SCRYPT = { n: 2 ** 15, r: 8, p: 1 };

/** What a file may ask of scrypt, in bytes and in passes over them: a hostile one must take neither the machine's memory nor its time. */
const MAX_SCRYPT_BYTES = 256 * 1024 * 1024;
const MAX_SCRYPT_P = 4;

const SALT_BYTES = 32;
const NONCE_BYTES = 12;
const KEY_BYTES = 32;
const TAG_BYTES = 16;

/** `random(n)` gives n random bytes for salt and nonce; the default is the system's source. */
export async function sealKey(
  key: PrivateKey,
  passphrase: string,
  random: (bytes: number) => Uint8Array = randomBytes,
): Promise<SealedKeyFile> {
  const salt = random(SALT_BYTES);
  const nonce = random(NONCE_BYTES);
  const header = {
    version: 1,
    type: key.type,
    scrypt: { ...SCRYPT, salt: base64(salt) },
    nonce: base64(nonce),
  } as const;
  const cipher = createCipheriv("aes-256-gcm", await derive(passphrase, salt, SCRYPT), nonce);
  cipher.setAAD(authenticatedBytes(header));
  const ciphertext = base64(Buffer.concat([cipher.update(key.bytes), cipher.final()]));
  const sealed = { ...header, ciphertext, tag: base64(cipher.getAuthTag()) };
  return { ...sealed, checksum: checksumOf(sealed) };
}

/**
 * Checks in order, with the code of each:
 * a) the form of the file, what it asks of scrypt, and its checksum: KEY_FILE_MALFORMED, before scrypt runs
 * b) the tag under the passphrase's key: KEY_PASSPHRASE_WRONG, also for a file that somebody changed together with its checksum
 * @throws SealError KEY_FILE_MALFORMED, KEY_PASSPHRASE_WRONG
 */
export async function openKey(file: unknown, passphrase: string): Promise<PrivateKey> {
  const sealed = readSealedKeyFile(file);
  const key = await derive(passphrase, Buffer.from(sealed.scrypt.salt, "base64"), sealed.scrypt);
  const decipher = createDecipheriv("aes-256-gcm", key, Buffer.from(sealed.nonce, "base64"));
  decipher.setAAD(authenticatedBytes(sealed));
  decipher.setAuthTag(Buffer.from(sealed.tag, "base64"));
  try {
    const bytes = Buffer.concat([decipher.update(Buffer.from(sealed.ciphertext, "base64")), decipher.final()]);
    return { type: sealed.type, bytes: Uint8Array.from(bytes) };
  } catch {
    throw new SealError({ code: "KEY_PASSPHRASE_WRONG" });
  }
}

/** Checks the form of a key file, its demands before scrypt meets them, and its checksum. @throws SealError KEY_FILE_MALFORMED */
export function readSealedKeyFile(file: unknown): SealedKeyFile {
  const malformed = (reason: string) => new SealError({ code: "KEY_FILE_MALFORMED", reason });
  if (typeof file !== "object" || file === null) throw malformed("not an object");
  const sealed = file as Partial<SealedKeyFile>;
  if (sealed.version !== 1) throw malformed("version is not 1");
  if (sealed.type !== "ed25519" && sealed.type !== "secp256k1")
    throw malformed("type is neither ed25519 nor secp256k1");
  const kdf: unknown = sealed.scrypt;
  if (typeof kdf !== "object" || kdf === null) throw malformed("scrypt is missing");
  const { n, r, p, salt } = kdf as SealedKeyFile["scrypt"];
  if (![n, r, p].every((value) => Number.isSafeInteger(value) && value > 0) || n < 2 || !Number.isInteger(Math.log2(n)))
    throw malformed("scrypt parameters are not positive integers with n a power of two");
  if (128 * r * (n + p + 2) > MAX_SCRYPT_BYTES || p > MAX_SCRYPT_P)
    throw malformed("scrypt parameters ask for too much memory or time");
  // RFC 7914 §2: n is less than 2^(128 r / 8).
  if (Math.log2(n) >= 16 * r) throw malformed("scrypt parameter n is too large for r");
  const checkBytes = (name: string, text: unknown, length: number) => {
    if (
      typeof text !== "string" ||
      text.length > 64 ||
      Buffer.from(text, "base64").length !== length ||
      !isCanonical(text)
    )
      throw malformed(`${name} is not ${length} bytes of base64`);
  };
  checkBytes("salt", salt, SALT_BYTES);
  checkBytes("nonce", sealed.nonce, NONCE_BYTES);
  checkBytes("ciphertext", sealed.ciphertext, KEY_BYTES);
  checkBytes("tag", sealed.tag, TAG_BYTES);
  const complete = file as SealedKeyFile;
  if (complete.checksum !== checksumOf(complete))
    throw malformed("the checksum is not that of the file: it was damaged");
  return complete;
}

type Header = Pick<SealedKeyFile, "version" | "type" | "scrypt" | "nonce">;

/** The fields in one order, whatever order they have in the file. */
function headerFields({ version, type, scrypt: { n, r, p, salt }, nonce }: Header): Header {
  return { version, type, scrypt: { n, r, p, salt }, nonce };
}

function authenticatedBytes(header: Header): Uint8Array {
  return Buffer.from(JSON.stringify(headerFields(header)));
}

function checksumOf(sealed: Omit<SealedKeyFile, "checksum">): string {
  const { ciphertext, tag } = sealed;
  return base64(sha256(Buffer.from(JSON.stringify({ ...headerFields(sealed), ciphertext, tag }))));
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

/** Whether the text is the one base64 of its bytes: Node's decoder skips what it does not know. */
function isCanonical(text: string): boolean {
  return base64(Buffer.from(text, "base64")) === text;
}
