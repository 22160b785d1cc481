import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { type NetworkPlan, planNetwork, writeNetwork } from "./cli/networkPlan.ts";
import { loadConfiguration } from "./configuration.ts";
import { freeNodePorts } from "./freePorts.ts";
import type { NodeOptions } from "./options.ts";
import type { RunningNode } from "./runningNode.ts";
import { startNode } from "./startNode.ts";

export const PASSPHRASE = "correct horse battery";

/** Quick blocks, and nothing that a test does not look at. */
const QUICK: Partial<NodeOptions> = {
  workers: 0,
  timeoutCommitMs: 20,
  heartbeatMs: 200,
  apiDocs: false,
  apiPort: 0,
  apiRequestsPerSecond: 100_000,
  logLevel: "silent",
};

export interface TestNetwork extends AsyncDisposable {
  readonly chainId: string;
  readonly directory: string;
  readonly plan: NetworkPlan;
  /** Starts the node of this name, which knows the addresses of those that run. Logs through pino at `silent`. */
  start(name: string, options?: Partial<NodeOptions>): Promise<RunningNode>;
}

/** Homes of a new network in a temporary folder; its nodes run in this process, on real sockets and disks, when they are started. */
export async function createTestNetwork(size: {
  readonly validators: number;
  readonly full?: number;
  readonly light?: number;
  readonly engine?: NodeOptions["engine"];
}): Promise<TestNetwork> {
  const directory = mkdtempSync(join(tmpdir(), "ledger-network-"));
  const { validators, full = 0, light = 0, engine = "embedded" } = size;
  const chainId = "edream-test";
  // The node's own ports are chosen when it starts; those of CometBFT must be known to the others before.
  const ports = (await freeNodePorts(validators + full + light)).map((each) => ({ ...each, p2p: 0, api: 0 }));
  const genesisTimeMs = Date.now() - 1000;
  const plan = await planNetwork({
    chainId,
    validators,
    full,
    light,
    genesisTimeMs,
    host: "127.0.0.1",
    ports,
    engine,
  });
  await writeNetwork(plan, directory, PASSPHRASE);
  const running: RunningNode[] = [];
  return {
    chainId,
    directory,
    plan,
    async start(name, options = {}) {
      const known = running.flatMap(({ addresses }) => addresses);
      const node = await startNode(
        {
          ...loadConfiguration({ home: join(directory, name) }, {}),
          ...QUICK,
          seeds: known,
          fullNodes: known,
          persistentPeers: known,
          ...options,
        },
        { log: pino({ level: "silent" }), passphrase: async () => PASSPHRASE },
      );
      running.push(node);
      return node;
    },
    async [Symbol.asyncDispose]() {
      for (const node of running.toReversed()) await node.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Looks until there is an answer; the test's own time limit is the only clock. */
export async function eventually<T>(look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  for (;;) {
    const seen = await look();
    if (seen !== undefined && seen !== false) return seen;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
