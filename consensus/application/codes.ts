import type { TransactionCode } from "#storage/types/transaction.ts";

/** Codespace of every non-zero code this application answers. */
export const CODESPACE = "edream";

/**
 * Number, as it stands in results and in last_results_hash, and meaning of every code. A number is never given to another code later.
 * consensus/application/README.md lists the same, and a test compares the two.
 */
export const LEDGER_CODES = {
  INTERNAL: [1, "the application does not know this request"],

  TX_TOO_LARGE: [10, "the transaction has more than MAX_TX_BYTES bytes"],
  TX_NOT_CANONICAL: [11, "the bytes are not a TxRaw in canonical form"],
  TX_MALFORMED: [12, "body, auth info or a message is not valid protobuf, or gives a singular field twice"],
  TX_UNKNOWN_FIELD: [13, "a field is not known to this version, so that it would be signed unseen"],
  TX_LIMIT_EXCEEDED: [14, "a list, text or number is beyond its limit"],
  TX_NO_MESSAGES: [15, "the transaction carries no message"],
  TX_MESSAGE_UNKNOWN: [16, "no such message type"],
  TX_SIGN_MODE_UNSUPPORTED: [17, "only SIGN_MODE_DIRECT is supported"],
  TX_FEE_REFUSED: [18, "a fee is offered, but the ledger takes none"],
  TX_PUBLIC_KEY_INVALID: [19, "a signer's public key is absent, of another type or of another length"],
  TX_ACCOUNT_MALFORMED: [20, "a signer is neither a bech32 account nor a 34-character identity"],
  TX_SIGNERS_MISMATCH: [21, "the signers are not exactly those the messages name, in that order"],

  ACCOUNT_UNKNOWN: [30, "a signer has no account: it is neither member nor device"],
  SIGNATURE_INVALID: [31, "a signature does not hold for this body, chain id and account number"],
  SEQUENCE_MISMATCH: [32, "the sequence is not the account's next one: replayed, or sent out of order"],
  TX_EXPIRED: [33, "the timeout height has passed"],
  QUOTA_EXCEEDED: [34, "the first signer has used up its transactions or bytes of this block"],

  ROLE_FORBIDDEN: [40, "the signer's standing does not give this right"],
  ACCOUNT_MALFORMED: [41, "an account in a message is neither a bech32 account nor a 34-character identity"],
  ROLE_UNKNOWN: [42, "no such role"],
  MEMBER_UNKNOWN: [43, "the account is not a member"],
  MEMBER_EXISTS: [44, "the account is a member already"],
  REGULATORS_FULL: [45, "there are as many regulators as there may be"],

  METER_UNKNOWN: [50, "no such meter"],
  METER_EXISTS: [51, "a meter with this id exists or existed"],
  METER_REVOKED: [52, "the meter's certificate is revoked"],
  METER_INVALID: [53, "a field of the certificate is not valid"],
  METER_NOT_OWNED: [54, "the meter belongs to another member"],
  METER_NOT_EXPORT: [55, "only a meter that measures production backs energy"],
  METER_NOT_VALID: [56, "the meter's certificate does not hold at this time"],
  METER_REVOKED_ON_ETHEREUM: [57, "Ethereum's registry has revoked the device's certificate, or who issued it"],

  INTERVAL_MISALIGNED: [60, "start or end is not a multiple of the meter's interval, or end is not after start"],
  INTERVAL_CROSSES_PERIOD: [61, "the interval lies in more than one period"],
  INTERVAL_OVERLAPS: [62, "the interval starts before the latest sealed one ends"],
  INTERVAL_IN_FUTURE: [63, "an interval, period or time lies too far ahead of block time"],
  INTERVAL_HASH_INVALID: [64, "fingerprint, readings root or commitment does not have 32 bytes"],
  INTERVAL_ENERGY_INVALID: [65, "the energy is absent, or not possible for this count and direction"],

  INTERVAL_NOT_SEALED: [66, "no interval with this start and end is known to be sealed"],
  AMENDMENT_OUT_OF_ORDER: [67, "the amendment's number or previous fingerprint does not follow from the one before"],
  AMENDMENTS_FULL: [68, "the interval has as many amendments as it may have"],

  AMOUNT_INVALID: [70, "an amount or total is zero or beyond MAX_ENERGY_MWH"],
  LOCK_INVALID: [71, "a lock has no accounts, the same one twice, too many, or a threshold that they cannot reach"],
  OUTPUTS_INVALID: [72, "no outputs or inputs, or too many"],
  OPENING_UNKNOWN: [73, "the meter has no unopened interval with this end"],
  OPENING_MISMATCH: [74, "the opening does not match the commitment"],
  ENERGY_NOT_PRODUCED: [75, "more energy than the meter has produced and not yet registered"],
  INPUT_MALFORMED: [76, "an output pointer is not 32 bytes and an index"],
  INPUT_SPENT_OR_UNKNOWN: [77, "the output was spent or never existed"],
  INPUT_REPEATED: [78, "the same output is spent twice in one transfer"],
  INPUT_LOCKED: [79, "not enough of the lock's accounts signed"],
  INPUT_QUANTITY_MIXED: [80, "the inputs are energy of different quantities"],
  AMOUNTS_UNBALANCED: [81, "outputs do not add up to the inputs"],

  VALIDATORS_INVALID: [90, "a validator's key or power is not valid, or is there twice"],
  VALIDATOR_UNKNOWN: [91, "a validator to be removed is not in the set"],
  VALIDATORS_EMPTY: [92, "the change would leave no validator"],
  VALIDATORS_LIMIT: [93, "the change would exceed the number of validators or the total power"],
  VALIDATORS_CHANGE_TOO_LARGE: [94, "the block would change more than a third of the power"],
  VALIDATOR_EXCLUDED: [95, "a validator to be added was excluded for misbehaviour"],

  QUERY_PATH_UNKNOWN: [100, "no such query path"],
  QUERY_MALFORMED: [101, "the query's data is not what its path asks for"],
  QUERY_NOT_FOUND: [102, "there is nothing under this key"],
  QUERY_HEIGHT_UNAVAILABLE: [103, "the state of this height is no longer kept"],

  ERASURE_INVALID: [110, "period, count or receipt hash of the erasure is not valid"],
  ARCHIVE_INVALID: [111, "period, CID, size, count or hash of the archive is not valid"],
  ARCHIVE_VERSION_MISMATCH: [112, "the archive's version is not the next one of its period"],
  FLAG_INVALID: [113, "period, kind, severity, detector or hash of the flag is not valid"],
  FLAG_UNKNOWN: [114, "the meter has no flag with this number"],
  FLAG_WITHDRAWN: [115, "the flag is withdrawn already"],

  CONFIGURATION_INVALID: [120, "payload, hash, schema, priority, outcome, code or time is not valid"],
  CONFIGURATION_VERSION_MISMATCH: [121, "the configuration's version is not the next one of the device"],
  CONFIGURATION_UNKNOWN: [122, "the device was never sent this version"],
  CONFIGURATION_ACKNOWLEDGED: [123, "the device has acknowledged this version already"],
  ATTESTATION_INVALID: [124, "the checker's key or signature does not hold for this configuration"],

  BIGCHAIN_INVALID: [130, "not the canonical JSON of a BigchainDB transaction, or BigchainDB's rules forbid it"],
  BIGCHAIN_REFUSED: [131, "another BigchainDB transaction came first, or one that it needs did not"],

  BRIDGE_KEY_INVALID: [140, "the second key's address is not 20 bytes, or zero"],
  BRIDGE_KEY_USED: [141, "the address is or was a validator's second key"],
  BRIDGE_PROOF_INVALID: [142, "the second key or the consensus key has not signed this binding"],
  BRIDGE_CONFIGURATION_INVALID: [143, "a field of the bridge's configuration is not valid"],
  BRIDGE_NOT_CONFIGURED: [144, "the owner has not said where the bridge is"],
  EQUIVOCATION_INVALID: [
    145,
    "not two different anchors or rotations of one number, signed by one validator's second key",
  ],
  ETHEREUM_EVENTS_INVALID: [146, "no events, too many, or a field of another length than it has"],
  ETHEREUM_EVENTS_AHEAD: [147, "the events are too far ahead of those that were applied"],
} as const satisfies Record<string, readonly [number, string]>;

export type LedgerCode = keyof typeof LEDGER_CODES;

// The compiler notices a code of storage/types/transaction.ts that has no number here.
LEDGER_CODES satisfies Record<TransactionCode, readonly [number, string]>;

export const CODE_OK = 0;

export function codeNumber(code: LedgerCode): number {
  return LEDGER_CODES[code][0];
}

/** Why a message or transaction has no effect. */
export interface Failure {
  readonly code: LedgerCode;
  readonly reason: string;
}

export function fail(code: LedgerCode, reason: string): Failure {
  return { code, reason };
}
