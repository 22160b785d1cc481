import { LedgerError } from "#storage/error.ts";

export class ServiceError extends LedgerError<
  | { code: "GO_NOT_FOUND"; hint: string }
  /** A program that fetches or runs the service is not on this machine. */
  | { code: "SERVICE_TOOL_NOT_FOUND"; tool: string; hint: string }
  | { code: "SERVICE_BUILD_FAILED"; what: string; reason: string }
  /** It ended, or said nothing, before it was ready. */
  | { code: "SERVICE_START_FAILED"; what: string; reason: string }
  | { code: "SERVICE_UNKNOWN"; name: string; known: readonly string[] }
  | { code: "SERVICES_NOT_RUNNING"; file: string }
> {}
