import { LedgerError } from "../error.ts";
import { bucketNameOf, keyWithinBucketHex } from "./buckets.ts";
import type { Store } from "./store.ts";
import { StoreError } from "./storeError.ts";

/**
 * Loads and decodes the value under `key`; undefined when there is none.
 * @throws StoreError as `Store.get`, and STORE_VALUE_CORRUPT when `decode` refuses the bytes
 */
export async function loadRecord<T>(
  store: Store,
  key: Uint8Array,
  decode: (bytes: Uint8Array) => T,
): Promise<T | undefined> {
  const bytes = await store.get(key);
  return bytes === undefined ? undefined : decodeRecord(key, bytes, decode);
}

export function decodeRecord<T>(key: Uint8Array, bytes: Uint8Array, decode: (bytes: Uint8Array) => T): T {
  try {
    return decode(bytes);
  } catch (error) {
    if (!(error instanceof LedgerError) && !(error instanceof RangeError)) throw error;
    const [bucket, keyHex] = [bucketNameOf(key), keyWithinBucketHex(key)];
    throw new StoreError({ code: "STORE_VALUE_CORRUPT", bucket, key: keyHex, reason: error.message }, { cause: error });
  }
}

/** For a value that must be there. @throws StoreError STORE_VALUE_MISSING */
export function present<T>(key: Uint8Array, value: T | undefined): T {
  if (value === undefined)
    throw new StoreError({ code: "STORE_VALUE_MISSING", bucket: bucketNameOf(key), key: keyWithinBucketHex(key) });
  return value;
}

/** Numbers below 2^53 as 8 bytes each, big-endian. */
export function encodeNumbers(...numbers: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(numbers.length * 8);
  const view = new DataView(bytes.buffer);
  for (const [index, number] of numbers.entries()) view.setBigUint64(index * 8, BigInt(number));
  return bytes;
}

/** @throws RangeError when there are not exactly `count` numbers, or one that no number holds */
export function decodeNumbers(bytes: Uint8Array, count: number): readonly number[] {
  if (bytes.length !== count * 8) throw new RangeError(`${bytes.length} bytes are not ${count} numbers`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: count }, (_, index) => {
    const number = Number(view.getBigUint64(index * 8));
    if (!Number.isSafeInteger(number)) throw new RangeError(`${number} is not a safe integer`);
    return number;
  });
}
