import { getBytes, SigningKey } from "ethers";
import { ethereumAddressOf, recoverKey } from "#storage/types/ethereum.ts";
import type { ValsetMember } from "./valset.ts";
import { joinSignatures, sortValset, totalPower } from "./valset.ts";

/** r ‖ s with the parity of y in the highest bit (EIP-2098). */
export const COMPACT_SIGNATURE_BYTES = 64;

/** What submitAnchor and its like take: who signed, and the signatures in the order of the set. */
export interface SignatureBundle {
  /** Bit i: member i of the sorted set. */
  readonly signers: bigint;
  readonly signatures: Uint8Array;
  /** Of those who signed. */
  readonly power: bigint;
}

/** Signs a digest with a validator's second key (32 bytes): 64 bytes, low s. Who signs what, and that it is on disk before, is the caller's. */
export function signDigest(privateKey: Uint8Array, digest: string): Uint8Array {
  return getBytes(new SigningKey(privateKey).sign(digest).compactSerialized);
}

/** The address that signed, lower case, or undefined for what is no signature in the one form the contract takes, with a low s. Never throws. */
export function signerOf(digest: string, signature: Uint8Array): string | undefined {
  const key = recoverKey(getBytes(digest), signature);
  return key && `0x${Buffer.from(ethereumAddressOf(key)).toString("hex")}`;
}

/**
 * Joins the signatures that came for one digest. What no member signed is left out, and so is a member's second one, so that nobody can spoil the
 * bundle by sending rubbish. isEnough: when given, the strongest members are taken first and no more than it takes, because each signature
 * costs 5 100 gas; `isQuorum` for anchors and rotations.
 */
export function bundleSignatures(
  members: readonly ValsetMember[],
  digest: string,
  signatures: Iterable<Uint8Array>,
  isEnough: (power: bigint, total: bigint) => boolean = () => false,
): SignatureBundle {
  const byAddress = new Map<string, Uint8Array>();
  for (const signature of signatures) {
    const address = signerOf(digest, signature);
    if (address !== undefined && !byAddress.has(address)) byAddress.set(address, signature);
  }
  const sorted = sortValset(members);
  const signed = sorted.filter(({ address }) => byAddress.has(address));
  const total = totalPower(members);
  const taken = new Set<string>();
  let power = 0n;
  for (const member of signed.toSorted((a, b) => (a.power > b.power ? -1 : a.power < b.power ? 1 : 0))) {
    if (isEnough(power, total)) break;
    taken.add(member.address);
    power += member.power;
  }
  const used: Uint8Array[] = [];
  let signers = 0n;
  for (const [index, { address }] of sorted.entries()) {
    const signature = byAddress.get(address);
    if (signature === undefined || !taken.has(address)) continue;
    used.push(signature);
    signers |= 1n << BigInt(index);
  }
  return { signers, signatures: joinSignatures(used), power };
}
