import type { ConsensusParams } from "#storage/types/params.ts";
import { int64 } from "./primitives.ts";

const NANOSECONDS_PER_MS = 1_000_000n;

export function consensusParamsJson({ block, evidence, validator, version, abci }: ConsensusParams): object {
  return {
    block: { max_bytes: int64(block.maxBytes), max_gas: int64(block.maxGas) },
    evidence: {
      max_age_num_blocks: int64(evidence.maxAgeNumBlocks),
      max_age_duration: int64(BigInt(evidence.maxAgeDurationMs) * NANOSECONDS_PER_MS),
      max_bytes: int64(evidence.maxBytes),
    },
    validator: { pub_key_types: validator.pubKeyTypes },
    version: { app: int64(version.app) },
    abci: { vote_extensions_enable_height: int64(abci.voteExtensionsEnableHeight) },
  };
}
