#!/usr/bin/env node
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { formatTable } from "../view.ts";
import { benchEmbedded, type EmbeddedResult, type StoredReadings } from "./ingest/embedded.ts";
import { fingerprintSpeed } from "./ingest/fingerprints.ts";
import type { OfferedReadings } from "./ingest/offerReadings.ts";
import { factsOfReadings, READINGS_PER_INTERVAL } from "./ingest/realFacts.ts";
import { sealOnNet } from "./ingest/sealNet.ts";
import { benchServices } from "./ingest/services.ts";
import { say } from "./say.ts";

/** Meters behind one concentrator in the phase on the ledger; 400 at most in D5.1 §2.2.1. */
const METERS_PER_TX = 100;
const QUARTER_HOUR_MS = 900_000;
/** Signed before the clock starts; more than the ledger finalises here. */
const SEALS_PER_SECOND_AT_BEST = 6_000;
const MAX_LEDGER_METERS = 3_000;

interface Flags {
  readonly seconds: number;
  readonly meters: number;
  readonly rate: number;
  readonly window: number;
  readonly services: boolean;
  readonly ledger: boolean;
  readonly json: boolean;
}

const flags = new Command("bench:ingest")
  .description(
    "Readings per second queued, durable, fingerprinted and finalised, and how long an acknowledgement takes",
  )
  .option("--seconds <n>", "length of each measured phase", Number, 10)
  .option("--meters <n>", "meters that send readings", Number, 2000)
  .option("--rate <n>", "readings offered per second, in an open loop", Number, 50_000)
  .option("--window <n>", "readings under way in the closed loops", Number, 1000)
  .option("--services", "also RabbitMQ and Cassandra, and bare publisher confirms", false)
  .option("--no-ledger", "without the phase on four validators")
  .option("--json", "one JSON object on standard output", false)
  .parse()
  .opts<Flags>();

process.exitCode = await main();

