import type { RevertWords } from "../revertWords.ts";

const SEE_LISTING = "`data listing NUMBER` says where the sale is and what comes next";
const SELLER_KEY = "run it with the seller's key: --key NAME";

/** Errors of DataMarketplace. */
export const DATA_WORDS: Readonly<Record<string, RevertWords>> = {
  // Listings
  PriceRangeInvalid: {
    reason: "the least offer is zero, or above buy-now",
    hint: "give a --reserve above zero and a --buy-now that is not below it",
  },
  DeadlineInvalid: {
    reason: "the deadline is not in the future, or more than 90 days away",
    hint: "give --for 7d, or an --until within 90 days; the error's time is in Unix seconds",
  },
  PublisherInvalid: {
    reason: "a publisher comes with a share of at most 10 %, and a share with a publisher",
    hint: "give both --publisher and --publisher-share, or neither",
  },
  KeyHashZero: { reason: "the listing promises no key", hint: "give the keccak256 of the archive's key" },
  BondTooSmall: {
    reason: "the seller puts at least a tenth of buy-now at stake",
    hint: "give a --bond of at least what `needed` says, in wei, or leave it out",
  },
  NotArchiveOwner: {
    reason: "another account has sealed this archive: the error has both, as the 20 bytes of a ledger account",
    hint: "list it with the key that sealed it (--key NAME), or make and seal one of your own: `archive make`",
  },
  ArchiveIncomplete: {
    reason: "the message does not say who sealed which file",
    hint: "name the transaction of `archive make`; `query tx TXID` shows what it says",
  },
  ListingUnknown: {
    reason: "there is no listing with this number",
    hint: "`data listings` has those that take offers",
  },
  NotSeller: { reason: "only the seller may do this, or only the seller so early", hint: SELLER_KEY },
  HasOffer: {
    reason: "a listing that has an offer cannot be ended",
    hint: `it is sold at its deadline: ${SEE_LISTING}`,
  },
  // Offers
  NotTakingOffers: { reason: "the listing is over, or sold", hint: "`data listings` has those that take offers" },
  StillTakingOffers: {
    reason: "the listing takes offers until its deadline",
    hint: "wait until then; the error's time is in Unix seconds",
  },
  OfferTooLow: {
    reason: "the offer is below the reserve, or not 5 % above the highest",
    hint: "give an --amount of at least what `needed` says, in wei",
  },
  OwnListing: { reason: "a seller makes no offer for its own archive", hint: "offer from another account: --key NAME" },
  BuyerKeyInvalid: {
    reason: "the public key is no point of the curve that a box can be made for",
    hint: "leave --public-key out: a one-time key is made and kept in this home",
  },
  // The key
  NotWaitingForKey: {
    reason: "nobody waits for a key here: there was no offer, or it was released before",
    hint: SEE_LISTING,
  },
  ReleaseOver: {
    reason: "the key had to be released within two days of the end of the offers",
    hint: "it is too late: price and bond go to the buyer with `data refund`",
  },
  ReleaseNotOver: {
    reason: "the seller still has time for the key",
    hint: "wait; the error's time is in Unix seconds",
  },
  NotReleased: { reason: "no key is released, or the sale is over or disputed", hint: SEE_LISTING },
  EphemeralKeyInvalid: {
    reason: "the box's public key is no point of the curve that a contract can multiply",
    hint: "leave --ephemeral and --box out: they are made in this home, from the archive's key",
  },
  ReleaseMismatch: {
    reason: "this is not the box that was released",
    hint: "run `data prove-wrong-key` again: it takes the box from the chain; or ask another Ethereum node",
  },
  OpeningWrong: {
    reason: "it is not the one-time key of the winning offer",
    hint: "run it in the home that made the winning offer",
  },
  KeyRight: { reason: "the box holds the promised key", hint: "open the archive: `data open`" },
  // Disputes
  NotDisputed: { reason: "nobody disputes this sale", hint: SEE_LISTING },
  DisputeOver: {
    reason: "it is too late: the two days for the buyer, or the two weeks for the verifiers, are over",
    hint: SEE_LISTING,
  },
  DisputeNotOver: {
    reason: "it is too early: until the error's time, in Unix seconds, only the buyer, or a verifier, can act",
    hint: "wait, or run it with that key: --key NAME",
  },
  DepositTooSmall: {
    reason: "who disputes puts at least 5 % of the price at stake",
    hint: "give a --deposit of at least what `needed` says, in wei, or leave it out",
  },
  VerifierInvolved: {
    reason: "a verifier decides no dispute that it has a part in",
    hint: "let another verifier decide: `data verifiers`",
  },
  BridgeMissing: { reason: "there is no bridge at the address", hint: "deploy with `bridge deploy`" },
};
