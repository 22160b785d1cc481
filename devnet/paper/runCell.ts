import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { createDriverAssetStore } from "#node/bigchain/driverAssetStore.ts";
import { createHttpAssetStore } from "#node/bigchain/httpAssetStore.ts";
import type { AssetStore } from "#storage/assets/assetStore.ts";
import { decodeBlock } from "#storage/types/block.ts";
import { type LedgerTarget, startLedgerTarget } from "../bench/ledgerTarget.ts";
import { cpuSeconds } from "../processes.ts";
import { type CheckResult, checkDesigns } from "./checks.ts";
import { DESIGNS, type Design, type MeasuredDesign } from "./designs.ts";
import type { Cell } from "./grid.ts";
import { type MeterUpdates, type OfferedUpdates, offerUpdates } from "./offerUpdates.ts";
import { seededRandom, shuffled } from "./random.ts";
import { createPaperLoad } from "./readings.ts";
import { assetSink, ledgerSink } from "./sinks.ts";
import { measureTier, type TierResult } from "./tier.ts";
import { assetUpdates, intervalsOf, metersOf, type SealDesign, sealUpdates, type UpdatePlan } from "./updates.ts";

export const VALIDATORS = 4;
const DAY_MS = 86_400_000;
const SEAL_DESIGNS = DESIGNS.filter((design): design is SealDesign => design !== "bigchaindb");

/** Signed beforehand for so many updates a second: more than is finalised here. */
const PER_SECOND_AT_BEST: Readonly<Record<MeasuredDesign, number>> = {
  raw: 3_000,
  fingerprint: 3_000,
  root: 3_000,
  bigchaindb: 2_000,
  remote: 1_000,
};

export interface CellOptions {
  readonly seed: number;
  readonly seconds: number;
  readonly warmUpSeconds: number;
  readonly window: number;
  /** A BigchainDB server, measured beside. */
  readonly bigchaindbUrl?: string | undefined;
  readonly signal: AbortSignal;
}

export interface ChainCost {
  /** Of the transactions in blocks; a node may put several updates into one. */
  readonly bytesPerUpdate: number;
  /** Of a block beside its transactions: header, last commit, encoding. */
  readonly bytesPerBlock: number;
  readonly blocks: number;
}

export type DesignResult = OfferedUpdates & { readonly chain?: ChainCost };

export interface CellResult extends Cell {
  readonly seed: number;
  readonly startedAt: string;
  readonly loadAverage: readonly [before: number, after: number];
  /** In which the designs came. */
  readonly order: readonly MeasuredDesign[];
  readonly designs: Readonly<Partial<Record<MeasuredDesign, DesignResult>>>;
  /** Of the CREATE of a meter. */
  readonly createBytes: number;
  readonly tier: TierResult;
  readonly checks: CheckResult;
  /** All validators hold one chain. */
  readonly agreement: boolean;
  readonly rejectedInBlocks: number;
}

