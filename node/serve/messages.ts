import type { StoredBlock } from "#consensus/engine/ports.ts";
import { decodeMerkleProof, encodeMerkleProof, type MerkleProof } from "#storage/crypto/merkle.ts";
import { MAX_BLOCK_BYTES, MAX_TX_BYTES } from "#storage/limits.ts";
import { decodeCommit, encodeCommit } from "#storage/types/commit.ts";
import { FormatError } from "#storage/types/formatError.ts";
import { decodeLightBlock, encodeLightBlock, type LightBlock } from "#storage/types/lightBlock.ts";
import { EMPTY_BYTES, FieldReader, FieldWriter, HASH_BYTES } from "#storage/types/wire.ts";

/** What full nodes and those who ask them say to each other, in protobuf's wire format. Every decoder throws FormatError only. */

/** Light blocks in one answer. */
export const MAX_LIGHT_BLOCKS = 64;
/** Blocks in one answer, beside the limit in bytes of the protocol. */
export const MAX_SYNC_BLOCKS = 64;
/** Transaction ids in one request: 100 take 3.4 of its 4 KB. */
export const MAX_PROOF_IDS = 100;
/** Transactions in one submission. */
export const MAX_SUBMITTED_TXS = 256;

const MAX_RESULT_BYTES = 64 * 1024;
const MAX_QUERY_BYTES = 1024;
const MAX_VALUE_BYTES = 256 * 1024;

export interface HeightRange {
  /** 0 asks for the latest. */
  readonly from: number;
  readonly count: number;
}

export function encodeHeightRange({ from, count }: HeightRange): Uint8Array {
  return new FieldWriter().int(1, from).int(2, count).finish();
}

export function decodeHeightRange(bytes: Uint8Array): HeightRange {
  const range = { from: 0, count: 0 };
  const fields = new FieldReader("heightRange", bytes);
  while (fields.next()) {
    if (fields.number === 1) range.from = fields.count("heightRange.from");
    else if (fields.number === 2) range.count = fields.count("heightRange.count", 10_000);
    else fields.refuse();
  }
  return range;
}

export function encodeStoredBlocks(blocks: readonly StoredBlock[]): Uint8Array {
  const writer = new FieldWriter();
  for (const { blockBytes, commit } of blocks)
    writer.message(1, new FieldWriter().message(1, blockBytes).message(2, encodeCommit(commit)).finish());
  return writer.finish();
}

export function decodeStoredBlocks(bytes: Uint8Array): readonly StoredBlock[] {
  return readList("blocks", bytes, MAX_SYNC_BLOCKS, (item) => {
    let blockBytes: Uint8Array = EMPTY_BYTES;
    let commit: Uint8Array = EMPTY_BYTES;
    const fields = new FieldReader("blocks.block", item);
    while (fields.next()) {
      if (fields.number === 1) blockBytes = fields.bytesUpTo("blocks.block.bytes", MAX_BLOCK_BYTES);
      else if (fields.number === 2) commit = fields.message();
      else fields.refuse();
    }
    return { blockBytes, commit: decodeCommit(commit) };
  });
}

export function encodeLightBlocks(blocks: readonly LightBlock[]): Uint8Array {
  const writer = new FieldWriter();
  for (const block of blocks) writer.message(1, encodeLightBlock(block));
  return writer.finish();
}

export function decodeLightBlocks(bytes: Uint8Array): readonly LightBlock[] {
  return readList("lightBlocks", bytes, MAX_LIGHT_BLOCKS, decodeLightBlock);
}

/** A request of the proof protocol: where transactions are, or what a state query answers. */
export type ProofRequest =
  | { readonly txIds: readonly Uint8Array[] }
  | {
      /** height: the state after that block; 0 asks for the latest. */
      readonly query: { readonly path: string; readonly data: Uint8Array; readonly height: number };
    };

