import { DATA_WORDS } from "./revertWords/data.ts";
import { FLEXIBILITY_WORDS } from "./revertWords/flexibility.ts";
import { MARKET_WORDS } from "./revertWords/market.ts";
import { REGISTRY_REVERT_WORDS } from "./revertWords/registry.ts";
import { SHARED_WORDS } from "./revertWords/shared.ts";

/** What an error of a contract means to whoever called it, and what to do next. */
export interface RevertWords {
  readonly reason: string;
  readonly hint: string;
}

/**
 * Custom errors of the contracts by name, in words. Amounts in wei and times in Unix seconds stand in the error's own arguments, which are shown
 * beside these.
 */
export const REVERT_WORDS: Readonly<Record<string, RevertWords>> = {
  ...SHARED_WORDS,
  ...FLEXIBILITY_WORDS,
  ...DATA_WORDS,
  ...MARKET_WORDS,
  ...REGISTRY_REVERT_WORDS,
  // PaymentChannel
  PayeeInvalid: {
    reason: "a channel pays another account than the one that opens it",
    hint: "name the producer's Ethereum address: it is shown by `energy-ledger keys show NAME` at the producer",
  },
  NothingEscrowed: { reason: "no ether was sent along", hint: "give an amount above zero" },
  ExpiryInvalid: {
    reason: "the expiry is not in the future, or more than ten years away",
    hint: "give a later, or an earlier, expiry; both times of the error are Unix seconds",
  },
  ExpiryNotLater: { reason: "an expiry can only be put off", hint: "give one behind the present expiry" },
  ChannelUnknown: {
    reason: "there is no channel with this number",
    hint: "`energy-ledger channel list` has the channels of this account",
  },
  ChannelNotOpen: {
    reason: "the channel is closed",
    hint: "open another one; what you are owed waits for `channel withdraw`",
  },
  NotPayer: { reason: "only who opened the channel may do this", hint: "run it with the payer's key: --key NAME" },
  NotPayee: { reason: "only who the channel pays may do this", hint: "run it with the payee's key: --key NAME" },
  ChannelExpired: {
    reason: "the channel has expired",
    hint: "only the payer can act now: put the expiry off with `channel extend`, or take the rest back with `channel reclaim`",
  },
  ChannelNotExpired: {
    reason: "the channel has not expired yet",
    hint: "wait until its expiry (`channel show`), or ask the payee to close it",
  },
  NothingToClaim: {
    reason: "the voucher owes no more than what was claimed before",
    hint: "claim with the latest voucher of this channel",
  },
  AmountOverDeposit: {
    reason: "the voucher is over more than the channel holds",
    hint: "ask the payer to add to it with `channel top-up`",
  },
  SignatureInvalid: {
    reason: "the voucher is not signed by the channel's payer, or for another channel",
    hint: "check the voucher with `channel check` and ask the payer for another one",
  },
  // PullPayments
  NothingToWithdraw: {
    reason: "this account has no credit here",
    hint: "there is some once a channel is claimed or a trade is paid",
  },
  ReceiverInvalid: { reason: "money cannot be sent to this address", hint: "name another address with --to" },
  TransferFailed: {
    reason: "the receiver did not take the money; the credit is kept",
    hint: "name an address with --to that takes ether",
  },
  AmountTooLarge: { reason: "the amount is larger than all ether there is", hint: "check the amount" },
  ReentrancyGuardReentrantCall: {
    reason: "the receiver called back while it was paid",
    hint: "name an ordinary account with --to",
  },
};
