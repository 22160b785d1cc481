import type { RunningNet } from "../net.ts";
import { nodeView } from "../observe.ts";
import { byzantineNodes, type Scenario } from "./scenario.ts";

type Node = RunningNet["nodes"][number];

/** A scenario under way: its clock, and what its validators were seen to hold. */
export interface Play {
  readonly scenario: Scenario;
  readonly net: RunningNet;
  /** Validators that never misbehave. */
  readonly honest: readonly Node[];
  /** Validators that stand still: they are not asked, as they do not answer. */
  readonly paused: Set<string>;
  /** Seconds since the first block, without those in which the clock was held. */
  seconds(): number;
  /** Height last seen of each validator, in their order, and the highest of an honest one so far. */
  readonly heights: readonly number[];
  readonly highest: number;
  look(): Promise<void>;
  /** Looks until the clock reaches this time. */
  until(seconds: number): Promise<void>;
  /** Looks until the condition holds, the clock standing still; false when its patience was not enough. */
  hold(condition: () => boolean | Promise<boolean>): Promise<boolean>;
}

const LOOK_MS = 200;

/** What a machine that does other things may need for something that takes seconds. */
const DEFAULT_PATIENCE_MS = 90_000;

export interface PlayOptions {
  readonly signal?: AbortSignal;
  /** How long `hold` waits at most. */
  readonly patienceMs?: number;
  readonly onLook?: (play: Play) => void;
}

export function createPlay(scenario: Scenario, net: RunningNet, options: PlayOptions): Play {
  const { patienceMs = DEFAULT_PATIENCE_MS } = options;
  const validators = net.nodes.filter(({ role }) => role === "validator");
  const byzantine = byzantineNodes(scenario);
  const honest = validators.filter(({ name }) => !byzantine.has(name));
  const began = performance.now();
  let heldMs = 0;
  let heights: readonly number[] = validators.map(() => 0);
  let highest = 0;

  async function pause(): Promise<void> {
    options.signal?.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }

  const play: Play = {
    scenario,
    net,
    honest,
    paused: new Set(),
    seconds: () => (performance.now() - began - heldMs) / 1000,
    get heights() {
      return heights;
    },
    get highest() {
      return highest;
    },

    async look() {
      heights = await Promise.all(
        validators.map(async ({ name, apiUrl, process }, index) => {
          if (play.paused.has(name) || process.pid() === undefined) return heights[index] ?? 0;
          return (await nodeView(apiUrl))?.height ?? heights[index] ?? 0;
        }),
      );
      highest = Math.max(highest, ...heights.filter((_, index) => honest.includes(validators[index] as Node)));
      options.onLook?.(play);
    },

    async until(seconds) {
      for (;;) {
        await play.look();
        if (play.seconds() >= seconds) return;
        await pause();
      }
    },

    async hold(condition) {
      const since = performance.now();
      try {
        for (;;) {
          if (await condition()) return true;
          if (performance.now() - since > patienceMs) return false;
          await pause();
          await play.look();
        }
      } finally {
        heldMs += performance.now() - since;
      }
    },
  };
  return play;
}
