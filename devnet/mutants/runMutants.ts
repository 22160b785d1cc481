import { spawn } from "node:child_process";
import { readFile, rm } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import type { Mutant, MutantGroup } from "#contracts/mutants/mutant.ts";
import { type BrokenTree, createBrokenTree } from "./brokenTree.ts";

const { resolve } = createRequire(import.meta.url);

/** Of unit tests that take some seconds, or invariants that take a minute: what takes this long goes round in circles. */
const TIMEOUT_MS = 600_000;

/** Calls of an invariant are this many times 500. */
const INVARIANT_RUNS = "40";

export interface MutantReport {
  readonly contract: string;
  readonly name: string;
  readonly reason: string;
  /** Which kind of test has caught it; undefined when none did. */
  readonly caughtBy: "test" | "invariant" | undefined;
  /** The first test that failed. */
  readonly test: string;
}

/** Runs each mistake of these groups, `workers` at a time: unit tests until one fails, and the invariants if none does. */
export async function runMutants(
  groups: readonly MutantGroup[],
  workers: number,
  onReport: (report: MutantReport) => void,
): Promise<readonly MutantReport[]> {
  const waiting = groups.flatMap((group) => group.mutants.map((mutant) => ({ group, mutant })));
  const order = waiting.map(({ mutant }) => mutant);
  const reports = new Map<Mutant, MutantReport>();
  const work = async (): Promise<void> => {
    await using tree = await createBrokenTree();
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const report = await hunt(tree, next.group, next.mutant);
      reports.set(next.mutant, report);
      onReport(report);
    }
  };
  await Promise.all(Array.from({ length: workers }, work));
  return order.flatMap((mutant) => reports.get(mutant) ?? []);
}

/** What fails of the unit tests of contracts that nobody has broken: compiled and run as the broken ones are. */
export async function runUnbroken(groups: readonly MutantGroup[]): Promise<readonly string[]> {
  await using tree = await createBrokenTree();
  const failures: string[] = [];
  for (const group of groups) {
    await tree.apply(group, undefined);
    const failed = await failedTest(tree, group);
    if (failed !== undefined) failures.push(`${group.contract}: ${failed}`);
  }
  return failures;
}

async function hunt(tree: BrokenTree, group: MutantGroup, mutant: Mutant): Promise<MutantReport> {
  const { contract } = group;
  const { name, reason } = mutant;
  try {
    await tree.apply(group, mutant);
    const failed = await failedTest(tree, group);
    if (failed !== undefined) return { contract, name, reason, caughtBy: "test", test: failed };
    const broken = await brokenInvariant(tree, group);
    return { contract, name, reason, caughtBy: broken === undefined ? undefined : "invariant", test: broken ?? "" };
  } finally {
    await tree.restore(group, mutant);
  }
}

interface VitestReport {
  readonly success: boolean;
  readonly testResults: readonly {
    readonly message: string;
    readonly assertionResults: readonly {
      readonly status: string;
      readonly fullName: string;
      readonly failureMessages: readonly string[];
    }[];
  }[];
}

/** The first unit test that fails; undefined when all pass. One that has only run out of time, on a machine that is busy, is run once more. */
async function failedTest(tree: BrokenTree, { tests }: MutantGroup): Promise<string | undefined> {
  for (const name of tests) {
    let failed = await runTests(tree, name);
    if (failed?.isTimeout) failed = await runTests(tree, name);
    if (failed !== undefined) return failed.test;
  }
  return undefined;
}

async function runTests({ root }: BrokenTree, name: string) {
  const output = join(root, "report.json");
  await rm(output, { force: true });
  const vitest = join(resolve("vitest/package.json"), "..", "vitest.mjs");
  const options = ["--config", "vitest.mutants.config.mjs", "--bail=1", "--reporter=json", `--outputFile=${output}`];
  const { isLate, log } = await run([vitest, "run", "--root", root, ...options, `contracts/${name}`], root, {});
  if (isLate) return { test: "does not end", isTimeout: true };
  const report = JSON.parse(await readFile(output, "utf8").catch(() => "null")) as VitestReport | null;
  if (report === null) throw new Error(`no report of vitest: ${log.slice(-2000)}`);
  if (report.success) return undefined;
  for (const { assertionResults } of report.testResults)
    for (const { status, fullName: test, failureMessages } of assertionResults)
      if (status === "failed") return { test, isTimeout: failureMessages.some((one) => one.includes("timed out")) };
  // What the file does before its tests, such as deploying.
  const { message = "" } = report.testResults.find((one) => one.message !== "") ?? {};
  return { test: `before the tests: ${message.split("\n")[0]}`, isTimeout: message.includes("timed out") };
}

async function brokenInvariant({ root }: BrokenTree, { fuzz }: MutantGroup): Promise<string | undefined> {
  const forge = [resolve("@foundry-rs/forge/bin.mjs"), "test", "--match-path", fuzz];
  const { isLate, log } = await run(forge, join(root, "contracts"), {
    NO_COLOR: "1",
    FOUNDRY_INVARIANT_RUNS: INVARIANT_RUNS,
  });
  if (isLate) return "does not end";
  if (/ 0 failed, 0 skipped/.test(log)) return undefined;
  const failed = /^Failing tests:[\s\S]*?((?:invariant|testFuzz)_\w+)\(/m.exec(log);
  if (failed === null) throw new Error(`forge: ${log.slice(-2000)}`);
  return failed[1];
}

async function run(args: readonly string[], cwd: string, env: Readonly<Record<string, string>>) {
  const child = spawn(process.execPath, args, {
    cwd,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ...env },
    timeout: TIMEOUT_MS,
  });
  const ended = new Promise((done) => child.once("exit", done));
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { isLate: child.killed, log: `${stdout}\n${stderr}` };
}
