import { LedgerError } from "#storage/error.ts";

/** CometBFT beside this node does not do what the node needs. Codes in node/cometbft/README.md. */
export class CometError extends LedgerError<
  | { code: "COMETBFT_NOT_FOUND"; binary: string; hint: string }
  | { code: "COMETBFT_KEEPS_FAILING"; times: number; lastWords: string }
  | { code: "COMETBFT_BLOCK_REFUSED"; height: number; checkCode: string; reason: string }
  | { code: "COMETBFT_RPC_FAILED"; method: string; reason: string }
  | { code: "COMETBFT_RESULTS_MISSING"; height: number }
  | { code: "COMETBFT_OPTION_INVALID"; option: string; value: string; reason: string }
> {}
