import { fileURLToPath } from "node:url";
import type { PreparedNet, PreparedNode } from "./prepare.ts";
import { type NodeProcess, startNodeProcess } from "./processes.ts";

/** A light node is to run beside other things on a small computer: a small young generation, few arenas, few threads. */
const LIGHT_FLAGS = ["--max-semi-space-size=1", "--v8-pool-size=1"];
const LIGHT_ENVIRONMENT = { MALLOC_ARENA_MAX: "1", UV_THREADPOOL_SIZE: "2" };

/** Compiled code comes from disk at every start but the first, and the type stripper, 18 MB, is then not even loaded. */
const ENVIRONMENT = {
  NODE_COMPILE_CACHE: fileURLToPath(new URL("../node_modules/.cache/node-compile", import.meta.url)),
};

export interface RunningNet {
  readonly chainId: string;
  readonly nodes: readonly (PreparedNode & { readonly process: NodeProcess })[];
  /** Stops all nodes, light ones first. */
  stop(): Promise<void>;
}

/** Starts every node of a prepared net as a process of its own. */
export function startNet(net: PreparedNet): RunningNet {
  const nodes = net.nodes.map((node) => {
    const isLight = node.role === "light";
    const process = startNodeProcess({
      name: node.name,
      home: node.home,
      nodeFlags: isLight ? LIGHT_FLAGS : [],
      environment: isLight ? { ...ENVIRONMENT, ...LIGHT_ENVIRONMENT } : ENVIRONMENT,
    });
    return { ...node, process };
  });
  return {
    chainId: net.chainId,
    nodes,
    async stop() {
      await Promise.all(nodes.map(({ process }) => process.stop()));
    },
  };
}
