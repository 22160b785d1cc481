import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { askingEvm } from "#bridge/evm/evmErrors.ts";
import { cliError } from "../cli/cliError.ts";
import { type CommandContext, commandContext, example } from "../cli/context.ts";
import {
  type ChainFlags,
  contractsOf,
  ethereumUrlOf,
  type SendFlags,
  sendAndShow,
  withChainFlags,
  withSendFlags,
} from "../cli/ethereum.ts";
import type { CliIo } from "../cli/io.ts";
import { showKey } from "../cli/keyStore.ts";
import { show } from "../cli/output.ts";
import { parseDuration } from "../cli/quantities.ts";
import { signingAccount } from "../cli/submit.ts";
import type { EthereumAction, EthereumQuery } from "./action.ts";
import { openActionContext } from "./actionContext.ts";
import type { EthereumGroup } from "./group.ts";
import { type HomeKey, homeKeyOf } from "./homeKey.ts";
import { checkGiven, type Param, type Texts } from "./param.ts";

interface GroupFlags extends SendFlags {
  readonly wait?: string;
  readonly [param: string]: unknown;
}

/** A command for each action and query of a group, with the flags that its parameters are. */
export function groupCommand({ name, about, actions, queries, homeCommands }: EthereumGroup) {
  return (program: Command, io: CliIo): void => {
    const group = program
      .command(name)
      .description(about)
      .addHelpText("after", example(`${name} --help`));
    for (const action of actions) actionCommand(group, io, action);
    homeCommands?.(group, io);
    for (const query of queries) queryCommand(group, io, query);
  };
}

function actionCommand(group: Command, io: CliIo, action: EthereumAction): void {
  const command = withSendFlags(withParams(group.command(action.name).description(action.about), action));
  if (action.isProved === true)
    command.option("--wait <duration>", "how long to wait for the anchor that a proof needs (default: not at all)");
  for (const [flag, about] of action.atHome?.flags ?? []) command.option(flag, about);
  command
    .addHelpText("after", example(`${group.name()} ${action.name} ${action.example}`.trim()))
    .action(async (...given: readonly unknown[]) => {
      const { context, flags, texts } = read(io, action, given);
      // Before anything is asked: what is given wrongly is said at once, and no passphrase is wanted for it.
      const key = keyOf(context, flags.key);
      const own = withOwn(action, texts, () => key);
      checkGiven(action.params, own);
      using opened = await open(context, flags, action);
      const sender = { ...opened, from: key.address };
      const made = await askingEvm(action.interfaces, async () =>
        action.atHome?.texts(context, sender, { texts: own, flags }),
      );
      const { transaction, outcome } = await action.prepare(sender, { ...made, ...own });
      await sendAndShow(context, flags, opened, { transaction, interfaces: action.interfaces, outcome });
    });
}

function queryCommand(group: Command, io: CliIo, query: EthereumQuery): void {
  const command = withChainFlags(withParams(group.command(query.name).description(query.about), query));
  if (Object.values(query.params).some(({ ofHome }) => ofHome !== undefined))
    command.option("--key <name>", "a key of this home (default: the one that init made, or the only one)");
  command
    .addHelpText("after", example(`${group.name()} ${query.name} ${query.example}`.trim()))
    .action(async (...given: readonly unknown[]) => {
      const { context, flags, texts } = read(io, query, given);
      const all = withOwn(query, texts, () => keyOf(context, flags.key));
      using opened = await open(context, flags, query);
      const { answer, text } = await query.ask(opened, all);
      show(io, context.json, answer, () => text);
    });
}

type Taking = Pick<EthereumAction, "params" | "places" | "contract">;

function withParams(command: Command, { params, places = [] }: Taking): Command {
  for (const place of places) {
    const param = params[place] as Param<unknown>;
    command.argument(param.isOptional ? `[${place}]` : `<${place}>`, param.about);
  }
  for (const [name, param] of Object.entries(params)) {
    if (places.includes(name)) continue;
    const flag = `--${name.replace(/[A-Z]/g, (capital) => `-${capital.toLowerCase()}`)}`;
    if (param.kind === "switch") command.option(flag, param.about);
    else if (param.isOptional || param.ofHome !== undefined || param.isMadeAtHome)
      command.option(`${flag} <${param.value}>`, param.about);
    else command.requiredOption(`${flag} <${param.value}>`, param.about);
  }
  return command;
}

/** What commander hands over: arguments by their place, then the flags, then the command. */
function read(io: CliIo, { params, places = [] }: Taking, given: readonly unknown[]) {
  const [flags, command] = given.slice(places.length) as [GroupFlags, Command];
  const context = commandContext(io, command);
  const texts: Record<string, string | undefined> = {};
  for (const [name, param] of Object.entries(params)) {
    const place = places.indexOf(name);
    const value = place >= 0 ? given[place] : flags[name];
    if (value === undefined || value === false) continue;
    texts[name] = param.kind === "file" ? readText(String(value), param.maxChars) : String(value);
  }
  return { context, flags, texts };
}

function readText(path: string, maxChars: number): string {
  try {
    return readFileSync(path, "utf8").slice(0, maxChars + 1);
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    throw cliError("usage", "FILE_UNREADABLE", `cannot read ${path} (${reason})`, "name a readable file");
  }
}

function withOwn({ params }: Taking, texts: Texts, key: () => HomeKey): Texts {
  const own = Object.entries(params)
    .filter(([name, { ofHome }]) => ofHome !== undefined && texts[name] === undefined)
    .map(([name, { ofHome }]) => [name, ofHome?.(key())]);
  return { ...texts, ...Object.fromEntries(own) };
}

function keyOf(context: CommandContext, name: string | undefined): HomeKey {
  return homeKeyOf(showKey(context.paths.keys, signingAccount(context, name).name).publicKey);
}

function open(context: CommandContext, flags: ChainFlags & { readonly wait?: string }, { contract }: Taking) {
  const { io } = context;
  return openActionContext({
    ethereumUrl: ethereumUrlOf(context, flags),
    file: contractsOf(context, flags),
    contract: contract.name,
    fetch: io.fetch,
    nowMs: io.nowMs,
    ledger: (path) => context.client().get(path),
    waitMs: flags.wait === undefined ? 0 : parseDuration(flags.wait),
  });
}
