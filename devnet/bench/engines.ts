#!/usr/bin/env node
import { randomBytes } from "node:crypto";
import { availableParallelism } from "node:os";
import { Command, Option } from "commander";
import { loadMeters } from "../benchLoad.ts";
import { COMETBFT_VERSIONS, type CometbftVersion, cometbftBinary } from "../services/cometbft.ts";
import { formatBytes, formatTable } from "../view.ts";
import { keyValueLanes, startKvstoreTarget } from "./kvstoreTarget.ts";
import { type LedgerTarget, startLedgerTarget } from "./ledgerTarget.ts";
import { type Load, signLoad } from "./load.ts";
import { type Offered, offer, WARM_UP_MS } from "./offer.ts";
import { say } from "./say.ts";
import type { BenchTarget } from "./target.ts";

const VALIDATORS = 4;
/** Offered and not yet in a block, over all validators: enough for a block or two of each engine, so that finality is the engine's, not the queue's. */
const WINDOW_TXS = 2_000;
const TIMEOUT_COMMIT_MS = 100;

interface Flags {
  readonly seconds: number;
  readonly meters: number;
  readonly cometbft: CometbftVersion;
  readonly json: boolean;
}

const flags = new Command("bench:engines")
  .description(
    "The same signed transactions through the embedded engine and through CometBFT with our application, and CometBFT with its own",
  )
  .option("--seconds <n>", "length of each measured window", Number, 15)
  .option("--meters <n>", "meters that seal intervals", Number, 3000)
  .addOption(new Option("--cometbft <version>", "version of CometBFT").choices(COMETBFT_VERSIONS).default("0.38.25"))
  .option("--json", "one JSON object on standard output", false)
  .parse()
  .opts<Flags>();

process.exitCode = await main();

async function main(): Promise<number> {
  const interrupt = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => interrupt.abort());
  const { signal } = interrupt;
  const { seconds } = flags;
  const binary = await cometbftBinary(flags.cometbft);
  const meters = loadMeters(flags.meters);
  const chainId = `bench-${randomBytes(3).toString("hex")}`;
  const common = { chainId, meters, validators: VALIDATORS, signal };
  const timing = { timeoutCommitMs: TIMEOUT_COMMIT_MS };
  const offering = { seconds, windowTxs: WINDOW_TXS, signal };
  let load: Load | undefined;

  const run = async (start: () => Promise<BenchTarget>, lanesOf: (target: BenchTarget) => Promise<Load>) => {
    await using target = await start();
    const result = await offer(target, await lanesOf(target), offering, say);
    return { engine: target.name, ...result, ...(await target.close()) };
  };
  // Signed once: the second network has the same chain id, meters and account numbers.
  const signed = async (target: BenchTarget) => {
    const { firstAccountNumber: firstNumber } = target as LedgerTarget;
    load ??= await signLoad(
      meters,
      { chainId, firstNumber, validators: VALIDATORS, seconds: seconds + WARM_UP_MS / 1000 },
      say,
    );
    return load;
  };
  const results = [
    await run(() => startLedgerTarget({ ...common, name: "embedded", config: timing }), signed),
    await run(
      () =>
        startLedgerTarget({
          ...common,
          name: `CometBFT ${flags.cometbft}, our application`,
          config: { ...timing, engine: "cometbft", cometbftBinary: binary },
        }),
      signed,
    ),
    await run(
      () => startKvstoreTarget({ binary, chainId, validators: VALIDATORS, ...timing, signal }),
      async (target) => {
        const lanes = keyValueLanes((await signed(target)).lanes);
        return { lanes, txs: 0, bytes: 0 };
      },
    ),
  ];
  const report = {
    validators: VALIDATORS,
    cores: availableParallelism(),
    seconds,
    timeoutCommitMs: TIMEOUT_COMMIT_MS,
    bytesPerTransaction: Math.round((load?.bytes ?? 0) / (load?.txs ?? 1)),
    engines: results.map(engineReport),
  };
  if (flags.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  else process.stdout.write(`${table(report.engines)}\n`);
  return results.every(({ agreement, rejectedInBlocks }) => agreement && rejectedInBlocks === 0) ? 0 : 1;
}

type EngineReport = ReturnType<typeof engineReport>;

function engineReport(result: Offered & { engine: string; agreement: boolean; rejectedInBlocks: number }) {
  const { engine, perSecond, finalised, blocks, finalitySeconds, cpuSeconds, rssBytes } = result;
  const validators = cpuSeconds.validators.reduce((sum, each) => sum + each, 0);
  return {
    engine,
    finalisedPerSecond: Math.round(perSecond),
    finalised,
    blocks,
    txsPerBlock: Math.round(finalised / Math.max(1, blocks)),
    finalitySeconds,
    /** Microseconds of processor time of one validator, its node and its engine, per transaction. */
    cpuMicrosecondsPerTransaction: Math.round((validators / VALIDATORS / Math.max(1, finalised)) * 1e6),
    cpuSeconds,
    rssBytesPerValidator: Math.round(rssBytes.reduce((sum, each) => sum + each, 0) / VALIDATORS),
    refusedByMempool: result.refused,
    rejectedInBlocks: result.rejectedInBlocks,
    agreement: result.agreement,
  };
}

function table(engines: readonly EngineReport[]): string {
  return formatTable(
    ["ENGINE", "FINAL TX/S", "TXS/BLOCK", "FINALITY P50", "P99", "CPU/TX", "MEMORY/VALIDATOR"],
    engines.map((each) => [
      each.engine,
      String(each.finalisedPerSecond),
      String(each.txsPerBlock),
      `${each.finalitySeconds.p50.toFixed(2)} s`,
      `${each.finalitySeconds.p99.toFixed(2)} s`,
      `${each.cpuMicrosecondsPerTransaction} µs`,
      formatBytes(each.rssBytesPerValidator),
    ]),
  );
}
