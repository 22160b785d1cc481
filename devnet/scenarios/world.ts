import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { HDNodeWallet, type JsonRpcProvider, Mnemonic } from "ethers";
import { type Anvil, startAnvil } from "#bridge/evm/anvil.ts";
import { connectEvm } from "#bridge/evm/connectEvm.ts";
import { encodeContractsFile } from "#bridge/evm/contractsFile.ts";
import { ledgerIdOf } from "#bridge/ledgerId.ts";
import { parseGenesis } from "#storage/types/genesis.ts";
import { type RunningNet, startNet } from "../net.ts";
import { nodeView } from "../observe.ts";
import { runOperator } from "../operator.ts";
import { type PreparedNode, prepareNet } from "../prepare.ts";
import type { Story } from "./story.ts";

export interface WorldOptions {
  readonly directory: string;
  readonly validators: number;
  readonly light: number;
  /** Seconds between blocks of Ethereum. */
  readonly blockSeconds: number;
  /** Ends the story where it is; both chains are stopped. */
  readonly signal?: AbortSignal;
}

/** A ledger of real processes and an Ethereum of its own, both fresh. */
export interface World extends AsyncDisposable {
  readonly directory: string;
  readonly net: RunningNet;
  readonly provider: JsonRpcProvider;
  readonly ethereumUrl: string;
  readonly chainId: bigint;
  /** SHA256 of the genesis, hex. */
  readonly ledgerId: string;
  /** Pays for what nobody in the story pays for: deployment, and the actors' first ether. */
  readonly treasury: HDNodeWallet;
  readonly node: (name: string) => PreparedNode;
  /** Writes contracts.json into the homes of these nodes. */
  readonly publishContracts: (contracts: Readonly<Record<string, string>>, names: readonly string[]) => void;
  /** A command line at a node's home, as its operator would give it; its answer. What it spent on Ethereum is added up. */
  readonly run: (name: string, ...args: readonly string[]) => Promise<Record<string, unknown>>;
  /** Wei that the commands at a node's home paid for gas. */
  readonly feesOf: (name: string) => bigint;
  /** JSON that a node's REST API answers. @throws Error for any other status than 200 */
  readonly ask: <T>(name: string, path: string) => Promise<T>;
  /** Waits until the question has an answer; fails when a process of the world has ended. */
  readonly until: <T>(question: () => Promise<T | undefined>) => Promise<T>;
}

/** The mnemonic that anvil gives ether to. */
const MNEMONIC = "test test test test test test test test test test test junk";

const LOOK_MS = 100;

/** Starts both, and waits for the first block of the ledger. */
export async function startWorld(options: WorldOptions, story: Story): Promise<World> {
  const { directory, validators, light, blockSeconds, signal } = options;
  await using opened = new AsyncDisposableStack();
  // A block every second or so, as on a real chain: several transactions may be under way.
  const anvil: Anvil = opened.use(await startAnvil({ blockSeconds }));
  const evm = opened.use(await connectEvm({ url: anvil.url, chainId: BigInt(anvil.chainId), pollingMs: LOOK_MS }));
  const prepared = await prepareNet({
    ...{ directory: join(directory, "net"), validators, full: 0, light, households: 1, dataFile: undefined },
  });
  const net = startNet(prepared);
  opened.defer(() => net.stop());
  const node = (name: string) => {
    const found = prepared.nodes.find((each) => each.name === name);
    if (found === undefined) throw new Error(`there is no node ${name}`);
    return found;
  };
  const first = node("validator0");
  const until: World["until"] = async (question) => {
    for (;;) {
      signal?.throwIfAborted();
      const answer = await question();
      if (answer !== undefined) return answer;
      const ended = await Promise.race([anvil.exited, new Promise((resolve) => setTimeout(resolve, LOOK_MS, "runs"))]);
      if (ended !== "runs") throw ended ?? new Error("the Ethereum node has ended");
    }
  };
  await until(async () => ((await nodeView(first.apiUrl))?.height ?? 0) > 0 || undefined);
  const genesis = parseGenesis(readFileSync(join(first.home, "genesis.json"), "utf8"));
  const ledgerId = Buffer.from(ledgerIdOf(genesis)).toString("hex");
  const treasury = HDNodeWallet.fromMnemonic(Mnemonic.fromPhrase(MNEMONIC)).connect(evm.provider);
  const parts = opened.move();
  const fees = new Map<string, bigint>();
  return {
    ...{
      directory,
      net,
      provider: evm.provider,
      ethereumUrl: anvil.url,
      chainId: evm.chainId,
      ledgerId,
      treasury,
      node,
    },
    publishContracts(contracts, names) {
      const text = encodeContractsFile({ chainId: evm.chainId, ledgerId, fromBlock: 0, contracts });
      for (const name of names) writeFileSync(join(node(name).home, "contracts.json"), text);
    },
    async run(name, ...args) {
      signal?.throwIfAborted();
      const answer = await runOperator(node(name).home, ...args);
      if (typeof answer.gasUsed === "string") {
        const feeWei = BigInt(String(answer.feeWei));
        story.spend(BigInt(answer.gasUsed), feeWei);
        fees.set(name, (fees.get(name) ?? 0n) + feeWei);
      }
      return answer;
    },
    feesOf: (name) => fees.get(name) ?? 0n,
    async ask<T>(name: string, path: string) {
      const response = await fetch(`${node(name).apiUrl}/ledger/v1${path}`);
      if (response.status !== 200) throw new Error(`${name} answers ${path} with ${response.status}`);
      return (await response.json()) as T;
    },
    until,
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}
