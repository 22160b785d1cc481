import type { SimPorts } from "#consensus/sim/world.ts";
import { createMempool } from "#node/mempool.ts";
import { DEFAULT_MEMPOOL_OPTIONS } from "#node/mempoolTypes.ts";

/** What the simulator takes from outside consensus/: this process' event loop, and the node's own mempool. */
export const SIM_PORTS: SimPorts = {
  // Ticks run when no promise is left to go on.
  settle: () => new Promise((resolve) => process.nextTick(resolve)),
  createMempool: (ports) => createMempool(DEFAULT_MEMPOOL_OPTIONS, ports),
};
