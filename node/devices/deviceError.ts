import { LedgerError } from "#storage/error.ts";

export type DeviceErrorDetails =
  /** Not JSON, not of its schema, or too long; `where` is a JSON pointer. */
  | {
      readonly code: "CONFIGURATION_SYNTAX";
      readonly where: string;
      readonly reason: string;
      readonly problems: number;
    }
  | { readonly code: "CONFIGURATION_SCHEMA_UNKNOWN"; readonly schema: string }
  /** The file is no JSON Schema. */
  | { readonly code: "CONFIGURATION_SCHEMA_MALFORMED"; readonly schema: string; readonly reason: string }
  | { readonly code: "CONFIGURATION_TOO_LARGE"; readonly bytes: number; readonly maxBytes: number }
  /** Nothing can be encrypted to a key that is no point of its curve. */
  | { readonly code: "DEVICE_KEY_UNUSABLE"; readonly reason: string }
  | { readonly code: "ATTESTATION_FILE_MALFORMED"; readonly file: string; readonly reason: string }
  | { readonly code: "DEVICE_STATES_MALFORMED"; readonly path: string; readonly reason: string };

export class DeviceError extends LedgerError<DeviceErrorDetails> {}
