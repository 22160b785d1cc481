import type { BlockProof, MessageProof, StateProof, TxProof } from "#bridge/proofs.ts";
import { anchorToJson } from "./stepJson.ts";

/** Proofs as JSON, field by field as contracts/src/interfaces/IBridge.sol has them: what a node answers can be given to a contract's call as it is. */
export function txProofJson({ blockProof, index, path }: TxProof) {
  return { blockProof: blockProofJson(blockProof), index, path: path.map(hex) };
}

export function messageProofJson({ blockProof, txId, messageIndex, index, path }: MessageProof) {
  return { blockProof: blockProofJson(blockProof), txId: hex(txId), messageIndex, index, path: path.map(hex) };
}

export function stateProofJson({ blockProof, stateRoot, mountainRoot, ancestorCount, siblings }: StateProof) {
  const roots = { stateRoot: hex(stateRoot), mountainRoot: hex(mountainRoot), ancestorCount: `${ancestorCount}` };
  return { blockProof: blockProofJson(blockProof), ...roots, siblings: siblings.map(hex) };
}

export function blockProofJson({ anchor, leaf, path }: BlockProof) {
  const { lastHeaderHash, root, ...numbers } = anchorToJson(anchor);
  return {
    anchor: { ...numbers, lastHeaderHash: `0x${lastHeaderHash}`, root: `0x${root}` },
    leaf: plain(leaf),
    path: path.map(hex),
  };
}

export function hex(bytes: Uint8Array): string {
  return `0x${Buffer.from(bytes).toString("hex")}`;
}

/** Numbers beyond 2^53 as decimal text, bytes as 0x and hex; what is undefined is left out. */
export function plain(value: unknown): unknown {
  if (typeof value === "bigint") return value.toString();
  if (value instanceof Uint8Array) return hex(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return Object.fromEntries(entries.map(([name, inner]) => [name, plain(inner)]));
}

/** What `GET /bridge/proofs/…` answers, read again from a file or from a node. `proof` is for a contract's call; whether it holds is the contract's to say. */
export type ProofJson =
  | { readonly kind: "transaction"; readonly txId: string; readonly proof: never }
  | {
      readonly kind: "message";
      readonly txId: string;
      readonly typeUrl: string;
      readonly message: string;
      readonly proof: never;
    }
  | {
      readonly kind: "record";
      readonly key: string;
      readonly value: string;
      readonly height: number;
      readonly proof: never;
    };

/** Undefined for what is none. */
export function readProofJson(json: unknown): ProofJson | undefined {
  if (typeof json !== "object" || json === null) return undefined;
  const { proof: given, txId, typeUrl, message, key, value, height } = json as Partial<Record<string, unknown>>;
  if (typeof given !== "object" || given === null) return undefined;
  const proof = given as never;
  if (isBytes(key) && isBytes(value) && typeof height === "number")
    return { kind: "record", key, value, height, proof };
  if (!isBytes(txId) || txId.length !== 66) return undefined;
  if (typeUrl === undefined && message === undefined) return { kind: "transaction", txId, proof };
  return typeof typeUrl === "string" && isBytes(message)
    ? { kind: "message", txId, typeUrl, message, proof }
    : undefined;
}

function isBytes(value: unknown): value is string {
  return typeof value === "string" && /^0x([0-9a-f]{2})*$/.test(value);
}
