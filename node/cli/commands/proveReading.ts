import { writeFileSync } from "node:fs";
import type { Command } from "commander";
import { hashHeader } from "#storage/types/header.ts";
import { MAX_READING_TIME_MS } from "#storage/types/reading.ts";
import { formatReadingProofFile } from "#storage/types/readingProofFileJson.ts";
import { collectSeals } from "../../audit/collectSeals.ts";
import { rowsOfItem } from "../../audit/meterAudit.ts";
import type { OwnTransactionJson } from "../../audit/ownSeals.ts";
import { proveOneReading } from "../../audit/proveOneReading.ts";
import { gatherRows } from "../../audit/rowSet.ts";
import { number, timeOf } from "../auditReport.ts";
import { meterKeysOf } from "../auditSources.ts";
import { cliError } from "../cliError.ts";
import { commandContext, example } from "../context.ts";
import type { CliIo } from "../io.ts";
import { facts, show } from "../output.ts";
import { parseTimeMs } from "../quantities.ts";
import { nothingSealed, openNode } from "./audit.ts";

interface ProveReadingFlags {
  readonly meter: string;
  readonly at: string;
  readonly output?: string;
  readonly keyFile?: string;
  readonly offline?: boolean;
}

/** `prove reading`, at the meter's light node or on its stopped data. */
export function proveReadingCommand(prove: Command, io: CliIo): void {
  prove
    .command("reading")
    .description("Prove one reading of a meter under its seal, as a file that shows no other reading")
    .requiredOption("--meter <id>", "meter id")
    .requiredOption("--at <time>", "the reading's own time: RFC 3339 with zone, or Unix ms")
    .option("-o, --output <file>", "where to write it (default: standard output)")
    .option("--key-file <file>", "keys that the meter's owner gave for an audit (default: the meter key of this home)")
    .option("--offline", "read the data of this home, whose node is stopped")
    .addHelpText(
      "after",
      example("prove reading --meter lcl:MAC000002/import --at 2026-06-01T12:00:05Z -o reading.json"),
    )
    .action(async (_flags: object, command: Command) => {
      // `prove` itself takes what both have.
      const flags = command.optsWithGlobals<ProveReadingFlags>();
      const context = commandContext(io, command);
      const { meter: meterId } = flags;
      const atMs = parseTimeMs(flags.at);
      await using node = await openNode(context, command, flags);
      const transactions: Record<string, OwnTransactionJson> = {};
      // The interval that this time is in ends next; its amendments come with it.
      const oneInterval = {
        async seals(request: Parameters<typeof node.audit.seals>[0]) {
          const page = await node.audit.seals({ ...request, limit: 1 });
          Object.assign(transactions, page.transactions);
          const endMs = page.items[0]?.endMs;
          return { ...page, items: page.items.filter((item) => item.endMs === endMs), next: null };
        },
      };
      const seals = await collectSeals(oneInterval, { meterId, fromMs: atMs - 1, toMs: MAX_READING_TIME_MS });
      const items = seals.items.filter(({ startMs }) => startMs < atMs);
      const [unproved] = [...seals.unproved, ...seals.pending];
      if (items.length === 0 && unproved !== undefined) {
        const hint = "ask again when the interval is final; for one without its proof, take a backup of the light node";
        throw cliError("verificationFailed", "SEAL_UNPROVED", `the interval is not proved: ${unproved.reason}`, hint);
      }
      const [interval] = items;
      if (interval === undefined) throw nothingSealed(meterId, node.name);
      const { ledgerId } = seals;
      const keys = await meterKeysOf(context, { meterId, ledgerId, keyFile: flags.keyFile });
      const request = { meterId, afterMs: interval.startMs, untilMs: interval.endMs };
      const rows = await gatherRows(node.audit.rows(request), undefined);
      let refusal = { code: "READING_ABSENT", reason: "there is no reading of this time here" };
      for (const item of items) {
        const transaction = transactions[item.txId];
        if (transaction === undefined) continue;
        const made = proveOneReading(atMs, item, rowsOfItem({ items, rows, keys }, item), { keys, transaction });
        if ("proof" in made) return write(made.proof);
        if (made.code !== "READING_ABSENT") refusal = made;
      }
      const exit = refusal.code === "READING_UNPROVABLE" ? "tampered" : "notFound";
      throw cliError(exit, refusal.code, refusal.reason, `look at \`audit --meter ${meterId}\``);

      function write(proof: Parameters<typeof formatReadingProofFile>[0]): void {
        const text = formatReadingProofFile(proof);
        if (flags.output === undefined) {
          io.out(text);
          return;
        }
        writeFileSync(flags.output, text);
        const blockHash = Buffer.from(hashHeader(proof.nextHeader)).toString("hex");
        const { height } = proof.nextHeader;
        const view = { file: flags.output, value: proof.reading.value, index: proof.reading.index, height, blockHash };
        show(io, context.json, view, () =>
          facts([
            ["file", view.file],
            ["reading", `${number(view.value)} at ${timeOf(atMs)}`],
            ["block", height],
            ["block hash", blockHash],
            ["next", "compare this block hash with a source you trust, then verify FILE --trusted-hash HASH"],
          ]),
        );
      }
    });
}
