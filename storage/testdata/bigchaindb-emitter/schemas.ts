import { CONDITION_DETAILS, TRANSACTION_SCHEMAS } from "../../assets/transactionSchema.ts";

/** The schemas as other programs read them: draft 4, with a `$ref` where a schema names itself. */
const definitions = { condition_details: CONDITION_DETAILS };
const schemas = Object.entries(TRANSACTION_SCHEMAS).map(([name, schema]) => [
  name,
  { $schema: "http://json-schema.org/draft-04/schema#", ...schema, definitions },
]);
const json = JSON.stringify(Object.fromEntries(schemas), (_name, value: unknown) =>
  typeof value === "function" ? { $ref: "#/definitions/condition_details" } : value,
);
process.stdout.write(`${json}\n`);
