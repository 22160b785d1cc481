import { sha256 } from "../crypto/hash.ts";
import { ACCEPTED, rejected, type Verdict } from "../error.ts";
import { DEFAULT_MAX_BLOCK_BYTES, MAX_BLOCK_BYTES } from "../limits.ts";
import { FormatError } from "./formatError.ts";
import { decodeCanonical, FieldReader, FieldWriter } from "./wire.ts";

/** Consensus parameters (CometBFT types/params.go); `block` is hashed into the header's consensus hash. */
export interface ConsensusParams {
  readonly block: { readonly maxBytes: number; readonly maxGas: number };
  readonly evidence: { readonly maxAgeNumBlocks: number; readonly maxAgeDurationMs: number; readonly maxBytes: number };
  readonly validator: { readonly pubKeyTypes: readonly string[] };
  readonly version: { readonly app: number };
  readonly abci: { readonly voteExtensionsEnableHeight: number };
}

/** What CometBFT 0.38 and 0.39 assume when genesis.json has no consensus_params: blocks of 21 MB, far too much for a Raspberry Pi. */
export const COMETBFT_CONSENSUS_PARAMS: ConsensusParams = {
  block: { maxBytes: 22_020_096, maxGas: -1 },
  evidence: { maxAgeNumBlocks: 100_000, maxAgeDurationMs: 48 * 3600 * 1000, maxBytes: 1_048_576 },
  validator: { pubKeyTypes: ["ed25519"] },
  version: { app: 0 },
  abci: { voteExtensionsEnableHeight: 0 },
};

/** What this ledger writes into a new genesis: the block size is explicit because its default differs between CometBFT versions. */
export const DEFAULT_CONSENSUS_PARAMS: ConsensusParams = {
  ...COMETBFT_CONSENSUS_PARAMS,
  block: { maxBytes: DEFAULT_MAX_BLOCK_BYTES, maxGas: -1 },
};

/** Key type names of length 1 to 32, a handful of them: the message is under this many bytes. */
const MAX_PARAMS_BYTES = 1024;
const MAX_KEY_TYPES = 8;
const MAX_DURATION_MS = Number.MAX_SAFE_INTEGER / 1_000;

/** consensus_hash: SHA256 of HashedParams {block_max_bytes = 1, block_max_gas = 2}; no Merkle tree. */
export function hashConsensusParams(params: ConsensusParams): Uint8Array {
  return sha256(new FieldWriter().int(1, params.block.maxBytes).int(2, params.block.maxGas).finish());
}

/** CometBFT's ConsensusParams.ValidateBasic; vote extensions are refused because this ledger does not implement them. */
export function validateConsensusParams(params: ConsensusParams): Verdict {
  const { block, evidence, validator, version, abci } = params;
  const whole = [block.maxBytes, block.maxGas, evidence.maxAgeNumBlocks, evidence.maxBytes, version.app];
  if (!whole.every(Number.isSafeInteger))
    return rejected("PARAMS_NOT_INTEGER", "a parameter is not an integer below 2^53");
  if (block.maxBytes !== -1 && (block.maxBytes <= 0 || block.maxBytes > MAX_BLOCK_BYTES)) {
    return rejected("PARAMS_BLOCK_BYTES", `block.max_bytes is ${block.maxBytes}`);
  }
  if (block.maxGas < -1) return rejected("PARAMS_BLOCK_GAS", `block.max_gas is ${block.maxGas}`);
  if (evidence.maxAgeNumBlocks <= 0)
    return rejected("PARAMS_EVIDENCE_AGE", "evidence.max_age_num_blocks is not positive");
  if (!(evidence.maxAgeDurationMs > 0 && evidence.maxAgeDurationMs <= MAX_DURATION_MS)) {
    return rejected("PARAMS_EVIDENCE_AGE", "evidence.max_age_duration is not positive or beyond 285 years");
  }
  const maxBytes = block.maxBytes === -1 ? MAX_BLOCK_BYTES : block.maxBytes;
  if (evidence.maxBytes < 0 || evidence.maxBytes > maxBytes) {
    return rejected("PARAMS_EVIDENCE_BYTES", `evidence.max_bytes is ${evidence.maxBytes} of ${maxBytes}`);
  }
  if (version.app < 0) return rejected("PARAMS_APP_VERSION", "version.app is negative");
  const types = validator.pubKeyTypes;
  if (types.length === 0 || types.some((type) => type !== "ed25519" && type !== "secp256k1")) {
    return rejected("PARAMS_KEY_TYPES", "validator.pub_key_types is empty or names an unknown type");
  }
  if (abci.voteExtensionsEnableHeight !== 0) {
    return rejected("PARAMS_VOTE_EXTENSIONS", "vote extensions are not supported, the height must be 0");
  }
  return ACCEPTED;
}