export function encodeProofRequest(request: ProofRequest): Uint8Array {
  const writer = new FieldWriter();
  if ("txIds" in request) for (const txId of request.txIds) writer.message(1, txId);
  else writer.message(2, Buffer.from(request.query.path)).message(3, request.query.data).int(4, request.query.height);
  return writer.finish();
}

export function decodeProofRequest(bytes: Uint8Array): ProofRequest {
  const txIds: Uint8Array[] = [];
  let path: string | undefined;
  let data: Uint8Array = EMPTY_BYTES;
  let height = 0;
  const fields = new FieldReader("proofRequest", bytes);
  while (fields.next()) {
    if (fields.number === 1) {
      if (txIds.length === MAX_PROOF_IDS) throw tooMany("proofRequest.txIds", MAX_PROOF_IDS);
      txIds.push(fields.bytesOf("proofRequest.txIds", HASH_BYTES));
    } else if (fields.number === 2) path = fields.text("proofRequest.path", MAX_QUERY_BYTES);
    else if (fields.number === 3) data = fields.bytesUpTo("proofRequest.data", MAX_QUERY_BYTES);
    else if (fields.number === 4) height = fields.count("proofRequest.height");
    else fields.refuse();
  }
  return path === undefined ? { txIds } : { query: { path, data, height } };
}

/** Where a transaction is. The result's proof leads to last_results_hash in the header of `height + 1`, once that block is there. */
export interface TxProof {
  readonly txId: Uint8Array;
  readonly height: number;
  /** To the data hash of `height`. */
  readonly inclusion: MerkleProof;
  readonly result: { readonly bytes: Uint8Array; readonly proof: MerkleProof } | undefined;
}

export function encodeTxProofs(proofs: readonly TxProof[]): Uint8Array {
  const writer = new FieldWriter();
  for (const { txId, height, inclusion, result } of proofs) {
    const item = new FieldWriter().message(1, txId).int(2, height).message(3, encodeMerkleProof(inclusion));
    if (result !== undefined) item.message(4, result.bytes).message(5, encodeMerkleProof(result.proof));
    writer.message(1, item.finish());
  }
  return writer.finish();
}

export function decodeTxProofs(bytes: Uint8Array): readonly TxProof[] {
  return readList("txProofs", bytes, MAX_PROOF_IDS, (item) => {
    let txId: Uint8Array = EMPTY_BYTES;
    let height = 0;
    let inclusion: MerkleProof | undefined;
    let resultBytes: Uint8Array = EMPTY_BYTES;
    let resultProof: MerkleProof | undefined;
    const fields = new FieldReader("txProof", item);
    while (fields.next()) {
      if (fields.number === 1) txId = fields.bytesOf("txProof.txId", HASH_BYTES);
      else if (fields.number === 2) height = fields.count("txProof.height");
      else if (fields.number === 3) inclusion = decodeMerkleProof(fields.message());
      else if (fields.number === 4) resultBytes = fields.bytesUpTo("txProof.result", MAX_RESULT_BYTES);
      else if (fields.number === 5) resultProof = decodeMerkleProof(fields.message());
      else fields.refuse();
    }
    if (inclusion === undefined) throw new FormatError({ code: "FORMAT_FIELD_MISSING", field: "txProof.inclusion" });
    const result = resultProof === undefined ? undefined : { bytes: resultBytes, proof: resultProof };
    return { txId, height, inclusion, result };
  });
}

/** The code of a deterministic result (storage/types/results.ts). */
export function resultCodeOf(bytes: Uint8Array): number {
  let code = 0;
  const fields = new FieldReader("result", bytes);
  while (fields.next()) {
    if (fields.number === 1) code = fields.count("result.code", 0xffff_ffff);
    else if (fields.number === 2) fields.bytesUpTo("result.data", MAX_RESULT_BYTES);
    else if (fields.number === 5 || fields.number === 6) fields.count("result.gas");
    else fields.refuse();
  }
  return code;
}

