import { expect, test } from "vitest";
import { sha256 } from "../crypto/hash.ts";
import { BLOCK_PART_BYTES } from "../limits.ts";
import { type Block, dataHash, decodeBlock, encodeBlock } from "./block.ts";
import { cometBft, fromHex, headerOf, patternTx, toHex } from "./cometbftVectors.ts";
import { decodeCommit, hashCommit } from "./commit.ts";
import { decodeEvidence, encodeEvidenceList, hashEvidenceList } from "./evidence.ts";
import { hashHeader } from "./header.ts";
import { encodePart, makePartSet, partSetHeaderOf } from "./partSet.ts";
import { FieldWriter } from "./wire.ts";

function blockOf(vector: (typeof cometBft.blocks)[number]): Block {
  return {
    header: headerOf(vector.header),
    txs: (vector.txs ?? []).map(patternTx),
    evidence: (vector.evidence ?? []).map((hex) => decodeEvidence(new FieldWriter().message(1, fromHex(hex)).finish())),
    lastCommit: decodeCommit(fromHex(vector.commit)),
  };
}

test("blocks encode, decode, hash and split into parts as in Go", () => {
  expect(cometBft.blocks.map((vector) => vector.partSetHeader.total)).toEqual([1, 1, 1, 3, 5]);
  for (const vector of cometBft.blocks) {
    const block = blockOf(vector);
    const bytes = encodeBlock(block);
    if (vector.bytes !== undefined) expect(toHex(bytes)).toBe(vector.bytes);
    expect(bytes.length).toBe(vector.size);
    expect(toHex(sha256(bytes))).toBe(vector.sha256);
    expect(decodeBlock(bytes)).toEqual(block);
    expect(toHex(hashHeader(block.header))).toBe(vector.hash);

    const { header, parts } = makePartSet(bytes);
    expect({ total: header.total, hash: toHex(header.hash) }).toEqual(vector.partSetHeader);
    expect(partSetHeaderOf(bytes)).toEqual(header);
    const lastPart = encodePart(parts[parts.length - 1] as (typeof parts)[number]);
    expect({ size: lastPart.length, sha256: toHex(sha256(lastPart)) }).toEqual(vector.lastPart);
  }
});

test("the hashes of a block's body are those in its header", () => {
  for (const vector of cometBft.blocks) {
    const block = blockOf(vector);
    expect(toHex(dataHash(block.txs))).toBe(toHex(block.header.dataHash));
    expect(toHex(hashCommit(block.lastCommit))).toBe(toHex(block.header.lastCommitHash));
    expect(toHex(hashEvidenceList(block.evidence))).toBe(toHex(block.header.evidenceHash));
  }
});

test("a block above the limit is refused before it is read", () => {
  const bytes = encodeBlock(blockOf(cometBft.blocks[3] as (typeof cometBft.blocks)[number]));
  expect(decodeBlock(bytes, bytes.length).txs.length).toBe(4);
  expect(() => decodeBlock(bytes, bytes.length - 1)).toThrow("FORMAT_TOO_LARGE");
  expect(bytes.length).toBeGreaterThan(BLOCK_PART_BYTES);
});

test("a block with a part missing, an unknown field or its fields in another order is refused", () => {
  const block = blockOf(cometBft.blocks[1] as (typeof cometBft.blocks)[number]);
  const bytes = encodeBlock(block);
  const evidence = new FieldWriter().message(3, encodeEvidenceList([])).finish();
  expect(() => decodeBlock(new Uint8Array(0))).toThrow("FORMAT_FIELD_MISSING");
  expect(() => decodeBlock(Buffer.concat([bytes, evidence]))).toThrow("FORMAT_NOT_CANONICAL");
  expect(() => decodeBlock(Buffer.concat([bytes, new FieldWriter().int(9, 1).finish()]))).toThrow(
    "FORMAT_FIELD_UNKNOWN",
  );
});
