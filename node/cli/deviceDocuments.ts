import { readFileSync } from "node:fs";
import {
  checkDocument,
  compileSchema,
  ownSchema,
  readDocument,
  type SchemaName,
} from "../devices/configurationSchemas.ts";
import { DeviceError } from "../devices/deviceError.ts";
import { CliError, cliError } from "./cliError.ts";
import { ERROR_ADVICE } from "./errorAdvice.ts";

export interface CheckedDocument extends SchemaName {
  /** As they stand in the file: they are what is attested. */
  readonly bytes: Uint8Array;
}

/**
 * Reads a configuration and checks its syntax. `schema`: the file of a JSON Schema for devices of other makers; without it one of the program's own.
 * @throws CliError CONFIGURATION_FILE_UNREADABLE, and the codes of DeviceError
 */
export function readConfigurationFile(path: string, schema: string | undefined): CheckedDocument {
  const bytes = readBytes(path);
  try {
    const document = readDocument(bytes);
    const { schema: id, schemaVersion } = document;
    const validate =
      schema === undefined
        ? ownSchema({ schema: id, schemaVersion })
        : compileSchema(Buffer.from(readBytes(schema)).toString("utf8"), schema);
    checkDocument(document, validate);
    return { schema: id, schemaVersion, bytes };
  } catch (error) {
    throw error instanceof DeviceError ? explained(error, path) : error;
  }
}

function explained(error: DeviceError, path: string): CliError {
  const { details } = error;
  if (details.code === "CONFIGURATION_SYNTAX") {
    const { where, reason } = details;
    const message = `${path}: ${where === "" ? "the document:" : where} ${reason}`;
    return new CliError({ ...cliError("failure", error.code, message, "correct the file").details, facts: { where } });
  }
  if (details.code === "CONFIGURATION_SCHEMA_UNKNOWN") {
    const hint = "name the schema's file with --schema; node/devices/schemas has those of this program";
    return cliError("notFound", error.code, `there is no schema ${details.schema} here`, hint);
  }
  if (details.code === "CONFIGURATION_TOO_LARGE") {
    const message = `${path} has ${details.bytes} bytes, and a configuration may have ${details.maxBytes}`;
    return cliError("failure", error.code, message, ERROR_ADVICE[error.code] as string);
  }
  return cliError("failure", error.code, error.message, "node/devices/README.md explains the code");
}

function readBytes(path: string): Uint8Array {
  try {
    return new Uint8Array(readFileSync(path));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const exit = code === "ENOENT" ? "notFound" : "failure";
    throw cliError(exit, "CONFIGURATION_FILE_UNREADABLE", `cannot read ${path} (${code})`, "check the file's name");
  }
}
