import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createNetwork } from "#node/network/network.ts";
import type { NodeOptions } from "#node/options.ts";
import { decodeStoredBlocks, decodeSubmitVerdicts, encodeHeightRange, encodeSubmission } from "#node/serve/messages.ts";
import { generatePrivateKey } from "#storage/crypto/keys.ts";
import { decodeBlock } from "#storage/types/block.ts";
import { checkAgreement } from "../agreement.ts";
import type { LoadMeter } from "../benchLoad.ts";
import { type LoadNode, prepareLoadNet } from "../loadNet.ts";
import { ENVIRONMENT } from "../net.ts";
import { metricValue, nodeView } from "../observe.ts";
import { type NodeProcess, startNodeProcess } from "../processes.ts";
import type { BenchTarget } from "./target.ts";

/** Blocks asked for at once. */
const BLOCKS_AT_ONCE = 4;

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

export interface LedgerTarget extends BenchTarget {
  /** Of the first of the meters; the others follow. */
  readonly firstAccountNumber: bigint;
  readonly nodes: readonly LoadNode[];
  /** Height of the first validator. */
  height(): Promise<number>;
  /** Whole blocks as they are kept, some from this height on; none when there is no such block yet. */
  storedBlocks(from: number): Promise<readonly Uint8Array[]>;
}

/** Four validators of this ledger, each a process, asked by one light node over libp2p. */
export async function startLedgerTarget(options: {
  readonly name: string;
  readonly chainId: string;
  readonly meters: readonly LoadMeter[];
  readonly validators: number;
  /** The engine, and whatever else is different. */
  readonly config?: Partial<NodeOptions>;
  /** T_i of all meters. Default 15 minutes. */
  readonly intervalMs?: number;
  /** Every validator serves BigchainDB's interface. */
  readonly bigchain?: boolean;
  readonly signal: AbortSignal;
}): Promise<LedgerTarget> {
  const { chainId, meters, validators, signal } = options;
  const config = { ...CONFIG, ...options.config };
  await using opening = new AsyncDisposableStack();
  const directory = mkdtempSync(join(tmpdir(), "energy-bench-"));
  opening.defer(() => rmSync(directory, { recursive: true, force: true }));
  const { nodes } = await prepareLoadNet(directory, {
    validators,
    meters,
    chainId,
    config,
    ...(options.intervalMs === undefined ? {} : { intervalMs: options.intervalMs }),
    ...(options.bigchain === undefined ? {} : { bigchain: options.bigchain }),
  });
  const processes: NodeProcess[] = nodes.map(({ name, home }) =>
    startNodeProcess({ name, home, nodeFlags: [], environment: ENVIRONMENT }),
  );
  opening.defer(async () => {
    await Promise.all(processes.map((child) => child.stop()));
  });
  const url = nodes[0]?.apiUrl ?? "";
  await until(async () => ((await nodeView(url))?.height ?? 0) >= 2, signal);
  const first = await (await fetch(`${url}/ledger/v1/accounts/${meters[0]?.account}`)).json();

  let wake: (() => void) | undefined;
  const network = await createNetwork(
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
        wake?.();
        return "ignore";
      },
      onConsensusMessage: () => undefined,
    },
  );
  opening.use(network);
  await until(async () => network.peers.length === validators, signal);
  const peers = network.peers.map(({ peer }) => peer);
  const cometPidOf = (home: string) =>
    config.engine === "cometbft" ? Number(readFileSync(join(home, "cometbft", "cometbft.pid"), "utf8")) : undefined;

  const storedBlocks = async (from: number): Promise<readonly Uint8Array[]> => {
    const request = encodeHeightRange({ from, count: BLOCKS_AT_ONCE });
    const fetched = decodeStoredBlocks(await network.request(peers[0] ?? "", network.protocols.blocks, request));
    return fetched.map(({ blockBytes }) => blockBytes);
  };

  const resources = opening.move();
  return {
    name: options.name,
    firstAccountNumber: BigInt((first as { accountNumber: string }).accountNumber),
    firstHeight: 3,
    pids: () =>
      processes.map((child, i) =>
        [child.pid(), cometPidOf(nodes[i]?.home ?? "")].filter((pid): pid is number => pid !== undefined),
      ),
    async submit(lane, txs) {
      const answer = await network.request(peers[lane] ?? "", network.protocols.submit, encodeSubmission(txs), {
        timeoutMs: 30_000,
      });
      return decodeSubmitVerdicts(answer).filter(({ code }) => code !== 0).length;
    },
    nodes,
    height: async () => (await nodeView(url))?.height ?? 0,
    storedBlocks,
    blocks: async (from) => (await storedBlocks(from)).map((block) => decodeBlock(block).txs),
    arrival: (timeoutMs) =>
      new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeoutMs);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      }),
    async close() {
      const height = (await nodeView(url))?.height ?? 0;
      const [agreement, rejected] = await Promise.all([
        checkAgreement(nodes, height),
        metricValue(url, "ledger_consensus_rejected_txs_total"),
      ]);
      return { agreement: agreement.agreed, rejectedInBlocks: rejected ?? 0 };
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  };
}

async function until(condition: () => Promise<boolean>, signal: AbortSignal): Promise<void> {
  while (!(await condition())) {
    signal.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
