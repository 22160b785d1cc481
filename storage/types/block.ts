import { sha256 } from "../crypto/hash.ts";
import { merkleRoot } from "../crypto/merkle.ts";
import { MAX_BLOCK_BYTES } from "../limits.ts";
import { type Commit, encodeCommit, readCommit } from "./commit.ts";
import { type Evidence, encodeEvidenceList, readEvidenceList } from "./evidence.ts";
import { FormatError } from "./formatError.ts";
import { encodeHeader, type Header, readHeader } from "./header.ts";
import { decodeCanonical, FieldReader, FieldWriter } from "./wire.ts";

/** Transactions of one block: a block of MAX_BLOCK_BYTES could otherwise hold fifty million empty ones. */
export const MAX_BLOCK_TXS = 1_000_000;

export interface Block {
  readonly header: Header;
  readonly txs: readonly Uint8Array[];
  readonly evidence: readonly Evidence[];
  /** Commit of the previous block; at the initial height an empty commit. */
  readonly lastCommit: Commit;
}

/** Names a transaction everywhere: SHA256 of its bytes. */
export function txId(tx: Uint8Array): Uint8Array {
  return sha256(tx);
}

/** Root over SHA256(tx), so that a leaf is hashed twice: the Merkle proof of D5.1 Fig. 9 proves a transaction id. */
export function dataHash(txs: readonly Uint8Array[]): Uint8Array {
  return merkleRoot(txs.map(txId));
}

/** tendermint.types.Block {header = 1, data = 2, evidence = 3, last_commit = 4}: the bytes that are cut into parts. */
export function encodeBlock(block: Block): Uint8Array {
  const data = new FieldWriter();
  for (const tx of block.txs) data.message(1, tx);
  return new FieldWriter()
    .message(1, encodeHeader(block.header))
    .message(2, data.finish())
    .message(3, encodeEvidenceList(block.evidence))
    .message(4, encodeCommit(block.lastCommit))
    .finish();
}

/**
 * Decodes a block of at most `maxBytes`. Only structure is checked: whether header, transactions and commit fit together is
 * validated against the chain's state.
 * @throws FormatError when `bytes` are not the one encoding of a block
 */
export function decodeBlock(bytes: Uint8Array, maxBytes = MAX_BLOCK_BYTES): Block {
  return decodeCanonical("block", maxBytes, bytes, readBlock, encodeBlock);
}

function readBlock(bytes: Uint8Array): Block {
  let header: Header | undefined;
  let txs: readonly Uint8Array[] | undefined;
  let evidence: readonly Evidence[] | undefined;
  let lastCommit: Commit | undefined;
  const fields = new FieldReader("block", bytes);
  while (fields.next()) {
    if (fields.number === 1) header = readHeader(fields.message());
    else if (fields.number === 2) txs = readTxs(fields.message());
    else if (fields.number === 3) evidence = readEvidenceList(fields.message());
    else if (fields.number === 4) lastCommit = readCommit(fields.message());
    else fields.refuse();
  }
  if (header === undefined || txs === undefined || evidence === undefined || lastCommit === undefined) {
    throw new FormatError({ code: "FORMAT_FIELD_MISSING", field: "block" });
  }
  return { header, txs, evidence, lastCommit };
}

function readTxs(bytes: Uint8Array): readonly Uint8Array[] {
  const txs: Uint8Array[] = [];
  const fields = new FieldReader("block.data", bytes);
  while (fields.next()) {
    if (fields.number !== 1) fields.refuse();
    if (txs.length === MAX_BLOCK_TXS) {
      throw new FormatError({ code: "FORMAT_TOO_MANY", field: "block.txs", max: MAX_BLOCK_TXS });
    }
    txs.push(fields.bytesUpTo("block.txs", bytes.length));
  }
  return txs;
}
