import { type Command, Option } from "commander";
import { pino } from "pino";
import type { FlagValues } from "../../configuration.ts";
import { environmentName, flagName, OPTION_NAMES, OPTION_TABLE, type OptionName } from "../../options.ts";
import { cliError } from "../cliError.ts";
import { commandContext, example } from "../context.ts";
import type { CliIo } from "../io.ts";
import { facts, show } from "../output.ts";
import { readPassphrase } from "../passphrase.ts";

/** Options that every command has already. */
const GLOBAL_OPTIONS: readonly OptionName[] = ["home", "passphraseFile"];

const START_OPTIONS = OPTION_NAMES.filter((name) => !GLOBAL_OPTIONS.includes(name));

export function startCommand(program: Command, io: CliIo): void {
  const start = program
    .command("start")
    .description("Run the node of this home until it is interrupted; the log goes to standard error")
    .addHelpText("after", example("start --role validator", "start --home ~/pi --role light --meter-source simulator"));
  for (const name of START_OPTIONS) start.addOption(optionOf(name));
  start.action(async (flags: Record<string, unknown>, command: Command) => {
    const { json, options } = commandContext(io, command, ownFlags(flags));
    const log = pino({ level: options.logLevel, base: { node: options.moniker } }, pino.destination(2));
    const interrupted = Promise.withResolvers<void>();
    const forget = io.onInterrupt(() => interrupted.resolve());
    try {
      const passphrase = () => readPassphrase(io, options.passphraseFile);
      const running = await io.startNode(options, { log, passphrase });
      const started = {
        event: "started",
        role: running.role,
        peerId: running.peerId,
        api: running.api?.url ?? null,
        rpc: running.rpc?.url ?? null,
        bigchain: running.bigchain?.url ?? null,
        addresses: running.addresses,
      };
      show(io, json, started, () =>
        facts([
          ["role", running.role],
          ["api", running.api?.url ?? "off"],
          ["rpc", running.rpc?.url],
          ["bigchain", running.bigchain?.url],
          ["bigchain stream", running.bigchain?.streamUrl],
          ["docs", running.api && options.apiDocs ? `${running.api.url}/docs` : undefined],
          ["peer id", running.peerId],
          ...running.addresses.map((address) => ["address", address] as const),
        ]),
      );
      const ended = await Promise.race([
        interrupted.promise.then(() => "interrupted"),
        running.done.then(() => "ended"),
      ]).catch(async (error: unknown) => {
        // A node that cannot go on must not go on answering: whoever watches it sees it end. What broke may not close either.
        await running.stop().catch((inClosing: unknown) => log.error({ err: inClosing }, "Could not close everything"));
        throw error;
      });
      await running.stop();
      await running.done;
      if (ended === "ended")
        throw cliError("failure", "NODE_ENDED", "the node stopped by itself", "its log says why; then start it again");
    } finally {
      forget();
    }
  });
}

/** A switch may be given alone or with true or false, so that a flag can undo what config.json says. */
function optionOf(name: OptionName): Option {
  const { kind, unit, description, default: value } = OPTION_TABLE[name];
  const flag = flagName(name);
  const text = Array.isArray(value) ? value.join(",") : String(value);
  const shownUnit = unit === "" ? "" : `, in ${unit}`;
  const shown = `${description}${shownUnit} (default: ${text === "" ? "none" : text}; env ${environmentName(name)})`;
  return kind.placeholder === undefined
    ? new Option(`${flag} [true|false]`, shown)
    : new Option(`${flag} <${kind.placeholder}>`, shown);
}

function ownFlags(flags: Readonly<Record<string, unknown>>): FlagValues {
  return Object.fromEntries(
    START_OPTIONS.filter((name) => flags[name] !== undefined).map((name) => [name, flags[name]]),
  );
}