/** tendermint.types.ConsensusParams, every group written. */
export function encodeConsensusParams(params: ConsensusParams): Uint8Array {
  const keyTypes = new FieldWriter();
  for (const type of params.validator.pubKeyTypes) keyTypes.message(1, Buffer.from(type, "utf8"));
  const evidence = new FieldWriter()
    .int(1, params.evidence.maxAgeNumBlocks)
    .message(2, encodeDurationMs(params.evidence.maxAgeDurationMs))
    .int(3, params.evidence.maxBytes);
  return new FieldWriter()
    .message(1, new FieldWriter().int(1, params.block.maxBytes).int(2, params.block.maxGas).finish())
    .message(2, evidence.finish())
    .message(3, keyTypes.finish())
    .message(4, new FieldWriter().int(1, params.version.app).finish())
    .message(5, new FieldWriter().int(1, params.abci.voteExtensionsEnableHeight).finish())
    .finish();
}

/** @throws FormatError. Says nothing about whether the values make sense: see validateConsensusParams. */
export function decodeConsensusParams(bytes: Uint8Array): ConsensusParams {
  return decodeCanonical("consensusParams", MAX_PARAMS_BYTES, bytes, readConsensusParams, encodeConsensusParams);
}

function readConsensusParams(bytes: Uint8Array): ConsensusParams {
  let block = { maxBytes: 0, maxGas: 0 };
  let evidence = { maxAgeNumBlocks: 0, maxAgeDurationMs: 0, maxBytes: 0 };
  let pubKeyTypes: readonly string[] = [];
  let app = 0;
  let voteExtensionsEnableHeight = 0;
  const fields = new FieldReader("consensusParams", bytes);
  while (fields.next()) {
    if (fields.number === 1) block = readBlockParams(fields.message());
    else if (fields.number === 2) evidence = readEvidenceParams(fields.message());
    else if (fields.number === 3) pubKeyTypes = readKeyTypes(fields.message());
    else if (fields.number === 4) app = readOnlyNumber("version.app", fields.message());
    else if (fields.number === 5) voteExtensionsEnableHeight = readOnlyNumber("abci", fields.message());
    else fields.refuse();
  }
  return { block, evidence, validator: { pubKeyTypes }, version: { app }, abci: { voteExtensionsEnableHeight } };
}

function readBlockParams(bytes: Uint8Array): { maxBytes: number; maxGas: number } {
  const params = { maxBytes: 0, maxGas: 0 };
  const fields = new FieldReader("params.block", bytes);
  while (fields.next()) {
    if (fields.number === 1) params.maxBytes = fields.integer("params.block.maxBytes");
    else if (fields.number === 2) params.maxGas = fields.integer("params.block.maxGas");
    else fields.refuse();
  }
  return params;
}

function readEvidenceParams(bytes: Uint8Array): {
  maxAgeNumBlocks: number;
  maxAgeDurationMs: number;
  maxBytes: number;
} {
  const params = { maxAgeNumBlocks: 0, maxAgeDurationMs: 0, maxBytes: 0 };
  const fields = new FieldReader("params.evidence", bytes);
  while (fields.next()) {
    if (fields.number === 1) params.maxAgeNumBlocks = fields.integer("params.evidence.maxAgeNumBlocks");
    else if (fields.number === 2) params.maxAgeDurationMs = readDurationMs(fields.message());
    else if (fields.number === 3) params.maxBytes = fields.integer("params.evidence.maxBytes");
    else fields.refuse();
  }
  return params;
}

function readKeyTypes(bytes: Uint8Array): readonly string[] {
  const types: string[] = [];
  const fields = new FieldReader("params.validator", bytes);
  while (fields.next()) {
    if (fields.number !== 1) fields.refuse();
    if (types.length === MAX_KEY_TYPES) {
      throw new FormatError({ code: "FORMAT_TOO_MANY", field: "params.validator.pubKeyTypes", max: MAX_KEY_TYPES });
    }
    types.push(fields.text("params.validator.pubKeyTypes", 32));
  }
  return types;
}

function readOnlyNumber(field: string, bytes: Uint8Array): number {
  let value = 0;
  const fields = new FieldReader(field, bytes);
  while (fields.next()) {
    if (fields.number === 1) value = fields.count(field);
    else fields.refuse();
  }
  return value;
}

/** google.protobuf.Duration {seconds = 1, nanos = 2}. */
function encodeDurationMs(ms: number): Uint8Array {
  const seconds = Math.floor(ms / 1000);
  return new FieldWriter()
    .int(1, seconds)
    .int(2, (ms - seconds * 1000) * 1_000_000)
    .finish();
}

function readDurationMs(bytes: Uint8Array): number {
  let seconds = 0;
  let nanos = 0;
  const fields = new FieldReader("duration", bytes);
  while (fields.next()) {
    if (fields.number === 1) seconds = fields.count("duration.seconds", MAX_DURATION_MS / 1000);
    else if (fields.number === 2) nanos = fields.count("duration.nanos", 999_999_999);
    else fields.refuse();
  }
  return seconds * 1000 + Math.floor(nanos / 1_000_000);
}
