import { secp256k1 } from "@noble/curves/secp256k1.js";
import { AbiCoder, computeAddress, getBytes, keccak256, SigningKey } from "ethers";
import { concatBytes, sha256 } from "#storage/crypto/hash.ts";
import { LedgerError } from "#storage/error.ts";

/** A point of secp256k1 by its coordinates, as contracts take a public key. */
export interface Point {
  readonly x: bigint;
  readonly y: bigint;
}

/** A key of 32 bytes, encrypted to a buyer (contracts/src/lib/KeyBox.sol). */
export interface KeyBox {
  readonly ephemeral: Point;
  /** 32 bytes. */
  readonly box: Uint8Array;
}

/** For which listing of which contract a box is: it opens for no other. */
export interface KeyBoxContext {
  readonly chainId: bigint;
  /** DataMarketplace. */
  readonly contract: string;
  readonly listingId: bigint;
}

/** What a contract needs to open a box itself: DataMarketplace.proveWrongKey. */
export interface BoxOpening {
  readonly privateKey: bigint;
  readonly shared: Point;
}

const KEY_BYTES = 32;
const INFO = new TextEncoder().encode("edream data key 1");

export type EciesErrorDetails =
  | { readonly code: "ECIES_KEY_LENGTH"; readonly bytes: number }
  | { readonly code: "ECIES_POINT_INVALID" }
  | { readonly code: "ECIES_PRIVATE_KEY_INVALID" };

export class EciesError extends LedgerError<EciesErrorDetails> {}

/** What a listing commits to: keccak256 of the key, 0x and hex. @throws EciesError ECIES_KEY_LENGTH */
export function keyHashOf(key: Uint8Array): string {
  return keccak256(checkKey(key));
}

/** @throws EciesError ECIES_PRIVATE_KEY_INVALID */
export function publicPointOf(privateKey: Uint8Array): Point {
  if (!secp256k1.utils.isValidSecretKey(privateKey)) throw new EciesError({ code: "ECIES_PRIVATE_KEY_INVALID" });
  return pointOf(secp256k1.getPublicKey(privateKey, false));
}

/**
 * Encrypts a key to a buyer's one-time public key. `ephemeral`: 32 random bytes, never used again. The mask is
 * SHA256("edream data key 1" ‖ chain id ‖ contract (20) ‖ listing ‖ shared x ‖ ephemeral x ‖ y ‖ recipient x ‖ y), numbers in 32 bytes.
 * @throws EciesError ECIES_KEY_LENGTH, ECIES_POINT_INVALID, ECIES_PRIVATE_KEY_INVALID
 */
export function sealKey(key: Uint8Array, recipient: Point, context: KeyBoxContext, ephemeral: Uint8Array): KeyBox {
  checkKey(key);
  const sender = publicPointOf(ephemeral);
  const shared = multiply(recipient, ephemeral);
  return { ephemeral: sender, box: xor(key, mask(context, shared, sender, recipient)) };
}

/**
 * Opens a box. There is no tag: whether the key is right its hash tells, which the listing has committed to.
 * @throws EciesError ECIES_KEY_LENGTH, ECIES_POINT_INVALID, ECIES_PRIVATE_KEY_INVALID
 */
export function openKey({ ephemeral, box }: KeyBox, privateKey: Uint8Array, context: KeyBoxContext): Uint8Array {
  const recipient = publicPointOf(privateKey);
  return xor(checkKey(box), mask(context, multiply(ephemeral, privateKey), ephemeral, recipient));
}

/**
 * What shows a contract that a box holds a wrong key; undefined if the key in it is the committed one, for then the private key must not be
 * shown to anybody: it would open the box for all. keyHash: 0x and hex. @throws EciesError as openKey
 */
export function openingOfWrongKey(
  given: KeyBox,
  privateKey: Uint8Array,
  context: KeyBoxContext,
  keyHash: string,
): BoxOpening | undefined {
  if (keyHashOf(openKey(given, privateKey, context)) === keyHash.toLowerCase()) return undefined;
  return { privateKey: bigintOf(privateKey), shared: multiply(given.ephemeral, privateKey) };
}

/** As the contract names a released box: keccak256 of ephemeral x, y and the box, 0x and hex. */
export function releaseHashOf({ ephemeral, box }: KeyBox): string {
  const values = [ephemeral.x, ephemeral.y, box];
  return keccak256(AbiCoder.defaultAbiCoder().encode(["uint256", "uint256", "bytes32"], values));
}

/** The Ethereum address of a public key, with checksum; a listing keeps that of its buyer. @throws EciesError ECIES_POINT_INVALID */
export function addressOfPoint(point: Point): string {
  return computeAddress(SigningKey.computePublicKey(encodePoint(point), false));
}

/** As the contract: points of the curve only, and none whose x is not below the order of the group. */
function multiply(point: Point, scalar: Uint8Array): Point {
  const encoded = encodePoint(point);
  if (!secp256k1.utils.isValidSecretKey(scalar)) throw new EciesError({ code: "ECIES_PRIVATE_KEY_INVALID" });
  return pointOf(secp256k1.getSharedSecret(scalar, encoded, false));
}

function encodePoint({ x, y }: Point): Uint8Array {
  if (x <= 0n || x >= secp256k1.Point.Fn.ORDER || y <= 0n || y >= secp256k1.Point.Fp.ORDER)
    throw new EciesError({ code: "ECIES_POINT_INVALID" });
  const encoded = concatBytes(Uint8Array.of(4), wordOf(x), wordOf(y));
  if (!secp256k1.utils.isValidPublicKey(encoded, false)) throw new EciesError({ code: "ECIES_POINT_INVALID" });
  return encoded;
}

function mask(context: KeyBoxContext, shared: Point, ephemeral: Point, recipient: Point): Uint8Array {
  const { chainId, contract, listingId } = context;
  const points = [shared.x, ephemeral.x, ephemeral.y, recipient.x, recipient.y].map(wordOf);
  return sha256(concatBytes(INFO, wordOf(chainId), getBytes(contract), wordOf(listingId), ...points));
}

function pointOf(uncompressed: Uint8Array): Point {
  return { x: bigintOf(uncompressed.subarray(1, 33)), y: bigintOf(uncompressed.subarray(33)) };
}

function bigintOf(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString("hex")}`);
}

function wordOf(value: bigint): Uint8Array {
  return Buffer.from(value.toString(16).padStart(64, "0"), "hex");
}

function xor(bytes: Uint8Array, pad: Uint8Array): Uint8Array {
  return bytes.map((byte, i) => byte ^ (pad[i] ?? 0));
}

function checkKey(key: Uint8Array): Uint8Array {
  if (key.length !== KEY_BYTES) throw new EciesError({ code: "ECIES_KEY_LENGTH", bytes: key.length });
  return key;
}
