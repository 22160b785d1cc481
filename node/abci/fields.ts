import type { CommitInfo as AbciCommitInfo, Misbehavior as AbciMisbehavior } from "cosmjs-types/tendermint/abci/types";
import { MisbehaviorType } from "cosmjs-types/tendermint/abci/types";
import type { PublicKey as AbciPublicKey } from "cosmjs-types/tendermint/crypto/keys";
import type { ConsensusParams as AbciParams } from "cosmjs-types/tendermint/types/params";
import { BlockIDFlag } from "cosmjs-types/tendermint/types/validator";
import type { AbciEvent, BlockContext, CommitInfo, Misbehavior } from "#consensus/abci.ts";
import type { PublicKey } from "#storage/crypto/keys.ts";
import type { ConsensusParams } from "#storage/types/params.ts";
import type { Timestamp } from "#storage/types/time.ts";
import { AbciError } from "./abciError.ts";

/** Fields of ABCI 2.0 (tendermint.abci, as cosmjs-types decodes them) as the application knows them. All throw AbciError ABCI_FIELD_INVALID. */

/** An int64 that must be a whole number of our size. */
export function numberOf(value: bigint, field: string, min = 0): number {
  const number = Number(value);
  if (!Number.isSafeInteger(number) || number < min) throw invalid(field, value.toString());
  return number;
}

export function bytesOf(value: Uint8Array, field: string, length: number): Uint8Array {
  if (value.length !== length) throw invalid(field, `${value.length} bytes`);
  return value;
}

export interface AbciBlockFields {
  readonly height: bigint;
  readonly time?: Timestamp;
  readonly proposerAddress: Uint8Array;
  readonly misbehavior: readonly AbciMisbehavior[];
  readonly nextValidatorsHash: Uint8Array;
}

/** What prepare, process and finalise share. */
export function blockContextOf(request: AbciBlockFields): BlockContext {
  return {
    height: numberOf(request.height, "height", 1),
    time: timeOf(request.time, "time"),
    proposerAddress: bytesOf(request.proposerAddress, "proposer_address", 20),
    misbehavior: request.misbehavior.map(misbehaviorOf),
    nextValidatorsHash: request.nextValidatorsHash,
  };
}

export function timeOf(time: Timestamp | undefined, field: string): Timestamp {
  if (time === undefined) throw invalid(field, "missing");
  return { seconds: time.seconds, nanos: time.nanos };
}

const MISBEHAVIOR_TYPES: Readonly<Partial<Record<MisbehaviorType, Misbehavior["type"]>>> = {
  [MisbehaviorType.DUPLICATE_VOTE]: "duplicateVote",
  [MisbehaviorType.LIGHT_CLIENT_ATTACK]: "lightClientAttack",
};

function misbehaviorOf({ type, validator, height, time, totalVotingPower }: AbciMisbehavior): Misbehavior {
  const known = MISBEHAVIOR_TYPES[type];
  if (known === undefined || validator === undefined) throw invalid("misbehavior", `type ${type}`);
  return {
    type: known,
    address: bytesOf(validator.address, "misbehavior.validator.address", 20),
    power: validator.power,
    height: numberOf(height, "misbehavior.height"),
    time: timeOf(time, "misbehavior.time"),
    totalVotingPower,
  };
}

const FLAGS: Readonly<Partial<Record<BlockIDFlag, CommitInfo["votes"][number]["blockIdFlag"]>>> = {
  [BlockIDFlag.BLOCK_ID_FLAG_ABSENT]: "absent",
  [BlockIDFlag.BLOCK_ID_FLAG_COMMIT]: "commit",
  [BlockIDFlag.BLOCK_ID_FLAG_NIL]: "nil",
};

export function commitInfoOf({ round, votes }: AbciCommitInfo): CommitInfo {
  return {
    round,
    votes: votes.map(({ validator, blockIdFlag }) => {
      const flag = FLAGS[blockIdFlag];
      if (flag === undefined || validator === undefined) throw invalid("decided_last_commit.votes", `${blockIdFlag}`);
      const address = bytesOf(validator.address, "decided_last_commit.votes.validator.address", 20);
      return { address, power: validator.power, blockIdFlag: flag };
    }),
  };
}

export function publicKeyOfAbci(key: AbciPublicKey | undefined): PublicKey {
  if (key?.ed25519 !== undefined) return { type: "ed25519", bytes: bytesOf(key.ed25519, "pub_key.ed25519", 32) };
  if (key?.secp256k1 !== undefined)
    return { type: "secp256k1", bytes: bytesOf(key.secp256k1, "pub_key.secp256k1", 33) };
  throw invalid("pub_key", "neither Ed25519 nor secp256k1");
}

export function publicKeyToAbci({ type, bytes }: PublicKey): AbciPublicKey {
  return { [type]: bytes };
}

export function paramsOfAbci(params: AbciParams | undefined): ConsensusParams {
  const { block, evidence, validator } = params ?? {};
  if (block === undefined || evidence === undefined || validator === undefined)
    throw invalid("consensus_params", "missing");
  const { seconds, nanos } = evidence.maxAgeDuration;
  return {
    block: {
      maxBytes: numberOf(block.maxBytes, "block.max_bytes", -1),
      maxGas: numberOf(block.maxGas, "block.max_gas", -1),
    },
    evidence: {
      maxAgeNumBlocks: numberOf(evidence.maxAgeNumBlocks, "evidence.max_age_num_blocks"),
      maxAgeDurationMs: numberOf(seconds, "evidence.max_age_duration") * 1000 + Math.floor(nanos / 1_000_000),
      maxBytes: numberOf(evidence.maxBytes, "evidence.max_bytes"),
    },
    validator: { pubKeyTypes: validator.pubKeyTypes },
    version: { app: numberOf(params?.version?.app ?? 0n, "version.app") },
    abci: {
      voteExtensionsEnableHeight: numberOf(
        params?.abci?.voteExtensionsEnableHeight ?? 0n,
        "abci.vote_extensions_enable_height",
      ),
    },
  };
}

export function eventsToAbci(events: readonly AbciEvent[]) {
  return events.map(({ type, attributes }) => ({ type, attributes: attributes.map((each) => ({ ...each })) }));
}

function invalid(field: string, reason: string): AbciError {
  return new AbciError({ code: "ABCI_FIELD_INVALID", field, reason });
}
