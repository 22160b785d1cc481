import type { Block } from "#storage/types/block.ts";
import type { BlockId } from "#storage/types/blockId.ts";
import { NIL_BLOCK_ID } from "#storage/types/blockId.ts";
import type { BlockIdFlag, Commit, CommitSig } from "#storage/types/commit.ts";
import type { Evidence } from "#storage/types/evidence.ts";
import { FormatError } from "#storage/types/formatError.ts";
import type { Header } from "#storage/types/header.ts";
import { asObject, bytesFromBase64, bytesFromHex, publicKeyFromJson } from "#storage/types/keyJson.ts";
import { parseTimestamp, ZERO_TIME } from "#storage/types/time.ts";
import type { Validator, ValidatorSet } from "#storage/types/validatorSet.ts";
import type { Vote, VoteType } from "#storage/types/vote.ts";

/**
 * Blocks, commits and validators as CometBFT's RPC writes them in JSON (research/cometbft.md §4.1), the counterpart of node/rpc/cometJson.
 * Everything @throws FormatError. Nothing is checked beyond its form: whoever asked hashes what comes out.
 */

type Json = Readonly<Record<string, unknown>>;

/** The `block` of the method `block`. */
export function blockFromJson(value: unknown): Block {
  const json = asObject(value, "block");
  const { txs } = asObject(json.data, "block.data");
  const { evidence } = asObject(json.evidence, "block.evidence");
  return {
    header: headerFromJson(json.header),
    txs: listOf(txs, "block.data.txs").map((tx) => bytesFromBase64(tx, "block.data.txs")),
    evidence: listOf(evidence, "block.evidence.evidence").map(evidenceFromJson),
    lastCommit: commitFromJson(json.last_commit),
  };
}

export function headerFromJson(value: unknown): Header {
  const json = asObject(value, "header");
  const version = asObject(json.version, "header.version");
  const hash = (name: string) => bytesFromHex(json[name] ?? "", `header.${name}`);
  return {
    version: {
      block: bigintOf(version.block ?? "0", "version.block"),
      app: bigintOf(version.app ?? "0", "version.app"),
    },
    chainId: textOf(json.chain_id, "header.chain_id"),
    height: integerOf(json.height, "header.height"),
    time: parseTimestamp(textOf(json.time, "header.time")),
    lastBlockId: blockIdFromJson(json.last_block_id),
    lastCommitHash: hash("last_commit_hash"),
    dataHash: hash("data_hash"),
    validatorsHash: hash("validators_hash"),
    nextValidatorsHash: hash("next_validators_hash"),
    consensusHash: hash("consensus_hash"),
    appHash: hash("app_hash"),
    lastResultsHash: hash("last_results_hash"),
    evidenceHash: hash("evidence_hash"),
    proposerAddress: hash("proposer_address"),
  };
}

export function blockIdFromJson(value: unknown): BlockId {
  const json = asObject(value, "block_id");
  const parts = asObject(json.parts, "block_id.parts");
  const hash = bytesFromHex(json.hash ?? "", "block_id.hash");
  if (hash.length === 0) return NIL_BLOCK_ID;
  return {
    hash,
    partSetHeader: {
      total: smallOf(parts.total, "block_id.parts.total"),
      hash: bytesFromHex(parts.hash, "block_id.parts.hash"),
    },
  };
}

export function commitFromJson(value: unknown): Commit {
  const json = asObject(value, "commit");
  return {
    height: integerOf(json.height, "commit.height"),
    round: smallOf(json.round, "commit.round"),
    blockId: blockIdFromJson(json.block_id),
    signatures: listOf(json.signatures, "commit.signatures").map(commitSigFromJson),
  };
}

const FLAGS: Readonly<Record<number, BlockIdFlag>> = { 1: "absent", 2: "commit", 3: "nil" };

function commitSigFromJson(value: unknown): CommitSig {
  const json = asObject(value, "commit.signatures");
  const blockIdFlag = FLAGS[smallOf(json.block_id_flag, "block_id_flag")];
  if (blockIdFlag === undefined) throw malformed("block_id_flag", "unknown");
  return {
    blockIdFlag,
    validatorAddress: bytesFromHex(json.validator_address ?? "", "validator_address"),
    timestamp: blockIdFlag === "absent" ? ZERO_TIME : parseTimestamp(textOf(json.timestamp, "timestamp")),
    signature: bytesFromBase64(json.signature ?? "", "signature"),
  };
}

