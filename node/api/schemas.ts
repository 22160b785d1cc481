/** JSON schemas of requests and answers: they check the former and describe both in the OpenAPI document. */

const HASH = { type: "string", pattern: "^[0-9a-fA-F]{64}$", description: "32 bytes in hex" } as const;
const HEIGHT = { type: "integer", minimum: 1, maximum: Number.MAX_SAFE_INTEGER, description: "Block height" } as const;

export const TX_ID_PARAMS = { type: "object", required: ["txId"], properties: { txId: HASH } } as const;

export const HEIGHT_PARAMS = { type: "object", required: ["height"], properties: { height: HEIGHT } } as const;

export const BLOCK_PARAMS = {
  type: "object",
  required: ["at"],
  properties: {
    at: {
      type: "string",
      pattern: "^([1-9]\\d{0,15}|[0-9a-fA-F]{64}|latest)$",
      description: "Height, hash or `latest`",
    },
  },
} as const;

export const OUTPUT_PARAMS = {
  type: "object",
  required: ["txId", "index"],
  properties: { txId: HASH, index: { type: "integer", minimum: 0, maximum: 65_535 } },
} as const;

export function nameParams(name: string, description: string, maxLength: number) {
  return {
    type: "object",
    required: [name],
    properties: { [name]: { type: "string", minLength: 1, maxLength, description } },
  } as const;
}

export const SUBMIT_QUERY = {
  type: "object",
  additionalProperties: false,
  properties: {
    wait: {
      type: "string",
      enum: ["sync", "commit"],
      default: "sync",
      description: "sync answers once the transaction waits in the mempool, commit once it is in a block",
    },
  },
} as const;

export const SUBMIT_BODY = {
  type: "object",
  required: ["tx"],
  additionalProperties: false,
  properties: { tx: { type: "string", minLength: 4, description: "TxRaw bytes in base64" } },
} as const;

export const TRANSACTIONS_QUERY = {
  type: "object",
  additionalProperties: false,
  properties: {
    account: { type: "string", maxLength: 128, description: "Transactions that name this account, in either form" },
    meter: { type: "string", maxLength: 128, description: "Transactions that name this meter" },
    height: { ...HEIGHT, description: "Transactions of this block" },
    limit: { type: "integer", minimum: 1, maximum: 100, default: 30 },
    cursor: { type: "string", maxLength: 128, description: "`next` of the previous page" },
  },
} as const;

export const CONFIGURATION_PARAMS = {
  type: "object",
  required: ["meterId", "version"],
  properties: {
    meterId: { type: "string", minLength: 1, maxLength: 96, description: "Meter id" },
    version: { type: "string", pattern: "^([1-9]\\d{0,14}|latest)$", description: "Version, or `latest`" },
  },
} as const;

export const PAGE_QUERY = {
  type: "object",
  additionalProperties: false,
  properties: {
    after: { type: "string", maxLength: 128, description: "`next` of the previous page" },
    limit: { type: "integer", minimum: 1, maximum: 500, default: 500 },
  },
} as const;

export const STATE_QUERY = {
  type: "object",
  required: ["path"],
  additionalProperties: false,
  properties: {
    path: { type: "string", minLength: 1, maxLength: 256, description: "Query path, see consensus/README.md" },
    data: {
      type: "string",
      pattern: "^([0-9a-fA-F]{2})*$",
      maxLength: 8192,
      default: "",
      description: "Argument in hex",
    },
    height: {
      type: "integer",
      minimum: 0,
      maximum: Number.MAX_SAFE_INTEGER,
      default: 0,
      description: "0 is the latest",
    },
    prove: { type: "boolean", default: false },
  },
} as const;

const NUMBER_TEXT = { type: "string", pattern: "^[0-9]{1,19}$" } as const;

export const BRIDGE_STEPS_QUERY = {
  type: "object",
  additionalProperties: false,
  properties: {
    seq: { ...NUMBER_TEXT, description: "Anchors from this one on" },
    nonce: { ...NUMBER_TEXT, description: "Rotations from this one on" },
  },
} as const;

export const STATE_PROOF_QUERY = {
  type: "object",
  required: ["path"],
  additionalProperties: false,
  properties: {
    path: STATE_QUERY.properties.path,
    data: STATE_QUERY.properties.data,
    minHeight: {
      type: "integer",
      minimum: 0,
      maximum: Number.MAX_SAFE_INTEGER,
      default: 0,
      description: "The state after this block or a later one",
    },
  },
} as const;

export const EVENTS_QUERY = {
  type: "object",
  additionalProperties: false,
  properties: {
    types: {
      type: "string",
      pattern: "^(block|tx|status)(,(block|tx|status))*$",
      description: "Only these, separated by commas",
    },
  },
} as const;

/** An answer whose fields are described where they are built (node/api/json.ts). */
export function answer(description: string) {
  return { description, type: "object", additionalProperties: true } as const;
}

export const ERROR_ANSWER = {
  description: "Every error, with a code of node/README.md",
  type: "object",
  required: ["code", "message"],
  additionalProperties: true,
  properties: {
    code: { type: "string" },
    message: { type: "string" },
    hint: { type: "string" },
    details: { type: "object", additionalProperties: true },
  },
} as const;
