import {
  decodeMerkleProof,
  encodeMerkleProof,
  type MerkleProof,
  merkleRoot,
  proveAll,
  verifyMerkle,
} from "../crypto/merkle.ts";
import { ACCEPTED, type ErrorDetails, LedgerError, rejected, type Verdict } from "../error.ts";
import { BLOCK_PART_BYTES, MAX_BLOCK_BYTES, MAX_PROOF_AUNTS } from "../limits.ts";
import type { PartSetHeader } from "./blockId.ts";
import { FormatError } from "./formatError.ts";
import { decodeCanonical, EMPTY_BYTES, FieldReader, FieldWriter } from "./wire.ts";

/** One piece of a block's bytes, with the proof that it is piece `index` of the part set that a block id names. */
export interface Part {
  readonly index: number;
  /** BLOCK_PART_BYTES, only the last part is shorter. */
  readonly bytes: Uint8Array;
  readonly proof: MerkleProof;
}

export interface PartSet {
  readonly header: PartSetHeader;
  readonly parts: readonly Part[];
}

export type PartSetErrorDetails = ErrorDetails &
  (
    | { code: "PART_SET_TOTAL_OUT_OF_RANGE"; total: number; maxTotal: number }
    | { code: "PART_SET_INCOMPLETE"; have: number; total: number }
  );

export class PartSetError extends LedgerError<PartSetErrorDetails> {}

const MAX_PART_MESSAGE_BYTES = BLOCK_PART_BYTES + MAX_PROOF_AUNTS * 34 + 128;

/** Parts that a block of `maxBytes` can take. */
export function maxPartsOf(maxBytes: number): number {
  return Math.floor((maxBytes - 1) / BLOCK_PART_BYTES) + 1;
}

/** Cuts a block's bytes into parts under one Merkle root. The parts are views of `blockBytes`. */
export function makePartSet(blockBytes: Uint8Array): PartSet {
  const pieces = piecesOf(blockBytes);
  const proofs = proveAll(pieces);
  return {
    header: { total: pieces.length, hash: merkleRoot(pieces) },
    parts: pieces.map((bytes, index) => ({ index, bytes, proof: proofs[index] as MerkleProof })),
  };
}

/** The header of makePartSet without the proofs: enough to check a block that arrived whole. */
export function partSetHeaderOf(blockBytes: Uint8Array): PartSetHeader {
  const pieces = piecesOf(blockBytes);
  return { total: pieces.length, hash: merkleRoot(pieces) };
}

/** Collects the parts of one block from peers who may lie. Memory grows with the parts that were proved, never with what is claimed. */
export class PartSetBuilder {
  readonly header: PartSetHeader;
  readonly #parts = new Map<number, Part>();

  /**
   * maxBytes: the chain's block.max_bytes. A header that claims more parts than that allows is refused here, before anything
   * is stored (CometBFT #5324).
   * @throws PartSetError PART_SET_TOTAL_OUT_OF_RANGE
   */
  constructor(header: PartSetHeader, maxBytes: number = MAX_BLOCK_BYTES) {
    const maxTotal = maxPartsOf(maxBytes);
    if (header.total < 1 || header.total > maxTotal) {
      throw new PartSetError({ code: "PART_SET_TOTAL_OUT_OF_RANGE", total: header.total, maxTotal });
    }
    this.header = header;
  }

  /**
   * Checks, in order:
   *  a) the index lies within the set — PART_INDEX_OUT_OF_RANGE
   *  b) the proof is for that index and total: without it, a part stored in the wrong place halts the network
   *     (GHSA-r3r4-g7hq-pq4f) — PART_INDEX_MISMATCH, PART_TOTAL_MISMATCH
   *  c) every part but the last is full, the last is not empty — PART_SIZE_WRONG
   *  d) it is not here yet — PART_DUPLICATE, which is nobody's fault
   *  e) the Merkle proof leads to the set's root — PART_PROOF_INVALID
   */
  addPart(part: Part): Verdict {
    const { total, hash } = this.header;
    if (!(part.index >= 0 && part.index < total)) {
      return rejected("PART_INDEX_OUT_OF_RANGE", `part ${part.index} of ${total}`);
    }
    if (part.proof.index !== part.index) {
      return rejected("PART_INDEX_MISMATCH", `part ${part.index} has a proof for ${part.proof.index}`);
    }
    if (part.proof.total !== total) {
      return rejected("PART_TOTAL_MISMATCH", `the proof is for ${part.proof.total} parts, not ${total}`);
    }
    const { length } = part.bytes;
    const isLast = part.index === total - 1;
    if (length > BLOCK_PART_BYTES || length === 0 || (!isLast && length !== BLOCK_PART_BYTES)) {
      return rejected("PART_SIZE_WRONG", `part ${part.index} has ${length} bytes`);
    }
    if (this.#parts.has(part.index)) return rejected("PART_DUPLICATE", `part ${part.index} is here already`);
    const verdict = verifyMerkle(hash, part.proof, part.bytes);
    if (!verdict.accepted) return rejected("PART_PROOF_INVALID", verdict.reason);
    this.#parts.set(part.index, part);
    return ACCEPTED;
  }

  has(index: number): boolean {
    return this.#parts.has(index);
  }

  part(index: number): Part | undefined {
    return this.#parts.get(index);
  }

  get count(): number {
    return this.#parts.size;
  }

  get isComplete(): boolean {
    return this.#parts.size === this.header.total;
  }

  /** The block's bytes. @throws PartSetError PART_SET_INCOMPLETE */
  blockBytes(): Uint8Array {
    const { total } = this.header;
    if (!this.isComplete) throw new PartSetError({ code: "PART_SET_INCOMPLETE", have: this.count, total });
    return Buffer.concat(Array.from({ length: total }, (_, index) => (this.#parts.get(index) as Part).bytes));
  }
}

/** tendermint.types.Part {index = 1 uint32, bytes = 2, proof = 3}. */
export function encodePart(part: Part): Uint8Array {
  return new FieldWriter().int(1, part.index).bytes(2, part.bytes).message(3, encodeMerkleProof(part.proof)).finish();
}

/** @throws FormatError when `bytes` are not the one encoding of a part; the proof is not checked here */
export function decodePart(bytes: Uint8Array): Part {
  return decodeCanonical("part", MAX_PART_MESSAGE_BYTES, bytes, readPart, encodePart);
}

function readPart(bytes: Uint8Array): Part {
  let index = 0;
  let content: Uint8Array = EMPTY_BYTES;
  let proof: MerkleProof | undefined;
  const fields = new FieldReader("part", bytes);
  while (fields.next()) {
    if (fields.number === 1) index = fields.count("part.index", 0xffff_ffff);
    else if (fields.number === 2) content = fields.bytesUpTo("part.bytes", BLOCK_PART_BYTES);
    else if (fields.number === 3) proof = decodeMerkleProof(fields.message());
    else fields.refuse();
  }
  if (proof === undefined) throw new FormatError({ code: "FORMAT_FIELD_MISSING", field: "part.proof" });
  return { index, bytes: content, proof };
}

function piecesOf(blockBytes: Uint8Array): readonly Uint8Array[] {
  const total = Math.ceil(blockBytes.length / BLOCK_PART_BYTES);
  return Array.from({ length: total }, (_, i) => blockBytes.subarray(i * BLOCK_PART_BYTES, (i + 1) * BLOCK_PART_BYTES));
}
