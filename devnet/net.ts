import { fileURLToPath } from "node:url";
import { lightProcess } from "#node/light/lightProcess.ts";
import type { PreparedNet, PreparedNode } from "./prepare.ts";
import { type NodeProcess, startNodeProcess } from "./processes.ts";

/** Compiled code comes from disk at every start but the first, and the type stripper, 18 MB, is then not even loaded. */
export const ENVIRONMENT = {
  NODE_COMPILE_CACHE: fileURLToPath(new URL("../node_modules/.cache/node-compile", import.meta.url)),
};

export interface RunningNet {
  readonly chainId: string;
  readonly nodes: readonly (PreparedNode & { readonly process: NodeProcess })[];
  /** Stops all nodes, light ones first. */
  stop(): Promise<void>;
}

/** What is special about the process of one node. */
export interface ProcessOptions {
  readonly environment?: Readonly<Record<string, string>>;
  /** See `startNodeProcess`. */
  readonly pipeLog?: boolean;
}

/** Starts every node of a prepared net as a process of its own; `optionsOf` is asked by name. */
export function startNet(net: PreparedNet, optionsOf: (name: string) => ProcessOptions = () => ({})): RunningNet {
  const nodes = net.nodes.map((node) => {
    const light = node.role === "light" ? lightProcess(node.home) : undefined;
    const { environment, pipeLog = false } = optionsOf(node.name);
    const process = startNodeProcess({
      name: node.name,
      home: node.home,
      nodeFlags: light?.flags ?? [],
      environment: { ...ENVIRONMENT, ...light?.environment, ...environment },
      pipeLog,
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
