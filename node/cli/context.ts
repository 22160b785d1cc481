import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { isLoopback } from "../api/access.ts";
import { type FlagValues, loadConfiguration } from "../configuration.ts";
import { type HomePaths, homePaths } from "../configurationHome.ts";
import type { NodeOptions } from "../options.ts";
import { cliError } from "./cliError.ts";
import type { CliIo } from "./io.ts";
import { createLedgerClient, type LedgerClient } from "./ledgerClient.ts";

/** What the global options and the home's configuration say, for one command. */
export interface CommandContext {
  readonly io: CliIo;
  readonly json: boolean;
  readonly options: NodeOptions;
  readonly paths: HomePaths;
  readonly client: () => LedgerClient;
}

interface GlobalFlags {
  readonly home?: string;
  readonly node?: string;
  readonly tokenFile?: string;
  readonly passphraseFile?: string;
  readonly json?: boolean;
}

/** @throws ConfigurationError, CliError TOKEN_FILE_UNREADABLE */
export function commandContext(io: CliIo, command: Command, nodeFlags: FlagValues = {}): CommandContext {
  const flags = command.optsWithGlobals<GlobalFlags>();
  const options = loadConfiguration(
    { ...nodeFlags, home: flags.home, passphraseFile: flags.passphraseFile },
    io.environment,
  );
  return {
    io,
    json: flags.json === true,
    options,
    paths: homePaths(options.home),
    client: () => {
      const token = tokenOf(flags.tokenFile ?? options.apiTokenFile);
      return createLedgerClient({ url: nodeUrl(flags.node, options), fetch: io.fetch, token });
    },
  };
}

/** Of the named node, or the home's own. @throws CliError NODE_URL_MALFORMED */
export function nodeUrl(given: string | undefined, options: NodeOptions): string {
  if (given === undefined) {
    // A node bound to every address is reached at loopback from its own machine.
    const host =
      ["0.0.0.0", "::"].includes(options.apiHost) || isLoopback(options.apiHost) ? "127.0.0.1" : options.apiHost;
    return `http://${host.includes(":") ? `[${host}]` : host}:${options.apiPort}`;
  }
  if (URL.canParse(given) && /^https?:$/.test(new URL(given).protocol)) return given.replace(/\/+$/, "");
  throw cliError("usage", "NODE_URL_MALFORMED", `${given} is not a URL`, "write --node http://127.0.0.1:26680");
}

/** Of the API; undefined where no file is named. @throws CliError TOKEN_FILE_UNREADABLE */
export function tokenOf(file: string): string | undefined {
  if (file === "") return undefined;
  try {
    return readFileSync(file, "utf8").trim();
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    const hint = "name a readable file with --token-file";
    throw cliError("usage", "TOKEN_FILE_UNREADABLE", `cannot read ${file} (${reason})`, hint);
  }
}

/** The help text's example, in one form for all commands. */
export function example(...lines: readonly string[]): string {
  return `\nExample:\n${lines.map((line) => `  $ energy-ledger ${line}`).join("\n")}`;
}
