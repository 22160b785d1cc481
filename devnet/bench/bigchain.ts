#!/usr/bin/env node
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { createDriverAssetStore } from "#node/bigchain/driverAssetStore.ts";
import { createTransaction, ed25519Details, ed25519Signer, jsonOf } from "#storage/assets/buildTransaction.ts";
import { sha256 } from "#storage/crypto/hash.ts";
import { startNet } from "../net.ts";
import { prepareNet } from "../prepare.ts";
import { cpuSeconds } from "../processes.ts";
import { formatTable } from "../view.ts";
import { openPostClient } from "./postClient.ts";
import { say } from "./say.ts";

/** Percentiles of BEP-23, which measured BigchainDB itself. */
const PERCENTILES = [68, 95, 99.7] as const;

/** Bytes of a CREATE in BEP-23. */
const TRANSACTION_BYTES = 765;

/** Of each of the four accounts in a block, so that the engine and not the quota is measured. */
const QUOTA_TXS_PER_BLOCK = 4096;

const flags = new Command("bench:bigchain")
  .description("BigchainDB transactions through four validators of this machine, as BEP-23 measured BigchainDB")
  .option("--transactions <n>", "CREATEs", Number, 10_000)
  .option("--warm-up <n>", "CREATEs before those, which are not measured", Number, 4000)
  .option("--clients <n>", "clients, each with one request at a time", Number, 64)
  .option("--rate <n>", "CREATEs a second at most, evenly; 0: as fast as the clients are answered", Number, 0)
  .option("--mode <mode>", "async, sync or commit", "sync")
  .option("--json", "one JSON object on standard output", false)
  .parse()
  .opts<{
    readonly transactions: number;
    readonly warmUp: number;
    readonly clients: number;
    readonly rate: number;
    readonly mode: string;
    readonly json: boolean;
  }>();

process.exitCode = await main();

