import { MAX_VALIDATORS } from "#storage/limits.ts";
import type { BlockId } from "#storage/types/blockId.ts";
import type { Commit, CommitSig } from "#storage/types/commit.ts";
import type { Header } from "#storage/types/header.ts";
import type { Validator } from "#storage/types/validatorSet.ts";
import { ArgumentFault } from "../argument.ts";
import type { JsonFields } from "./readFields.ts";

// What headers.ts and validators.ts write, read again. Only the kinds of the fields are checked. @throws ArgumentFault

export function readBlockId(blockId: JsonFields): BlockId {
  const parts = blockId.objectOrEmpty("parts");
  return { hash: blockId.hex("hash"), partSetHeader: { total: parts.integer("total"), hash: parts.hex("hash") } };
}

/** @throws ArgumentFault */
export function readHeader(header: JsonFields): Header {
  const version = header.objectOrEmpty("version");
  return {
    version: { block: version.int64("block"), app: version.int64("app") },
    chainId: header.text("chain_id"),
    height: header.height("height"),
    time: header.time("time"),
    lastBlockId: readBlockId(header.objectOrEmpty("last_block_id")),
    lastCommitHash: header.hex("last_commit_hash"),
    dataHash: header.hex("data_hash"),
    validatorsHash: header.hex("validators_hash"),
    nextValidatorsHash: header.hex("next_validators_hash"),
    consensusHash: header.hex("consensus_hash"),
    appHash: header.hex("app_hash"),
    lastResultsHash: header.hex("last_results_hash"),
    evidenceHash: header.hex("evidence_hash"),
    proposerAddress: header.hex("proposer_address"),
  };
}

/** @throws ArgumentFault */
export function readCommit(commit: JsonFields): Commit {
  return {
    height: commit.height("height"),
    round: commit.integer("round"),
    blockId: readBlockId(commit.objectOrEmpty("block_id")),
    signatures: commit.list("signatures", MAX_VALIDATORS).map(readCommitSig),
  };
}

const FLAGS = [undefined, "absent", "commit", "nil"] as const;

function readCommitSig(signature: JsonFields): CommitSig {
  const flag = signature.integer("block_id_flag");
  const blockIdFlag = FLAGS[flag];
  if (blockIdFlag === undefined) throw new ArgumentFault(`unknown BlockIDFlag: ${flag}`);
  return {
    blockIdFlag,
    validatorAddress: signature.hex("validator_address"),
    timestamp: signature.time("timestamp"),
    signature: signature.base64("signature"),
  };
}

/** @throws ArgumentFault */
export function readValidator(validator: JsonFields): Validator {
  return {
    address: validator.hex("address"),
    publicKey: validator.publicKey("pub_key"),
    votingPower: validator.int64("voting_power"),
    proposerPriority: validator.int64("proposer_priority"),
  };
}
