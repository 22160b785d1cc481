#!/usr/bin/env node
import { readFileSync, writeFileSync } from "node:fs";
import { Command, InvalidArgumentError } from "commander";
import { type ByzantineLimit, drawPlan } from "#consensus/sim/drawPlan.ts";
import { EFFECT_NAMES } from "#consensus/sim/effects.ts";
import type { Plan } from "#consensus/sim/plan.ts";
import { type RunResult, runPlan } from "#consensus/sim/run.ts";
import { shrinkPlan } from "#consensus/sim/shrink.ts";
import { SIM_PORTS } from "./ports.ts";
import { createProgress } from "./progress.ts";
import { runSeeds } from "./runSeeds.ts";

interface Flags {
  readonly seeds?: number;
  readonly seed?: number;
  readonly byzantine: ByzantineLimit;
  readonly workers: number;
  readonly plan?: string;
  readonly out?: string;
  readonly trace: boolean;
  readonly shrink: boolean;
  readonly json: boolean;
}

/** In so many seeds every fault and behaviour should have had an effect; those that had none are named. */
const EFFECT_SEEDS = 500;

/** Violations that are made smaller and shown; the others are counted. */
const SHOWN_MAX = 3;

const program = new Command("sim")
  .description("The consensus on a virtual clock, network and disk, with everything going wrong that a seed says")
  .option("--seeds <n>", "how many seeds (default: 1000; 1 with --seed)", count)
  .option("--seed <n>", "the first seed", whole)
  .option("--byzantine <f>", "Byzantine validators: f, f+1 (a fork is expected and found), or a number", limit, "f")
  .option("--workers <n>", "threads", count, 2)
  .option("--plan <file>", "run the plan in this file instead of seeds")
  .option("--trace", "with one seed or a plan: print what happens, a line an event", false)
  .option("--no-shrink", "do not look for a smaller plan that fails too")
  .option("--out <file>", "write the smallest failing plan there, to be kept in consensus/sim/regressions")
  .option("--json", "one JSON object on standard output, nothing else", false)
  .addHelpText(
    "after",
    "\nExit code 1 when an invariant was violated.\nExamples:\n  npm run sim -- --seeds 1000\n  npm run sim -- --seed 4711 --trace\n  npm run sim -- --seeds 5 --byzantine f+1",
  )
  .parse();

process.exitCode = await main(program.opts<Flags>());

async function main(flags: Flags): Promise<number> {
  if (flags.plan !== undefined) return runOne(JSON.parse(readFileSync(flags.plan, "utf8")) as Plan, flags);
  if (flags.trace) return runOne(drawPlan(flags.seed ?? 1, { byzantine: flags.byzantine }), flags);
  return runMany(flags);
}

async function runOne(plan: Plan, flags: Flags): Promise<number> {
  const onLine = flags.trace && !flags.json ? (line: string) => console.log(line) : undefined;
  const result = await runPlan(plan, SIM_PORTS, onLine);
  if (flags.json) console.log(JSON.stringify({ ...result, plan }));
  else console.log(describe(result));
  return result.violation === undefined ? 0 : 1;
}

async function runMany(flags: Flags): Promise<number> {
  const first = flags.seed ?? 1;
  const seeds = flags.seeds ?? (flags.seed === undefined ? 1000 : 1);
  const startedMs = performance.now();
  const progress = createProgress();
  const report = await runSeeds(first, seeds, { byzantine: flags.byzantine, workers: flags.workers }, (done, bad) =>
    progress.show(done, seeds, `${bad} violations`),
  );
  progress.end();
  const seconds = Math.round((performance.now() - startedMs) / 100) / 10;

  const shown: { result: RunResult; plan: Plan }[] = [];
  for (const { seed } of report.violations.slice(0, SHOWN_MAX)) shown.push(await smallest(seed, flags));
  const [smallestFound] = shown.toSorted((a, b) => a.plan.faults.length - b.plan.faults.length);
  if (flags.out !== undefined && smallestFound !== undefined)
    writeFileSync(flags.out, `${JSON.stringify(smallestFound.plan, undefined, 2)}\n`);

  const { violations, ...figures } = report;
  if (flags.json) {
    const brief = violations.map(({ seed, violation }) => ({ seed, ...violation }));
    const plans = shown.map(({ plan }) => plan);
    console.log(JSON.stringify({ ...figures, byzantine: flags.byzantine, seconds, violations: brief, plans }));
  } else {
    for (const { result, plan } of shown)
      console.log(`${describe(result)}\n  the smallest plan found that still does it:\n  ${JSON.stringify(plan)}\n`);
    if (violations.length > shown.length)
      console.log(
        `and seeds ${violations
          .slice(shown.length)
          .map(({ seed }) => seed)
          .join(", ")}\n`,
      );
    const { heights, events, restarts, evidence, txs, virtualSeconds, cpuSeconds, effects } = report;
    const missing = EFFECT_NAMES.filter((name) => effects[name].seeds === 0);
    const drawn = `${EFFECT_NAMES.length - missing.length} of ${EFFECT_NAMES.length} faults and behaviours had an effect`;
    console.log(
      `${seeds} seeds from ${first}: ${violations.length} violations in ${seconds} s, ${cpuSeconds} s of processor time\n` +
        `${heights} heights, ${txs} energy transactions, ${restarts} restarts after crashes, ${evidence} offences proved, ` +
        `${events} events in ${virtualSeconds} s of virtual time\n` +
        `${drawn}${missing.length > 0 && seeds >= EFFECT_SEEDS ? `; none of ${missing.join(", ")}` : ""}\ndigest ${report.digest}`,
    );
  }
  return violations.length === 0 ? 0 : 1;
}

/** The plan of a seed that fails, made as small as it gets with the same invariant broken. */
async function smallest(seed: number, flags: Flags): Promise<{ result: RunResult; plan: Plan }> {
  const drawn = drawPlan(seed, { byzantine: flags.byzantine });
  const result = await runPlan(drawn, SIM_PORTS);
  if (!flags.shrink) return { result, plan: drawn };
  const plan = await shrinkPlan(drawn, async (candidate) => {
    const { violation } = await runPlan(candidate, SIM_PORTS);
    return violation?.invariant === result.violation?.invariant;
  });
  return { result, plan };
}

function describe({ seed, violation, height, traceHash }: RunResult): string {
  if (violation === undefined) return `seed ${seed}: nothing violated, ${height} heights, trace ${traceHash}`;
  return `seed ${seed}: ${violation.invariant} violated at ${violation.atMs} ms: ${violation.message}`;
}

function count(text: string): number {
  const value = whole(text);
  if (value < 1) throw new InvalidArgumentError("A number from 1 is expected.");
  return value;
}

function whole(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) throw new InvalidArgumentError("A whole number is expected.");
  return value;
}

function limit(text: string): ByzantineLimit {
  return text === "f" || text === "f+1" ? text : whole(text);
}
