import { sha256 } from "#storage/crypto/hash.ts";
import type { PrivateKey } from "#storage/crypto/keys.ts";
import { addressOf, publicKeyOf } from "#storage/crypto/keys.ts";
import type { Genesis } from "#storage/types/genesis.ts";
import type { ConsensusParams } from "#storage/types/params.ts";
import { DEFAULT_CONSENSUS_PARAMS } from "#storage/types/params.ts";
import { timestampFromMs } from "#storage/types/time.ts";
import type { Engine } from "./engine.ts";
import type { EngineOptions, EnginePorts, StoredBlock } from "./ports.ts";
import { DEFAULT_ENGINE_OPTIONS } from "./ports.ts";
import type { TestNode } from "./testNode.ts";
import { createTestNode } from "./testNode.ts";

/** How the simulated network treats a message. Probabilities in 0..1, delays in milliseconds. */
export interface LinkFaults {
  dropRate: number;
  duplicateRate: number;
  delayMinMs: number;
  delayMaxMs: number;
}

export interface TestNetOptions {
  readonly seed: number;
  readonly validators: number;
  readonly fullNodes?: number;
  /** Voting power of each validator; 1 unless told. */
  readonly powers?: readonly bigint[];
  readonly engine?: Partial<EngineOptions>;
  readonly consensusParams?: ConsensusParams;
  /** Nodes by position that start later, by `node.start()`. */
  readonly late?: readonly number[];
  /** Probability that a node dies at one of its disk operations. */
  readonly crashRate?: number;
  readonly isUrgent?: EnginePorts["isUrgent"];
}

/**
 * N engines in one process with a virtual clock and a seeded network: the same seed gives the same run. Messages may be lost,
 * doubled, delayed and so reordered; nodes may be cut off, and die at any disk operation with what they had not synced.
 */
export interface TestNet {
  readonly nodes: readonly TestNode[];
  readonly genesis: Genesis;
  readonly keys: readonly PrivateKey[];
  readonly faults: LinkFaults;
  crashRate: number;
  readonly random: () => number;
  nowMs(): number;
  /** Runs events until `condition` holds; throws when it does not within `maxMs` of virtual time. */
  runUntil(condition: () => boolean, maxMs: number): Promise<void>;
  run(ms: number): Promise<void>;
  /** Only nodes of one group reach each other; without groups all do. */
  partition(...groups: (readonly number[])[]): void;
  /** Puts a message on the wire as if `from` had sent it to `to`. */
  send: (from: number, to: number, bytes: Uint8Array) => void;
  /** Of every node's engine. */
  readonly isUrgent: NonNullable<EnginePorts["isUrgent"]>;
  /** Answers to block requests of `to` can be falsified. */
  falsifyBlocks: ((from: number, to: number, blocks: readonly StoredBlock[]) => readonly StoredBlock[]) | undefined;
  /** Throws when two nodes hold different blocks at one height. */
  checkAgreement(): void;
  /** Lowest committed height of the running nodes. */
  height(): number;
  canReach(from: number, to: number): boolean;
  schedule(delayMs: number, run: () => void): () => void;
}

/** Short timeouts; virtual time costs nothing, events do. */
const TEST_OPTIONS: EngineOptions = {
  ...DEFAULT_ENGINE_OPTIONS,
  chainId: "test-net",
  timeoutProposeMs: 400,
  timeoutProposeDeltaMs: 100,
  timeoutPrevoteMs: 200,
  timeoutPrevoteDeltaMs: 100,
  timeoutPrecommitMs: 200,
  timeoutPrecommitDeltaMs: 100,
  timeoutCommitMs: 100,
};

const GENESIS_MS = 1_700_000_000_000;

