import { sha256 } from "../crypto/hash.ts";
import { merkleRoot } from "../crypto/merkle.ts";
import { MAX_VALIDATORS } from "../limits.ts";
import { FormatError } from "./formatError.ts";
import { hashHeader } from "./header.ts";
import { encodeLightBlock, type LightBlock, MAX_LIGHT_BLOCK_BYTES, readLightBlock } from "./lightBlock.ts";
import { EPOCH, encodeTimestamp, readTimestamp, type Timestamp } from "./time.ts";
import { encodeValidator, readValidator, type Validator } from "./validatorSet.ts";
import { encodeVote, readVote, type Vote } from "./vote.ts";
import { decodeCanonical, FieldReader, FieldWriter } from "./wire.ts";

/** Pieces of evidence in one block; each at least 300 bytes, and genesis bounds their bytes as well. */
export const MAX_BLOCK_EVIDENCE = 4096;

/** A light client attack carries a light block and up to MAX_VALIDATORS culprits; a duplicate vote is under 600 bytes. */
export const MAX_EVIDENCE_BYTES = MAX_LIGHT_BLOCK_BYTES + 96 * MAX_VALIDATORS + 64;

/** Proof that a validator misbehaved (CometBFT types/evidence.go). */
export type Evidence = DuplicateVoteEvidence | LightClientAttackEvidence;

/** Two votes of one validator for one height, round and type; voteA's block id key is the smaller one. */
export interface DuplicateVoteEvidence {
  readonly type: "duplicateVote";
  readonly voteA: Vote;
  readonly voteB: Vote;
  readonly totalVotingPower: bigint;
  readonly validatorPower: bigint;
  /** Block time at the height of the votes. */
  readonly timestamp: Timestamp;
}

/** A conflicting header signed by enough validators to fool a light client. */
export interface LightClientAttackEvidence {
  readonly type: "lightClientAttack";
  readonly conflictingBlock: LightBlock;
  readonly commonHeight: number;
  readonly byzantineValidators: readonly Validator[];
  readonly totalVotingPower: bigint;
  readonly timestamp: Timestamp;
}

/** Evidence as it stands in a block's list: the oneof wrapper {duplicate vote = 1 | light client attack = 2}. */
export function encodeEvidence(evidence: Evidence): Uint8Array {
  return new FieldWriter().message(evidence.type === "duplicateVote" ? 1 : 2, evidenceBytes(evidence)).finish();
}

/** EvidenceList {evidence = 1}, the third field of a block. */
export function encodeEvidenceList(list: readonly Evidence[]): Uint8Array {
  const writer = new FieldWriter();
  for (const evidence of list) writer.message(1, encodeEvidence(evidence));
  return writer.finish();
}

/** Bytes of one piece of evidence without the wrapper: what is hashed. */
export function evidenceBytes(evidence: Evidence): Uint8Array {
  return evidence.type === "duplicateVote" ? duplicateVoteBytes(evidence) : lightClientAttackBytes(evidence);
}

/** evidence_hash of the header: Merkle root over the bare evidence bytes, without the wrapper the block body uses. */
export function hashEvidenceList(list: readonly Evidence[]): Uint8Array {
  return merkleRoot(list.map(evidenceBytes));
}

/**
 * Names a piece of evidence, to recognise it again. For a light client attack CometBFT hashes the first 31 bytes of the block
 * hash, a zero byte and the zigzag varint of the common height (an off-by-one that has become the format).
 */
export function hashEvidence(evidence: Evidence): Uint8Array {
  if (evidence.type === "duplicateVote") return sha256(evidenceBytes(evidence));
  const blockHash = hashHeader(evidence.conflictingBlock.signedHeader.header);
  return sha256(Buffer.concat([blockHash.subarray(0, 31), Uint8Array.of(0), zigzagVarint(evidence.commonHeight)]));
}

/** @throws FormatError, ValidatorSetError when `bytes` are not the one encoding of evidence */
export function decodeEvidence(bytes: Uint8Array): Evidence {
  return decodeCanonical("evidence", MAX_EVIDENCE_BYTES, bytes, readEvidence, encodeEvidence);
}

/** Evidence inside a block, whose decoder checks that the encoding is canonical. */
export function readEvidenceList(bytes: Uint8Array): readonly Evidence[] {
  const list: Evidence[] = [];
  const fields = new FieldReader("evidenceList", bytes);
  while (fields.next()) {
    if (fields.number !== 1) fields.refuse();
    if (list.length === MAX_BLOCK_EVIDENCE) {
      throw new FormatError({ code: "FORMAT_TOO_MANY", field: "block.evidence", max: MAX_BLOCK_EVIDENCE });
    }
    list.push(readEvidence(fields.message()));
  }
  return list;
}

