#!/usr/bin/env node
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { createNetwork, type Network } from "#node/network/network.ts";
import type { NodeOptions } from "#node/options.ts";
import { decodeStoredBlocks, decodeSubmitVerdicts, encodeHeightRange, encodeSubmission } from "#node/serve/messages.ts";
import { generatePrivateKey, publicKeyOf, sign, verifySignature } from "#storage/crypto/keys.ts";
import { decodeBlock, txId } from "#storage/types/block.ts";
import { checkAgreement } from "./agreement.ts";
import { type LoadMeter, loadMeters, signRound } from "./benchLoad.ts";
import { prepareLoadNet } from "./loadNet.ts";
import { metricValue, nodeView } from "./observe.ts";
import { cpuSeconds, type NodeProcess, residentBytes, startNodeProcess } from "./processes.ts";
import { percentile } from "./report.ts";
import { formatBytes, formatTable } from "./view.ts";

const VALIDATORS = 4;
/** Transactions in one request to a validator: about 32 KB. */
const BATCH_TXS = 128;
/** Requests under way to one validator at once; fewer transactions than meters of a lane, so that no meter is in two of them. */
const REQUESTS_PER_LANE = 4;
/** Offered and not yet in a block, over all validators: deep enough for full blocks, far from a full mempool. */
const WINDOW_TXS = 6_000;
const WARM_UP_MS = 4_000;
const CEILING_MS = 1_000;
const DAY_MS = 86_400_000;

const CONFIG: Partial<NodeOptions> = {
  // Four validators share the cores: threads of their own would only add hand-overs.
  workers: 0,
  timeoutCommitMs: 100,
  heartbeatMs: 1_000,
  timeoutProposeMs: 2_000,
  mempoolMaxTxs: 50_000,
  maxProposalBytes: 1024 * 1024,
  apiRequestsPerSecond: 100_000,
  apiDocs: false,
  logLevel: "warn",
};

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
  const directory = mkdtempSync(join(tmpdir(), "energy-bench-"));
  const interrupt = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => interrupt.abort());
  const processes: NodeProcess[] = [];
  let network: Network | undefined;
  try {
    const verificationsPerSecond = ceiling();
    say(`one core checks ${Math.round(verificationsPerSecond)} signatures a second`);
    const meters = loadMeters(flags.meters);
    const homes = { validators: VALIDATORS, meters, chainName: "bench", config: CONFIG };
    const { chainId, nodes } = await prepareLoadNet(directory, homes);
    for (const { name, home } of nodes)
      processes.push(startNodeProcess({ name, home, nodeFlags: [], environment: {} }));
    const url = nodes[0]?.apiUrl ?? "";
    await until(async () => ((await nodeView(url))?.height ?? 0) >= 2, interrupt.signal);
    const first = (await (await fetch(`${url}/ledger/v1/accounts/${meters[0]?.account}`)).json()) as {
      accountNumber: string;
    };

    const arrivals = createArrivals();
    network = await createNetwork(
      {
        nodeKey: generatePrivateKey("ed25519").bytes,
        role: "light",
        chainId,
        listen: [],
        agent: "bench",
        discover: false,
        seeds: nodes.map(({ multiaddr }) => multiaddr),
        persistentPeers: [],
      },
      {
        status: () => ({ height: 0, earliestHeight: 0 }),
        onTxs: async () => ({ decision: "ignore" }),
        onHeader: async () => {
          arrivals.wake();
          return "ignore";
        },
        onConsensusMessage: () => undefined,
      },
    );
    const net = network;
    await until(async () => net.peers.length === VALIDATORS, interrupt.signal);

    const load = await signLoad(meters, chainId, BigInt(first.accountNumber));
    const pids = processes.map((child) => child.pid() ?? 0);
    const result = await offer(net, load, arrivals, interrupt.signal, pids);
    const height = (await nodeView(url))?.height ?? 0;
    const [agreement, rejected] = await Promise.all([
      checkAgreement(nodes, height),
      metricValue(url, "ledger_consensus_rejected_txs_total"),
    ]);
    const rss = processes.map((child) => residentBytes(child.pid() ?? 0) ?? 0);
    const cores = availableParallelism();
    const ceilingPerSecond = (verificationsPerSecond * cores) / VALIDATORS;
    const report = {
      finalisedPerSecond: Math.round(result.perSecond),
      ceilingPerSecond: Math.round(ceilingPerSecond),
      ratio: Math.round((result.perSecond / ceilingPerSecond) * 1000) / 1000,
      verificationsPerSecondPerCore: Math.round(verificationsPerSecond),
      cores,
      validators: VALIDATORS,
      seconds: flags.seconds,
      finalised: result.finalised,
      rejectedInBlocks: rejected ?? 0,
      refusedByMempool: result.refused,
      blocks: result.blocks,
      txsPerBlock: Math.round(result.finalised / Math.max(1, result.blocks)),
      finalitySeconds: result.finality,
      bytesPerTransaction: Math.round(load.bytes / load.txs),
      cpuSeconds: result.cpu,
      rssBytes: rss,
      agreement: agreement.agreed,
    };
    if (flags.json) process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
    else process.stdout.write(`${table(report)}\n`);
    return report.agreement && report.rejectedInBlocks === 0 ? 0 : 1;
  } finally {
    await network?.[Symbol.asyncDispose]();
    await Promise.all(processes.map((child) => child.stop()));
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Signature checks of this machine, one core, with what the node itself uses: nothing can finalise faster than all validators check. */
function ceiling(): number {
  const key = generatePrivateKey("ed25519");
  const publicKey = publicKeyOf(key);
  const messages = Array.from({ length: 64 }, () => randomBytes(250));
  const signatures = messages.map((message) => sign(key, message));
  let checked = 0;
  const began = performance.now();
  while (performance.now() - began < CEILING_MS)
    for (const [i, message] of messages.entries())
      if (verifySignature(publicKey, message, signatures[i] ?? message)) checked += 1;
  return (checked * 1000) / (performance.now() - began);
}

interface Load {
  /** Per validator, in the order in which they must arrive. */
  readonly lanes: readonly (readonly Uint8Array[])[];
  readonly txs: number;
  readonly bytes: number;
}

/** Everything is signed before the clock starts. A meter's transactions all go to the same validator, so that they stay in order. */
async function signLoad(meters: readonly LoadMeter[], chainId: string, firstNumber: bigint): Promise<Load> {
  const startMs = Math.floor((Date.now() - 30 * DAY_MS) / DAY_MS) * DAY_MS;
  const perSecondAtBest = 8_000;
  const rounds = Math.ceil(((flags.seconds + WARM_UP_MS / 1000) * perSecondAtBest) / meters.length);
  const lanes: Uint8Array[][] = Array.from({ length: VALIDATORS }, () => []);
  let bytes = 0;
  for (let round = 0; round < rounds; round++) {
    const txs = signRound(meters, round, { chainId, startMs, accountNumberOf: (meter) => firstNumber + BigInt(meter) });
    for (const [i, tx] of txs.entries()) {
      lanes[i % VALIDATORS]?.push(tx);
      bytes += tx.length;
    }
    // Peers are answered between rounds: signing must not look like a dead connection.
    await new Promise((resolve) => setImmediate(resolve));
    say(`signed ${(round + 1) * meters.length} of ${rounds * meters.length}`);
  }
  return { lanes, txs: rounds * meters.length, bytes };
}

function createArrivals() {
  let waiting: (() => void) | undefined;
  return {
    wake: () => waiting?.(),
    next: (timeoutMs: number) =>
      new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeoutMs);
        waiting = () => {
          clearTimeout(timer);
          resolve();
        };
      }),
  };
}

