import { computeAddress, decryptKeystoreJson, isError, isKeystoreJson, type Provider, Wallet } from "ethers";
import type { PrivateKey, PublicKey } from "#storage/crypto/keys.ts";
import { EvmError } from "./evmError.ts";

/** What a Web3 keystore may ask of scrypt, in bytes and in rounds of PBKDF2: a hostile file must take neither memory nor time. */
const MAX_SCRYPT_BYTES = 512 * 1024 * 1024;
const MAX_SCRYPT_P = 8;
const MAX_PBKDF2_ROUNDS = 10_000_000;

const MAX_KEYSTORE_CHARS = 10_000;

/** The Ethereum address of a ledger's secp256k1 key, with checksum. @throws EvmError EVM_KEY_TYPE */
export function ethereumAddressOf({ type, bytes }: PublicKey): string {
  checkType(type);
  return computeAddress(`0x${Buffer.from(bytes).toString("hex")}`);
}

/** The same key as the ledger's signs for Ethereum. @throws EvmError EVM_KEY_TYPE */
export function walletOf({ type, bytes }: PrivateKey, provider: Provider | null = null): Wallet {
  checkType(type);
  return new Wallet(`0x${Buffer.from(bytes).toString("hex")}`, provider);
}

function checkType(type: string): void {
  if (type === "secp256k1") return;
  const hint =
    "Ethereum knows secp256k1 only: name another key with --key, or make one with `energy-ledger keys new NAME`";
  throw new EvmError({ code: "EVM_KEY_TYPE", type, hint });
}

/**
 * The key of a Web3 Secret Storage file, version 3, as geth and other wallets write it.
 * @throws EvmError EVM_KEYSTORE_MALFORMED before any hashing, EVM_KEYSTORE_PASSPHRASE_WRONG
 */
export async function openKeystoreV3(text: string, passphrase: string): Promise<PrivateKey> {
  if (text.length > MAX_KEYSTORE_CHARS || !isKeystoreJson(text)) throw malformed("it is no JSON of version 3");
  checkCost(text);
  try {
    const { privateKey } = await decryptKeystoreJson(text, passphrase);
    return { type: "secp256k1", bytes: new Uint8Array(Buffer.from(privateKey.slice(2), "hex")) };
  } catch (error) {
    if (isError(error, "INVALID_ARGUMENT") && error.argument === "password")
      throw new EvmError({
        code: "EVM_KEYSTORE_PASSPHRASE_WRONG",
        hint: "give the passphrase of the Web3 file itself",
      });
    throw malformed("its fields are not those of version 3", error);
  }
}

function checkCost(text: string): void {
  const lowered = JSON.parse(text.toLowerCase()) as {
    readonly crypto?: { readonly kdfparams?: Record<string, unknown> };
  };
  const { n = 0, r = 0, p = 0, c = 0 } = lowered.crypto?.kdfparams ?? {};
  const numbers = [n, r, p, c].map((value) => (typeof value === "number" && value >= 0 ? value : Number.NaN));
  const [N = Number.NaN, R = Number.NaN, P = Number.NaN, C = Number.NaN] = numbers;
  if (!(128 * N * R <= MAX_SCRYPT_BYTES && P <= MAX_SCRYPT_P && C <= MAX_PBKDF2_ROUNDS))
    throw malformed("it asks for too much memory or time");
}

function malformed(reason: string, cause?: unknown): EvmError {
  const hint = "export the key again from its wallet, as a keystore of version 3";
  return new EvmError({ code: "EVM_KEYSTORE_MALFORMED", reason, hint }, { cause });
}
