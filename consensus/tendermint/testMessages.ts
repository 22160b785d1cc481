import type { BlockId } from "#storage/types/blockId.ts";
import { NIL_BLOCK_ID } from "#storage/types/blockId.ts";
import { ZERO_TIME } from "#storage/types/time.ts";
import type { Vote, VoteType } from "#storage/types/vote.ts";
import type { Effect, HeightContext, Input, TimeoutStep } from "./state.ts";
import type { Value } from "./value.ts";
import { blockKey } from "./value.ts";

/** Short words for the tests of Algorithm 1: blocks are called "A", "B", …, nil is null, the sender is the validator index. */

/** A block id whose hashes consist of the name's first letter. */
export function namedBlockId(name: string): BlockId {
  const hash = new Uint8Array(32).fill(name.charCodeAt(0));
  return { hash, partSetHeader: { total: 1, hash } };
}

export const start: Input = { type: "start" };

export function proposal(round: number, name: string, polRound = -1): Input {
  return { type: "proposal", round, value: blockKey(namedBlockId(name)), polRound };
}

export function block(name: string, valid = true): Input {
  return { type: "block", value: blockKey(namedBlockId(name)), valid };
}

export function prevote(round: number, from: number, name: string | null, peer?: string): Input {
  return { type: "vote", vote: unsignedVote("prevote", round, from, name), peer: peer ?? `peer${from}` };
}

export function precommit(round: number, from: number, name: string | null, peer?: string): Input {
  return { type: "vote", vote: unsignedVote("precommit", round, from, name), peer: peer ?? `peer${from}` };
}

export function timeout(step: TimeoutStep, round: number): Input {
  return { type: "timeout", step, round };
}

export function unsignedVote(type: VoteType, round: number, from: number, name: string | null): Vote {
  return {
    type,
    height: 1,
    round,
    blockId: name === null ? NIL_BLOCK_ID : namedBlockId(name),
    timestamp: ZERO_TIME,
    validatorAddress: new Uint8Array(20).fill(from),
    validatorIndex: from,
    signature: new Uint8Array(64),
  };
}

/** Four equal validators that propose in turn; `ownIndex` 3 unless told, so that we propose in round 3. */
export function contextOf(options: { ownIndex?: number | undefined; powers?: readonly bigint[] } = {}): HeightContext {
  const powers = options.powers ?? [1n, 1n, 1n, 1n];
  return {
    height: 1,
    powers,
    ownIndex: "ownIndex" in options ? options.ownIndex : 3,
    proposerIndex: (round) => round % powers.length,
  };
}

/** One effect in a few words. */
export function describeEffect(effect: Effect): string {
  switch (effect.type) {
    case "enterRound":
      return `enter ${effect.round}`;
    case "propose":
      return `propose ${effect.round} ${nameOf(effect.value, "new")} pol ${effect.polRound}`;
    case "vote":
      return `${effect.voteType} ${effect.round} ${nameOf(effect.value)}`;
    case "scheduleTimeout":
      return `timeout ${effect.step} ${effect.round}`;
    case "majority":
      return `majority ${effect.voteType} ${effect.round} ${nameOf(effect.value)}`;
    case "equivocation":
      return `equivocation of ${effect.voteA.validatorIndex}`;
    case "decide":
      return `decide ${effect.round} ${nameOf(effect.value)}`;
  }
}

function nameOf(value: Value, whenNil = "nil"): string {
  return value === null ? whenNil : value.slice(0, 1);
}
