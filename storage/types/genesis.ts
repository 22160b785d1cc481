import { addressOf, type PublicKey } from "../crypto/keys.ts";
import { ACCEPTED, rejected, type Verdict } from "../error.ts";
import { MAX_CHAIN_ID_BYTES, MAX_TOTAL_VOTING_POWER, MAX_VALIDATORS } from "../limits.ts";
import { FormatError } from "./formatError.ts";
import { asObject, bytesFromHex, parseJsonObject, publicKeyFromJson, publicKeyToJson, toUpperHex } from "./keyJson.ts";
import { COMETBFT_CONSENSUS_PARAMS, type ConsensusParams, validateConsensusParams } from "./params.ts";
import { formatTimestamp, isZeroTime, parseTimestamp, type Timestamp } from "./time.ts";

/** Characters of a genesis file: the application state of a few thousand members and meters. */
const MAX_GENESIS_CHARS = 16 * 1024 * 1024;

const MAX_VALIDATOR_NAME_CHARS = 128;

export interface GenesisValidator {
  readonly address: Uint8Array;
  readonly publicKey: PublicKey;
  readonly power: bigint;
  readonly name: string;
}

/** The file every node of a network starts from (CometBFT genesis.json); `appState` is the ledger application's own JSON. */
export interface Genesis {
  readonly genesisTime: Timestamp;
  readonly chainId: string;
  readonly initialHeight: number;
  readonly consensusParams: ConsensusParams;
  readonly validators: readonly GenesisValidator[];
  readonly appHash: Uint8Array;
  readonly appState: unknown;
}

/**
 * Reads genesis.json. As CometBFT does, a missing initial_height is 1, missing consensus_params are its defaults, and a missing
 * validator address is derived; 64-bit numbers must be strings. Says nothing about whether it makes sense: see validateGenesis.
 * @throws FormatError naming the first field that is wrong
 */
export function parseGenesis(text: string): Genesis {
  const json = parseJsonObject("genesis.json", text, MAX_GENESIS_CHARS);
  const validators = json.validators ?? [];
  if (!Array.isArray(validators)) throw malformed("validators", "not a list");
  if (validators.length > MAX_VALIDATORS) {
    throw new FormatError({ code: "FORMAT_TOO_MANY", field: "validators", max: MAX_VALIDATORS });
  }
  return {
    genesisTime: parseTimestamp(textOf(json.genesis_time, "genesis_time")),
    chainId: textOf(json.chain_id, "chain_id"),
    initialHeight: json.initial_height === undefined ? 1 : integerOf(json.initial_height, "initial_height") || 1,
    consensusParams:
      json.consensus_params === undefined || json.consensus_params === null
        ? COMETBFT_CONSENSUS_PARAMS
        : paramsOf(asObject(json.consensus_params, "consensus_params")),
    validators: validators.map((value, i) => validatorOf(asObject(value, `validators[${i}]`), `validators[${i}]`)),
    appHash: bytesFromHex(json.app_hash ?? "", "app_hash"),
    appState: json.app_state,
  };
}

