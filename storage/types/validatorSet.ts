import type { PublicKey } from "../crypto/keys.ts";

export interface Validator {
  /** 20 bytes, SHA256(publicKey)[:20]. */
  readonly address: Uint8Array;
  readonly publicKey: PublicKey;
  readonly votingPower: bigint;
  readonly proposerPriority: bigint;
}

/** Validators in CometBFT's order: voting power descending, then address ascending. Immutable: functions return a new set. */
export interface ValidatorSet {
  readonly validators: readonly Validator[];
  /** The proposer of the current round: the validator chosen by the last priority increment. */
  readonly proposer: Validator;
  readonly totalVotingPower: bigint;
}
