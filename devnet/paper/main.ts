#!/usr/bin/env node
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { openCellFiles } from "./cellFiles.ts";
import { ethereumCosts } from "./ethereumCosts.ts";
import { createGrid } from "./grid.ts";
import { describeMachine } from "./machine.ts";
import type { PaperData } from "./paperTables.ts";
import { createProgress } from "./progress.ts";
import { readmeTables, withMarkedPart } from "./readmeTable.ts";
import type { RunFacts } from "./report.ts";
import { type CellResult, runCell } from "./runCell.ts";
import { groupOf, groupsOf } from "./summary.ts";
import { writePaper } from "./writePaper.ts";

const README = fileURLToPath(new URL("../../README.md", import.meta.url));
const WARM_UP_SECONDS = 1;

/** Kept for gas, tables and figures, in ms. */
const REST_MS = 15_000;

interface Flags {
  readonly quick: boolean;
  readonly output?: string;
  readonly seed: number;
  readonly minutes?: number;
  readonly window: number;
  readonly bigchaindb?: string;
  readonly readme: boolean;
  readonly json: boolean;
}

const flags = new Command("paper")
  .description("Ways to keep meters' readings, measured on the same four validators: D5.1's tables and figures remade")
  .option("--quick", "one configuration, two repetitions: under two minutes", false)
  .option("--output <folder>", "results; finished cells in it are kept (default: paper-results, or paper-quick)")
  .option("--seed <n>", "of keys, readings, orders and what is tampered with", Number, 1)
  .option("--minutes <n>", "no cell begins that would end later; run it again to go on (default: 20, or 2)", Number)
  .option("--window <n>", "updates under way at most, one of each prosumer", Number, 800)
  .option("--bigchaindb <url>", "a BigchainDB server to measure beside")
  .option("--readme", "put the tables of this run into README.md", false)
  .option("--json", "one JSON object on standard output", false)
  .parse()
  .opts<Flags>();

process.exitCode = await main();

async function main(): Promise<number> {
  const beganMs = performance.now();
  const interrupt = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, () => interrupt.abort());
  const { quick: isQuick, seed, window, bigchaindb: bigchaindbUrl } = flags;
  const output = flags.output ?? (isQuick ? "paper-quick" : "paper-results");
  const minutes = flags.minutes ?? (isQuick ? 2 : 20);
  const grid = createGrid({ isQuick, seed });
  const { seconds } = grid;
  const files = openCellFiles(output, { isQuick, seed, seconds, window, bigchaindbUrl });
  const machine = describeMachine();
  const progress = createProgress(grid.cells.length + 1);

  const results: CellResult[] = [];
  const failures: string[] = [];
  let longestMs = 0;
  for (const cell of grid.cells) {
    const kept = files.load(cell.name);
    const cellBeganMs = performance.now();
    const isTime = cellBeganMs - beganMs + longestMs + REST_MS <= minutes * 60_000;
    if (kept === undefined && (!isTime || interrupt.signal.aborted)) continue;
    const options = { seed, seconds, window, bigchaindbUrl, warmUpSeconds: WARM_UP_SECONDS, signal: interrupt.signal };
    try {
      const result = kept ?? (await runCell(cell, options, (text) => progress.say(`${cell.name}: ${text}`)));
      if (kept === undefined) files.save(result);
      results.push(result);
    } catch (error) {
      // The others are worth having; this one is tried again by the next run.
      if (!interrupt.signal.aborted) failures.push(`${cell.name}: ${(error as Error).message}`);
    }
    if (kept === undefined) longestMs = Math.max(longestMs, performance.now() - cellBeganMs);
    progress.advance();
  }
  if (interrupt.signal.aborted) {
    progress.end();
    process.stderr.write(`interrupted; ${results.length} of ${grid.cells.length} cells are in ${output}\n`);
    return 130;
  }
  const groups = groupsOf(results);
  const base = groupOf(groups, grid.base);
  if (base === undefined) {
    const reason = failures.join("; ") || `--minutes ${minutes} are too few`;
    process.stderr.write(`nothing to compare with, not one cell of the base: ${reason}\n`);
    return 1;
  }
  progress.say("gas");
  const data: PaperData = { base, groups, ethereum: await ethereumCosts() };
  const times = results.map(({ startedAt }) => startedAt).sort();
  const facts: RunFacts = {
    machine,
    seed,
    isQuick,
    seconds,
    window,
    cells: { planned: grid.cells.length, measured: results.length },
    from: times[0] ?? "",
    to: times.at(-1) ?? "",
  };
  const tables = writePaper(output, facts, data);
  progress.advance();
  progress.end();
  if (flags.readme) {
    const source = `\`npm run paper${isQuick ? " -- --quick" : ""}\`, ${facts.from.slice(0, 10)}, commit ${machine.commit}, ${machine.processor}, ${machine.cores} cores, load average ${machine.loadAverage} before:`;
    writeFileSync(README, withMarkedPart(readFileSync(README, "utf8"), readmeTables(tables, source)));
  }
  if (flags.json) process.stdout.write(`${JSON.stringify({ ...facts, tables }, null, 2)}\n`);
  else process.stdout.write(`${output}/report.md, ${results.length} of ${grid.cells.length} cells\n`);
  for (const failure of failures) process.stderr.write(`not measured: ${failure}\n`);
  return failures.length === 0 &&
    results.every(({ agreement, rejectedInBlocks }) => agreement && rejectedInBlocks === 0)
    ? 0
    : 1;
}
