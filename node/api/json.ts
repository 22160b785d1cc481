import type { ExecTxResult } from "#consensus/abci.ts";
import type { Block } from "#storage/types/block.ts";
import type { BlockId } from "#storage/types/blockId.ts";
import type { Commit } from "#storage/types/commit.ts";
import type { Evidence } from "#storage/types/evidence.ts";
import type { Header } from "#storage/types/header.ts";
import { formatTimestamp } from "#storage/types/time.ts";
import type { ValidatorSet } from "#storage/types/validatorSet.ts";
import type { CommittedBlock, NodeEvent, NodeStatus } from "./ports.ts";

// The JSON forms of REST answers: hashes, keys and addresses in lower-case hex, transaction bytes in base64, 64-bit quantities
// as decimal texts, times as RFC 3339 in UTC, heights as numbers.

export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

export function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

export function statusJson(status: NodeStatus) {
  const { blockHash, appHash, blockTimeMs, validatorAddress, ...rest } = status;
  return {
    ...rest,
    blockHash: hex(blockHash),
    appHash: hex(appHash),
    blockTime: blockTimeMs === 0 ? null : new Date(blockTimeMs).toISOString(),
    validatorAddress: validatorAddress === undefined ? null : hex(validatorAddress),
  };
}

export function blockIdJson(blockId: BlockId) {
  const { total, hash } = blockId.partSetHeader;
  return { hash: hex(blockId.hash), partSetHeader: { total, hash: hex(hash) } };
}

export function headerJson(header: Header) {
  return {
    version: { block: header.version.block.toString(), app: header.version.app.toString() },
    chainId: header.chainId,
    height: header.height,
    time: formatTimestamp(header.time),
    lastBlockId: blockIdJson(header.lastBlockId),
    lastCommitHash: hex(header.lastCommitHash),
    dataHash: hex(header.dataHash),
    validatorsHash: hex(header.validatorsHash),
    nextValidatorsHash: hex(header.nextValidatorsHash),
    consensusHash: hex(header.consensusHash),
    appHash: hex(header.appHash),
    lastResultsHash: hex(header.lastResultsHash),
    evidenceHash: hex(header.evidenceHash),
    proposerAddress: hex(header.proposerAddress),
  };
}

export function commitJson(commit: Commit) {
  return {
    height: commit.height,
    round: commit.round,
    blockId: blockIdJson(commit.blockId),
    signatures: commit.signatures.map((signature) => ({
      blockIdFlag: signature.blockIdFlag,
      validatorAddress: hex(signature.validatorAddress),
      timestamp: formatTimestamp(signature.timestamp),
      signature: base64(signature.signature),
    })),
  };
}

export function validatorSetJson(set: ValidatorSet) {
  return {
    totalVotingPower: set.totalVotingPower.toString(),
    proposer: hex(set.proposer.address),
    validators: set.validators.map((validator) => ({
      address: hex(validator.address),
      publicKey: { type: validator.publicKey.type, bytes: hex(validator.publicKey.bytes) },
      votingPower: validator.votingPower.toString(),
      proposerPriority: validator.proposerPriority.toString(),
    })),
  };
}

export function blockJson(committed: CommittedBlock, txIdOf: (tx: Uint8Array) => Uint8Array) {
  const block: Block = committed.block;
  return {
    blockId: blockIdJson(committed.blockId),
    sizeBytes: committed.sizeBytes,
    header: headerJson(block.header),
    txs: block.txs.map((tx) => ({ txId: hex(txIdOf(tx)), sizeBytes: tx.length })),
    evidence: block.evidence.map(evidenceJson),
    lastCommit: commitJson(block.lastCommit),
  };
}

function evidenceJson(evidence: Evidence) {
  if (evidence.type === "lightClientAttack")
    return {
      type: evidence.type,
      commonHeight: evidence.commonHeight,
      validators: evidence.byzantineValidators.map((validator) => hex(validator.address)),
    };
  const { voteA } = evidence;
  return {
    type: evidence.type,
    height: voteA.height,
    round: voteA.round,
    voteType: voteA.type,
    validators: [hex(voteA.validatorAddress)],
  };
}

export function resultJson(result: ExecTxResult) {
  return {
    code: result.code,
    codespace: result.codespace,
    log: result.log,
    data: base64(result.data),
    gasWanted: result.gasWanted.toString(),
    gasUsed: result.gasUsed.toString(),
    events: result.events.map((event) => ({
      type: event.type,
      attributes: event.attributes.map(({ key, value }) => ({ key, value })),
    })),
  };
}

export function eventJson(event: NodeEvent): object {
  switch (event.type) {
    case "block": {
      const { height, round, txs } = event;
      return {
        height,
        hash: hex(event.hash),
        appHash: hex(event.appHash),
        time: new Date(event.timeMs).toISOString(),
        txs,
        round,
      };
    }
    case "tx": {
      const { height, index, code, codespace, log } = event;
      return { txId: hex(event.txId), height, index, code, codespace, log };
    }
    case "status":
      return statusJson(event.status);
  }
}
