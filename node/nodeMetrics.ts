import type { CommittedBlock } from "#consensus/engine/ports.ts";
import type { Wal } from "#storage/db/wal.ts";
import { timestampToMs } from "#storage/types/time.ts";
import type { Metrics } from "./api/metrics.ts";
import type { Mempool } from "./mempoolTypes.ts";
import type { NetworkCounters } from "./network/counters.ts";
import type { SecondTier } from "./offchain/secondTier.ts";
import type { Verifier } from "./verifier.ts";

/** How often what the parts count themselves is brought up to date. */
const READ_INTERVAL_MS = 1000;

/** The parts that count for themselves. */
export interface MeteredParts {
  readonly mempool: Pick<Mempool, "stats">;
  readonly network: { readonly counters: Readonly<NetworkCounters>; readonly peers: readonly unknown[] };
  readonly verifier: Pick<Verifier, "counters">;
  round(): number;
  /** Absent where readings stay in the log, or there are none. */
  readonly secondTier?: Pick<SecondTier, "state"> | undefined;
}

/** Counts one committed block. */
export function createBlockMetrics({ consensus }: Metrics): (committed: CommittedBlock) => void {
  let lastTimeMs: number | undefined;
  return ({ block, response, commit, stateAfter }) => {
    const timeMs = timestampToMs(block.header.time);
    consensus.height.set(block.header.height);
    consensus.blockTxs.inc(block.txs.length);
    consensus.blockBytes.inc(block.txs.reduce((sum, tx) => sum + tx.length, 0));
    consensus.rejectedTxs.inc(response.txResults.filter(({ code }) => code !== 0).length);
    consensus.evidence.inc(block.evidence.length);
    consensus.validators.set(commit.signatures.length);
    if (lastTimeMs !== undefined) consensus.blockInterval.observe(Math.max(0, timeMs - lastTimeMs) / 1000);
    lastTimeMs = timeMs;
    for (const [index, { blockIdFlag }] of commit.signatures.entries()) {
      const address = stateAfter.lastValidators?.validators[index]?.address;
      if (blockIdFlag === "absent" && address !== undefined)
        consensus.missedPrecommits.inc({ validator: Buffer.from(address).toString("hex") });
    }
  };
}

/** The log with its synchronisations timed. */
export function timedWal(wal: Wal, { store }: Metrics): Wal {
  return {
    ...wal,
    sync() {
      const started = performance.now();
      wal.sync();
      store.walSyncSeconds.observe((performance.now() - started) / 1000);
    },
  };
}

/** Keeps gauges and counters in step with what the parts count, until the answer is called. */
export function keepMetrics(metrics: Metrics, parts: MeteredParts): () => void {
  const seen = new Map<string, number>();
  /** By how much a number that only grows has grown since it was last read. */
  const growth = (name: string, total: number): number => {
    const before = seen.get(name) ?? 0;
    seen.set(name, total);
    return Math.max(0, total - before);
  };
  const update = () => {
    const { mempool, network, verifier } = parts;
    const { txs, bytes, added, rejected, full, known } = mempool.stats;
    metrics.consensus.round.set(parts.round());
    metrics.mempool.txs.set(txs);
    metrics.mempool.bytes.set(bytes);
    metrics.mempool.added.inc(growth("added", added));
    for (const [code, total] of Object.entries({ TX_REJECTED: rejected, MEMPOOL_FULL: full, TX_KNOWN: known }))
      metrics.mempool.refused.inc({ code }, growth(code, total));
    metrics.network.peers.set(network.peers.length);
    const { gossipReceivedBytes, gossipPublishedBytes, consensusReceivedBytes, consensusSentBytes } = network.counters;
    metrics.network.received.inc({ protocol: "gossip" }, growth("gossip in", gossipReceivedBytes));
    metrics.network.received.inc({ protocol: "consensus" }, growth("consensus in", consensusReceivedBytes));
    metrics.network.sent.inc({ protocol: "gossip" }, growth("gossip out", gossipPublishedBytes));
    metrics.network.sent.inc({ protocol: "consensus" }, growth("consensus out", consensusSentBytes));
    for (const name of REFUSALS) metrics.network.refused.inc({ code: name }, growth(name, network.counters[name]));
    const tier = parts.secondTier?.state();
    if (tier !== undefined) {
      metrics.readings.backlog.set(tier.backlogBatches);
      metrics.readings.forwarded.inc(growth("forwarded", tier.forwarded));
      metrics.readings.away.set(tier.isAway ? 1 : 0);
    }
    metrics.verifier.checks.inc(growth("checks", verifier.counters.checked));
    metrics.verifier.cached.inc(growth("cached", verifier.counters.cacheHits));
  };
  update();
  const timer = setInterval(update, READ_INTERVAL_MS);
  return () => clearInterval(timer);
}

/** What was refused at the door, by the name it is counted under. */
const REFUSALS = [
  "gossipIgnored",
  "gossipRejected",
  "gossipFlooded",
  "gossipGarbage",
  "consensusFlooded",
  "requestsRefused",
  "frameViolations",
  "peersRejected",
  "peersBanned",
] as const satisfies readonly (keyof NetworkCounters)[];
