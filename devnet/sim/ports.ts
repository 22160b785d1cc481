import type { SimPorts } from "#consensus/sim/world.ts";
import { createMempool } from "#node/mempool.ts";
import { DEFAULT_MEMPOOL_OPTIONS } from "#node/mempoolTypes.ts";

/** What the simulator takes from outside consensus/: this process' event loop, and the node's own mempool. */
export const SIM_PORTS: SimPorts = {
  // A tick that is asked for while promises go on runs when none is left to; one asked for by an event of the loop would run before them,
  // hence the first step.
  settle: () => Promise.resolve().then(() => new Promise((resolve) => process.nextTick(resolve))),
  createMempool: (ports) => createMempool(DEFAULT_MEMPOOL_OPTIONS, ports),
};