async function offer(
  net: Network,
  load: Load,
  arrivals: ReturnType<typeof createArrivals>,
  signal: AbortSignal,
  pids: readonly number[],
) {
  const peers = net.peers.map(({ peer }) => peer);
  const offeredMs = new Map<string, number>();
  const samples: number[] = [];
  let refused = 0;
  let offered = 0;
  let committed = 0;
  let measuredFrom: number | undefined;
  let finalised = 0;
  let blocks = 0;
  const cpuNow = () => [process.pid, ...pids].map((pid) => cpuSeconds(pid) ?? 0);
  let cpuBefore = cpuNow();
  const began = performance.now();
  const endsMs = began + WARM_UP_MS + flags.seconds * 1000;
  const running = () => performance.now() < endsMs && !signal.aborted;

  const feed = async (peer: string, lane: readonly Uint8Array[]) => {
    let next = 0;
    const work = async () => {
      while (next < lane.length && running()) {
        const at = next;
        next += BATCH_TXS;
        await send(peer, lane.slice(at, at + BATCH_TXS));
      }
    };
    await Promise.all(Array.from({ length: REQUESTS_PER_LANE }, work));
  };

  const send = async (peer: string, batch: readonly Uint8Array[]) => {
    while (offered - committed - refused > WINDOW_TXS && running())
      await new Promise((resolve) => setTimeout(resolve, 5));
    offered += batch.length;
    const now = performance.now();
    for (const tx of batch) offeredMs.set(Buffer.from(txId(tx)).toString("latin1"), now);
    const answer = await net.request(peer, net.protocols.submit, encodeSubmission(batch), { timeoutMs: 30_000 });
    refused += decodeSubmitVerdicts(answer).filter(({ code }) => code !== 0).length;
  };

  const follow = async () => {
    let next = 3;
    while (running()) {
      const request = encodeHeightRange({ from: next, count: 4 });
      const fetched = decodeStoredBlocks(await net.request(peers[0] ?? "", net.protocols.blocks, request));
      const now = performance.now();
      for (const { blockBytes } of fetched) {
        next += 1;
        const { txs } = decodeBlock(blockBytes);
        committed += txs.length;
        const isMeasured = now - began >= WARM_UP_MS;
        if (isMeasured && measuredFrom === undefined) {
          // The window opens with a block that is not counted: what it holds was finalised before.
          measuredFrom = now;
          cpuBefore = cpuNow();
          continue;
        }
        if (measuredFrom === undefined) continue;
        finalised += txs.length;
        blocks += 1;
        for (const tx of txs) {
          const sent = offeredMs.get(Buffer.from(txId(tx)).toString("latin1"));
          if (sent !== undefined) samples.push((now - sent) / 1000);
        }
        say(`${finalised} finalised`);
      }
      if (fetched.length === 0) await arrivals.next(50);
    }
    return performance.now();
  };

  const [endedMs] = await Promise.all([follow(), ...peers.map((peer, i) => feed(peer, load.lanes[i] ?? []))]);
  samples.sort((a, b) => a - b);
  const seconds = (endedMs - (measuredFrom ?? endedMs)) / 1000;
  const finality = { p50: percentile(samples, 0.5), p99: percentile(samples, 0.99) };
  const [generator = 0, ...validators] = cpuNow().map(
    (used, i) => Math.round((used - (cpuBefore[i] ?? 0)) * 100) / 100,
  );
  const cpu = { generator, validators };
  return { cpu, perSecond: seconds > 0 ? finalised / seconds : 0, finalised, refused, blocks, finality };
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

async function until(condition: () => Promise<boolean>, signal: AbortSignal): Promise<void> {
  while (!(await condition())) {
    signal.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** Progress, on one line of a terminal. */
function say(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\u001b[2K${text}`);
}
