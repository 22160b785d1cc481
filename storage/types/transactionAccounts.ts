import { decodeAccount, formatAccount } from "../crypto/identity.ts";
import type { PublicKey } from "../crypto/keys.ts";
import { addressOf } from "../crypto/keys.ts";

/** Entries of each cache; beyond it the cache starts anew. About 12 MB when full. */
const MAX_CACHED_ACCOUNTS = 50_000;

const canonicalByText = new Map<string, string>();
const keyByAccount = new Map<string, PublicKey>();

/**
 * The one spelling of an account that state and events use, bech32, of either form that users may write; undefined if it is neither.
 * Remembered, because a checksum costs several microseconds and the same accounts come back in every block.
 */
export function canonicalAccount(text: string): string | undefined {
  const known = canonicalByText.get(text);
  if (known !== undefined) return known;
  // Both forms are shorter; a longer text would only cost time before it is refused.
  if (text.length > 64) return undefined;
  let canonical: string;
  try {
    canonical = formatAccount(decodeAccount(text));
  } catch {
    return undefined;
  }
  return remember(canonicalByText, text, canonical);
}

/** The bech32 account a public key belongs to. */
export function accountOfKey(publicKey: PublicKey): string {
  return formatAccount(addressOf(publicKey));
}

/** Whether the account is the key's. The last key of each account is remembered: comparing it is 30 times as fast as deriving the account. */
export function isKeyOfAccount(publicKey: PublicKey, account: string): boolean {
  const known = keyByAccount.get(account);
  if (known?.type === publicKey.type && Buffer.compare(known.bytes, publicKey.bytes) === 0) return true;
  if (accountOfKey(publicKey) !== account) return false;
  remember(keyByAccount, account, { type: publicKey.type, bytes: new Uint8Array(publicKey.bytes) });
  return true;
}

function remember<V>(cache: Map<string, V>, key: string, value: V): V {
  if (cache.size >= MAX_CACHED_ACCOUNTS) cache.clear();
  cache.set(key, value);
  return value;
}