async function main(): Promise<number> {
  const interrupt = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => interrupt.abort());
  const { seconds, meters, rate: perSecond, window } = flags;
  const directory = mkdtempSync(join(tmpdir(), "energy-bench-"));
  try {
    const loadBefore = loadavg()[0] ?? 0;
    say("hashing");
    const fingerprinting = fingerprintSpeed(Math.min(3, seconds));
    const embedded = await benchEmbedded(directory, { perSecond, seconds, meters, window }, say);
    const services = flags.services
      ? await benchServices(directory, { seconds: Math.min(5, seconds), meters, window }, say)
      : undefined;
    const ledger = flags.ledger ? await finalise(Math.min(meters, MAX_LEDGER_METERS), interrupt.signal) : undefined;
    const report = {
      cores: availableParallelism(),
      /** Of the last minute before the run: above 0, other programs had a part of these figures. */
      loadAverageBefore: loadBefore,
      meters,
      seconds,
      readingsPerSecond: {
        embedded: {
          ...figuresOf(embedded.window, embedded.openLoop, embedded.stored),
          ...(ledger === undefined ? {} : { finalised: ledger.readingsPerSecond }),
        },
        ...(services === undefined
          ? {}
          : {
              rabbitmqCassandra: {
                ...figuresOf(services.queue.window, services.queue.openLoop, services.stored),
                // The same intervals: a ledger does not see where their readings were.
                ...(ledger === undefined ? {} : { finalised: ledger.readingsPerSecond }),
              },
              rabbitmqBare: figuresOf(services.bare.window, services.bare.openLoop),
            }),
      },
      fingerprinting,
      embedded,
      ...(services === undefined ? {} : { services }),
      ...(ledger === undefined ? {} : { ledger }),
    };
    if (flags.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
    else process.stdout.write(`${tables(report)}\n`);
    return ledger === undefined || (ledger.agreement && ledger.rejectedInBlocks === 0) ? 0 : 1;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** A phase of its own: four validators and the load of the others would only measure each other. */
async function finalise(meters: number, signal: AbortSignal) {
  const factsOf = factsOfReadings(meters, QUARTER_HOUR_MS);
  const result = await sealOnNet(
    {
      meters,
      metersPerTx: METERS_PER_TX,
      intervalMs: QUARTER_HOUR_MS,
      seconds: Math.min(8, flags.seconds),
      sealsPerSecondAtBest: SEALS_PER_SECOND_AT_BEST,
      isOpenLoop: false,
      factsOf,
      signal,
    },
    say,
  );
  const readingsPerSecond = Math.round(result.sealsPerSecond * READINGS_PER_INTERVAL);
  return { readingsPerSecond, readingsPerInterval: READINGS_PER_INTERVAL, ...result };
}

/** Readings a second at each stage; `queued` and `durable` as fast as it goes. */
interface Figures {
  readonly offered: number;
  readonly durableOfOffered: number;
  readonly queued: number;
  readonly durable: number;
  readonly stored?: number;
  readonly fingerprinted?: number;
  readonly finalised?: number;
}

function figuresOf(
  window: OfferedReadings,
  openLoop: OfferedReadings & { readonly offeredPerSecond: number },
  stored?: StoredReadings,
): Figures {
  return {
    offered: openLoop.offeredPerSecond,
    durableOfOffered: openLoop.durablePerSecond,
    queued: window.queuedPerSecond,
    durable: window.durablePerSecond,
    ...(stored && { stored: stored.readingsPerSecond, fingerprinted: stored.fingerprintedPerSecond }),
  };
}

interface Report {
  readonly readingsPerSecond: Readonly<Record<string, Figures>>;
  readonly fingerprinting: {
    readonly hashesPerSecond: number;
    readonly fingerprintsPerSecond: number;
    readonly ratio: number;
  };
  readonly embedded: EmbeddedResult;
  readonly services?: Awaited<ReturnType<typeof benchServices>>;
}

function tables({ readingsPerSecond, fingerprinting, embedded, services }: Report): string {
  const { openLoop, window, cost } = embedded;
  const runs: [string, OfferedReadings, OfferedReadings & { readonly offeredPerSecond: number }][] = [
    ["embedded", window, openLoop],
    ...(services === undefined
      ? []
      : ([
          ["RabbitMQ queue", services.queue.window, services.queue.openLoop],
          ["RabbitMQ bare", services.bare.window, services.bare.openLoop],
        ] satisfies typeof runs)),
  ];
  const offered = runs.flatMap(([name, closed, open]): [string, OfferedReadings][] => [
    [`${name}, ${open.offeredPerSecond}/s offered`, open],
    [`${name}, ${flags.window} under way`, closed],
  ]);
  return [
    formatTable(
      ["READINGS/S", "QUEUED", "DURABLE", "STORED", "FINGERPRINTED", "FINALISED"],
      Object.entries(readingsPerSecond).map(([name, each]) => [
        name,
        ...[each.queued, each.durable, each.stored, each.fingerprinted, each.finalised].map((value) =>
          value === undefined ? "" : String(value),
        ),
      ]),
    ),
    formatTable(
      ["QUEUE", "QUEUED/S", "DURABLE/S", "ACK P50", "P99", "FROM DUE P50", "P99"],
      offered.map(([name, run]) => [
        name,
        String(run.queuedPerSecond),
        String(run.durablePerSecond),
        ...[run.acknowledgementMs, run.acknowledgementFromDueMs].flatMap(({ p50, p99 }) => [
          `${p50.toFixed(2)} ms`,
          `${p99.toFixed(2)} ms`,
        ]),
      ]),
    ),
    formatTable(
      ["FIGURE", "VALUE"],
      [
        ["write + fdatasync of a batch alone", `p50 ${openLoop.fsyncMs.p50} ms, p99 ${openLoop.fsyncMs.p99} ms`],
        ["p99 of the acknowledgement above it", `${openLoop.aboveFsyncMs} ms`],
        [
          "group commit on this disk, nothing else",
          `p50 ${openLoop.groupCommitMs.p50} ms, p99 ${openLoop.groupCommitMs.p99} ms`,
        ],
        ["p99 of the acknowledgement above it", `${openLoop.aboveGroupCommitMs} ms`],
        [
          "the generator without a queue",
          `p50 ${openLoop.withoutQueueMs.p50} ms, p99 ${openLoop.withoutQueueMs.p99} ms`,
        ],
        ["readings in a batch", String(openLoop.readingsPerBatch)],
        ["SHA-256 of 49 bytes/s", String(fingerprinting.hashesPerSecond)],
        ["fingerprints/s", `${fingerprinting.fingerprintsPerSecond}, ${fingerprinting.ratio} of it`],
        ...cost.map((each) => [
          `processor time a reading, ${each.meters} meters`,
          `${each.microsecondsPerReading} µs, the first of a meter ${each.microsecondsPerFirstReading} µs`,
        ]),
      ],
    ),
  ].join("\n\n");
}
