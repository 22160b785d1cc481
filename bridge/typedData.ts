import { getBytes, hexlify, TypedDataEncoder, type TypedDataField } from "ethers";
import { type AnchorDomain, anchorSigningDigest, rotationSigningDigest } from "#storage/types/bridgeSigning.ts";
import type { ValsetMember } from "./valset.ts";
import { totalPower, valsetHash } from "./valset.ts";

/** Where a signature counts: one ledger, one contract, one chain (EIP-712). */
export interface BridgeDomain {
  readonly chainId: bigint;
  /** Of the Bridge contract, 0x and hex. */
  readonly contract: string;
  /** SHA256 of the ledger's genesis, 32 bytes. */
  readonly ledgerId: Uint8Array;
}

/** What validators sign of the blocks fromHeight..toHeight (contracts/src/interfaces/IBridge.sol). */
export interface Anchor {
  readonly seq: bigint;
  readonly valsetNonce: bigint;
  readonly fromHeight: number;
  readonly toHeight: number;
  /** Of block toHeight, Unix ms. */
  readonly time: number;
  /** Hash of block toHeight, 32 bytes. */
  readonly lastHeaderHash: Uint8Array;
  /** RFC 6962 root over the blocks' leaves, 32 bytes. */
  readonly root: Uint8Array;
}

export interface ValsetUpdate {
  readonly nonce: bigint;
  /** First height of the new set; everything below it is anchored. */
  readonly effectiveHeight: number;
  readonly members: readonly ValsetMember[];
}

/** A ValsetUpdate as it is signed: the set by its hash alone. */
export interface Rotation {
  readonly nonce: bigint;
  readonly effectiveHeight: number;
  readonly totalPower: bigint;
  /** 0x and 64 hex digits. */
  readonly valsetHash: string;
}

export interface Freeze {
  readonly nonce: bigint;
  readonly on: boolean;
}

type Types = Readonly<Record<string, TypedDataField[]>>;

const ANCHOR: Types = {
  Anchor: [
    { name: "seq", type: "uint64" },
    { name: "valsetNonce", type: "uint64" },
    { name: "fromHeight", type: "uint64" },
    { name: "toHeight", type: "uint64" },
    { name: "time", type: "uint64" },
    { name: "lastHeaderHash", type: "bytes32" },
    { name: "root", type: "bytes32" },
  ],
};
const FREEZE: Types = {
  Freeze: [
    { name: "nonce", type: "uint64" },
    { name: "on", type: "bool" },
  ],
};

/** 0x and 64 hex digits, to be signed by a validator's second key: as the ledger's rules have it (storage/types/bridgeSigning.ts). */
export function anchorDigest(domain: BridgeDomain, anchor: Anchor): string {
  const { seq, valsetNonce, lastHeaderHash, root } = anchor;
  const [fromHeight, toHeight, time] = [BigInt(anchor.fromHeight), BigInt(anchor.toHeight), BigInt(anchor.time)];
  const fields = { seq, valsetNonce, fromHeight, toHeight, time, lastHeaderHash, root };
  return hexlify(anchorSigningDigest(signingDomain(domain), fields));
}

/** What the contract keeps of an accepted anchor: its struct hash, without the domain. */
export function anchorHash(anchor: Anchor): string {
  return TypedDataEncoder.hashStruct("Anchor", { ...ANCHOR }, anchor);
}

/** @throws BridgeError as encodeValset */
export function rotationOf({ nonce, effectiveHeight, members }: ValsetUpdate): Rotation {
  return { nonce, effectiveHeight, totalPower: totalPower(members), valsetHash: valsetHash(members) };
}

/** As anchorDigest. */
export function rotationDigest(domain: BridgeDomain, rotation: Rotation): string {
  return hexlify(rotationSigningDigest(signingDomain(domain), rotationFields(rotation)));
}

const POWER_BYTES = 16;

/** As a message of the ledger has it. */
export function rotationFields({ nonce, effectiveHeight, totalPower: power, valsetHash: hash }: Rotation) {
  const powerBytes = new Uint8Array(Buffer.from(power.toString(16).padStart(2 * POWER_BYTES, "0"), "hex"));
  return { nonce, effectiveHeight: BigInt(effectiveHeight), totalPower: powerBytes, valsetHash: getBytes(hash) };
}

/** As anchorDigest. @throws BridgeError as encodeValset */
export function valsetUpdateDigest(domain: BridgeDomain, update: ValsetUpdate): string {
  return rotationDigest(domain, rotationOf(update));
}

/** As anchorDigest. */
export function freezeDigest(domain: BridgeDomain, freeze: Freeze): string {
  return TypedDataEncoder.hash(ethersDomain(domain), { ...FREEZE }, freeze);
}

function signingDomain({ chainId, contract, ledgerId }: BridgeDomain): AnchorDomain {
  return { chainId, contract: getBytes(contract), ledgerId };
}

function ethersDomain({ chainId, contract, ledgerId }: BridgeDomain) {
  return { name: "EnergyLedgerBridge", version: "1", chainId, verifyingContract: contract, salt: ledgerId };
}
