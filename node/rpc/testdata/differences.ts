/**
 * Where we answer otherwise than the CometBFT that was recorded, and why. node/rpc/README.md says the same in words.
 * - `wording`: status, code and message are the same, the reason behind them (`data`) is in our parser's words or does not repeat the input.
 * - `notCached`: the same answer without leave to keep it for a day: an error, or what is not there, may be there tomorrow.
 * - `noCrash`: CometBFT's handler panics because an argument is missing (id -1, "reflect: Call with too few input arguments").
 * - `strict`: a websocket message with bytes behind its JSON is refused as it is over HTTP.
 */
export type Difference = "wording" | "notCached" | "noCrash" | "strict";

export const DIFFERENCES: Readonly<Record<string, Difference>> = {
  "not JSON": "wording",
  "JSON cut short": "wording",
  "a number": "wording",
  "a batch of a number": "wording",
  "an id that is an object": "wording",
  "bytes behind the JSON": "wording",
  "too many params in a list": "wording",
  "too few params in a list": "wording",
  "a height that is no number": "wording",
  "a body of a megabyte": "wording",
  "URI query without quotes": "wording",
  "a height of zero": "notCached",
  "a negative height": "notCached",
  "a negative height of a commit": "notCached",
  "a negative height of validators": "notCached",
  "blockchain of negative heights": "notCached",
  "blockchain the wrong way round": "notCached",
  "an unknown block": "notCached",
  "an unknown header": "notCached",
  "an unknown transaction": "notCached",
  "a chunk that is not there": "notCached",
  "URI unknown block": "notCached",
  "URI unknown header": "notCached",
  "a block by no hash": "noCrash",
  "no transaction": "noCrash",
  "no query": "noCrash",
  "no evidence": "noCrash",
};

export const MESSAGE_DIFFERENCES: Readonly<Record<string, Difference>> = {
  "not JSON": "wording",
  "a batch": "wording",
  "an id that is an object": "wording",
  "too many params in a list": "wording",
  "bytes behind the JSON": "strict",
};

/** What we answer where CometBFT panics. */
export const WITHOUT_CRASH: Readonly<Record<string, string>> = {
  "a block by no hash": '"result":{"block_id":{"hash":"","parts":{"total":0,"hash":""}},"block":null}',
  "no transaction": '"error":{"code":-32603,"message":"Internal error","data":"tx () not found"}',
  "no query": '"error":{"code":-32603,"message":"Internal error","data":"offset 0: EOF"}',
  "no evidence": '"error":{"code":-32603,"message":"Internal error","data":"no evidence was provided"}',
};
