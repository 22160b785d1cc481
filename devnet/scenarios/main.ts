#!/usr/bin/env node
import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Argument, Command, InvalidArgumentError } from "commander";
import { MIN_VALIDATORS_FOR_FAULTS } from "./faults.ts";
import { playScenario, SCENARIOS, type ScenarioName } from "./scenario.ts";

interface Flags {
  readonly validators: number;
  readonly faults: boolean;
  readonly json: boolean;
  readonly keep?: string;
}

const names = Object.keys(SCENARIOS) as ScenarioName[];
const about = names.map((name) => `  ${name.padEnd(20)} ${SCENARIOS[name].about}`).join("\n");

const program = new Command("scenario")
  .description(
    "From meter readings through the ledger and a contract on Ethereum to settled balances, on fresh ones of both",
  )
  .addArgument(new Argument("<name>", "which one").choices(names))
  .option("--validators <n>", "of the ledger", count, 4)
  .option(
    "--faults",
    "kill a validator and the relayer with SIGKILL on the way; what is claimed must hold all the same",
    false,
  )
  .option("--json", "one JSON object on standard output at the end, nothing else", false)
  .option("--keep <dir>", "keep homes, keys, logs, proofs and vouchers in this folder")
  .addHelpText("after", `\nScenarios:\n${about}\n\nExample:\n  npm run scenario -- pay-as-you-go`)
  .parse();

const flags = program.opts<Flags>();
if (flags.faults && flags.validators < MIN_VALIDATORS_FOR_FAULTS)
  program.error(
    `error: --faults needs ${MIN_VALIDATORS_FOR_FAULTS} validators, so that the ledger goes on without one`,
  );
process.exitCode = await main(program.args[0] as ScenarioName, flags);

/** Exit code 0 only if all that the scenario claims is true. */
async function main(name: ScenarioName, flags: Flags): Promise<number> {
  const directory = flags.keep === undefined ? mkdtempSync(join(tmpdir(), "energy-scenario-")) : resolve(flags.keep);
  mkdirSync(directory, { recursive: true });
  const say = (text: string) => void (flags.json ? undefined : process.stdout.write(text));
  const interrupt = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => interrupt.abort());
  const { signal } = interrupt;
  try {
    const { validators, faults } = flags;
    const report = await playScenario(name, { directory, validators, blockSeconds: 1, faults, signal }, say);
    const { transactions, gas, fees } = report.ethereum;
    if (flags.json) process.stdout.write(`${JSON.stringify(report)}\n`);
    say(
      `\n${report.passed ? "All of it is true." : "Not all of it is true."} ${transactions} transactions on Ethereum, ${gas} gas, ${fees}.\n`,
    );
    return report.passed ? 0 : 1;
  } catch (error) {
    if (!signal.aborted) throw error;
    process.stderr.write("interrupted; everything is stopped\n");
    return 130;
  } finally {
    if (flags.keep === undefined) rmSync(directory, { recursive: true, force: true });
  }
}

function count(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value <= 20) return value;
  throw new InvalidArgumentError("it must be a whole number from 1 to 20");
}
