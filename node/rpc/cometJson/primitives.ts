import { toUpperHex } from "#storage/types/keyJson.ts";
import { formatTimestamp, type Timestamp } from "#storage/types/time.ts";

/** Go's HexBytes: hashes and addresses, in capitals. */
export const hex = toUpperHex;

export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}

/** What Go keeps as a nil slice when protobuf had no such field is null, not an empty text. */
export function base64OrNull(bytes: Uint8Array): string | null {
  return bytes.length === 0 ? null : base64(bytes);
}

/** 64-bit integers are texts. */
export function int64(value: number | bigint): string {
  return value.toString();
}

/** RFC 3339 with nanoseconds, in UTC. */
export function time(timestamp: Timestamp): string {
  return formatTimestamp(timestamp);
}

/** Go prints an absent list as null. */
export function listOrNull<T>(list: readonly T[]): readonly T[] | null {
  return list.length === 0 ? null : list;
}

/** Fields that Go leaves out when they are empty (omitempty). */
export function unlessEmpty<T extends object>(fields: T): Partial<T> {
  return Object.fromEntries(
    Object.entries(fields).filter(([, value]) => {
      if (value === undefined || value === null || value === "" || value === 0 || value === "0") return false;
      return !(Array.isArray(value) && value.length === 0);
    }),
  ) as Partial<T>;
}