async function main(): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), "energy-bigchain-bench-"));
  await using cleanUp = new AsyncDisposableStack();
  cleanUp.defer(() => rmSync(directory, { recursive: true, force: true }));
  const params = { quotaTxsPerBlock: QUOTA_TXS_PER_BLOCK, quotaBytesPerBlock: 16 * 1024 * 1024 };
  const net = await prepareNet({
    directory,
    validators: 4,
    full: 0,
    light: 0,
    households: 0,
    dataFile: undefined,
    params,
  });
  const running = startNet(net);
  cleanUp.defer(() => running.stop());
  const urls = net.nodes.map(({ bigchainUrl }) => bigchainUrl ?? "");

  say("signing");
  const made = Array.from({ length: flags.warmUp + flags.transactions }, (_, index) => create(index));
  const [early, txs] = [made.slice(0, flags.warmUp), made.slice(flags.warmUp)];
  for (const url of urls) while (!(await isUp(url))) await new Promise((resolve) => setTimeout(resolve, 100));

  // What the stream of the first validator tells is in its index: final, and found by whoever asks.
  const finalised = new Map<string, number>();
  const heights = new Set<number>();
  const stop = new AbortController();
  let told = 0;
  const warm = Promise.withResolvers<void>();
  const all = Promise.withResolvers<void>();
  const stream = createDriverAssetStore({ url: urls[0] ?? "", streamUrl: net.nodes[0]?.bigchainStreamUrl });
  const reading = (async () => {
    for await (const { transactionId, height } of stream.committed(stop.signal)) {
      finalised.set(transactionId, performance.now());
      heights.add(height);
      told += 1;
      if (told % 1000 === 0) say(`${told} of ${made.length} final`);
      if (told === early.length) warm.resolve();
      if (told === made.length) all.resolve();
    }
  })();

  const clients = Array.from({ length: flags.clients }, (_, index) =>
    cleanUp.use(openPostClient(urls[index % urls.length] ?? "")),
  );
  const sent = new Map<string, number>();
  const accepted: number[] = [];
  let refused = 0;
  const cpuOf = () => running.nodes.reduce((sum, { process: node }) => sum + (cpuSeconds(node.pid() ?? 0) ?? 0), 0);
  /** All of them by as many clients as there are, at `rate` a second in all; 0 is without a limit. */
  const offer = async (offered: readonly Created[], rate: number) => {
    const startMs = performance.now();
    let next = 0;
    const client = async (index: number) => {
      for (let at = next++; at < offered.length; at = next++) {
        const tx = offered[at] as Created;
        const waitMs = rate > 0 ? startMs + (at * 1000) / rate - performance.now() : 0;
        if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
        const sentMs = performance.now();
        sent.set(tx.id, sentMs);
        const status = await clients[index]?.post(`/api/v1/transactions?mode=${flags.mode}`, tx.text);
        if (status === 202) accepted.push(performance.now() - sentMs);
        else refused += 1;
      }
    };
    await Promise.all(Array.from({ length: flags.clients }, (_, index) => client(index)));
  };
  if (early.length > 0) {
    await offer(early, 0);
    if (refused === 0) await warm.promise;
  }
  // What is compiled, connected and allocated once is no part of the rate.
  finalised.clear();
  accepted.length = 0;
  sent.clear();
  heights.clear();
  const cpuBefore = cpuOf();
  const ownBefore = process.cpuUsage();
  const startedMs = performance.now();
  await offer(txs, flags.rate);
  const acceptedMs = performance.now() - startedMs;
  if (refused === 0) await all.promise;
  const cpuAfter = cpuOf();
  const own = process.cpuUsage(ownBefore);
  stop.abort();
  await reading;

  const lastMs = Math.max(...finalised.values());
  const finalMs = [...finalised].map(([id, atMs]) => atMs - (sent.get(id) ?? atMs));
  const report = {
    mode: flags.mode,
    transactions: txs.length,
    warmUp: early.length,
    bytes: txs[0]?.text.length ?? 0,
    clients: flags.clients,
    offeredPerSecond: flags.rate > 0 ? flags.rate : "as many as are accepted",
    validators: 4,
    cores: availableParallelism(),
    refused,
    acceptedPerSecond: Math.round((accepted.length * 1000) / acceptedMs),
    finalisedPerSecond: Math.round((finalised.size * 1000) / (lastMs - startedMs)),
    blocks: heights.size,
    // Of one validator, all threads.
    cpuMillisecondsPerTransaction: round(((cpuAfter - cpuBefore) * 1000) / txs.length / running.nodes.length),
    // Of this program: clients and the stream's reader.
    generatorCpuMillisecondsPerTransaction: round((own.user + own.system) / 1000 / txs.length),
    acceptSeconds: percentiles(accepted),
    finaliseSeconds: percentiles(finalMs),
  };
  process.stdout.write(
    flags.json
      ? `${JSON.stringify(report, null, 2)}\n`
      : `${formatTable(
          ["FIGURE", "VALUE"],
          Object.entries(report).map(([name, value]) => [name, JSON.stringify(value)]),
        )}\n`,
  );
  return refused === 0 ? 0 : 1;
}

interface Created {
  readonly id: string;
  readonly text: string;
}

/** A CREATE of the size that BEP-23 used. */
function create(index: number): Created {
  const issuer = ed25519Signer(sha256(Buffer.from(`bench bigchain ${index % 64}`)));
  const outputs = [{ amount: 1n, details: ed25519Details(issuer.publicKey) }];
  const made = (fill: number) =>
    createTransaction({ data: jsonOf({ index, fill: "x".repeat(fill) }), metadata: null, outputs, issuer });
  const bare = made(0);
  return made(Math.max(0, TRANSACTION_BYTES - bare.text.length));
}

async function isUp(url: string): Promise<boolean> {
  const answer = await fetch(`${url}/api/v1/blocks/1`).catch(() => undefined);
  return answer?.status === 200;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

/** Seconds, by percentile. */
function percentiles(valuesMs: readonly number[]): Readonly<Record<string, number>> {
  const sorted = [...valuesMs].sort((a, b) => a - b);
  const at = (percent: number) => sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? 0;
  return Object.fromEntries(PERCENTILES.map((percent) => [percent, Math.round(at(percent)) / 1000]));
}
