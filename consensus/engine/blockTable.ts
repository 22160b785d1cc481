import type { Verdict } from "#storage/error.ts";
import { LedgerError } from "#storage/error.ts";
import type { Block } from "#storage/types/block.ts";
import { decodeBlock, encodeBlock } from "#storage/types/block.ts";
import type { BlockId } from "#storage/types/blockId.ts";
import { hashHeader } from "#storage/types/header.ts";
import type { Part } from "#storage/types/partSet.ts";
import { makePartSet, maxPartsOf, PartSetBuilder } from "#storage/types/partSet.ts";
import { blockKey } from "../tendermint/value.ts";
import type { CompleteBlock } from "./executor.ts";

/** A block this node has or collects at the current height. */
export interface BlockEntry {
  readonly key: string;
  readonly blockId: BlockId;
  readonly parts: PartSetBuilder;
  /** When each part came, by index; what is repaired to peers must have been here for a while. */
  readonly partTimesMs: number[];
  /** Set once all parts are here and they are the block that the id names. */
  complete: CompleteBlock | undefined;
  /** Judged once, when the block is complete. */
  verdicts: { readonly state: Verdict; readonly app: Verdict } | undefined;
}

/** Blocks of one height, each decoded once. They enter by a verified proposal or by a quorum of votes, never by parts alone. */
export interface BlockTable {
  get(key: string): BlockEntry | undefined;
  byPartSet(partSetHash: Uint8Array): BlockEntry | undefined;
  /** Starts to collect a block; PROPOSAL_TOO_LARGE when it claims more parts than a block may have. */
  want(blockId: BlockId): BlockEntry | (Verdict & { readonly accepted: false });
  /** Our own new block. */
  addOwn(block: Block, nowMs: number): BlockEntry;
  /** Adds a part to an entry; a PART_DUPLICATE is nobody's fault. */
  addPart(entry: BlockEntry, part: Part, nowMs: number): Verdict;
  incomplete(): BlockEntry[];
  /** Forgets all blocks but these. */
  keepOnly(keys: ReadonlySet<string>): void;
}

export function createBlockTable(maxBlockBytes: number): BlockTable {
  const entries = new Map<string, BlockEntry>();
  const byPartSetHash = new Map<string, BlockEntry>();

  function insert(blockId: BlockId): BlockEntry {
    const key = blockKey(blockId);
    const parts = new PartSetBuilder(blockId.partSetHeader, maxBlockBytes);
    const entry: BlockEntry = { key, blockId, parts, partTimesMs: [], complete: undefined, verdicts: undefined };
    entries.set(key, entry);
    byPartSetHash.set(latin1(blockId.partSetHeader.hash), entry);
    return entry;
  }

  return {
    get: (key) => entries.get(key),
    byPartSet: (partSetHash) => byPartSetHash.get(latin1(partSetHash)),

    want(blockId) {
      const known = entries.get(blockKey(blockId));
      if (known !== undefined) return known;
      const { total } = blockId.partSetHeader;
      if (total < 1 || total > maxPartsOf(maxBlockBytes))
        return { accepted: false, code: "PROPOSAL_TOO_LARGE", reason: `${total} parts` };
      return insert(blockId);
    },

    addOwn(block, nowMs) {
      const blockBytes = encodeBlock(block);
      const partSet = makePartSet(blockBytes);
      const blockId = { hash: hashHeader(block.header), partSetHeader: partSet.header };
      const entry = entries.get(blockKey(blockId)) ?? insert(blockId);
      for (const part of partSet.parts) {
        if (entry.parts.addPart(part).accepted) entry.partTimesMs[part.index] = nowMs;
      }
      entry.complete = { block, blockBytes, blockId };
      return entry;
    },

    addPart(entry, part, nowMs) {
      const verdict = entry.parts.addPart(part);
      if (!verdict.accepted) return verdict;
      entry.partTimesMs[part.index] = nowMs;
      if (!entry.parts.isComplete) return verdict;
      const assembled = assemble(entry.blockId, entry.parts.blockBytes(), maxBlockBytes);
      if ("block" in assembled) entry.complete = assembled;
      else entry.verdicts = { state: assembled, app: assembled };
      return verdict;
    },

    incomplete: () => [...entries.values()].filter((entry) => !entry.parts.isComplete),

    keepOnly(keys) {
      for (const [key, entry] of entries) {
        if (keys.has(key)) continue;
        entries.delete(key);
        byPartSetHash.delete(latin1(entry.blockId.partSetHeader.hash));
      }
    },
  };
}

/** The block that `bytes` are, or why they are not the block that `blockId` names: BLOCK_MALFORMED, BLOCK_HASH_MISMATCH. */
export function assemble(
  blockId: BlockId,
  blockBytes: Uint8Array,
  maxBlockBytes: number,
): CompleteBlock | (Verdict & { readonly accepted: false }) {
  let block: Block;
  try {
    block = decodeBlock(blockBytes, maxBlockBytes);
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    return { accepted: false, code: "BLOCK_MALFORMED", reason: error.message };
  }
  if (Buffer.compare(hashHeader(block.header), blockId.hash) !== 0)
    return { accepted: false, code: "BLOCK_HASH_MISMATCH", reason: "the parts hold another block" };
  return { block, blockBytes, blockId };
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}
