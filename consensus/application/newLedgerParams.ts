import type { GenesisParams } from "./genesisState.ts";

/** What the genesis of a new ledger says beside the defaults, which old ones rely on: with up to 63 gaps a day, every interval can be amended. */
export const NEW_LEDGER_PARAMS: Partial<GenesisParams> = { sealedRunsPerPeriod: 64 };
