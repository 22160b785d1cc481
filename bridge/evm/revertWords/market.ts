import type { RevertWords } from "../revertWords.ts";

const SEE_ADVERTS = "`market adverts` has those that can be bought from";
const SEE_SALES = "`market sales` has the sales with their states";
const SEE_ORDERS = "`market orders` has the orders";

/** Errors of EnergyMarket and of what LedgerReader reads for it. */
export const MARKET_WORDS: Readonly<Record<string, RevertWords>> = {
  ContractMissing: { reason: "there is no contract at one of the addresses", hint: "deploy with `bridge deploy`" },
  // Roles and terms
  RoleExclusive: {
    reason: "the account has another role in the market, and an account has one at most",
    hint: "use another account: a prosumer sells with one and buys with another; `market account --address` shows the role",
  },
  MeterTaken: {
    reason: "the meter is another consumer's",
    hint: "check the meter id; or remove that consumer first: `market remove-consumer`",
  },
  MeterMissing: {
    reason: "a consumer is enrolled with its meter",
    hint: "use `market enrol-consumer ADDRESS --meter ID`",
  },
  TermsInvalid: {
    reason: "the terms are out of their bounds",
    hint: "tax at most 20 %, mark 1 to 1000 kWh, delivery period 1 to 30 days, and a treasury that is not the market",
  },
  // Adverts
  AccountNotBound: {
    reason: "the market does not know the producer's account on the ledger",
    hint: "run `market bind-account` once with this key",
  },
  GridFull: {
    reason: "the microgrid has no room for it: it stores 1000 kWh, and takes no advert above its mark",
    hint: "offer less, or wait until some is sold or has gone back; `market terms` shows how full it is",
  },
  TooManyAdverts: {
    reason: "a producer has 8 adverts with energy in them at most",
    hint: "wait until one is sold, or let expired ones go back with `market reclaim`",
  },
  BackingTooOld: {
    reason: "the output was proved to be unspent more than a day ago",
    hint: "run it again: a new proof is taken from the ledger",
  },
  BackingTooSmall: {
    reason: "the output holds less than is advertised",
    hint: "advertise at most what the output holds: `query output TXID:INDEX`",
  },
  BackingNotMicrogrid: {
    reason: "the output is not locked to the microgrid's account",
    hint: "transfer the energy to it first: `market terms` has the account, `tx transfer --to ACCOUNT=ENERGY`",
  },
  BackingNotProducer: {
    reason: "somebody else has made this output",
    hint: "back the advert with an output that the producer's own key has transferred or registered",
  },
  BackingUsed: {
    reason: "this output has backed an advert before",
    hint: "transfer more energy to the microgrid, and back the advert with the new output",
  },
  AdvertUnknown: { reason: "there is no advert with this number", hint: SEE_ADVERTS },
  AdvertNotLive: {
    reason: "the advert is over: it is older than three hours, or its producer was removed",
    hint: SEE_ADVERTS,
  },
  AdvertLive: {
    reason: "the advert is still on offer: energy cannot be taken back before three hours are over",
    hint: "wait until it is over: `market adverts` shows when",
  },
  NothingToReclaim: { reason: "nothing is left of the advert", hint: "there is nothing to be done" },
  // Sales
  AdvertNotFound: {
    reason: "the producer has no live advert of this time and price with so much left",
    hint: `${SEE_ADVERTS}; or buy by its number with \`market buy\``,
  },
  TotalOverMaximum: {
    reason:
      "the energy costs more now than the highest total that was given: the price rises by a tenth of the minimum each hour",
    hint: "give a higher --max, in wei at least what `total` says, or buy from a cheaper advert",
  },
  ValueTooSmall: { reason: "less ether was sent along than it costs", hint: "send at least `total`, in wei" },
  SaleUnknown: { reason: "there is no sale with this number", hint: SEE_SALES },
  SaleNotOpen: { reason: "the sale is paid, refunded or disputed already", hint: SEE_SALES },
  SaleNotDisputed: { reason: "nobody disputes this sale", hint: SEE_SALES },
  SaleNotDue: {
    reason: "it is too early: the time of the error, in Unix seconds, is not reached",
    hint: "prove the delivery instead with `market settle`, or wait",
  },
  SaleDue: {
    reason: "the delivery period is over: it is too late for a dispute",
    hint: "dispute a sale before it is due: `market sales` shows when",
  },
  SalesInvalid: { reason: "1 to 32 sales can be settled at once", hint: "name fewer of them" },
  SalesOutOfOrder: {
    reason: "the sales are not in the order of their numbers",
    hint: "name each once, the lowest first",
  },
  MeterOfAnother: {
    reason: "the interval is of another meter than the one of the sale's buyer",
    hint: "prove intervals of the meter that `market sales` shows",
  },
  IntervalTooEarly: {
    reason: "the interval began before the energy was bought",
    hint: "prove one that begins after the sale",
  },
  // Orders
  OrderEnergyInvalid: { reason: "an order is over 1 Wh to 1000 kWh", hint: "give an amount within these" },
  OrderPriceInvalid: { reason: "an order has a highest price above zero", hint: "give one with --max-price" },
  OrderExpiryInvalid: {
    reason: "the order's end is not in the future, or more than 30 days away",
    hint: "give one within 30 days with --for or --expires",
  },
  OrderNotOpen: { reason: "the order is filled or ended, or there is none with this number", hint: SEE_ORDERS },
  NotYourOrder: {
    reason: "only who placed the order may end it before its time",
    hint: "run it with that key (--key NAME), or wait until it has expired",
  },
  MatchesInvalid: {
    reason: "1 to 32 pairs can be matched at once, an order and an advert each",
    hint: "give as many orders as adverts",
  },
  NothingMatched: {
    reason: "none of the pairs fits: too dear, over, sold out or filled",
    hint: "`market match` without numbers finds the pairs that fit",
  },
  // What LedgerReader reads of an output
  NoEnergyTransaction: {
    reason: "the transaction neither registers nor transfers energy",
    hint: "name the output of a `tx register` or `tx transfer`",
  },
  OutputIncomplete: { reason: "the record is no whole output", hint: "name an output that `query output` shows" },
  OutputQuantityWrong: { reason: "the output is not electricity", hint: "name an output of electricity" },
  OutputLockWrong: {
    reason: "the output is locked to several accounts",
    hint: "transfer the energy to the microgrid's account alone: `tx transfer --to ACCOUNT=ENERGY`",
  },
};
