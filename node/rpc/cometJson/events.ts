import { addressOf } from "#storage/crypto/keys.ts";
import type { BlockResults, ResultEvent, TxResult } from "#storage/db/blockResults.ts";
import type { Block } from "#storage/types/block.ts";
import type { BlockId } from "#storage/types/blockId.ts";
import type { Evidence } from "#storage/types/evidence.ts";
import type { Header } from "#storage/types/header.ts";
import type { ValidatorChange } from "#storage/types/validatorSet.ts";
import type { Vote } from "#storage/types/vote.ts";
import { blockJson } from "./blocks.ts";
import { evidenceJson, voteJson } from "./evidence.ts";
import { blockIdJson, headerJson } from "./headers.ts";
import { base64, int64, listOrNull, unlessEmpty } from "./primitives.ts";
import { eventJson, finalizeBlockJson, shortTxResultJson } from "./results.ts";
import { validatorJson } from "./validators.ts";

function typed(name: string, value: object): object {
  return { type: `tendermint/event/${name}`, value };
}

export function newBlockJson(block: Block, blockId: BlockId, results: BlockResults): object {
  return typed("NewBlock", {
    block: blockJson(block),
    block_id: blockIdJson(blockId),
    result_finalize_block: finalizeBlockJson(results),
  });
}

export function newBlockHeaderJson(header: Header): object {
  return typed("NewBlockHeader", { header: headerJson(header) });
}

export function newBlockEventsJson(height: number, events: readonly ResultEvent[], txs: number): object {
  return typed("NewBlockEvents", {
    height: int64(height),
    events: listOrNull(events.map(eventJson)),
    num_txs: int64(txs),
  });
}

export function newEvidenceJson(height: number, evidence: Evidence): object {
  return typed("NewEvidence", { height: int64(height), evidence: evidenceJson(evidence) });
}

export function txEventJson(at: { height: number; index: number }, tx: Uint8Array, result: TxResult): object {
  const TxResult = {
    ...unlessEmpty({ height: int64(at.height), index: at.index, tx: base64(tx) }),
    result: shortTxResultJson(result),
  };
  return typed("Tx", { TxResult });
}

export function validatorSetUpdatesJson(updates: readonly ValidatorChange[]): object {
  const validators = updates.map(({ publicKey, power }) => ({
    address: addressOf(publicKey),
    publicKey,
    votingPower: power,
    proposerPriority: 0n,
  }));
  return typed("ValidatorSetUpdates", { validator_updates: validators.map(validatorJson) });
}

export function voteEventJson(vote: Vote): object {
  return typed("Vote", { Vote: voteJson(vote) });
}

/** Where consensus is: `step` is Go's name, for example RoundStepPropose. */
export interface RoundPlace {
  readonly height: number;
  readonly round: number;
  readonly step: string;
}

export function roundStateEventJson(place: RoundPlace): object {
  return typed("RoundState", placeJson(place));
}

export function newRoundJson(place: RoundPlace, proposer: object): object {
  return typed("NewRound", { ...placeJson(place), proposer });
}

export function completeProposalJson(place: RoundPlace, blockId: BlockId): object {
  return typed("CompleteProposal", { ...placeJson(place), block_id: blockIdJson(blockId) });
}

function placeJson({ height, round, step }: RoundPlace) {
  return { height: int64(height), round, step };
}