function duplicateVoteBytes(evidence: DuplicateVoteEvidence): Uint8Array {
  return new FieldWriter()
    .message(1, encodeVote(evidence.voteA))
    .message(2, encodeVote(evidence.voteB))
    .int(3, evidence.totalVotingPower)
    .int(4, evidence.validatorPower)
    .message(5, encodeTimestamp(evidence.timestamp))
    .finish();
}

function lightClientAttackBytes(evidence: LightClientAttackEvidence): Uint8Array {
  const writer = new FieldWriter()
    .message(1, encodeLightBlock(evidence.conflictingBlock))
    .int(2, evidence.commonHeight);
  for (const validator of evidence.byzantineValidators) writer.message(3, encodeValidator(validator));
  return writer.int(4, evidence.totalVotingPower).message(5, encodeTimestamp(evidence.timestamp)).finish();
}

function readEvidence(bytes: Uint8Array): Evidence {
  let evidence: Evidence | undefined;
  const fields = new FieldReader("evidence", bytes);
  while (fields.next()) {
    if (evidence !== undefined || fields.number > 2) fields.refuse();
    evidence = fields.number === 1 ? readDuplicateVote(fields.message()) : readLightClientAttack(fields.message());
  }
  if (evidence === undefined) throw new FormatError({ code: "FORMAT_FIELD_MISSING", field: "evidence" });
  return evidence;
}

function readDuplicateVote(bytes: Uint8Array): DuplicateVoteEvidence {
  let voteA: Vote | undefined;
  let voteB: Vote | undefined;
  let totalVotingPower = 0n;
  let validatorPower = 0n;
  let timestamp = EPOCH;
  const fields = new FieldReader("duplicateVote", bytes);
  while (fields.next()) {
    if (fields.number === 1) voteA = readVote(fields.message());
    else if (fields.number === 2) voteB = readVote(fields.message());
    else if (fields.number === 3) totalVotingPower = fields.int64("duplicateVote.totalVotingPower");
    else if (fields.number === 4) validatorPower = fields.int64("duplicateVote.validatorPower");
    else if (fields.number === 5) timestamp = readTimestamp(fields.message());
    else fields.refuse();
  }
  if (voteA === undefined || voteB === undefined) {
    throw new FormatError({ code: "FORMAT_FIELD_MISSING", field: "duplicateVote.vote" });
  }
  return { type: "duplicateVote", voteA, voteB, totalVotingPower, validatorPower, timestamp };
}

function readLightClientAttack(bytes: Uint8Array): LightClientAttackEvidence {
  let conflictingBlock: LightBlock | undefined;
  let commonHeight = 0;
  const byzantineValidators: Validator[] = [];
  let totalVotingPower = 0n;
  let timestamp = EPOCH;
  const fields = new FieldReader("lightClientAttack", bytes);
  while (fields.next()) {
    if (fields.number === 1) conflictingBlock = readLightBlock(fields.message());
    else if (fields.number === 2) commonHeight = fields.count("lightClientAttack.commonHeight");
    else if (fields.number === 3) {
      if (byzantineValidators.length === MAX_VALIDATORS) {
        const field = "lightClientAttack.byzantineValidators";
        throw new FormatError({ code: "FORMAT_TOO_MANY", field, max: MAX_VALIDATORS });
      }
      byzantineValidators.push(readValidator(fields.message()));
    } else if (fields.number === 4) totalVotingPower = fields.int64("lightClientAttack.totalVotingPower");
    else if (fields.number === 5) timestamp = readTimestamp(fields.message());
    else fields.refuse();
  }
  if (conflictingBlock === undefined) {
    throw new FormatError({ code: "FORMAT_FIELD_MISSING", field: "lightClientAttack.conflictingBlock" });
  }
  return {
    type: "lightClientAttack",
    conflictingBlock,
    commonHeight,
    byzantineValidators,
    totalVotingPower,
    timestamp,
  };
}

/** Go's binary.PutVarint. */
function zigzagVarint(value: number): Uint8Array {
  let rest = BigInt.asUintN(64, BigInt(value) << 1n);
  const bytes: number[] = [];
  while (rest >= 0x80n) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  return Uint8Array.from([...bytes, Number(rest)]);
}
