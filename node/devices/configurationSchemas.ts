import { readdirSync, readFileSync } from "node:fs";
import { Ajv, type ValidateFunction } from "ajv";
import { DeviceError } from "./deviceError.ts";

/** Id and version, as they stand in the document and on the ledger. */
export interface SchemaName {
  readonly schema: string;
  readonly schemaVersion: number;
}

const FOLDER = new URL("./schemas/", import.meta.url);
const MAX_DOCUMENT_BYTES = 16 * 1024;
const MAX_SCHEMA_BYTES = 256 * 1024;

/** Names of the schemas that come with the program, like edream-device-settings-1. */
export function ownSchemas(): readonly string[] {
  return readdirSync(FOLDER).flatMap((name) => (name.endsWith(".json") ? [name.slice(0, -".json".length)] : []));
}

/** A keyword that is misspelt is a fault of the schema; what JSON Schema allows beside is not. */
const AJV = { strictSchema: true, strictTypes: false, strictTuples: false, strictRequired: false } as const;

const compiled = new Map<string, ValidateFunction>();

/** One of the program's own schemas. @throws DeviceError CONFIGURATION_SCHEMA_UNKNOWN */
export function ownSchema({ schema, schemaVersion }: SchemaName): ValidateFunction {
  const name = `${schema}-${schemaVersion}`;
  const known = compiled.get(name);
  if (known !== undefined) return known;
  // Only names that are there: what stands on the ledger must not become a path.
  if (!ownSchemas().includes(name)) throw new DeviceError({ code: "CONFIGURATION_SCHEMA_UNKNOWN", schema: name });
  const validate = compileSchema(readFileSync(new URL(`${name}.json`, FOLDER), "utf8"), name);
  compiled.set(name, validate);
  return validate;
}

/** Draft 7. @throws DeviceError CONFIGURATION_SCHEMA_MALFORMED */
export function compileSchema(text: string, name: string): ValidateFunction {
  try {
    if (text.length > MAX_SCHEMA_BYTES) throw new Error(`more than ${MAX_SCHEMA_BYTES} bytes`);
    return new Ajv(AJV).compile(JSON.parse(text) as object);
  } catch (error) {
    const reason = (error as Error).message.slice(0, 500);
    throw new DeviceError({ code: "CONFIGURATION_SCHEMA_MALFORMED", schema: name, reason }, { cause: error });
  }
}

/**
 * The document as JSON, and the schema it says it is of. Checks in order: its length, UTF-8 and JSON without a repeated name, an object with
 * `schema` and `schemaVersion`.
 * @throws DeviceError CONFIGURATION_TOO_LARGE, CONFIGURATION_SYNTAX
 */
export function readDocument(bytes: Uint8Array): SchemaName & Readonly<Record<string, unknown>> {
  if (bytes.length > MAX_DOCUMENT_BYTES)
    throw new DeviceError({ code: "CONFIGURATION_TOO_LARGE", bytes: bytes.length, maxBytes: MAX_DOCUMENT_BYTES });
  let json: unknown;
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    json = JSON.parse(text);
  } catch (error) {
    throw fault("", (error as Error).message);
  }
  if (typeof json !== "object" || json === null || Array.isArray(json)) throw fault("", "is no object");
  const { schema, schemaVersion } = json as Partial<SchemaName>;
  if (typeof schema !== "string" || !/^[\x21-\x7e]{1,64}$/.test(schema)) throw fault("/schema", "is no schema id");
  if (!Number.isInteger(schemaVersion) || (schemaVersion as number) < 1 || (schemaVersion as number) > 2 ** 32 - 1)
    throw fault("/schemaVersion", "is no version from 1 on");
  return json as SchemaName & Record<string, unknown>;
}

/** @throws DeviceError CONFIGURATION_SYNTAX with the place of the first mistake */
export function checkDocument(document: object, validate: ValidateFunction): void {
  if (validate(document) === true) return;
  const [first] = validate.errors ?? [];
  const named = (first?.params as { additionalProperty?: string } | undefined)?.additionalProperty;
  const reason = `${first?.message ?? "is not of the schema"}${named === undefined ? "" : ` (${named})`}`;
  throw fault(first?.instancePath ?? "", reason, validate.errors?.length ?? 1);
}

function fault(where: string, reason: string, problems = 1): DeviceError {
  return new DeviceError({ code: "CONFIGURATION_SYNTAX", where, reason: reason.slice(0, 300), problems });
}