/** The `validators` of one page of the method `validators`. */
export function validatorFromJson(value: unknown): Validator {
  const json = asObject(value, "validator");
  return {
    address: bytesFromHex(json.address, "validator.address"),
    publicKey: publicKeyFromJson(json.pub_key, "validator.pub_key"),
    votingPower: bigintOf(json.voting_power, "validator.voting_power"),
    proposerPriority: bigintOf(json.proposer_priority, "validator.proposer_priority"),
  };
}

function evidenceFromJson(value: unknown): Evidence {
  const json = asObject(value, "evidence");
  const body = asObject(json.value, "evidence.value");
  if (json.type === "tendermint/DuplicateVoteEvidence") return duplicateVoteFromJson(body);
  if (json.type === "tendermint/LightClientAttackEvidence") return lightClientAttackFromJson(body);
  throw malformed("evidence.type", String(json.type));
}

function duplicateVoteFromJson(json: Json): Evidence {
  return {
    type: "duplicateVote",
    voteA: voteFromJson(json.vote_a),
    voteB: voteFromJson(json.vote_b),
    totalVotingPower: bigintOf(json.TotalVotingPower, "TotalVotingPower"),
    validatorPower: bigintOf(json.ValidatorPower, "ValidatorPower"),
    timestamp: parseTimestamp(textOf(json.Timestamp, "Timestamp")),
  };
}

function lightClientAttackFromJson(json: Json): Evidence {
  const block = asObject(json.ConflictingBlock, "ConflictingBlock");
  const { header, commit } = asObject(block.signed_header, "ConflictingBlock.signed_header");
  return {
    type: "lightClientAttack",
    conflictingBlock: {
      signedHeader: { header: headerFromJson(header), commit: commitFromJson(commit) },
      validatorSet: validatorSetFromJson(block.validator_set),
    },
    commonHeight: integerOf(json.CommonHeight, "CommonHeight"),
    byzantineValidators: listOf(json.ByzantineValidators, "ByzantineValidators").map(validatorFromJson),
    totalVotingPower: bigintOf(json.TotalVotingPower, "TotalVotingPower"),
    timestamp: parseTimestamp(textOf(json.Timestamp, "Timestamp")),
  };
}

function validatorSetFromJson(value: unknown): ValidatorSet {
  const json = asObject(value, "validator_set");
  const validators = listOf(json.validators, "validator_set.validators").map(validatorFromJson);
  const proposer = validatorFromJson(json.proposer);
  return { validators, proposer, totalVotingPower: validators.reduce((sum, each) => sum + each.votingPower, 0n) };
}

const VOTE_TYPES: Readonly<Record<number, VoteType>> = { 1: "prevote", 2: "precommit" };

function voteFromJson(value: unknown): Vote {
  const json = asObject(value, "vote");
  const type = VOTE_TYPES[smallOf(json.type, "vote.type")];
  if (type === undefined) throw malformed("vote.type", "unknown");
  return {
    type,
    height: integerOf(json.height, "vote.height"),
    round: smallOf(json.round, "vote.round"),
    blockId: blockIdFromJson(json.block_id),
    timestamp: parseTimestamp(textOf(json.timestamp, "vote.timestamp")),
    validatorAddress: bytesFromHex(json.validator_address, "vote.validator_address"),
    validatorIndex: smallOf(json.validator_index, "vote.validator_index"),
    signature: bytesFromBase64(json.signature, "vote.signature"),
  };
}

/** Go writes an empty list as null. */
function listOf(value: unknown, field: string): readonly unknown[] {
  if (value === null || value === undefined) return [];
  if (!Array.isArray(value)) throw malformed(field, "not a list");
  return value;
}

function textOf(value: unknown, field: string): string {
  if (typeof value !== "string") throw malformed(field, "not a text");
  return value;
}

/** 64-bit integers are texts. */
function bigintOf(value: unknown, field: string): bigint {
  const text = textOf(value, field);
  if (!/^-?\d{1,19}$/.test(text)) throw malformed(field, "not a decimal 64-bit integer");
  return BigInt(text);
}

export function integerOf(value: unknown, field: string): number {
  const number = Number(bigintOf(value, field));
  if (!Number.isSafeInteger(number)) throw malformed(field, "beyond 2^53");
  return number;
}

/** 32-bit integers are numbers. */
function smallOf(value: unknown, field: string): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value)) throw malformed(field, "not a whole number");
  return value;
}

function malformed(field: string, value: string): FormatError {
  return new FormatError({ code: "FORMAT_FIELD_RANGE", field, value });
}
