#!/usr/bin/env node
import { randomBytes } from "node:crypto";
import { availableParallelism } from "node:os";
import { Command } from "commander";
import { loadMeters } from "../benchLoad.ts";
import { formatBytes, formatTable } from "../view.ts";
import { verificationsPerSecond } from "./ceiling.ts";
import { startLedgerTarget } from "./ledgerTarget.ts";
import { signLoad } from "./load.ts";
import { offer, WARM_UP_MS } from "./offer.ts";
import { say } from "./say.ts";

const VALIDATORS = 4;
/** Offered and not yet in a block, over all validators: deep enough for full blocks, far from a full mempool. */
const WINDOW_TXS = 6_000;

interface Flags {
  readonly seconds: number;
  readonly meters: number;
  readonly json: boolean;
}

const flags = new Command("bench:ledger")
  .description(
    "Finalised signed energy transactions per second through four validator processes, against the machine's ceiling",
  )
  .option("--seconds <n>", "length of the measured window", Number, 15)
  .option("--meters <n>", "meters that seal intervals", Number, 3000)
  .option("--json", "one JSON object on standard output", false)
  .parse()
  .opts<Flags>();

process.exitCode = await main();

async function main(): Promise<number> {
  const interrupt = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => interrupt.abort());
  const { signal } = interrupt;
  const { seconds } = flags;
  const perCore = verificationsPerSecond();
  say(`one core checks ${Math.round(perCore)} signatures a second`);
  const meters = loadMeters(flags.meters);
  const chainId = `bench-${randomBytes(3).toString("hex")}`;
  await using target = await startLedgerTarget({ name: "embedded", chainId, meters, validators: VALIDATORS, signal });
  const firstNumber = target.firstAccountNumber;
  const signing = { chainId, firstNumber, validators: VALIDATORS, seconds: seconds + WARM_UP_MS / 1000 };
  const load = await signLoad(meters, signing, say);
  const result = await offer(target, load, { seconds, windowTxs: WINDOW_TXS, signal }, say);
  const { agreement, rejectedInBlocks } = await target.close();
  const cores = availableParallelism();
  const ceilingPerSecond = (perCore * cores) / VALIDATORS;
  const report = {
    finalisedPerSecond: Math.round(result.perSecond),
    ceilingPerSecond: Math.round(ceilingPerSecond),
    ratio: Math.round((result.perSecond / ceilingPerSecond) * 1000) / 1000,
    verificationsPerSecondPerCore: Math.round(perCore),
    cores,
    validators: VALIDATORS,
    seconds,
    finalised: result.finalised,
    rejectedInBlocks,
    refusedByMempool: result.refused,
    blocks: result.blocks,
    txsPerBlock: Math.round(result.finalised / Math.max(1, result.blocks)),
    finalitySeconds: result.finalitySeconds,
    bytesPerTransaction: Math.round(load.bytes / load.txs),
    cpuSeconds: result.cpuSeconds,
    rssBytes: result.rssBytes,
    agreement,
  };
  if (flags.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  else process.stdout.write(`${table(report)}\n`);
  return agreement && rejectedInBlocks === 0 ? 0 : 1;
}

function table(report: Record<string, unknown> & { readonly rssBytes: readonly number[] }): string {
  const shown = { ...report, rssBytes: report.rssBytes.map(formatBytes).join(", ") };
  return formatTable(
    ["FIGURE", "VALUE"],
    Object.entries(shown).map(([name, value]) => [
      name,
      typeof value === "object" ? JSON.stringify(value) : String(value),
    ]),
  );
}
