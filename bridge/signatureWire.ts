import { create, toBinary } from "@bufbuild/protobuf";
import { hexlify } from "ethers";
import { BridgeSignatureSchema } from "#storage/proto/gen/edream/ledger/v1/bridge_pb.ts";
import { decodeStrict } from "#storage/proto/strictDecode.ts";
import { HASH_BYTES } from "#storage/types/wire.ts";
import { COMPACT_SIGNATURE_BYTES } from "./signatures.ts";
import type { BridgeStep } from "./steps.ts";
import { type Anchor, type Rotation, rotationFields, rotationOf } from "./typedData.ts";

/**
 * One signature as nodes tell it each other: with all that was signed, because two of one number are evidence, and because a digest alone would not say what it is of:
 * somebody could pass a validator's signature of one step for one of another, in whose place the true one would then be missing.
 */
export type SignatureClaim =
  | { readonly kind: "anchor"; readonly anchor: Anchor; readonly signature: Uint8Array }
  | { readonly kind: "rotation"; readonly rotation: Rotation; readonly signature: Uint8Array };

/** Bytes of one at most. */
export const MAX_BRIDGE_MESSAGE_BYTES = 512;

const POWER_BYTES = 16;

export function claimOf(step: BridgeStep, signature: Uint8Array): SignatureClaim {
  if (step.kind === "anchor") return { kind: "anchor", anchor: step.anchor, signature };
  const { nonce, effectiveHeight, next } = step;
  return { kind: "rotation", rotation: rotationOf({ nonce, effectiveHeight, members: next.members }), signature };
}

export function encodeClaim(claim: SignatureClaim, round: number): Uint8Array {
  const { signature } = claim;
  const signed =
    claim.kind === "anchor"
      ? { case: "anchor" as const, value: { ...anchorFields(claim.anchor), signature } }
      : { case: "rotation" as const, value: { ...rotationFields(claim.rotation), signature } };
  return toBinary(BridgeSignatureSchema, create(BridgeSignatureSchema, { signed: signed as never, round }));
}

/** The anchor as a message of the ledger has it. */
export function anchorFields(anchor: Anchor) {
  const { seq, valsetNonce, fromHeight, toHeight, time, lastHeaderHash, root } = anchor;
  const heights = { fromHeight: BigInt(fromHeight), toHeight: BigInt(toHeight), time: BigInt(time) };
  return { seq, valsetNonce, ...heights, lastHeaderHash, root };
}

/** Undefined for what is none: too long, unknown fields, lengths or numbers that no signature has. */
export function decodeClaim(bytes: Uint8Array): { readonly claim: SignatureClaim; readonly round: number } | undefined {
  if (bytes.length > MAX_BRIDGE_MESSAGE_BYTES) return undefined;
  const decoded = decodeStrict(BridgeSignatureSchema, bytes);
  if ("fault" in decoded) return undefined;
  const { signed, round } = decoded.message;
  if (signed.value === undefined || signed.value.signature.length !== COMPACT_SIGNATURE_BYTES) return undefined;
  const signature = new Uint8Array(signed.value.signature);
  if (signed.case === "rotation") {
    const { nonce, totalPower, valsetHash } = signed.value;
    const effectiveHeight = Number(signed.value.effectiveHeight);
    if (valsetHash.length !== HASH_BYTES || totalPower.length !== POWER_BYTES) return undefined;
    if (!Number.isSafeInteger(effectiveHeight)) return undefined;
    const set = { totalPower: BigInt(hexlify(totalPower)), valsetHash: hexlify(valsetHash) };
    return { claim: { kind: "rotation", rotation: { nonce, effectiveHeight, ...set }, signature }, round };
  }
  const { seq, valsetNonce, lastHeaderHash, root } = signed.value;
  const [fromHeight, toHeight, time] = [signed.value.fromHeight, signed.value.toHeight, signed.value.time].map(Number);
  if (fromHeight === undefined || toHeight === undefined || time === undefined) return undefined;
  if (![fromHeight, toHeight, time].every(Number.isSafeInteger)) return undefined;
  if (lastHeaderHash.length !== HASH_BYTES || root.length !== HASH_BYTES) return undefined;
  const hashes = { lastHeaderHash: new Uint8Array(lastHeaderHash), root: new Uint8Array(root) };
  return {
    claim: { kind: "anchor", anchor: { seq, valsetNonce, fromHeight, toHeight, time, ...hashes }, signature },
    round,
  };
}
