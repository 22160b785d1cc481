import { merkleRoot } from "../crypto/merkle.ts";
import { FieldWriter } from "./wire.ts";

/** The fields of an ExecTxResult that every validator must compute alike; log, codespace and events may differ. */
export interface DeterministicTxResult {
  readonly code: number;
  readonly data: Uint8Array;
  readonly gasWanted: bigint;
  readonly gasUsed: bigint;
}

/** tendermint.abci.ExecTxResult reduced to {code = 1, data = 2, gas_wanted = 5, gas_used = 6}. */
export function encodeDeterministicResult(result: DeterministicTxResult): Uint8Array {
  return new FieldWriter()
    .int(1, result.code)
    .bytes(2, result.data)
    .int(5, result.gasWanted)
    .int(6, result.gasUsed)
    .finish();
}

/** last_results_hash of the next header; for a block without transactions, and at the initial height, the hash of nothing. */
export function hashResults(results: readonly DeterministicTxResult[]): Uint8Array {
  return merkleRoot(results.map(encodeDeterministicResult));
}
