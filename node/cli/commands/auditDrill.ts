import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { cp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { type DrillResult, drill } from "../../audit/drill/drill.ts";
import { number } from "../auditReport.ts";
import { cliError } from "../cliError.ts";
import { commandContext, example } from "../context.ts";
import type { CliIo } from "../io.ts";
import { paint, printable, show, table } from "../output.ts";
import { readPassphrase } from "../passphrase.ts";
import { createProgress } from "../progress.ts";

interface DrillFlags {
  readonly flips: string;
  readonly seed: string;
  readonly work?: string;
}

const MAX_FLIPS = 1_000_000;

/** Misses shown to people; `--json` has all. */
const MAX_SHOWN = 20;

export function drillCommand(audit: Command, io: CliIo): void {
  audit
    .command("drill")
    .description(
      "Copy a stopped node's home, change one byte of one file at a time, and see whether each is noticed and located",
    )
    .option("--flips <count>", "bytes to change, one at a time", "1000")
    .option("--seed <number>", "the same seed changes the same bytes", "1")
    .option(
      "--work <folder>",
      "where the copy goes, and is removed from afterwards (default: the system's temporary folder)",
    )
    .addHelpText("after", example("audit drill --home ./net/validator0 --flips 1000"))
    .action(async (flags: DrillFlags, command: Command) => {
      const context = commandContext(io, command);
      const [flips, seed] = [countOf(flags.flips, "--flips"), countOf(flags.seed, "--seed")];
      const { home } = context.options;
      if (!["light", "ledger"].some((name) => existsSync(join(context.paths.data, name, "CLOSED.json")))) {
        const hint = "stop the node; one that was killed must be started and stopped once more";
        throw cliError("failure", "DRILL_NOT_CLOSED", `${home} is not the home of a node that was stopped`, hint);
      }
      const passphrase = await readPassphrase(io, context.options.passphraseFile);
      const progress = createProgress(io, context.json);
      const folder = mkdtempSync(join(flags.work ?? tmpdir(), "energy-ledger-drill-"));
      try {
        progress.show("Copying the home");
        await cp(home, folder, { recursive: true });
        const started = performance.now();
        const result = await drill({ home: folder, passphrase, flips, seed }, (done) =>
          progress.bar(done, flips, "flips"),
        );
        const perSecond = Math.round((1000 * result.flips) / (performance.now() - started));
        progress.end();
        const { kinds, ...rest } = result;
        const view = { home, seed, ...rest, kinds, flipsPerSecond: perSecond };
        show(io, context.json, view, () => formatDrill(io, result, perSecond));
        judge(result);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });
}

function countOf(text: string, flag: string): number {
  const value = Number(text);
  if (/^\d{1,7}$/.test(text) && value <= MAX_FLIPS) return value;
  throw cliError("usage", "COUNT_MALFORMED", `${flag} is ${JSON.stringify(text)}`, `write a number up to ${MAX_FLIPS}`);
}

function judge({ missed, damaged, unknown }: DrillResult): void {
  if (damaged.length > 0) {
    const [first] = damaged;
    const message = `${damaged.length} files were damaged before the drill, the first is ${first?.file}`;
    throw cliError("tampered", "DRILL_DAMAGED", message, "restore them from a backup");
  }
  if (missed.length > 0)
    throw cliError(
      "verificationFailed",
      "DRILL_MISSED",
      `${missed.length} changes were not found or located`,
      "this is a fault of the program; please report it",
    );
  if (unknown.length > 0)
    throw cliError(
      "verificationFailed",
      "DRILL_UNKNOWN_FILES",
      `nothing checks ${unknown.length} files: ${unknown.slice(0, 3).join(", ")}`,
      "remove what does not belong to the home, or report it",
    );
}

function formatDrill(io: CliIo, result: DrillResult, perSecond: number): string {
  const { kinds, missed, damaged, notData, unknown, flips, found, located } = result;
  const rows = kinds.map((kind) => [
    kind.kind,
    number(kind.files),
    number(kind.bytes),
    number(kind.flips),
    number(kind.found),
    number(kind.located),
  ]);
  const total = [
    "all",
    number(sumOf(kinds, "files")),
    number(sumOf(kinds, "bytes")),
    number(flips),
    number(found),
    number(located),
  ];
  const others = [
    ...notData.map(({ reason, files, example: name }) => [printable(name), number(files), reason]),
    ...unknown.map((file) => [printable(file), 1, "NOT KNOWN: nothing checks it"]),
  ];
  const lines = [
    table(["KIND OF FILE", "FILES", "BYTES", "FLIPS", "FOUND", "LOCATED"], [...rows, total]),
    others.length === 0 ? "" : `\n${table(["NOT FLIPPED", "FILES", "WHY"], others)}`,
    damaged.length === 0
      ? ""
      : `\n${table(
          ["DAMAGED ALREADY", "OFFSET", "WHAT"],
          damaged.map((each) => [printable(each.file), each.offset, printable(each.reason)]),
        )}`,
    missed.length === 0
      ? ""
      : `\n${table(
          ["MISSED", "OFFSET", "XOR", "WHAT WAS SAID"],
          missed
            .slice(0, MAX_SHOWN)
            .map((each) => [printable(each.file), each.offset, each.mask, printable(each.said?.reason ?? "nothing")]),
        )}`,
  ];
  const verdict = `${number(located)} of ${number(flips)} changes found and located, ${number(perSecond)} a second`;
  const isGood = located === flips && damaged.length === 0 && unknown.length === 0;
  return `${lines.join("")}\n${paint(io, isGood ? "green" : "red", verdict)}\n`;
}

function sumOf(kinds: DrillResult["kinds"], field: "files" | "bytes"): number {
  return kinds.reduce((sum, kind) => sum + kind[field], 0);
}
