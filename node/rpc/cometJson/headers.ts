import type { BlockId } from "#storage/types/blockId.ts";
import type { Commit, CommitSig } from "#storage/types/commit.ts";
import type { Header } from "#storage/types/header.ts";
import { base64OrNull, hex, int64, time, unlessEmpty } from "./primitives.ts";

export function blockIdJson({ hash, partSetHeader }: BlockId): object {
  return { hash: hex(hash), parts: partSetHeaderJson(partSetHeader) };
}

export function partSetHeaderJson({ total, hash }: BlockId["partSetHeader"]): object {
  return { total, hash: hex(hash) };
}

export function headerJson(header: Header): object {
  return {
    version: unlessEmpty({ block: int64(header.version.block), app: int64(header.version.app) }),
    chain_id: header.chainId,
    height: int64(header.height),
    time: time(header.time),
    last_block_id: blockIdJson(header.lastBlockId),
    last_commit_hash: hex(header.lastCommitHash),
    data_hash: hex(header.dataHash),
    validators_hash: hex(header.validatorsHash),
    next_validators_hash: hex(header.nextValidatorsHash),
    consensus_hash: hex(header.consensusHash),
    app_hash: hex(header.appHash),
    last_results_hash: hex(header.lastResultsHash),
    evidence_hash: hex(header.evidenceHash),
    proposer_address: hex(header.proposerAddress),
  };
}

export function commitJson({ height, round, blockId, signatures }: Commit): object {
  return {
    height: int64(height),
    round,
    block_id: blockIdJson(blockId),
    signatures: signatures.map(commitSigJson),
  };
}

const FLAGS = { absent: 1, commit: 2, nil: 3 } as const;

function commitSigJson({ blockIdFlag, validatorAddress, timestamp, signature }: CommitSig): object {
  return {
    block_id_flag: FLAGS[blockIdFlag],
    validator_address: hex(validatorAddress),
    timestamp: time(timestamp),
    signature: base64OrNull(signature),
  };
}
