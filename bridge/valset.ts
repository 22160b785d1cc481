import { concat, getBytes, keccak256 } from "ethers";
import { BridgeError } from "./bridgeError.ts";

/** One validator as the contract knows it: its second key's address, and its voting power. */
export interface ValsetMember {
  /** 0x and 40 hex digits; the case does not matter. */
  readonly address: string;
  /** 1..2^64 - 1. */
  readonly power: bigint;
}

const MEMBER_BYTES = 28;
const ADDRESS_BYTES = 20;

/** Members the contract takes: one bit each in a uint256. */
export const MAX_VALSET_MEMBERS = 256;

const MAX_POWER = 2n ** 64n - 1n;

/**
 * address (20) ‖ power (uint64) of each member, by ascending address: what the contract hashes and reads (contracts/src/lib/Valset.sol).
 * @throws BridgeError BRIDGE_VALSET_MEMBERS (none, or more than 256), BRIDGE_VALSET_POWER, BRIDGE_VALSET_ORDER (an address twice, or zero)
 */
export function encodeValset(members: readonly ValsetMember[]): Uint8Array {
  if (members.length === 0 || members.length > MAX_VALSET_MEMBERS)
    throw new BridgeError({ code: "BRIDGE_VALSET_MEMBERS", members: members.length });
  const bytes = Buffer.alloc(members.length * MEMBER_BYTES);
  for (const [member, { address, power }] of sortValset(members).entries()) {
    if (power < 1n || power > MAX_POWER) throw new BridgeError({ code: "BRIDGE_VALSET_POWER", member, power });
    bytes.set(getBytes(address), member * MEMBER_BYTES);
    bytes.writeBigUInt64BE(power, member * MEMBER_BYTES + ADDRESS_BYTES);
  }
  checkOrder(bytes);
  return new Uint8Array(bytes);
}

/** @throws BridgeError BRIDGE_VALSET_LENGTH, BRIDGE_VALSET_MEMBERS, BRIDGE_VALSET_POWER, BRIDGE_VALSET_ORDER: bytes the contract would refuse */
export function decodeValset(bytes: Uint8Array): readonly ValsetMember[] {
  if (bytes.length % MEMBER_BYTES !== 0) throw new BridgeError({ code: "BRIDGE_VALSET_LENGTH", bytes: bytes.length });
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const count = bytes.length / MEMBER_BYTES;
  if (count === 0 || count > MAX_VALSET_MEMBERS)
    throw new BridgeError({ code: "BRIDGE_VALSET_MEMBERS", members: count });
  checkOrder(view);
  return Array.from({ length: count }, (_, member) => {
    const start = member * MEMBER_BYTES;
    const power = view.readBigUInt64BE(start + ADDRESS_BYTES);
    if (power === 0n) throw new BridgeError({ code: "BRIDGE_VALSET_POWER", member, power });
    return { address: `0x${view.toString("hex", start, start + ADDRESS_BYTES)}`, power };
  });
}

/** In the contract's order; member i has bit i of the signers. */
export function sortValset(members: readonly ValsetMember[]): readonly ValsetMember[] {
  const lower = members.map(({ address, power }) => ({ address: address.toLowerCase(), power }));
  return lower.sort((a, b) => (a.address < b.address ? -1 : 1));
}

/** keccak256 of the encoded set, 0x and hex. */
export function valsetHash(members: readonly ValsetMember[]): string {
  return keccak256(encodeValset(members));
}

export function totalPower(members: readonly ValsetMember[]): bigint {
  return members.reduce((total, { power }) => total + power, 0n);
}

/** Strictly more than two thirds. */
export function isQuorum(power: bigint, total: bigint): boolean {
  return power * 3n > total * 2n;
}

function checkOrder(bytes: Buffer): void {
  let previous = Buffer.alloc(ADDRESS_BYTES);
  for (let start = 0; start < bytes.length; start += MEMBER_BYTES) {
    const address = bytes.subarray(start, start + ADDRESS_BYTES);
    if (previous.compare(address) >= 0)
      throw new BridgeError({ code: "BRIDGE_VALSET_ORDER", member: start / MEMBER_BYTES });
    previous = Buffer.from(address);
  }
}

/** Signatures one behind the other, as the contract takes them. */
export function joinSignatures(signatures: readonly Uint8Array[]): Uint8Array {
  return getBytes(concat(signatures));
}
