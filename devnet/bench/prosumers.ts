#!/usr/bin/env node
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { openEmbeddedQueue } from "#storage/offchain/embeddedQueue.ts";
import { formatTable } from "../view.ts";
import { createMeterLoad } from "./ingest/meterLoad.ts";
import { offerWindow } from "./ingest/offerReadings.ts";
import { plotSvg } from "./ingest/prosumerPlot.ts";
import { type FigureRow, figureRows, figures } from "./ingest/prosumerRows.ts";
import { factsWithoutReadings } from "./ingest/sealLoad.ts";
import { type SealNetResult, sealOnNet } from "./ingest/sealNet.ts";
import { say } from "./say.ts";

const PROSUMERS = 2_000;
const T_I_MS = 10_000;
const METERS_PER_TX = 100;
/** Two samples of five seconds in ten. */
const READINGS = 2;
/** Signed before the clock starts: more than is finalised here. */
const AT_BEST = { device: 2_500, concentrator: 8_000 };
const WINDOW = 1_000;
/** Of the runs as fast as it goes: the most prosumers of the figures. */
const MOST_PROSUMERS = 10_000;

interface Flags {
  readonly seconds: number;
  readonly svg?: string;
  readonly json: boolean;
}

const flags = new Command("bench:prosumers")
  .description("D5.1's Fig. 26 and Fig. 27 for this ledger: sampling rate and shortest T_i by number of prosumers")
  .option("--seconds <n>", "length of each measured window", Number, 15)
  .option("--svg <file>", "the two figures as a plot")
  .option("--json", "one JSON object on standard output", false)
  .parse()
  .opts<Flags>();

process.exitCode = await main();

async function main(): Promise<number> {
  const interrupt = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => interrupt.abort());
  const loadAverageBefore = loadavg()[0] ?? 0;
  const readings = await readingsPerSecond();
  const common = {
    meters: MOST_PROSUMERS,
    intervalMs: T_I_MS,
    factsOf: factsWithoutReadings(READINGS),
    signal: interrupt.signal,
  };
  // Long enough for three intervals of everybody, whatever --seconds says.
  const heldSeconds = Math.max(flags.seconds, (3 * T_I_MS) / 1000);
  const held = await sealOnNet(
    {
      ...common,
      meters: PROSUMERS,
      metersPerTx: 1,
      seconds: heldSeconds,
      sealsPerSecondAtBest: (PROSUMERS * 1000) / T_I_MS,
      isOpenLoop: true,
    },
    say,
  );
  const { seconds } = flags;
  const device = await sealOnNet(
    { ...common, metersPerTx: 1, seconds, sealsPerSecondAtBest: AT_BEST.device, isOpenLoop: false },
    say,
  );
  const concentrator = await sealOnNet(
    {
      ...common,
      metersPerTx: METERS_PER_TX,
      seconds,
      sealsPerSecondAtBest: AT_BEST.concentrator,
      isOpenLoop: false,
    },
    say,
  );
  const rows = figureRows({
    readingsPerSecond: readings,
    deviceSealsPerSecond: device.sealsPerSecond,
    concentratorSealsPerSecond: concentrator.sealsPerSecond,
  });
  const report = {
    cores: availableParallelism(),
    /** Above 0, other programs had a part of these figures. */
    loadAverageBefore,
    durableReadingsPerSecond: readings,
    held: { prosumers: PROSUMERS, intervalSeconds: T_I_MS / 1000, seconds: heldSeconds, holds: holds(held), ...held },
    device,
    concentrator,
    rows,
  };
  if (flags.svg !== undefined) {
    const point = { prosumers: PROSUMERS, intervalSeconds: T_I_MS / 1000 };
    writeFileSync(flags.svg, plotSvg(figures(rows, holds(held) ? point : undefined)));
  }
  process.stdout.write(flags.json ? `${JSON.stringify(report, null, 2)}\n` : `${tables(report)}\n`);
  const runs = [held, device, concentrator];
  return holds(held) && runs.every(({ agreement, rejectedInBlocks }) => agreement && rejectedInBlocks === 0) ? 0 : 1;
}

/** Everything that was due is on its way to a block: what waits at the end is what two seconds bring, and nothing was refused. */
function holds({ waitingAtEnd, refused, sealed }: SealNetResult): boolean {
  return sealed > 0 && refused === 0 && waitingAtEnd <= (2 * PROSUMERS * 1000) / T_I_MS;
}

/** Acknowledged by the embedded queue, each reading a publish of its own, WINDOW under way. */
async function readingsPerSecond(): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), "energy-bench-"));
  try {
    say("the embedded queue");
    await using queue = await openEmbeddedQueue(directory, { maxWaitingPublishes: 2 * WINDOW });
    const readingOf = createMeterLoad(MOST_PROSUMERS);
    const options = { window: WINDOW, seconds: Math.min(5, flags.seconds), first: 0 };
    return (await offerWindow((reading) => queue.publish([reading]), readingOf, options)).durablePerSecond;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function tables(report: {
  readonly rows: readonly FigureRow[];
  readonly held: SealNetResult & { readonly holds: boolean };
  readonly device: SealNetResult;
  readonly concentrator: SealNetResult;
}): string {
  const { rows, held, device, concentrator } = report;
  const run = (name: string, each: SealNetResult): string[] => [
    name,
    each.sealsPerSecond.toFixed(0),
    `${each.finalitySeconds.p50.toFixed(2)} s`,
    `${each.finalitySeconds.p99.toFixed(2)} s`,
    String(each.waitingMidway),
    String(each.waitingAtEnd),
    String(each.bytesPerSeal),
  ];
  return [
    formatTable(
      ["PROSUMERS", "FIG. 26: SAMPLE EVERY", "D5.1", "FIG. 27: T_I, A DEVICE A TX", "100 A TX", "D5.1"],
      rows.map((row) => [
        String(row.prosumers),
        `${row.sampleSeconds} s`,
        row.paperSampleSeconds === undefined ? "" : `${row.paperSampleSeconds} s`,
        `${row.deviceIntervalSeconds} s`,
        `${row.concentratorIntervalSeconds} s`,
        row.paperIntervalSeconds === undefined ? "" : `${row.paperIntervalSeconds} s`,
      ]),
    ),
    formatTable(
      ["RUN", "INTERVALS/S", "FINALITY P50", "P99", "WAITING MIDWAY", "AT END", "BYTES/INTERVAL"],
      [
        run(`${PROSUMERS} prosumers, T_i = ${T_I_MS / 1000} s: ${held.holds ? "holds" : "DOES NOT HOLD"}`, held),
        run("as fast as it goes, a device a transaction", device),
        run(`as fast as it goes, ${METERS_PER_TX} devices a transaction`, concentrator),
      ],
    ),
  ].join("\n\n");
}
