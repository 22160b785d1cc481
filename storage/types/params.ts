/** Consensus parameters (CometBFT types/params.go); `block` is hashed into the header's consensus hash. */
export interface ConsensusParams {
  readonly block: { readonly maxBytes: number; readonly maxGas: number };
  readonly evidence: { readonly maxAgeNumBlocks: number; readonly maxAgeDurationMs: number; readonly maxBytes: number };
  readonly validator: { readonly pubKeyTypes: readonly string[] };
  readonly version: { readonly app: number };
  readonly abci: { readonly voteExtensionsEnableHeight: number };
}
