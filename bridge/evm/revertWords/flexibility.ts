import type { RevertWords } from "../revertWords.ts";

const SEE_REQUESTS = "`energy-ledger flexibility requests` has those that are open";
const SEE_POSITIONS = "`energy-ledger flexibility positions` has the contracts of an account";
const SEE_EVENT = "`energy-ledger flexibility event REQUEST` shows the request's terms";
const ASK_REQUESTER = "ask the requester for the meter's baseline of this request, and give the file as it is";
const BASELINES = "make the baselines anew with `energy-ledger flexibility baseline make`";

/** Errors of Flexibility, of its tokens and contracts, and of what LedgerReader says of a meter. */
export const FLEXIBILITY_WORDS: Readonly<Record<string, RevertWords>> = {
  // Who may
  NotRequesterRole: {
    reason: "only a DSO or an aggregator may ask for flexibility",
    hint: "let the contract's owner appoint this account: `flexibility appoint dso ADDRESS`",
  },
  NotRequester: { reason: "only who asked may do this", hint: "run it with the requester's key: --key NAME" },
  NotHolder: {
    reason: "only who holds the contract may do this",
    hint: "run it with the holder's key: --key NAME; `flexibility position ID` says who it is",
  },
  NotSettler: {
    reason: "tokens and contracts are made and burned by Flexibility alone",
    hint: "use `flexibility buy-tokens`, `redeem` and `accept`",
  },
  // Numbers
  RequestUnknown: { reason: "there is no request with this number", hint: SEE_REQUESTS },
  RequestIsCancelled: {
    reason: "the requester has taken this request back",
    hint: "leave its contracts with `flexibility opt-out`: the bond comes back",
  },
  PositionUnknown: {
    reason: "there is no contract with this number, or it is closed or left",
    hint: SEE_POSITIONS,
  },
  // Terms
  IntervalsInvalid: {
    reason: "the event is not made of 1 to 96 intervals of a second to a day that begin at a multiple of their length",
    hint: BASELINES,
  },
  ReadingCountInvalid: {
    reason: "an interval without readings would prove that nothing was used",
    hint: "give how many readings an interval must have: --min-readings 15",
  },
  TimesInvalid: {
    reason:
      "the times do not fit: now, the cut-off, the event's start and, 3 to 90 days behind its end, the end of the time to prove",
    hint: "ask for a later event, or give --cutoff and --settle-by; all times of the error are Unix seconds or, of the start, ms",
  },
  BaselineRootInvalid: { reason: "the request names no baselines", hint: BASELINES },
  // Times
  AfterCutoff: {
    reason: "the cut-off is over: who has accepted is bound, and so is the requester",
    hint: "accept, leave and cancel before the cut-off, which the error has in Unix seconds",
  },
  BeforeCutoff: {
    reason: "until the cut-off there may be further contracts",
    hint: "sweep from the cut-off on, which the error has in Unix seconds",
  },
  NotYetClosable: {
    reason: "there is still time to prove what was delivered",
    hint: "prove it with `flexibility settle`, or close it from the time of the error on, in Unix seconds",
  },
  // Accepting
  EscrowTooSmall: {
    reason: "what is escrowed and free does not cover this incentive",
    hint: "promise less energy, or let the requester escrow more with another request",
  },
  BondExceeded: {
    reason: "more ether was sent along than the bond is",
    hint: "send at most what `bond` says, in wei; with the command leave --bond-tokens out",
  },
  AggregatorInvalid: {
    reason: "this is no aggregator of the contract, or its part is above 50 %",
    hint: "give --aggregator and --share as the aggregator told them, or neither",
  },
  MeterNotOwned: {
    reason: "the meter belongs to another account on the ledger",
    hint: "run it with the key of the meter's owner: --key NAME; `query meter METER` says who it is",
  },
  MeterProofTooOld: {
    reason: "the certificate was proved more than a day ago, and may have been revoked since",
    hint: "run it again: a new proof is taken from the ledger",
  },
  MeterNotValid: {
    reason: "the meter's certificate is revoked, or does not hold during the whole event",
    hint: "ask who enrolled the meter; `query meter METER` shows the certificate",
  },
  MeterQuantityWrong: {
    reason: "the request is for electricity and the meter for vehicles, or the other way round",
    hint: SEE_EVENT,
  },
  MeterIntervalWrong: {
    reason: "the event's intervals are no multiple of those that the meter seals",
    hint: SEE_EVENT,
  },
  MeterEnrolled: {
    reason: "the meter has another contract for this time: nobody is paid twice for one change",
    hint: "leave that contract first, if its cut-off is not over: `flexibility opt-out ID`",
  },
  TooManyPositions: {
    reason: "a meter has 8 contracts at once at most",
    hint: "settle or close some: `flexibility settle ID`, `flexibility close ID`",
  },
  BaselineCountWrong: { reason: "there is not one baseline for each interval of the event", hint: ASK_REQUESTER },
  BaselineNotCommitted: {
    reason: "this baseline is not among those that the request was made with",
    hint: ASK_REQUESTER,
  },
  // Proving
  BaselinesWrong: {
    reason: "these are not the baselines that the contract was accepted with",
    hint: "leave --baseline out, or give the file that was accepted with",
  },
  IntervalsTooMany: { reason: "at most 32 intervals are proved at once", hint: "prove the others by a second call" },
  MeterWrong: { reason: "the interval is of another meter than the contract's", hint: SEE_POSITIONS },
  IntervalNotInEvent: { reason: "the interval is none of the event's", hint: SEE_EVENT },
  ReadingsTooFew: {
    reason: "the interval has fewer readings than the request wants: a meter that was off proves nothing",
    hint: "prove the event's other intervals; this one counts as missing",
  },
  // ERC-20 and ERC-721, by the names of ERC-6093
  ERC20InsufficientAllowance: {
    reason: "the contract may not take that many tokens of this account",
    hint: "allow it first: `flexibility allow --amount AMOUNT`",
  },
  ERC20InsufficientBalance: {
    reason: "the account has not that many tokens",
    hint: "`flexibility account` shows how many it has; `flexibility buy-tokens` makes some",
  },
  ERC20InvalidReceiver: { reason: "tokens cannot be sent to this address", hint: "name another address with --to" },
  ERC20InvalidSender: { reason: "the zero address has no tokens", hint: "run it with a key of an account" },
  ERC20InvalidApprover: { reason: "the zero address has no tokens", hint: "run it with a key of an account" },
  ERC20InvalidSpender: { reason: "the zero address spends nothing", hint: "check contracts.json" },
  SettlerNotReceiver: {
    reason: "tokens sent to Flexibility itself would be lost",
    hint: "redeem them: `flexibility allow`, then `flexibility redeem`",
  },
  ERC721NonexistentToken: {
    reason: "there is no contract with this number, or it is closed or left",
    hint: SEE_POSITIONS,
  },
  ERC721IncorrectOwner: {
    reason: "this account does not hold the contract",
    hint: "run it with the holder's key: --key NAME; `flexibility position ID` says who it is",
  },
  ERC721InsufficientApproval: {
    reason: "this account does not hold the contract, and may not hand it on",
    hint: "run it with the holder's key: --key NAME",
  },
  ERC721InvalidReceiver: {
    reason: "a contract cannot be held by this address",
    hint: "name another address with --to",
  },
  ERC721InvalidOwner: { reason: "the zero address holds nothing", hint: "name an account" },
  ERC721InvalidSender: { reason: "the contract is there already", hint: SEE_POSITIONS },
  ERC721InvalidApprover: {
    reason: "only who holds the contract may let others hand it on",
    hint: "run it with the holder's key: --key NAME",
  },
  ERC721InvalidOperator: { reason: "the zero address hands nothing on", hint: "name an account" },
};