export async function createTestNet(options: TestNetOptions): Promise<TestNet> {
  const random = seededRandom(options.seed);
  const count = options.validators + (options.fullNodes ?? 0);
  const keys = Array.from(
    { length: count },
    (_, index): PrivateKey => ({ type: "ed25519", bytes: sha256(Buffer.from(`key ${index}`)) }),
  );
  const genesis: Genesis = {
    genesisTime: timestampFromMs(GENESIS_MS),
    chainId: TEST_OPTIONS.chainId,
    initialHeight: 1,
    consensusParams: options.consensusParams ?? DEFAULT_CONSENSUS_PARAMS,
    validators: keys.slice(0, options.validators).map((key, index) => {
      const publicKey = publicKeyOf(key);
      return { address: addressOf(publicKey), publicKey, power: options.powers?.[index] ?? 1n, name: `v${index}` };
    }),
    appHash: new Uint8Array(0),
    appState: {},
  };

  let clockMs = GENESIS_MS + 1000;
  const events = createEventHeap();
  let groups: readonly (readonly number[])[] = [];

  const net: TestNet = {
    nodes: [],
    genesis,
    keys,
    faults: { dropRate: 0, duplicateRate: 0, delayMinMs: 1, delayMaxMs: 10 },
    crashRate: options.crashRate ?? 0,
    random,
    falsifyBlocks: undefined,
    isUrgent: options.isUrgent ?? (() => false),
    nowMs: () => clockMs,

    schedule(delayMs, run) {
      const event = events.add(clockMs + Math.max(0, delayMs), run);
      return () => {
        event.run = undefined;
      };
    },

    canReach(from, to) {
      if (!nodes[from]?.isRunning || !nodes[to]?.isRunning) return false;
      return groups.length === 0 || groups.some((group) => group.includes(from) && group.includes(to));
    },

    send(from, to, bytes) {
      const { dropRate, duplicateRate, delayMinMs, delayMaxMs } = net.faults;
      const copies = random() < duplicateRate ? 2 : 1;
      for (let copy = 0; copy < copies; copy++) {
        if (random() < dropRate) continue;
        net.schedule(delayMinMs + random() * (delayMaxMs - delayMinMs), () => {
          if (net.canReach(from, to)) nodes[to]?.engine?.receive(`n${from}`, bytes);
        });
      }
    },

    partition(...next) {
      groups = next;
    },

    async runUntil(condition, maxMs) {
      const endMs = clockMs + maxMs;
      while (!condition()) {
        const event = events.next();
        if (event === undefined || event.atMs > endMs)
          throw new Error(`not within ${maxMs} ms, seed ${options.seed}: ${nodes.map(describe).join("; ")}`);
        clockMs = event.atMs;
        event.run?.();
        await settle(nodes);
        for (const node of nodes) if (node.failure !== undefined) throw node.failure;
      }
    },

    async run(ms) {
      const endMs = clockMs + ms;
      let isOver = false;
      net.schedule(ms, () => {
        isOver = true;
      });
      await net.runUntil(() => isOver && clockMs >= endMs, ms + 1);
    },

    checkAgreement() {
      const byHeight = new Map<number, string>();
      for (const node of nodes)
        for (const [height, { record }] of node.disk.blocks) {
          const hash = Buffer.from(record.blockId.hash).toString("hex");
          const appHash = Buffer.from(record.stateAfter.appHash).toString("hex");
          const both = `${hash} ${appHash}`;
          const known = byHeight.get(height);
          if (known !== undefined && known !== both) throw new Error(`fork at ${height}, seed ${options.seed}`);
          byHeight.set(height, both);
        }
    },

    height: () => Math.min(...nodes.filter((node) => node.isRunning).map((node) => node.height())),
  };

  const engineOptions = { ...TEST_OPTIONS, ...options.engine };
  const nodes = keys.map((key, index) =>
    createTestNode(net, index, index < options.validators ? key : undefined, engineOptions),
  );
  Object.assign(net, { nodes });
  for (const [index, node] of nodes.entries()) if (!options.late?.includes(index)) await node.start();
  return net;
}

/** Lets every engine finish what it is doing; a node that died never finishes. */
async function settle(nodes: readonly TestNode[]): Promise<void> {
  for (let turn = 0; turn < SETTLE_TURNS; turn++) await Promise.resolve();
  for (const node of nodes) {
    const engine: Engine | undefined = node.engine;
    if (engine !== undefined) await Promise.race([engine.idle(), node.death]);
  }
}

/** Promise hops between an answered request and the engine's queue. */
const SETTLE_TURNS = 4;

function describe(node: TestNode): string {
  const status = node.engine?.status();
  return `n${node.index} ${node.isRunning ? "up" : "down"} ${status?.height}/${status?.round}/${status?.step}`;
}

interface TimedEvent {
  readonly atMs: number;
  readonly order: number;
  run: (() => void) | undefined;
}

/** A binary heap by time, then by order of scheduling. */
function createEventHeap(): { add(atMs: number, run: () => void): TimedEvent; next(): TimedEvent | undefined } {
  const heap: TimedEvent[] = [];
  let order = 0;
  const isBefore = (a: TimedEvent, b: TimedEvent) => a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
  const swap = (a: number, b: number) => {
    const held = heap[a] as TimedEvent;
    heap[a] = heap[b] as TimedEvent;
    heap[b] = held;
  };
  return {
    add(atMs, run) {
      const event = { atMs, order: order++, run };
      heap.push(event);
      for (let at = heap.length - 1; at > 0; ) {
        const parent = (at - 1) >> 1;
        if (!isBefore(heap[at] as TimedEvent, heap[parent] as TimedEvent)) break;
        swap(at, parent);
        at = parent;
      }
      return event;
    },
    next() {
      const first = heap[0];
      const last = heap.pop();
      if (first === undefined || last === undefined || heap.length === 0) return first;
      heap[0] = last;
      for (let at = 0; ; ) {
        let least = at;
        for (const child of [2 * at + 1, 2 * at + 2])
          if (child < heap.length && isBefore(heap[child] as TimedEvent, heap[least] as TimedEvent)) least = child;
        if (least === at) return first;
        swap(at, least);
        at = least;
      }
    },
  };
}

/** mulberry32: 32 bits of state are plenty for a test. */
function seededRandom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