export interface StateAnswer {
  readonly code: number;
  /** The proof leads to the app hash in the header of `height + 1`. */
  readonly height: number;
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly proof: Uint8Array;
}

export function encodeStateAnswer({ code, height, key, value, proof }: StateAnswer): Uint8Array {
  return new FieldWriter().int(1, code).int(2, height).bytes(3, key).bytes(4, value).bytes(5, proof).finish();
}

export function decodeStateAnswer(bytes: Uint8Array): StateAnswer {
  const answer = { code: 0, height: 0, key: EMPTY_BYTES, value: EMPTY_BYTES, proof: EMPTY_BYTES } as {
    code: number;
    height: number;
    key: Uint8Array;
    value: Uint8Array;
    proof: Uint8Array;
  };
  const fields = new FieldReader("stateAnswer", bytes);
  while (fields.next()) {
    if (fields.number === 1) answer.code = fields.count("stateAnswer.code", 0xffff_ffff);
    else if (fields.number === 2) answer.height = fields.count("stateAnswer.height");
    else if (fields.number === 3) answer.key = fields.bytesUpTo("stateAnswer.key", MAX_QUERY_BYTES);
    else if (fields.number === 4) answer.value = fields.bytesUpTo("stateAnswer.value", MAX_VALUE_BYTES);
    else if (fields.number === 5) answer.proof = fields.bytesUpTo("stateAnswer.proof", MAX_VALUE_BYTES);
    else fields.refuse();
  }
  return answer;
}

export function encodeSubmission(txs: readonly Uint8Array[]): Uint8Array {
  const writer = new FieldWriter();
  for (const tx of txs) writer.message(1, tx);
  return writer.finish();
}

export function decodeSubmission(bytes: Uint8Array): readonly Uint8Array[] {
  return readList("submission", bytes, MAX_SUBMITTED_TXS, (tx) => {
    if (tx.length > MAX_TX_BYTES)
      throw new FormatError({ code: "FORMAT_TOO_LARGE", format: "tx", bytes: tx.length, maxBytes: MAX_TX_BYTES });
    return Uint8Array.from(tx);
  });
}

/** What a full node says to one submitted transaction; code 0: it waits in the mempool, or is known already. */
export interface SubmitVerdict {
  readonly code: number;
  /** Why not; the name of the code first. */
  readonly log: string;
}

export function encodeSubmitVerdicts(verdicts: readonly SubmitVerdict[]): Uint8Array {
  const writer = new FieldWriter();
  for (const { code, log } of verdicts)
    writer.message(
      1,
      new FieldWriter()
        .int(1, code)
        .bytes(2, Buffer.from(log.slice(0, 256)))
        .finish(),
    );
  return writer.finish();
}

export function decodeSubmitVerdicts(bytes: Uint8Array): readonly SubmitVerdict[] {
  return readList("submitVerdicts", bytes, MAX_SUBMITTED_TXS, (item) => {
    let code = 0;
    let log = "";
    const fields = new FieldReader("submitVerdict", item);
    while (fields.next()) {
      if (fields.number === 1) code = fields.count("submitVerdict.code", 0xffff_ffff);
      else if (fields.number === 2) log = fields.text("submitVerdict.log", 1024);
      else fields.refuse();
    }
    return { code, log };
  });
}

/** A message whose only field, 1, repeats. */
function readList<T>(format: string, bytes: Uint8Array, max: number, read: (item: Uint8Array) => T): readonly T[] {
  const items: T[] = [];
  const fields = new FieldReader(format, bytes);
  while (fields.next()) {
    if (fields.number !== 1) fields.refuse();
    if (items.length === max) throw tooMany(format, max);
    items.push(read(fields.message()));
  }
  return items;
}

function tooMany(field: string, max: number): FormatError {
  return new FormatError({ code: "FORMAT_TOO_MANY", field, max });
}
