import { linkSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodeIdentity, formatAccount } from "#storage/crypto/identity.ts";
import { addressOf, type KeyType, type PrivateKey, type PublicKey, publicKeyOf } from "#storage/crypto/keys.ts";
import { openKey, type SealedKeyFile, sealKey } from "#storage/crypto/seal.ts";
import { LedgerError } from "#storage/error.ts";
import { cliError } from "./cliError.ts";

/** What can be said of a key without its passphrase. */
export interface KeyEntry {
  readonly name: string;
  readonly publicKey: PublicKey;
}

/** One file of the key store: the public key in the clear, so that listing asks for no passphrase, and the encrypted private key. */
interface KeyFile {
  readonly version: 1;
  readonly type: KeyType;
  /** Hex. */
  readonly publicKey: string;
  readonly sealed: SealedKeyFile;
}

const NAME_PATTERN = /^[a-z0-9][a-z0-9_-]{0,63}$/;

/** The account a key signs for, in both of its forms. */
export function accountOf(publicKey: PublicKey): { readonly account: string; readonly identity: string } {
  const address = addressOf(publicKey);
  return { account: formatAccount(address), identity: encodeIdentity(address) };
}

/**
 * Encrypts the key into `NAME.json` of the folder, readable by its owner only. An existing file is never replaced.
 * @throws CliError KEY_NAME_INVALID, KEY_EXISTS
 */
export async function saveKey(folder: string, name: string, key: PrivateKey, passphrase: string): Promise<KeyEntry> {
  checkName(name);
  const publicKey = publicKeyOf(key);
  const sealed = await sealKey(key, passphrase);
  const file: KeyFile = { version: 1, type: key.type, publicKey: Buffer.from(publicKey.bytes).toString("hex"), sealed };
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = keyPath(folder, name);
  // Linking fails when the name exists, and unlike a rename it never replaces a key that somebody made in the meantime.
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, `${JSON.stringify(file, null, 2)}\n`, { mode: 0o600, flush: true });
  try {
    linkSync(temporary, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    const hint = "choose another name, or move the file away if you really want a new key";
    throw cliError("failure", "KEY_EXISTS", `the key ${name} exists already in ${folder}`, hint);
  } finally {
    rmSync(temporary, { force: true });
  }
  return { name, publicKey };
}

/** The keys of a folder by name; none when the folder does not exist. @throws CliError KEY_FILE_MALFORMED */
export function listKeys(folder: string): readonly KeyEntry[] {
  let names: string[];
  try {
    names = readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
  return names
    .filter((file) => file.endsWith(".json"))
    .map((file) => file.slice(0, -".json".length))
    .filter((name) => NAME_PATTERN.test(name))
    .sort()
    .map((name) => showKey(folder, name));
}

/** @throws CliError KEY_NAME_INVALID, KEY_UNKNOWN, KEY_FILE_MALFORMED */
export function showKey(folder: string, name: string): KeyEntry {
  const { type, publicKey } = readKeyFile(folder, name);
  return { name, publicKey: { type, bytes: new Uint8Array(Buffer.from(publicKey, "hex")) } };
}

/** Decrypts a key. @throws CliError KEY_UNKNOWN, KEY_FILE_MALFORMED, KEY_PASSPHRASE_WRONG */
export async function loadKey(folder: string, name: string, passphrase: string): Promise<PrivateKey> {
  const file = readKeyFile(folder, name);
  let key: PrivateKey;
  try {
    key = await openKey(file.sealed, passphrase);
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    if (error.code === "KEY_PASSPHRASE_WRONG")
      throw cliError("failure", "KEY_PASSPHRASE_WRONG", `this is not the passphrase of the key ${name}`, "try again");
    throw malformed(folder, name);
  }
  if (Buffer.from(publicKeyOf(key).bytes).toString("hex") !== file.publicKey) throw malformed(folder, name);
  return key;
}

function readKeyFile(folder: string, name: string): KeyFile {
  checkName(name);
  let text: string;
  try {
    text = readFileSync(keyPath(folder, name), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    const message = `there is no key ${name} in ${folder}`;
    throw cliError("notFound", "KEY_UNKNOWN", message, `make it with \`energy-ledger keys new ${name}\``);
  }
  try {
    const file = JSON.parse(text) as KeyFile;
    const length = file.type === "ed25519" ? 64 : 66;
    const known = file.version === 1 && (file.type === "ed25519" || file.type === "secp256k1");
    if (known && typeof file.publicKey === "string" && new RegExp(`^[0-9a-f]{${length}}$`).test(file.publicKey))
      return file;
  } catch {
    // Not JSON: the same answer as for JSON that is no key file.
  }
  throw malformed(folder, name);
}

function keyPath(folder: string, name: string): string {
  return join(folder, `${name}.json`);
}

function checkName(name: string): void {
  if (NAME_PATTERN.test(name)) return;
  const hint = "use small letters, digits, - and _, at most 64";
  throw cliError("usage", "KEY_NAME_INVALID", `${JSON.stringify(name)} cannot name a key`, hint);
}

function malformed(folder: string, name: string) {
  const hint = "restore the file from a backup";
  return cliError("failure", "KEY_FILE_MALFORMED", `${keyPath(folder, name)} is damaged or no key file`, hint);
}
