import { getBytes, recoverAddress, Signature, SigningKey } from "ethers";
import type { ValsetMember } from "./valset.ts";
import { joinSignatures, sortValset } from "./valset.ts";

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

/** The address that signed, lower case, or undefined for what is no signature in the one form the contract takes. Never throws. */
export function signerOf(digest: string, signature: Uint8Array): string | undefined {
  if (signature.length !== COMPACT_SIGNATURE_BYTES) return undefined;
  try {
    // ethers refuses a high s here; the contract does too.
    return recoverAddress(digest, Signature.from(`0x${Buffer.from(signature).toString("hex")}`)).toLowerCase();
  } catch {
    return undefined;
  }
}

/**
 * Joins the signatures that came for one digest. What no member signed is left out, and so is a member's second one, so that nobody can spoil the
 * bundle by sending rubbish.
 */
export function bundleSignatures(
  members: readonly ValsetMember[],
  digest: string,
  signatures: Iterable<Uint8Array>,
): SignatureBundle {
  const byAddress = new Map<string, Uint8Array>();
  for (const signature of signatures) {
    const address = signerOf(digest, signature);
    if (address !== undefined && !byAddress.has(address)) byAddress.set(address, signature);
  }
  const used: Uint8Array[] = [];
  let signers = 0n;
  let power = 0n;
  for (const [index, member] of sortValset(members).entries()) {
    const signature = byAddress.get(member.address);
    if (signature === undefined) continue;
    used.push(signature);
    signers |= 1n << BigInt(index);
    power += member.power;
  }
  return { signers, signatures: joinSignatures(used), power };
}
