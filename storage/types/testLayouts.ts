import { createHash, createHmac } from "node:crypto";

/** What the layouts of storage/types are made of, by node:crypto and bigints alone: for tests that recompute published vectors without this program. */

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

export function sha256(...parts: Uint8Array[]): Buffer {
  return createHash("sha256").update(Buffer.concat(parts)).digest();
}

export function hmac(key: Uint8Array, ...parts: Uint8Array[]): Buffer {
  return createHmac("sha256", key).update(Buffer.concat(parts)).digest();
}

export function uint(bytes: number, value: bigint | number): Buffer {
  return Buffer.from(
    BigInt.asUintN(bytes * 8, BigInt(value))
      .toString(16)
      .padStart(bytes * 2, "0"),
    "hex",
  );
}

export function rfc6962(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 0) return sha256();
  if (leaves.length === 1) return leaves[0] as Buffer;
  const split = 2 ** Math.floor(Math.log2(leaves.length - 1));
  return sha256(Buffer.of(1), rfc6962(leaves.slice(0, split)), rfc6962(leaves.slice(split)));
}
