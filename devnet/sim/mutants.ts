#!/usr/bin/env node
import { Command } from "commander";
import { MUTANTS } from "#consensus/sim/mutants.ts";
import { formatTable } from "../view.ts";
import { createProgress } from "./progress.ts";
import { runMutants } from "./runMutants.ts";
import { runSeeds } from "./runSeeds.ts";

interface Flags {
  readonly only: readonly string[];
  readonly workers: string;
  readonly control: string;
  readonly json: boolean;
}

const program = new Command("sim:mutants")
  .description("The simulator against deliberately broken variants of the sources: how many seeds until each is found")
  .option("--only <names...>", "these mutants", [])
  .option("--workers <n>", "threads", "2")
  .option("--control <n>", "seeds of the unbroken sources, which must find nothing", "500")
  .option("--json", "one JSON object on standard output, nothing else", false)
  .addHelpText("after", "\nExit code 1 when a mutant was not found, or the unbroken sources violated something.")
  .parse();

process.exitCode = await main(program.opts<Flags>());

async function main(flags: Flags): Promise<number> {
  const workers = Number(flags.workers);
  const of = flags.only.length > 0 ? flags.only.length : MUTANTS.length;
  const progress = createProgress();
  const startedMs = performance.now();
  let done = 0;
  const reports = await runMutants(flags.only, workers, ({ name, seeds, invariant }) => {
    progress.show(++done, of, name);
    // It takes minutes: whoever keeps a log wants to see how far it is.
    if (!process.stderr.isTTY) console.error(`${done}/${of} ${name}: ${invariant ?? "NOT FOUND"}, ${seeds} seeds`);
  });
  const control = await runSeeds(1, Number(flags.control), { workers }, (seeds) =>
    progress.show(seeds, Number(flags.control), "unbroken"),
  );
  progress.end();
  const seconds = Math.round((performance.now() - startedMs) / 100) / 10;
  const missed = reports.filter(({ invariant }) => invariant === undefined);
  const isGood = missed.length === 0 && control.violations.length === 0;

  if (flags.json) {
    const unbroken = { seeds: control.seeds, violations: control.violations.length, digest: control.digest };
    console.log(JSON.stringify({ mutants: reports, found: reports.length - missed.length, unbroken, seconds }));
    return isGood ? 0 : 1;
  }
  console.log(
    formatTable(
      ["mutant", "seeds", "caught by", "mistake"],
      reports.map(({ name, seeds, invariant, reason }) => [name, String(seeds), invariant ?? "NOT FOUND", reason]),
    ),
  );
  console.log(
    `\n${reports.length - missed.length} of ${reports.length} mutants found in ${seconds} s; ` +
      `the unbroken sources: ${control.violations.length} violations in ${control.seeds} seeds`,
  );
  return isGood ? 0 : 1;
}
