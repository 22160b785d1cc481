import { type PrivateKey, publicKeyOf } from "#storage/crypto/keys.ts";
import { loadAppState } from "#storage/db/appState.ts";
import type { Genesis } from "#storage/types/genesis.ts";
import { DEFAULT_CONSENSUS_PARAMS } from "#storage/types/params.ts";
import { timestampFromMs } from "#storage/types/time.ts";
import { decodeRecord, type RecordOf, recordKindOf } from "../application/stateRecords.ts";
import type { EngineOptions } from "../engine/ports.ts";
import { DEFAULT_ENGINE_OPTIONS } from "../engine/ports.ts";
import { DEFAULT_LIGHT_RULES } from "../light/verify.ts";
import { startClients } from "./clients.ts";
import { createCommittee } from "./committee.ts";
import { createEffectCounter, type Effects } from "./effects.ts";
import { createEventQueue } from "./eventQueue.ts";
import { startFaults } from "./faults.ts";
import { createInvariants, type Violation } from "./invariants.ts";
import { createLightRequests, createSimLightNode } from "./lightNode.ts";
import { kindOf } from "./messageKind.ts";
import { createNetwork } from "./network.ts";
import type { Plan } from "./plan.ts";
import { createRandom } from "./random.ts";
import { shareSignatureChecks, verifyTxSignature } from "./signatureMemo.ts";
import { createTrace } from "./trace.ts";
import { GENESIS_MS, SIM_CHAIN_ID, simAppState } from "./workload.ts";
import type { SimPorts, World } from "./world.ts";

/** What became of a run. The same plan gives the same, whenever and wherever it runs. */
export interface RunResult {
  readonly seed: number;
  readonly violation: Violation | undefined;
  /** SHA-256 over everything that happened. */
  readonly traceHash: string;
  readonly height: number;
  readonly events: number;
  readonly virtualMs: number;
  /** Evidence in blocks, lives of nodes beyond their first, transactions that took effect. */
  readonly evidence: number;
  readonly restarts: number;
  readonly txs: number;
  /** What the plan's faults did. */
  readonly effects: Effects;
}

/** Virtual time within which the net must be well again after the faults have ended. */
export const PROGRESS_MS = 60_000;

/** Blocks that every honest node must decide after the faults have ended. */
const HEIGHTS_AFTER_HEAL = 2;

/** A run that does not end is a fault too. */
const MAX_EVENTS = 60_000;

/** Large enough for the evidence of a run, small enough that an oversized block costs nothing to make. */
const MAX_BLOCK_BYTES = 200_000;
const MAX_EVIDENCE_BYTES = 50_000;

const ENGINE_OPTIONS: EngineOptions = {
  ...DEFAULT_ENGINE_OPTIONS,
  chainId: SIM_CHAIN_ID,
  timeoutProposeMs: 300,
  timeoutProposeDeltaMs: 100,
  timeoutPrevoteMs: 150,
  timeoutPrevoteDeltaMs: 75,
  timeoutPrecommitMs: 150,
  timeoutPrecommitDeltaMs: 75,
  timeoutCommitMs: 300,
  emptyBlockIntervalMs: 1000,
  statusIntervalMs: 500,
  statusMinGapMs: 40,
  gossipIntervalMs: 120,
  repairDelayMs: 80,
  resendMs: 400,
  syncTimeoutMs: 1000,
};

