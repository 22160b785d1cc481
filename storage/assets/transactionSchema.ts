import { compileSchema, type JsonSchema, type SchemaCheck } from "./jsonSchema.ts";

/** BigchainDB's schemas of a transaction of version 2.0, keywords in the order of the server's own files: it decides which error is shown. */
const SHA3_HEXDIGEST: JsonSchema = { pattern: "[0-9a-f]{64}", type: "string" };
const BASE58: JsonSchema = { pattern: "[1-9a-zA-Z^OIl]{43,44}", type: "string" };
const PUBLIC_KEYS: JsonSchema = { anyOf: [{ type: "array", items: BASE58 }, { type: "null" }] };
const DATA: JsonSchema = { anyOf: [{ type: "object" }, { type: "null" }] };
const METADATA: JsonSchema = { anyOf: [{ type: "object", minProperties: 1 }, { type: "null" }] };

export const CONDITION_DETAILS: JsonSchema = {
  anyOf: [
    {
      type: "object",
      additionalProperties: false,
      required: ["type", "public_key"],
      properties: { type: { type: "string", pattern: "^ed25519-sha-256$" }, public_key: BASE58 },
    },
    {
      type: "object",
      additionalProperties: false,
      required: ["type", "threshold", "subconditions"],
      properties: {
        type: { type: "string", pattern: "^threshold-sha-256$" },
        threshold: { type: "integer", minimum: 1, maximum: 100 },
        subconditions: { type: "array", items: () => CONDITION_DETAILS },
      },
    },
  ],
};

const OUTPUT: JsonSchema = {
  type: "object",
  additionalProperties: false,
  required: ["amount", "condition", "public_keys"],
  properties: {
    amount: { type: "string", pattern: "^[0-9]{1,20}$" },
    condition: {
      type: "object",
      additionalProperties: false,
      required: ["details", "uri"],
      properties: {
        details: CONDITION_DETAILS,
        uri: {
          type: "string",
          pattern:
            "^ni:///sha-256;([a-zA-Z0-9_-]{0,86})[?](fpt=(ed25519|threshold)-sha-256(&)?|cost=[0-9]+(&)?|subtypes=ed25519-sha-256(&)?){2,3}$",
        },
      },
    },
    public_keys: PUBLIC_KEYS,
  },
};

const INPUT: JsonSchema = {
  type: "object",
  additionalProperties: false,
  required: ["owners_before", "fulfillment"],
  properties: {
    owners_before: PUBLIC_KEYS,
    fulfillment: { anyOf: [{ type: "string", pattern: "^[a-zA-Z0-9_-]*$" }, CONDITION_DETAILS] },
    fulfills: {
      anyOf: [
        {
          type: "object",
          additionalProperties: false,
          required: ["output_index", "transaction_id"],
          properties: { output_index: { type: "integer", minimum: 0 }, transaction_id: SHA3_HEXDIGEST },
        },
        { type: "null" },
      ],
    },
  },
};

/** What the schema names; only the first two are done here. */
const OPERATIONS = ["CREATE", "TRANSFER", "VALIDATOR_ELECTION", "CHAIN_MIGRATION_ELECTION", "VOTE"];

const COMMON: JsonSchema = {
  type: "object",
  additionalProperties: false,
  required: ["id", "inputs", "outputs", "operation", "metadata", "asset", "version"],
  properties: {
    id: { anyOf: [SHA3_HEXDIGEST, { type: "null" }] },
    operation: { type: "string", enum: OPERATIONS },
    asset: { type: "object", additionalProperties: false, properties: { id: SHA3_HEXDIGEST, data: DATA } },
    inputs: { type: "array", items: INPUT },
    outputs: { type: "array", items: OUTPUT },
    metadata: METADATA,
    version: { type: "string", pattern: "^2\\.0$" },
  },
};

const CREATE: JsonSchema = {
  type: "object",
  required: ["asset", "inputs"],
  properties: {
    asset: { additionalProperties: false, properties: { data: DATA }, required: ["data"] },
    inputs: {
      type: "array",
      maxItems: 1,
      minItems: 1,
      items: { type: "object", required: ["fulfills"], properties: { fulfills: { type: "null" } } },
    },
  },
};

const TRANSFER: JsonSchema = {
  type: "object",
  required: ["asset"],
  properties: {
    asset: { additionalProperties: false, properties: { id: SHA3_HEXDIGEST }, required: ["id"] },
    inputs: {
      type: "array",
      minItems: 1,
      items: { type: "object", required: ["fulfills"], properties: { fulfills: { type: "object" } } },
    },
  },
};

export const TRANSACTION_SCHEMAS = { common: COMMON, create: CREATE, transfer: TRANSFER };

export const checkCommonSchema: SchemaCheck = compileSchema(COMMON);
export const checkCreateSchema: SchemaCheck = compileSchema(CREATE);
export const checkTransferSchema: SchemaCheck = compileSchema(TRANSFER);
