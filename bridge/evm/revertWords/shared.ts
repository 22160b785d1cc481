import { id, ZeroHash } from "ethers";
import type { RevertWords } from "../revertWords.ts";

const TAKE_NEW_PROOF =
  "take a new proof from a full node; for one of a later block wait for the next anchor (`bridge status`)";
const NODE_OF_LEDGER = "the node that gave it may be of another ledger, or lie: ask another one with --node URL";
const OTHER_BYTES = "give the transaction of this ledger that really is one; `query tx TXID` shows what it says";

/** Errors that several contracts have: of roles, of proofs under an anchor, of what is read from the ledger's bytes. */
export const SHARED_WORDS: Readonly<Record<string, RevertWords>> = {
  // Roles
  AccessControlUnauthorizedAccount: {
    reason: "this account has not the role that it takes",
    hint: "run it with the key of an account that has it (--key NAME), or ask who gives roles to give it to this one",
  },
  AccessControlBadConfirmation: {
    reason: "a role can only be given up by the account that has it",
    hint: "run it with that account's key: --key NAME",
  },
  AccessControlEnforcedDefaultAdminDelay: {
    reason: "the owner's delay is not over",
    hint: "try again from that time on; it is in Unix seconds",
  },
  AccessControlEnforcedDefaultAdminRules: {
    reason: "the owner's role is handed over in two steps, not given or taken like others",
    hint: "hand it over, and let the successor accept it after the delay",
  },
  AccessControlInvalidDefaultAdmin: {
    reason: "this account cannot become owner: it was not named as successor, or it is none",
    hint: "run it with the successor's key: --key NAME",
  },
  // Names of more than one contract
  EnergyInvalid: {
    reason: "the amount of energy is out of bounds",
    hint: "an advert is 1 to 1000 kWh, a purchase at most what the advert has left, a flexibility contract 1 GWh an interval at most",
  },
  PriceInvalid: { reason: "the price is zero, or out of bounds", hint: "give a price above zero" },
  EscrowTooSmall: {
    reason: "the ether that is held does not cover what it may cost",
    hint: "send at least what `needed` says, in wei, or ask for less energy",
  },
  IntervalUsed: {
    reason: "this interval has proved all that it shows before",
    hint: "show the meter's next interval",
  },
  KeyNotOfSender: {
    reason: "the public key is not that of the account which sends the transaction",
    hint: "give the public key of the key that signs: `keys show NAME`",
  },
  MeterIdInvalid: { reason: "it is no meter id: empty, or over 96 characters", hint: "give it as `meters` shows it" },
  NotBuyer: { reason: "only who bought it may do this", hint: "run it with the buyer's key: --key NAME" },
  SafeCastOverflowedUintDowncast: {
    reason: "a number is larger than the contract can keep",
    hint: "check the numbers",
  },
  // The bridge's proofs
  BridgeFrozen: {
    reason: "the validators have stopped the bridge: nothing is proved until they let it go on",
    hint: "ask the ledger's validators; `bridge status` tells when it goes on",
  },
  AnchorUnknown: { reason: "the contract has no such anchor", hint: TAKE_NEW_PROOF },
  BlockNotInAnchor: { reason: "the block is not under this anchor", hint: NODE_OF_LEDGER },
  HeightOutOfRange: { reason: "the block is not under this anchor", hint: NODE_OF_LEDGER },
  IndexOutOfRange: { reason: "the proof names a place that is not there", hint: NODE_OF_LEDGER },
  PathLengthWrong: { reason: "the proof has another length than its place has", hint: NODE_OF_LEDGER },
  TxNotInBlock: { reason: "this is no successful transaction of that block", hint: NODE_OF_LEDGER },
  TxAlreadyConsumed: { reason: "this transaction was used before", hint: "take another one" },
  MessageNotInBlock: { reason: "this is no message of a successful transaction of that block", hint: NODE_OF_LEDGER },
  AppHashMismatch: { reason: "the state that the proof is of is not the block's", hint: NODE_OF_LEDGER },
  StateNotInBlock: { reason: "the ledger's state had no such record at that block", hint: TAKE_NEW_PROOF },
  StatePathTooLong: { reason: "the proof is longer than any can be", hint: NODE_OF_LEDGER },
  // What is read of the ledger's bytes
  AccountTextUnknown: { reason: "what stands for an account is none", hint: OTHER_BYTES },
  IntervalFieldsIncomplete: { reason: "the message is no whole sealed interval", hint: OTHER_BYTES },
  MessageAbsent: { reason: "the transaction has no such message", hint: OTHER_BYTES },
  MessagesSeveral: {
    reason: "the transaction has several messages, so that its outputs are not one message's",
    hint: "transfer or register the energy by a transaction of its own: `tx transfer`, `tx register`",
  },
  ProtobufFieldUnexpected: {
    reason: "the bytes have fields in another order than the contract reads",
    hint: OTHER_BYTES,
  },
  ProtobufMalformed: { reason: "the bytes are no message of the ledger", hint: OTHER_BYTES },
  SumNotCommitted: {
    reason: "the interval's sum is in the clear: there is nothing to open",
    hint: "leave the opening out",
  },
  SumOpeningWrong: {
    reason: "the sum and its salt are not what the interval committed to",
    hint: "write the openings anew at the meter's light node: `meters openings METER -o FILE`",
  },
};

const ROLES = ["REGULATOR", "PRODUCER", "CONSUMER", "EMITTER", "VERIFIER", "CHECKER", "DSO", "AGGREGATOR"].map(
  (name) => `${name}_ROLE`,
);
const ROLE_NAMES: ReadonlyMap<string, string> = new Map([
  [ZeroHash, "owner"],
  ...ROLES.map((role) => [id(role), role] as const),
]);

/** An argument of an error as people can read it: roles by their names. */
export function shownArgument(type: string, value: unknown): string {
  const text = String(value);
  return type === "bytes32" ? (ROLE_NAMES.get(text) ?? text) : text;
}
