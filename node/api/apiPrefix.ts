/** Where the ledger's own routes begin; /api/v1 is kept for BigchainDB's interface. */
export const API_PREFIX = "/ledger/v1";
