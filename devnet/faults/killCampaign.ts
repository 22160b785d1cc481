import { randomBytes } from "node:crypto";
import { mkdirSync } from "node:fs";
import { txId } from "#storage/types/block.ts";
import { type LoadMeter, loadMeters, signRound } from "../benchLoad.ts";
import { type LoadNode, prepareLoadNet } from "../loadNet.ts";
import { nodeView } from "../observe.ts";
import { type NodeProcess, startNodeProcess } from "../processes.ts";
import { type CheckReport, checkChains } from "./checker.ts";
import { type DoubleSign, watchVotes } from "./voteWatch.ts";

const VALIDATORS = 4;
/** Prosumers, each with one transaction under way at a time. */
const METERS = 12;
/** Between two kills, drawn from this range, in ms: often the one before is not back yet, so that the net stands still and starts again. */
const MIN_PAUSE_MS = 200;
const MAX_PAUSE_MS = 1_600;
const LOOK_MS = 50;
const DAY_MS = 86_400_000;
/** Blocks that the net must make by itself after the last kill. */
const BLOCKS_AFTER = 3;

export interface CampaignReport extends CheckReport {
  readonly kills: number;
  readonly seconds: number;
  /** Transactions of which a validator said that they are in a block. */
  readonly acknowledged: number;
  readonly votesSeen: number;
  readonly doubleSigned: readonly DoubleSign[];
  /** Nothing lost, nothing twice, no fork, nothing signed twice. */
  readonly holds: boolean;
}

/**
 * Kills validators of a net of four with SIGKILL at random moments while prosumers send transactions, each again until one is acknowledged as
 * committed; then compares what was acknowledged with the chains of all four. `seed` draws victims and pauses; what they hit is chance.
 */
export async function runKillCampaign(options: {
  readonly directory: string;
  readonly kills: number;
  readonly seed: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (kills: number, acknowledged: number) => void;
}): Promise<CampaignReport> {
  const began = performance.now();
  mkdirSync(options.directory, { recursive: true });
  const meters = loadMeters(METERS);
  const chainId = `kill-${randomBytes(3).toString("hex")}`;
  const { nodes } = await prepareLoadNet(options.directory, {
    validators: VALIDATORS,
    meters,
    chainId,
    config: {
      workers: 0,
      timeoutCommitMs: 100,
      heartbeatMs: 500,
      timeoutProposeMs: 1_000,
      apiDocs: false,
      logLevel: "warn",
    },
  });
  const processes = nodes.map(({ name, home }) => startNodeProcess({ name, home, nodeFlags: [], environment: {} }));
  const heights = async () => Promise.all(nodes.map(async ({ apiUrl }) => (await nodeView(apiUrl))?.height ?? 0));
  const acknowledged = new Set<string>();
  const stopSending = new AbortController();
  try {
    await until(async () => (await heights()).every((height) => height >= 1), options.signal);
    await using watch = await watchVotes(
      chainId,
      nodes.map(({ multiaddr }) => multiaddr),
    );
    const first = (await (await fetch(`${nodes[0]?.apiUrl}/ledger/v1/accounts/${meters[0]?.account}`)).json()) as {
      accountNumber: string;
    };
    const senders = meters.map((_meter, index) =>
      sendInOrder(meters, index, {
        chainId,
        firstNumber: BigInt(first.accountNumber),
        nodes,
        acknowledged,
        signal: stopSending.signal,
      }),
    );
    await kill(processes, options, () => acknowledged.size);
    // What is acknowledged from here on no kill can take any more; the net must go on by itself.
    const [last = 0] = (await heights()).sort((a, b) => b - a);
    await until(async () => (await heights()).every((height) => height >= last + BLOCKS_AFTER), options.signal);
    stopSending.abort();
    await Promise.all(senders);
    await until(async () => watch.network.peers.length === VALIDATORS, options.signal);
    const peers = watch.network.peers.map(({ peer }) => peer);
    const check = await checkChains(watch.network, peers, acknowledged);
    const { seen, doubleSigned } = watch.notes;
    const faults = [check.forks, check.lost, check.repeated, doubleSigned];
    return {
      ...check,
      kills: options.kills,
      seconds: Math.round((performance.now() - began) / 100) / 10,
      acknowledged: acknowledged.size,
      votesSeen: seen,
      doubleSigned,
      holds: faults.every((list) => list.length === 0) && acknowledged.size > 0,
    };
  } finally {
    stopSending.abort();
    await Promise.all(processes.map((process) => process.stop()));
  }
}

async function kill(
  processes: readonly NodeProcess[],
  options: Parameters<typeof runKillCampaign>[0],
  acknowledged: () => number,
): Promise<void> {
  const random = randomOf(options.seed);
  for (let kills = 0; kills < options.kills; ) {
    await pause(MIN_PAUSE_MS + random() * (MAX_PAUSE_MS - MIN_PAUSE_MS), options.signal);
    const victim = processes[Math.floor(random() * processes.length)];
    if (victim?.pid() === undefined) continue;
    victim.kill("SIGKILL");
    kills += 1;
    options.onProgress?.(kills, acknowledged());
  }
}

/** One prosumer: its next transaction goes out when the one before is acknowledged, to whichever validator answers. */
async function sendInOrder(
  meters: readonly LoadMeter[],
  index: number,
  parts: {
    readonly chainId: string;
    readonly firstNumber: bigint;
    readonly nodes: readonly LoadNode[];
    readonly acknowledged: Set<string>;
    readonly signal: AbortSignal;
  },
): Promise<void> {
  const { chainId, firstNumber, nodes, acknowledged, signal } = parts;
  const meter = meters[index];
  if (meter === undefined) return;
  const startMs = Math.floor((Date.now() - 30 * DAY_MS) / DAY_MS) * DAY_MS;
  const accountNumberOf = () => firstNumber + BigInt(index);
  for (let round = 0; ; round++) {
    const [tx] = signRound([meter], round, { chainId, startMs, accountNumberOf });
    if (tx === undefined) return;
    for (let attempt = index; ; attempt++) {
      if (signal.aborted) return;
      const url = `${nodes[attempt % nodes.length]?.apiUrl}/ledger/v1/transactions?wait=commit`;
      try {
        const headers = { "content-type": "application/octet-stream" };
        const timeout = AbortSignal.any([signal, AbortSignal.timeout(5_000)]);
        const answer = await fetch(url, { method: "POST", headers, body: new Uint8Array(tx), signal: timeout });
        const text = await answer.text();
        if (answer.status !== 200) throw new Error(text);
        break;
      } catch {
        await pause(LOOK_MS, undefined);
      }
    }
    acknowledged.add(Buffer.from(txId(tx)).toString("hex"));
  }
}

async function until(condition: () => Promise<boolean>, signal: AbortSignal | undefined): Promise<void> {
  while (!(await condition())) await pause(LOOK_MS, signal);
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  await new Promise((resolve) => setTimeout(resolve, ms));
}

/** Numbers in [0, 1) from a seed (splitmix32). */
function randomOf(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x9e3779b9) | 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
}
