import { LedgerError } from "#storage/error.ts";
import { EXIT_CODES, type ExitName } from "./exitCodes.ts";

/** A command that failed: what happened, what to do next, and the exit code it ends with. */
export class CliError extends LedgerError<{
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly exit: ExitName;
  readonly [fact: string]: unknown;
}> {
  get exitCode(): number {
    return EXIT_CODES[this.details.exit];
  }
}

export function cliError(exit: ExitName, code: string, message: string, hint: string): CliError {
  return new CliError({ code, message, hint, exit });
}