/** genesis.json byte for byte as CometBFT writes it, given an application state that JSON.stringify can write. */
export function formatGenesis(genesis: Genesis): string {
  const { block, evidence, validator, version, abci } = genesis.consensusParams;
  const json = {
    genesis_time: formatTimestamp(genesis.genesisTime),
    chain_id: genesis.chainId,
    initial_height: String(genesis.initialHeight),
    consensus_params: {
      block: { max_bytes: String(block.maxBytes), max_gas: String(block.maxGas) },
      evidence: {
        max_age_num_blocks: String(evidence.maxAgeNumBlocks),
        max_age_duration: (BigInt(evidence.maxAgeDurationMs) * 1_000_000n).toString(),
        max_bytes: String(evidence.maxBytes),
      },
      validator: { pub_key_types: validator.pubKeyTypes },
      version: { app: String(version.app) },
      abci: { vote_extensions_enable_height: String(abci.voteExtensionsEnableHeight) },
    },
    validators: genesis.validators.length === 0 ? undefined : genesis.validators.map(validatorToJson),
    app_hash: toUpperHex(genesis.appHash),
    app_state: genesis.appState,
  };
  // Go escapes these wherever they stand, and in JSON they can stand only inside strings.
  return JSON.stringify(json, null, 2).replace(
    /[<>&\u2028\u2029]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/**
 * Whether a network can start from this:
 *  a) chain id of 1..MAX_CHAIN_ID_BYTES — GENESIS_CHAIN_ID;  b) initial height >= 1 — GENESIS_INITIAL_HEIGHT
 *  c) a time — GENESIS_TIME;  d) sound parameters — PARAMS_*
 *  e) validators: 1..MAX_VALIDATORS of them, each once, address and key type right — GENESIS_VALIDATORS, GENESIS_VALIDATOR_ADDRESS,
 *     GENESIS_VALIDATOR_DUPLICATE, GENESIS_VALIDATOR_KEY_TYPE;  powers — GENESIS_VALIDATOR_POWER
 */
export function validateGenesis(genesis: Genesis): Verdict {
  const chainIdBytes = Buffer.byteLength(genesis.chainId, "utf8");
  if (chainIdBytes === 0 || chainIdBytes > MAX_CHAIN_ID_BYTES) {
    return rejected("GENESIS_CHAIN_ID", `the chain id has ${chainIdBytes} bytes`);
  }
  if (!Number.isSafeInteger(genesis.initialHeight) || genesis.initialHeight < 1) {
    return rejected("GENESIS_INITIAL_HEIGHT", `the initial height is ${genesis.initialHeight}`);
  }
  if (isZeroTime(genesis.genesisTime)) return rejected("GENESIS_TIME", "the genesis time is Go's zero time");
  const params = validateConsensusParams(genesis.consensusParams);
  if (!params.accepted) return params;
  return validateValidators(genesis);
}

function validateValidators({ validators, consensusParams }: Genesis): Verdict {
  if (validators.length === 0 || validators.length > MAX_VALIDATORS) {
    return rejected("GENESIS_VALIDATORS", `there are ${validators.length} validators`);
  }
  const seen = new Set<string>();
  let total = 0n;
  for (const [i, { address, publicKey, power }] of validators.entries()) {
    if (Buffer.compare(address, addressOf(publicKey)) !== 0) {
      return rejected("GENESIS_VALIDATOR_ADDRESS", `validator ${i} has an address that is not its key's`);
    }
    if (!consensusParams.validator.pubKeyTypes.includes(publicKey.type)) {
      return rejected("GENESIS_VALIDATOR_KEY_TYPE", `validator ${i} has a ${publicKey.type} key`);
    }
    if (seen.has(toUpperHex(address))) return rejected("GENESIS_VALIDATOR_DUPLICATE", `validator ${i} is listed twice`);
    seen.add(toUpperHex(address));
    total += power;
    if (power < 1n || total > MAX_TOTAL_VOTING_POWER) {
      return rejected("GENESIS_VALIDATOR_POWER", `validator ${i} has power ${power}, the sum so far is ${total}`);
    }
  }
  return ACCEPTED;
}

function validatorToJson(validator: GenesisValidator): unknown {
  return {
    address: toUpperHex(validator.address),
    pub_key: publicKeyToJson(validator.publicKey),
    power: validator.power.toString(),
    name: validator.name,
  };
}

function validatorOf(json: Readonly<Record<string, unknown>>, field: string): GenesisValidator {
  const publicKey = publicKeyFromJson(json.pub_key, `${field}.pub_key`);
  const given = bytesFromHex(json.address ?? "", `${field}.address`);
  const name = textOf(json.name ?? "", `${field}.name`);
  if (name.length > MAX_VALIDATOR_NAME_CHARS) throw malformed(`${field}.name`, "too long");
  return {
    address: given.length === 0 ? new Uint8Array(addressOf(publicKey)) : given,
    publicKey,
    power: bigintOf(json.power, `${field}.power`),
    name,
  };
}

function paramsOf(json: Readonly<Record<string, unknown>>): ConsensusParams {
  const group = (name: string) => asObject(json[name] ?? {}, `consensus_params.${name}`);
  const integer = (name: string, field: string) => {
    return integerOf(group(name)[field] ?? "0", `consensus_params.${name}.${field}`);
  };
  const nanoseconds = bigintOf(group("evidence").max_age_duration ?? "0", "consensus_params.evidence.max_age_duration");
  const types = group("validator").pub_key_types ?? [];
  if (!Array.isArray(types) || types.length > 8)
    throw malformed("consensus_params.validator.pub_key_types", "no short list");
  return {
    block: { maxBytes: integer("block", "max_bytes"), maxGas: integer("block", "max_gas") },
    evidence: {
      maxAgeNumBlocks: integer("evidence", "max_age_num_blocks"),
      maxAgeDurationMs: Number(nanoseconds / 1_000_000n),
      maxBytes: integer("evidence", "max_bytes"),
    },
    validator: { pubKeyTypes: types.map((type) => textOf(type, "consensus_params.validator.pub_key_types")) },
    version: { app: integer("version", "app") },
    abci: { voteExtensionsEnableHeight: integer("abci", "vote_extensions_enable_height") },
  };
}

function textOf(value: unknown, field: string): string {
  if (typeof value === "string") return value;
  throw malformed(field, "not a string");
}

/** A 64-bit integer, which CometBFT's JSON writes as a string. */
function bigintOf(value: unknown, field: string): bigint {
  const text = textOf(value, field);
  if (!/^(0|-?[1-9]\d{0,18})$/.test(text)) throw malformed(field, "not a decimal 64-bit integer");
  return BigInt(text);
}

function integerOf(value: unknown, field: string): number {
  const number = Number(bigintOf(value, field));
  if (!Number.isSafeInteger(number)) throw malformed(field, "beyond 2^53");
  return number;
}

function malformed(field: string, value: string): FormatError {
  return new FormatError({ code: "FORMAT_FIELD_RANGE", field, value });
}
