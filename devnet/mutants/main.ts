#!/usr/bin/env node
import { Command } from "commander";
import { MUTANT_GROUPS } from "#contracts/mutants/index.ts";
import { formatTable } from "../view.ts";
import { runMutants, runUnbroken } from "./runMutants.ts";

interface Flags {
  readonly contract: readonly string[];
  readonly only: readonly string[];
  readonly workers: string;
  readonly json: boolean;
}

const program = new Command("contracts:mutants")
  .description(
    "The contracts' tests and invariants against deliberate mistakes in the contracts: which test catches each",
  )
  .option("--contract <names...>", "of these contracts", [])
  .option("--only <names...>", "these mistakes", [])
  .option("--workers <n>", "side by side", "2")
  .option("--json", "one JSON object on standard output, nothing else", false)
  .addHelpText("after", "\nExit code 1 when a mistake was not caught, or a test of the unbroken contracts fails.")
  .parse();

process.exitCode = await main(program.opts<Flags>());

async function main({ contract, only, workers, json }: Flags): Promise<number> {
  const groups = MUTANT_GROUPS.filter((one) => contract.length === 0 || contract.includes(one.contract))
    .map((one) => ({ ...one, mutants: one.mutants.filter(({ name }) => only.length === 0 || only.includes(name)) }))
    .filter(({ mutants }) => mutants.length > 0);
  const of = groups.reduce((sum, { mutants }) => sum + mutants.length, 0);
  const startedMs = performance.now();
  const unbroken = await runUnbroken(groups);
  let done = 0;
  const reports = await runMutants(groups, Number(workers), ({ contract: name, name: mutant, caughtBy, test }) => {
    const outcome = caughtBy === undefined ? "NOT CAUGHT" : `${caughtBy}: ${test}`;
    console.error(`${++done}/${of} ${name} ${mutant}: ${outcome}`);
  });
  const seconds = Math.round((performance.now() - startedMs) / 1000);
  const missed = reports.filter(({ caughtBy }) => caughtBy === undefined);
  const isGood = missed.length === 0 && unbroken.length === 0;
  const totals = groups.map(({ contract: name, mutants }) => {
    const own = reports.filter((one) => one.contract === name);
    const by = (kind: "test" | "invariant") => own.filter(({ caughtBy }) => caughtBy === kind).length;
    return { contract: name, mistakes: mutants.length, test: by("test"), invariant: by("invariant") };
  });
  if (json) {
    console.log(JSON.stringify({ totals, mutants: reports, unbroken, seconds }));
    return isGood ? 0 : 1;
  }
  console.log(
    formatTable(
      ["contract", "mistakes", "by a unit test", "by an invariant", "not caught"],
      totals.map(({ contract: name, mistakes, test, invariant }) =>
        [name, mistakes, test, invariant, mistakes - test - invariant].map(String),
      ),
    ),
  );
  for (const { contract: name, name: mutant, reason } of missed)
    console.log(`not caught: ${name} ${mutant}: ${reason}`);
  for (const failure of unbroken) console.log(`fails unbroken: ${failure}`);
  console.log(`${reports.length - missed.length} of ${reports.length} caught in ${seconds} s`);
  return isGood ? 0 : 1;
}