/** Four validators, on which every design is offered the same readings in turn. */
export async function runCell(cell: Cell, options: CellOptions, say: (text: string) => void): Promise<CellResult> {
  const { seed, seconds, warmUpSeconds, signal } = options;
  const [loadBefore = 0] = loadavg();
  const startedAt = new Date().toISOString();
  const directory = mkdtempSync(join(tmpdir(), "energy-paper-"));
  await using cleanUp = new AsyncDisposableStack();
  cleanUp.defer(() => rmSync(directory, { recursive: true, force: true }));
  const load = createPaperLoad(seed, cell.sampleMs);
  say("second tier");
  const tier = await measureTier(directory, cell, load, Math.min(0.5, seconds / 8));

  const chainId = `paper-${randomBytes(3).toString("hex")}`;
  const groups = SEAL_DESIGNS.map((design) => ({ design, meters: metersOf(design, { ...cell, seed }) }));
  const meters = groups.flatMap((group) => group.meters);
  say("starting four validators");
  const target = cleanUp.use(
    await startLedgerTarget({ name: cell.name, chainId, meters, validators: VALIDATORS, bigchain: true, signal }),
  );
  // A day's begin, far enough back for all rounds of the longest interval.
  const startMs = Math.floor((Date.now() - 90 * DAY_MS) / DAY_MS) * DAY_MS;
  const intervals = intervalsOf({ ...cell, seed, load });
  const planOf = (design: MeasuredDesign): UpdatePlan => {
    const updates = PER_SECOND_AT_BEST[design] * (warmUpSeconds + seconds);
    const rounds = Math.max(2, Math.ceil(updates / cell.prosumers));
    return { ...cell, seed, load, rounds, lanes: design === "remote" ? 1 : VALIDATORS };
  };

  let createBytes = 0;
  const order: readonly MeasuredDesign[] = [
    ...shuffled<Design>(DESIGNS, seededRandom(seed, `order ${cell.name}`)),
    ...(options.bigchaindbUrl === undefined ? [] : ["remote" as const]),
  ];

  const offerOn = async (
    design: MeasuredDesign,
    updates: readonly MeterUpdates[],
    sink: Awaited<ReturnType<typeof ledgerSink>>,
  ): Promise<Measured> => {
    say(`${design}: measuring`);
    const heightBefore = await target.height();
    // The first design meets processes whose code is not compiled yet.
    const warmUp = design === order[0] ? 3 * warmUpSeconds : warmUpSeconds;
    const offered = await offerUpdates(sink, updates, { ...options, warmUpSeconds: warmUp, cpuNow: cpuNowOf(target) });
    const blocks = await blocksOf(target, heightBefore + 1, await target.height());
    const chain = chainCost(blocks, offered.finalInAll);
    return { offered, chain, fullest: fullestOf(blocks) };
  };

  const offerAssets = async (design: "bigchaindb" | "remote", stores: readonly AssetStore[]): Promise<Measured> => {
    say(`${design}: signing`);
    const { creates, transfers } = assetUpdates(planOf(design), intervals, `${design} ${chainId}`);
    await register(stores, creates, signal);
    createBytes = creates.reduce((sum, { updates }) => sum + (updates[0]?.bytes.length ?? 0), 0) / creates.length;
    return offerOn(design, transfers, assetSink(stores));
  };

  const offerSeals = async (design: SealDesign): Promise<Measured> => {
    say(`${design}: signing`);
    const index = SEAL_DESIGNS.indexOf(design);
    const firstNumber = target.firstAccountNumber + BigInt(index * cell.prosumers);
    const own = groups[index]?.meters ?? [];
    const updates = sealUpdates(design, planOf(design), intervals, { chainId, meters: own, firstNumber, startMs });
    // Peers are answered after the signing.
    await setImmediate();
    return offerOn(design, updates, await ledgerSink(target, VALIDATORS));
  };

  const measure = (design: MeasuredDesign): Promise<Measured> => {
    if (design === "remote") return offerAssets(design, [createDriverAssetStore({ url: options.bigchaindbUrl ?? "" })]);
    if (design !== "bigchaindb") return offerSeals(design);
    const stores = target.nodes.map(({ bigchainUrl, bigchainStreamUrl }) =>
      createHttpAssetStore({ url: bigchainUrl ?? "", streamUrl: bigchainStreamUrl }),
    );
    return offerAssets(design, stores);
  };

  const designs: Partial<Record<MeasuredDesign, DesignResult>> = {};
  const fullest: Partial<Record<MeasuredDesign, Uint8Array>> = {};
  for (const design of order) {
    const measured = await measure(design);
    designs[design] = design === "remote" ? measured.offered : { ...measured.offered, chain: measured.chain };
    fullest[design] = measured.fullest;
  }
  const { agreement, rejectedInBlocks } = await target.close();
  say("verification and tampering");
  const blocks = fullest as Record<Design, Uint8Array>;
  const checks = await checkDesigns(directory, cell, { seed, load, blocks });
  return {
    ...cell,
    seed,
    startedAt,
    loadAverage: [loadBefore, loadavg()[0] ?? 0],
    order,
    designs,
    createBytes,
    tier,
    checks,
    agreement,
    rejectedInBlocks,
  };
}

interface Measured {
  readonly offered: OfferedUpdates;
  readonly chain: ChainCost;
  /** The largest block meanwhile. */
  readonly fullest: Uint8Array;
}

function fullestOf(blocks: readonly Uint8Array[]): Uint8Array {
  return blocks.reduce((best, block) => (block.length > best.length ? block : best), new Uint8Array());
}

/** All meters' CREATEs, before the clock starts: a block or two. */
async function register(
  stores: readonly AssetStore[],
  creates: readonly MeterUpdates[],
  signal: AbortSignal,
): Promise<void> {
  const sink = assetSink(stores);
  const waiting = new Set(creates.flatMap(({ updates }) => updates.map(({ id }) => id)));
  const stop = new AbortController();
  const seen = new Map<number, Set<string>>();
  const following = sink.follow(
    (ids, lane = 0) => {
      const own = seen.get(lane) ?? new Set<string>();
      for (const id of ids) if (waiting.has(id)) own.add(id);
      seen.set(lane, own);
      if ([...seen.values()].every(({ size }) => size === waiting.size) && seen.size === stores.length) stop.abort();
    },
    AbortSignal.any([stop.signal, signal]),
  );
  const lanes = stores.map((_, lane) => creates.filter((each) => each.lane === lane));
  await Promise.all(
    lanes.flatMap((own, lane) =>
      Array.from({ length: sink.parallel }, async (_, worker) => {
        for (let i = worker; i < own.length; i += sink.parallel) {
          const refused = await sink.submit(lane, own[i]?.updates ?? []);
          if (refused > 0) throw new Error("a meter's CREATE was refused");
        }
      }),
    ),
  );
  await following;
  signal.throwIfAborted();
}

function cpuNowOf(target: LedgerTarget) {
  return () => {
    const { user, system } = process.cpuUsage();
    const validators = target
      .pids()
      .flat()
      .reduce((sum, pid) => sum + (cpuSeconds(pid) ?? 0), 0);
    return { validators, generator: (user + system) / 1e6 };
  };
}

async function blocksOf(target: LedgerTarget, from: number, to: number): Promise<readonly Uint8Array[]> {
  const blocks: Uint8Array[] = [];
  while (from + blocks.length <= to) {
    const some = await target.storedBlocks(from + blocks.length);
    if (some.length === 0) break;
    blocks.push(...some);
    // A validator answers 50 requests a second.
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return blocks;
}

function chainCost(blocks: readonly Uint8Array[], updates: number): ChainCost {
  let [txBytes, bytes] = [0, 0];
  for (const block of blocks) {
    bytes += block.length;
    for (const tx of decodeBlock(block).txs) txBytes += tx.length;
  }
  return {
    bytesPerUpdate: txBytes / updates,
    bytesPerBlock: (bytes - txBytes) / Math.max(1, blocks.length),
    blocks: blocks.length,
  };
}