/** Runs a plan to its end, or to the first violation. */
export async function runPlan(plan: Plan, ports: SimPorts, onLine?: (line: string) => void): Promise<RunResult> {
  shareSignatureChecks();
  const trace = createTrace(onLine);
  const root = createRandom(plan.seed);
  const events = createEventQueue();
  let clockMs = 0;
  let count = 0;
  const nowMs = () => clockMs;
  const schedule = (delayMs: number, run: () => void) => {
    const event = events.add(clockMs + Math.max(0, delayMs), run);
    return () => {
      event.run = undefined;
    };
  };
  const randomOf = (label: string) => root.fork(label);

  const committee = createCommittee(plan);
  const genesis = genesisOf(plan, committee.genesisKeys);
  const clients = startClients(plan);
  const invariants = createInvariants({
    chainId: SIM_CHAIN_ID,
    maxBlockBytes: MAX_BLOCK_BYTES,
    genesisValidators: genesis.validators,
    byzantine: committee.byzantineAddresses,
    isByzantineNode: (index) => committee.isByzantine(index),
    registeredBy: (txId) => clients.registeredBy(txId),
    nowMs,
    healMs: plan.healMs,
  });
  const effects = createEffectCounter();
  const network = createNetwork({ trace, effects, nowMs, schedule, randomOf });
  const world: World = {
    plan,
    genesis,
    trace,
    network,
    invariants,
    effects,
    nodes: [],
    createMempool: ports.createMempool,
    verifyTxSignature,
    nowMs,
    wallMs: () => GENESIS_MS + clockMs,
    schedule,
    randomOf,
    deliverConsensus(from, to, bytes) {
      const sender = world.nodes[from];
      const receiver = world.nodes[to];
      if (sender === undefined || receiver === undefined) return;
      if (sender.isByzantine) invariants.onByzantineSend(sender, bytes);
      // A connection ends with the life of either end, and what was on it is lost.
      const lives = `${sender.life} ${receiver.life}`;
      const deliver = () => {
        if (sender.isUp && receiver.isUp && lives === `${sender.life} ${receiver.life}`)
          receiver.receive(sender.peerName, bytes);
      };
      network.send(from, to, bytes, deliver, () => kindOf(bytes));
    },
    requestBlocks: (from, to, fromHeight, wanted) =>
      new Promise((resolve, reject) => {
        const request = Buffer.from(`blocks ${fromHeight} ${wanted}`);
        network.send(from, to, request, () => {
          const server = world.nodes[to];
          if (!server?.isUp) return reject(new Error("nobody there"));
          void committee.answerBlocks(server, fromHeight, wanted).then((blocks) => {
            network.send(to, from, Buffer.from(`${blocks.length} blocks`), () => resolve(blocks));
          }, reject);
        });
      }),
  };
  const options = {
    ...ENGINE_OPTIONS,
    createEmptyBlocks: plan.emptyBlocks,
    skipTimeoutCommit: plan.skipTimeoutCommit,
  };
  Object.assign(world, { nodes: committee.createNodes(world, options) });
  const askLight = createLightRequests(world, async (to, height) => {
    const server = world.nodes[to];
    return server?.isUp ? committee.answerLight(server, height) : undefined;
  });
  const lights = committee.lightNodes.map((index) =>
    createSimLightNode(world, index, (to, height) => askLight(index, to, height)),
  );

  /** Runs events until `isOver`; false when there is a violation or the time is up. */
  async function runUntil(isOver: () => boolean, endMs: number): Promise<boolean> {
    while (!isOver()) {
      const event = events.next();
      if (event === undefined || event.atMs > endMs || count >= MAX_EVENTS) return false;
      clockMs = event.atMs;
      count++;
      event.run?.();
      await ports.settle();
      if (invariants.violation !== undefined) return false;
    }
    return true;
  }

  for (const node of world.nodes) void node.start();
  await ports.settle();
  clients.start(world);
  for (const light of lights) light.start();
  const faults = startFaults(world, clients);

  let isHealed = false;
  schedule(plan.healMs, () => {
    faults.heal();
    isHealed = true;
  });
  await runUntil(() => isHealed, plan.healMs + 1);
  if (invariants.violation === undefined) {
    const target = invariants.chainHeight() + HEIGHTS_AFTER_HEAL;
    const honest = world.nodes.filter((node) => !node.isByzantine);
    // A light node rightly refuses a chain whose clocks are too far ahead of its own.
    const isAhead = () => invariants.latestTimeMs() > world.wallMs() + DEFAULT_LIGHT_RULES.maxClockDriftMs;
    const lagging = () => [
      ...honest.filter((node) => !node.isUp || node.height < target).map(describe),
      ...lights
        .filter((light) => light.height < target - 1 && !isAhead())
        .map((light) => `light ${light.index} at ${light.height}`),
    ];
    let next = 0;
    const isWell = () => {
      // Counting costs more than an event.
      if (clockMs < next) return false;
      next = clockMs + 25;
      return (
        lagging().length === 0 && clients.waiting().length === 0 && invariants.missingEvidence(world.nodes).length === 0
      );
    };
    if (!(await runUntil(isWell, plan.healMs + PROGRESS_MS)) && invariants.violation === undefined) {
      const behind = [...lagging(), ...clients.waiting().map((index) => `transaction ${index} waits`)];
      const missing = invariants.missingEvidence(world.nodes);
      if (behind.length > 0) invariants.fail("progress", `not at ${target} in time: ${behind.join("; ")}`);
      else invariants.fail("evidence", `in no block: ${missing.join("; ")}`);
    }
    for (const node of honest)
      if (invariants.violation === undefined && node.store !== undefined) {
        const state = await energyState(node.store);
        invariants.checkEnergy(node, { height: node.height, ...state });
      }
  }

  effects.count("powerChanged", clients.powerChanges());
  return {
    seed: plan.seed,
    violation: invariants.violation,
    traceHash: trace.digest(),
    height: invariants.chainHeight(),
    events: count,
    virtualMs: Math.round(clockMs),
    evidence: invariants.evidenceCount(),
    restarts: world.nodes.reduce((sum, node) => sum + node.life - 1, 0),
    txs: invariants.committedCount(),
    effects: effects.counts,
  };

  function describe(node: World["nodes"][number]): string {
    const status = node.engine?.status();
    return `n${node.index} ${node.isUp ? "up" : "down"} at ${node.height}, in ${status?.height}/${status?.round}/${status?.step}`;
  }
}

function genesisOf(plan: Plan, keys: readonly PrivateKey[]): Genesis {
  return {
    genesisTime: timestampFromMs(GENESIS_MS),
    chainId: SIM_CHAIN_ID,
    initialHeight: 1,
    consensusParams: {
      ...DEFAULT_CONSENSUS_PARAMS,
      block: { maxBytes: MAX_BLOCK_BYTES, maxGas: -1 },
      evidence: { ...DEFAULT_CONSENSUS_PARAMS.evidence, maxBytes: MAX_EVIDENCE_BYTES },
    },
    validators: plan.powers.map((power, index) => {
      const publicKey = publicKeyOf(keys[index] as PrivateKey);
      return { address: new Uint8Array(20), publicKey, power: BigInt(power), name: `v${index}` };
    }),
    appHash: new Uint8Array(0),
    appState: simAppState(),
  };
}

/** The records that hold energy. */
async function energyState(store: NonNullable<World["nodes"][number]["store"]>) {
  const outputs: RecordOf<"output">[] = [];
  const chains: RecordOf<"chain">[] = [];
  for await (const [keyBytes, value] of loadAppState(store)) {
    const key = Buffer.from(keyBytes).toString("latin1");
    const kind = recordKindOf(key)?.kind;
    if (kind === "output") outputs.push(decodeRecord("output", value));
    if (kind === "chain") chains.push(decodeRecord("chain", value));
  }
  return { outputs, chains };
}
