import { Command, CommanderError } from "commander";
import { formatDetails, LedgerError } from "#storage/error.ts";
import { ConfigurationError } from "../configuration.ts";
import type { EthereumGroup } from "../ethereum/group.ts";
import { ETHEREUM_GROUPS } from "../ethereum/groups.ts";
import { CliError } from "./cliError.ts";
import { ERROR_ADVICE } from "./errorAdvice.ts";
import { EXIT_CODES } from "./exitCodes.ts";
import { fileFault } from "./fileFault.ts";
import type { CliIo } from "./io.ts";
import { paint, printable } from "./output.ts";

export const PROGRAM_NAME = "energy-ledger";

type AddCommand = (program: Command, io: CliIo) => void;

/** In the order of the help text. Each is loaded only when it is needed: `start` of a light node must not carry what signs transactions. */
const COMMANDS: Readonly<Record<string, () => Promise<AddCommand>>> = {
  init: async () => (await import("./commands/init.ts")).initCommand,
  keys: async () => (await import("./commands/keys.ts")).keysCommand,
  start: async () => (await import("./commands/start.ts")).startCommand,
  status: async () => (await import("./commands/status.ts")).statusCommand,
  members: async () => (await import("./commands/members.ts")).membersCommand,
  meter: async () => (await import("./commands/meter.ts")).meterCommand,
  meters: async () => (await import("./commands/meters.ts")).metersCommand,
  device: async () => (await import("./commands/device.ts")).deviceCommand,
  tx: async () => (await import("./commands/tx.ts")).txCommand,
  query: async () => (await import("./commands/query.ts")).queryCommand,
  prove: async () => (await import("./commands/prove.ts")).proveCommand,
  verify: async () => (await import("./commands/prove.ts")).verifyCommand,
  readings: async () => (await import("./commands/readings.ts")).readingsCommand,
  erase: async () => (await import("./commands/erase.ts")).eraseCommand,
  audit: async () => (await import("./commands/audit.ts")).auditCommand,
  analytics: async () => (await import("./commands/analytics.ts")).analyticsCommand,
  archive: async () => (await import("./commands/archive.ts")).archiveCommand,
  export: async () => (await import("./commands/export.ts")).exportCommand,
  bridge: async () => (await import("./commands/bridge.ts")).bridgeCommand,
  ...Object.fromEntries(Object.entries(ETHEREUM_GROUPS).map(([name, load]) => [name, () => loadGroup(load)])),
  aggregator: async () => (await import("./commands/aggregator.ts")).aggregatorCommand,
  validators: async () => (await import("./commands/validators.ts")).validatorsCommand,
};

async function loadGroup(load: () => Promise<EthereumGroup>): Promise<AddCommand> {
  const [{ groupCommand }, group] = await Promise.all([import("../ethereum/groupCommand.ts"), load()]);
  return groupCommand(group);
}

/** Runs one command line (without the program's own path) and answers its exit code. Never throws. */
export async function runCli(args: readonly string[], io: CliIo): Promise<number> {
  const [first = ""] = args;
  const program = await createProgram(io, Object.hasOwn(COMMANDS, first) ? [first] : Object.keys(COMMANDS));
  try {
    await program.parseAsync([...args], { from: "user" });
    return EXIT_CODES.ok;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_CODES.ok : EXIT_CODES.usage;
    return reportError(io, args.includes("--json"), error);
  }
}

export async function createProgram(io: CliIo, names: readonly string[] = Object.keys(COMMANDS)): Promise<Command> {
  const program = new Command(PROGRAM_NAME)
    .description("A node for a permissioned ledger of signed energy transactions, and the commands to work with it")
    .exitOverride()
    .configureOutput({ writeOut: io.out, writeErr: io.err })
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError("(add --help to see how this command is used)")
    .option("--home <path>", "folder with configuration, keys and data (default: ~/.energy-ledger)")
    .option("--node <url>", "node to ask (default: the API address in the home's config.json)")
    .option("--token-file <path>", "file with the node's API token")
    .option("--passphrase-file <path>", "file whose first line opens the key files")
    .option("--json", "answer in JSON");
  for (const name of names) (await COMMANDS[name]?.())?.(program, io);
  program.addHelpText(
    "after",
    `
Exit codes: 0 ok, 1 failure, 2 usage, 3 not found, 4 refused by the ledger, 5 verification failed, 6 cannot reach node, 7 tampered

Example:
  $ ${PROGRAM_NAME} init --chain-id my-ledger && ${PROGRAM_NAME} start`,
  );
  return program;
}

/** What happened, then what to do next, on standard error: as text, or with `--json` as one object. */
function reportError(io: CliIo, json: boolean, error: unknown): number {
  const { code, message, hint, exitCode, facts } = describeError(error);
  if (json) io.err(`${JSON.stringify({ code, message, hint, ...(facts === undefined ? {} : { details: facts }) })}\n`);
  else io.err(`${paint(io, "red", "error:")} ${printable(message)} [${code}]\n  ${printable(hint)}\n`);
  return exitCode;
}

function describeError(error: unknown): {
  code: string;
  message: string;
  hint: string;
  exitCode: number;
  facts?: unknown;
} {
  const known = error instanceof CliError ? error : fileFault(error);
  if (known !== undefined) {
    const { code, message, hint, facts } = known.details;
    return { code, message, hint, exitCode: known.exitCode, facts };
  }
  if (error instanceof ConfigurationError)
    return { code: error.code, ...configurationAdvice(error), exitCode: EXIT_CODES.usage };
  if (error instanceof LedgerError) {
    const { hint, next, ...shown } = error.details;
    const advice = [hint, next].find((text) => typeof text === "string");
    return {
      code: error.code,
      message: formatDetails({ ...shown, code: inWords(error.code) }),
      hint: advice ?? ERROR_ADVICE[error.code] ?? "the README of the part explains the code",
      exitCode: EXIT_CODES.failure,
    };
  }
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return {
    code: "UNEXPECTED",
    message,
    hint: "this is a fault of the program; please report it",
    exitCode: EXIT_CODES.failure,
  };
}

/** STORE_LOCKED as "store locked:". */
function inWords(code: string): string {
  return `${code.toLowerCase().replaceAll("_", " ")}:`;
}

function configurationAdvice({ details }: ConfigurationError): { message: string; hint: string } {
  switch (details.code) {
    case "OPTION_UNKNOWN":
      return {
        message: `${details.where}: there is no option ${details.name}`,
        hint: `did you mean ${details.nearest}?`,
      };
    case "OPTION_INVALID": {
      const value = JSON.stringify(details.value);
      return { message: `${details.where}: ${details.name} is ${value}`, hint: `it must be ${details.expected}` };
    }
    case "OPTION_FORBIDDEN":
      return { message: `${details.where}: ${details.name} is not allowed`, hint: details.hint };
    case "CONFIG_UNREADABLE":
    case "CONFIG_MALFORMED":
      return { message: `${details.file} cannot be used: ${details.reason}`, hint: "correct the file or remove it" };
  }
}
