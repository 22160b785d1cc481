import { setTimeout as delay } from "node:timers/promises";
import type { Command } from "commander";
import { createDrain } from "#storage/offchain/drain.ts";
import type { SecondTierState } from "../../offchain/secondTier.ts";
import { commandContext, example } from "../context.ts";
import type { CliIo } from "../io.ts";
import { facts, printable, show, table } from "../output.ts";
import { createProgress } from "../progress.ts";
import { openLetters, openNamedQueue, openNamedStore, type TierFlags, told, untilEmpty } from "../readingsTier.ts";
import type { StatusAnswer } from "./status.ts";

/** Between two drawings of the progress line, or two lines of JSON that differ. */
const SHOW_MS = 1000;
/** Dead letters that are listed. */
const MAX_LISTED = 1000;

const QUEUE = "amqp[s]://host[:port]/vhost[?queue=NAME], or the folder of an embedded queue (default: readingQueue)";
const STORE = "cassandra://host[:port]/keyspace[?dc=NAME], or a folder (default: readingStore)";

/** The second tier from the command line: a queue into a store as a process of its own, what was refused, and how it stands. */
export function readingsCommand(program: Command, io: CliIo): void {
  const readings = program
    .command("readings")
    .description("Queue and store of readings: drain one into the other, look at what was refused, ask how they stand")
    .addHelpText("after", example("readings drain --queue amqp://broker/ --store cassandra://node1,node2/readings"));
  drainCommand(readings, io);
  deadLettersCommand(readings, io);
  stateCommand(readings, io);
}

function withQueue(command: Command): Command {
  return command
    .option("--queue <address>", QUEUE)
    .option("--queue-credentials <file>", "file whose first line is user:password");
}

function withStore(command: Command): Command {
  return command
    .option("--store <address>", STORE)
    .option("--store-credentials <file>", "file whose first line is user:password");
}

function drainCommand(readings: Command, io: CliIo): void {
  withStore(withQueue(readings.command("drain")))
    .description(
      "Take readings from a queue and put them into a store until interrupted; a store that is away is waited for",
    )
    .option("--until-empty", "end when nothing waits any more")
    .addHelpText(
      "after",
      example(
        "readings drain --queue amqp://broker/ --queue-credentials broker.txt --store cassandra://node1,node2/readings",
        "readings drain --queue ./queue --store ./store --until-empty --json",
      ),
    )
    .action(async (flags: TierFlags & { readonly untilEmpty?: boolean }, command: Command) => {
      const context = commandContext(io, command);
      await using queue = await openNamedQueue(context, flags);
      await using store = await openNamedStore(context, flags);
      const stop = new AbortController();
      using forget = new DisposableStack();
      forget.defer(io.onInterrupt(() => stop.abort()));
      let away: string | undefined;
      const drain = createDrain({
        ...{ queue, store },
        wait: (ms, signal) => delay(ms, undefined, { signal }).catch(() => undefined),
        onStoreDown: (error) => {
          away = error?.message;
        },
      });
      const view = () => ({ ...drain.counts(), ...(away === undefined ? {} : { away }) });
      const progress = createProgress(io, context.json);
      let shown = "";
      const showing = setInterval(() => {
        const { stored, duplicates, conflicts, refused } = drain.counts();
        const text = `${stored} stored, ${duplicates} known, ${conflicts} in conflict, ${refused} refused`;
        progress.show(away === undefined ? text : `${text}; the store does not answer`);
        const line = JSON.stringify(view());
        if (context.json && line !== shown) io.out(`${line}\n`);
        shown = line;
      }, SHOW_MS);
      forget.defer(() => clearInterval(showing));
      const draining = drain.run(stop.signal);
      if (flags.untilEmpty === true)
        void untilEmpty(queue, stop.signal).then(
          () => stop.abort(),
          () => stop.abort(),
        );
      await told(draining);
      progress.end();
      const { stored, duplicates, conflicts, erased, refused, attempts } = drain.counts();
      show(io, context.json, view(), () =>
        facts([
          ["stored", stored],
          ["there already", duplicates],
          ["in conflict", conflicts],
          ["erased before", erased],
          ["refused", refused === 0 ? 0 : `${refused}: energy-ledger readings dead-letters`],
          ["tries at a store that was away", attempts],
        ]),
      );
    });
}

function deadLettersCommand(readings: Command, io: CliIo): void {
  withStore(withQueue(readings.command("dead-letters")))
    .description("Readings that a store refused for good, of a queue, or of a stopped node's home")
    .option("--retry", "give them back to the queue, or of a home to its store")
    .addHelpText("after", example("readings dead-letters --queue amqp://broker/", "readings dead-letters --retry"))
    .action(async (flags: TierFlags & { readonly retry?: boolean }, command: Command) => {
      const context = commandContext(io, command);
      await using letters = await openLetters(context, flags);
      if (flags.retry === true) {
        const retried = await letters.retry();
        show(io, context.json, { retried }, () => `${retried} given back\n`);
        return;
      }
      const listed: { meterId: string; quantity: string; time: string; reason: string; bytes: string }[] = [];
      let count = 0;
      for await (const { reading, bytes, reason } of letters.read()) {
        count += 1;
        if (count > MAX_LISTED) continue;
        const { meterId = "", quantity = "no reading", timestampMs } = reading ?? {};
        const time = timestampMs === undefined ? "" : new Date(timestampMs).toISOString();
        listed.push({ meterId, quantity, time, reason, bytes: Buffer.from(bytes).toString("hex") });
      }
      show(io, context.json, { count, letters: listed }, () => {
        const rows = listed.map(({ meterId, quantity, time, reason }) => [
          printable(meterId),
          quantity,
          time,
          printable(reason),
        ]);
        const more = count > listed.length ? `and ${count - listed.length} more\n` : "";
        return `${table(["METER", "QUANTITY", "TIME", "REASON"], rows)}${more}`;
      });
    });
}

function stateCommand(readings: Command, io: CliIo): void {
  withQueue(readings.command("state"))
    .description("What waits in a queue, or how a running node's readings go on from its log")
    .addHelpText("after", example("readings state", "readings state --queue amqp://broker/ --json"))
    .action(async (flags: TierFlags, command: Command) => {
      const context = commandContext(io, command);
      if (flags.queue !== undefined) {
        await using queue = await openNamedQueue(context, flags);
        let deadLetters = 0;
        for await (const _ of queue.deadLetters()) deadLetters += 1;
        const view = { queue: flags.queue, backlog: await queue.backlog(), deadLetters };
        show(io, context.json, view, () =>
          facts([
            ["queue", printable(view.queue)],
            ["deliveries that wait", view.backlog],
            ["dead letters", view.deadLetters],
          ]),
        );
        return;
      }
      const { secondTier } = await context
        .client()
        .get<StatusAnswer & { readonly secondTier?: SecondTierState }>("/status");
      show(io, context.json, { secondTier: secondTier ?? null }, () =>
        secondTier === undefined ? "Readings stay in the node's log.\n" : stateText(secondTier),
      );
    });
}

function stateText({ queue, store, backlogBatches, forwarded, drained, isAway, lastError }: SecondTierState): string {
  return facts([
    ["queue", printable(queue)],
    ["store", printable(store)],
    ["batches of the log that wait", backlogBatches],
    ["readings handed over", forwarded],
    ["stored", drained?.stored],
    ["refused", drained?.refused],
    ["state", isAway ? "does not answer, and is tried again" : "goes on"],
    ["last error", lastError && `${new Date(lastError.atMs).toISOString()} ${printable(lastError.reason)}`],
  ]);
}
