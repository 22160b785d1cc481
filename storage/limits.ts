/** Every limit of the protocol: its unit, and why it is what it is. A limit is checked before anything is allocated for the input. */

/** Bytes of one TxRaw: 400 sealed intervals of a concentrator (about 250 B each) with room to spare. */
export const MAX_TX_BYTES = 256 * 1024;

/** Messages in one transaction: a concentrator serves up to 400 meters (D5.1 §2.2.1). */
export const MAX_TX_MESSAGES = 512;

/** Signers of one transaction: the largest m-of-n lock. */
export const MAX_TX_SIGNERS = 16;

/** Memo bytes, as in the Cosmos SDK's default. */
export const MAX_MEMO_BYTES = 256;

/** Accounts in one lock. */
export const MAX_LOCK_ACCOUNTS = 16;

/** Inputs or outputs of one transfer. */
export const MAX_TRANSFER_OUTPUTS = 256;

/** Characters of a meter id (DLMS logical device names are 16, LoRaWAN and P1 ids up to 96 with their scheme). */
export const MAX_METER_ID_CHARS = 96;

/** mWh of one output or one total: 2^53 - 1, 9.0 TWh, so that a number holds it exactly (research/data.md §1). */
export const MAX_ENERGY_MWH = 2n ** 53n - 1n;

/** Intervals of one meter whose sums are committed but not yet opened: 42 days of quarter hours. Sealing beyond it retires the oldest. */
export const MAX_UNOPENED_INTERVALS = 4096;

/** Default block size in bytes, set in genesis explicitly (research/cometbft.md §1.1): small enough for a Raspberry Pi. */
export const DEFAULT_MAX_BLOCK_BYTES = 2 * 1024 * 1024;

/** Bytes of one block part (CometBFT types/params.go BlockPartSizeBytes). */
export const BLOCK_PART_BYTES = 65_536;

/** Largest block any decoder accepts (CometBFT MaxBlockSizeBytes). */
export const MAX_BLOCK_BYTES = 100 * 1024 * 1024;

/** Hashes in one Merkle proof (CometBFT crypto/merkle MaxAunts). */
export const MAX_PROOF_AUNTS = 100;

/** Validators in one set: consensus gossip is a full mesh, research/cometbft.md §10. */
export const MAX_VALIDATORS = 100;

/** Total voting power (CometBFT MaxTotalVotingPower, MaxInt64/8). */
export const MAX_TOTAL_VOTING_POWER = (2n ** 63n - 1n) / 8n;

/** Bytes of a chain id (CometBFT MaxChainIDLen). */
export const MAX_CHAIN_ID_BYTES = 50;

/** Amendments of one sealed interval: late readings come in a few batches, and each leaves a record of its own while its sum is hidden. */
export const MAX_INTERVAL_AMENDMENTS = 32;

/** Runs of equal sealed intervals one period of a meter may keep, about 18 bytes each: a day without gaps is one run. */
export const MAX_SEALED_RUNS = 256;

/** Bytes of a CID: one of a 256-bit hash has 36 to 40. Those of 512-bit hashes are not taken. */
export const MAX_CID_BYTES = 64;

/** Bytes of an encrypted device configuration: 16 fill a transaction. */
export const MAX_CONFIGURATION_BYTES = 16 * 1024;

/** Encrypted configurations of one device that stay in the state; of older ones the hashes stay. 128 KiB of a device at most. */
export const MAX_KEPT_CONFIGURATIONS = 8;

/** Signatures of checkers in one transaction: they are verified while it is executed, at about 0.1 ms each. */
export const MAX_TX_ATTESTATIONS = 16;

/** Characters of a short text in a message: device model, schema id, detector. */
export const MAX_LABEL_CHARS = 64;

/** Bytes of one BigchainDB transaction's canonical JSON, unless genesis says less: what MAX_TX_BYTES leaves beside the envelope. */
export const MAX_ASSET_TRANSACTION_BYTES = 240 * 1024;

/** Events of Ethereum in one vote, and bytes of one's payload (contracts/src/Outbox.sol). */
export const MAX_ETHEREUM_EVENTS = 16;
export const MAX_ETHEREUM_PAYLOAD_BYTES = 1024;

/** Levels of a BigchainDB transaction's JSON: a condition of 100 nested thresholds, the deepest that is looked at, takes 205. */
export const MAX_ASSET_JSON_DEPTH = 256;

/** Nested thresholds of a condition or fulfillment (BigchainDB's `_fulfillment_from_details`). */
export const MAX_CONDITION_DEPTH = 100;

/** Ed25519 signatures of one BigchainDB transaction: 256 take 13 ms. */
export const MAX_ASSET_SIGNATURES = 256;
