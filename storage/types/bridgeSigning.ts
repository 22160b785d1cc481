import { concatBytes } from "../crypto/hash.ts";
import { structHash, typedDigest } from "./ethereum.ts";

/** What binds a validator's second key to it. */
export interface BridgeKeyBinding {
  /** Of the ledger. */
  readonly chainId: string;
  /** The validator's consensus address, 20 bytes. */
  readonly validator: Uint8Array;
  /** The second key's address, 20 bytes. */
  readonly address: Uint8Array;
}

const BINDING_DOMAIN = "EIP712Domain(string name,string version)";
const BINDING_TYPE = "BridgeKey(string ledger,address validator,address bridgeKey)";

/** Signed by the second key: EIP-712, domain `EnergyLedgerBridgeKey`, `1`, no chain and no contract: it counts on the ledger alone. 32 bytes. */
export function bindingDigest({ chainId, validator, address }: BridgeKeyBinding): Uint8Array {
  const domain = structHash(BINDING_DOMAIN, [
    { type: "string", value: "EnergyLedgerBridgeKey" },
    { type: "string", value: "1" },
  ]);
  const struct = structHash(BINDING_TYPE, [
    { type: "string", value: chainId },
    { type: "address", value: validator },
    { type: "address", value: address },
  ]);
  return typedDigest(domain, struct);
}

/** A vote's sign bytes begin with their length: what begins with 115 and has 58 bytes is none. */
const CONSENSUS_PREFIX = Buffer.from("second key of a validator\n", "ascii");

/** Signed by the consensus key. */
export function bindingConsensusBytes(binding: BridgeKeyBinding): Uint8Array {
  return concatBytes(CONSENSUS_PREFIX, bindingDigest(binding));
}

/** Where anchors count (contracts/src/Bridge.sol). */
export interface AnchorDomain {
  /** Of Ethereum. */
  readonly chainId: bigint;
  /** The Bridge contract, 20 bytes. */
  readonly contract: Uint8Array;
  /** 32 bytes. */
  readonly ledgerId: Uint8Array;
}

/** The fields of an anchor as they are signed; numbers below 2^64. */
export interface AnchorFields {
  readonly seq: bigint;
  readonly valsetNonce: bigint;
  readonly fromHeight: bigint;
  readonly toHeight: bigint;
  /** Unix ms. */
  readonly time: bigint;
  /** 32 bytes each. */
  readonly lastHeaderHash: Uint8Array;
  readonly root: Uint8Array;
}

const ANCHOR_DOMAIN = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract,bytes32 salt)";
const ANCHOR_TYPE =
  "Anchor(uint64 seq,uint64 valsetNonce,uint64 fromHeight,uint64 toHeight,uint64 time,bytes32 lastHeaderHash,bytes32 root)";

/** The fields of a change of the contract's validator set as they are signed. */
export interface RotationFields {
  readonly nonce: bigint;
  readonly effectiveHeight: bigint;
  /** uint128, big-endian, 16 bytes. */
  readonly totalPower: Uint8Array;
  /** 32 bytes. */
  readonly valsetHash: Uint8Array;
}

const ROTATION_TYPE = "ValsetUpdate(uint64 nonce,uint64 effectiveHeight,uint128 totalPower,bytes32 valsetHash)";

/** What a validator's second key signs of an anchor, 32 bytes: the same as `anchorDigest` of the bridge, for the rules of the ledger. */
export function anchorSigningDigest(domain: AnchorDomain, anchor: AnchorFields): Uint8Array {
  const struct = structHash(ANCHOR_TYPE, [
    { type: "uint64", value: anchor.seq },
    { type: "uint64", value: anchor.valsetNonce },
    { type: "uint64", value: anchor.fromHeight },
    { type: "uint64", value: anchor.toHeight },
    { type: "uint64", value: anchor.time },
    { type: "bytes32", value: anchor.lastHeaderHash },
    { type: "bytes32", value: anchor.root },
  ]);
  return typedDigest(separatorOf(domain), struct);
}

/** As anchorSigningDigest, of a rotation: the same as `valsetUpdateDigest` of the bridge. */
export function rotationSigningDigest(domain: AnchorDomain, rotation: RotationFields): Uint8Array {
  const totalPower = BigInt(`0x${Buffer.from(rotation.totalPower).toString("hex") || "0"}`);
  const struct = structHash(ROTATION_TYPE, [
    { type: "uint64", value: rotation.nonce },
    { type: "uint64", value: rotation.effectiveHeight },
    { type: "uint128", value: totalPower },
    { type: "bytes32", value: rotation.valsetHash },
  ]);
  return typedDigest(separatorOf(domain), struct);
}

function separatorOf(domain: AnchorDomain): Uint8Array {
  return structHash(ANCHOR_DOMAIN, [
    { type: "string", value: "EnergyLedgerBridge" },
    { type: "string", value: "1" },
    { type: "uint256", value: domain.chainId },
    { type: "address", value: domain.contract },
    { type: "bytes32", value: domain.ledgerId },
  ]);
}
