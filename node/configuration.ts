import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import { LedgerError } from "#storage/error.ts";
import { nearestName } from "./configurationNearest.ts";
import {
  defaultOptions,
  ENVIRONMENT_PREFIX,
  environmentName,
  flagName,
  type NodeOptions,
  OPTION_NAMES,
  OPTION_TABLE,
  type OptionName,
} from "./options.ts";

export class ConfigurationError extends LedgerError<
  | { code: "OPTION_UNKNOWN"; name: string; where: string; nearest: string }
  | { code: "OPTION_INVALID"; name: string; where: string; value: unknown; expected: string }
  | { code: "OPTION_FORBIDDEN"; name: string; where: string; hint: string }
  | { code: "CONFIG_UNREADABLE"; file: string; reason: string }
  | { code: "CONFIG_MALFORMED"; file: string; reason: string }
> {}

type Environment = Readonly<Record<string, string | undefined>>;

/** Texts from the command line, by option name. */
export type FlagValues = Readonly<Partial<Record<OptionName, unknown>>>;

/**
 * The options of a node: defaults, then `config.json` of the home, then environment variables, then flags; the later wins.
 * Paths become absolute: those in config.json are relative to the home, all others to the working folder.
 * @throws ConfigurationError OPTION_UNKNOWN, OPTION_INVALID, OPTION_FORBIDDEN, CONFIG_UNREADABLE, CONFIG_MALFORMED
 */
export function loadConfiguration(flags: FlagValues, environment: Environment): NodeOptions {
  const fromEnvironment = readEnvironment(environment);
  const fromFlags = readValues(flags, "flags");
  const home = absolute(fromFlags.home ?? fromEnvironment.home ?? defaultOptions().home, process.cwd());
  const fromFile = readConfigFile(join(home, "config.json"));
  const paths = (values: Partial<NodeOptions>, base: string) => absolutePaths(values, base);
  return {
    ...absolutePaths(defaultOptions(), home),
    ...paths(fromFile, home),
    ...paths(fromEnvironment, process.cwd()),
    ...paths(fromFlags, process.cwd()),
    home,
  } as NodeOptions;
}

/** The values config.json sets; none when the file does not exist. */
export function readConfigFile(file: string): Partial<NodeOptions> {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR") return {};
    throw new ConfigurationError({ code: "CONFIG_UNREADABLE", file, reason: String(code) }, { cause: error });
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    const reason = (error as Error).message;
    throw new ConfigurationError({ code: "CONFIG_MALFORMED", file, reason }, { cause: error });
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed))
    throw new ConfigurationError({ code: "CONFIG_MALFORMED", file, reason: "not a JSON object" });
  return readValues(parsed as Record<string, unknown>, file);
}

/** What a new config.json says: only what differs from the defaults, so that better defaults reach old homes. */
export function formatConfigFile(values: Partial<NodeOptions>): string {
  return `${JSON.stringify(values, null, 2)}\n`;
}

function readEnvironment(environment: Environment): Partial<NodeOptions> {
  const names = new Map(OPTION_NAMES.map((name) => [environmentName(name), name]));
  const values: Record<string, unknown> = {};
  for (const [variable, value] of Object.entries(environment)) {
    if (!variable.startsWith(ENVIRONMENT_PREFIX) || value === undefined) continue;
    const name = names.get(variable);
    if (name === undefined) throw unknownOption(variable, "environment", [...names.keys()]);
    values[name] = readValue(name, value, `environment variable ${variable}`);
  }
  return values;
}

function readValues(source: Readonly<Record<string, unknown>>, where: string): Partial<NodeOptions> {
  const values: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(source)) {
    if (value === undefined) continue;
    if (!isOptionName(name)) throw unknownOption(name, where, OPTION_NAMES);
    values[name] = readValue(name, value, where === "flags" ? `flag ${flagName(name)}` : where);
  }
  return values;
}

function readValue(name: OptionName, value: unknown, where: string): unknown {
  const { kind } = OPTION_TABLE[name];
  const read = kind.read(value);
  if (read === undefined)
    throw new ConfigurationError({ code: "OPTION_INVALID", name, where, value, expected: kind.expected });
  return read;
}

/** Secrets in the environment or in a world-readable configuration leak into process lists and backups: say so instead of "unknown". */
function unknownOption(name: string, where: string, known: readonly string[]): ConfigurationError {
  if (/pass_?(phrase|word)|secret|private_?key|mnemonic/i.test(name) && !/file/i.test(name)) {
    const hint = "secrets are read from a file (passphraseFile) or asked on the terminal, never from here";
    return new ConfigurationError({ code: "OPTION_FORBIDDEN", name, where, hint });
  }
  return new ConfigurationError({ code: "OPTION_UNKNOWN", name, where, nearest: nearestName(name, known) });
}

export function isOptionName(name: string): name is OptionName {
  return Object.hasOwn(OPTION_TABLE, name);
}

function absolutePaths<V extends Partial<NodeOptions>>(values: V, base: string): V {
  const changed: Record<string, unknown> = { ...values };
  for (const name of OPTION_NAMES) {
    const value = changed[name];
    if (OPTION_TABLE[name].kind.placeholder === "path" && typeof value === "string" && value !== "")
      changed[name] = absolute(value, base);
  }
  return changed as V;
}

/** A leading `~` is the user's home folder, also where no shell has replaced it. */
export function absolute(path: string, base: string): string {
  const expanded = path === "~" || path.startsWith("~/") ? join(homedir(), path.slice(1)) : path;
  return isAbsolute(expanded) ? expanded : resolve(base, expanded);
}
