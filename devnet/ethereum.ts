import { copyFileSync } from "node:fs";
import { join } from "node:path";
import type { HDNodeWallet, Wallet } from "ethers";
import type { NodeOptions } from "#node/options.ts";
import type { PreparedNode } from "./prepare.ts";

/** Names of keys that the bridge needs, in the homes of those that use them. */
export const SECOND_KEY = "bridge";
export const RELAY_KEY = "relayer";

/** Blocks of an Ethereum node of one's own that cannot be taken back: two are enough to see what the margin does. */
export const OWN_REORG_MARGIN = 2;

/** A command line at a node's home, as its operator would give it; its answer. */
export type RunCommand = (name: string, ...args: readonly string[]) => Promise<Record<string, unknown>>;

export interface BridgedOptions {
  readonly ethereumUrl: string;
  readonly reorgMarginBlocks: number;
  /** The node that carries anchors, beside what else it does; absent: another process does. */
  readonly relayedBy?: string;
}

/** What the configuration of a node says of the bridge. A light node does nothing with it; the commands at its home do. */
export function bridgedConfig({ name, role }: Pick<PreparedNode, "name" | "role">, options: BridgedOptions) {
  const { ethereumUrl, reorgMarginBlocks, relayedBy } = options;
  const config: Partial<NodeOptions> = {
    ethereumUrl,
    reorgMarginBlocks,
    ...(role === "validator" ? { bridgeKey: SECOND_KEY } : {}),
    ...(relayedBy === name ? { bridgeRelay: true, relayKey: RELAY_KEY } : {}),
  };
  return config;
}

/**
 * Makes the validators' second keys and, where it is to have one of its own, the relayer's, before the nodes start.
 * @returns the relayer's address
 */
export async function makeBridgeKeys(
  run: RunCommand,
  nodes: readonly PreparedNode[],
  relayerHome: string | undefined,
): Promise<string> {
  const validators = nodes.filter(({ role }) => role === "validator");
  const [relayer] = await Promise.all([
    relayerHome === undefined ? undefined : run(relayerHome, "keys", "new", RELAY_KEY),
    ...validators.map(({ name }) => run(name, "keys", "new", SECOND_KEY)),
  ]);
  return String(relayer?.ethereumAddress ?? "");
}

/** Sends ether to some, all in one block where the node makes blocks by the clock. */
export async function giveEther(
  from: HDNodeWallet | Wallet,
  gifts: readonly { readonly to: string; readonly wei: bigint }[],
): Promise<void> {
  const first = await from.getNonce("pending");
  const sent = await Promise.all(
    gifts.map(({ to, wei }, i) => from.sendTransaction({ to, value: wei, nonce: first + i })),
  );
  await Promise.all(sent.map((one) => one.wait()));
}

export interface BridgeSetUp {
  readonly run: RunCommand;
  readonly nodes: readonly PreparedNode[];
  /** Key of the first validator's home that pays for the contracts and owns them. */
  readonly payer: string;
  readonly cadenceMs: number;
  /** What `bridge deploy` is given beside that. */
  readonly deployFlags?: readonly string[];
  /** The same of `bridge configure`. */
  readonly configureFlags?: readonly string[];
}

/**
 * Binds the second keys, deploys all contracts, hands out contracts.json and tells the ledger where they are: from its next block on the
 * validators sign anchors. @returns the answer of `bridge deploy`
 */
export async function setUpBridge(setUp: BridgeSetUp): Promise<Readonly<Record<string, unknown>>> {
  const { run, nodes, payer, cadenceMs, deployFlags = [], configureFlags = [] } = setUp;
  const validators = nodes.filter(({ role }) => role === "validator");
  const [first] = validators;
  if (first === undefined) throw new Error("a net without validators");
  await Promise.all(validators.map(({ name }) => run(name, "bridge", "register", "--second-key", SECOND_KEY)));
  const deployed = await run(first.name, "bridge", "deploy", "--key", payer, ...deployFlags);
  const file = String(deployed.file);
  for (const { home } of nodes) if (home !== first.home) copyFileSync(file, join(home, "contracts.json"));
  await run(first.name, "bridge", "configure", "--cadence-ms", `${cadenceMs}`, ...configureFlags);
  return deployed;
}
