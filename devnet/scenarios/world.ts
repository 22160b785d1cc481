import { readFileSync } from "node:fs";
import { join } from "node:path";
import { HDNodeWallet, type JsonRpcProvider, Mnemonic, parseEther } from "ethers";
import { type Anvil, startAnvil } from "#bridge/evm/anvil.ts";
import { connectEvm } from "#bridge/evm/connectEvm.ts";
import { addressOfContract, decodeContractsFile } from "#bridge/evm/contractsFile.ts";
import { ledgerIdOf } from "#bridge/ledgerId.ts";
import { Bridge } from "#contracts/abi/Bridge.ts";
import { OPERATOR_KEY_NAME } from "#node/cli/keyNames.ts";
import type { NodeOptions } from "#node/options.ts";
import { parseGenesis } from "#storage/types/genesis.ts";
import { bridgedConfig, giveEther, makeBridgeKeys, OWN_REORG_MARGIN, RELAY_KEY, setUpBridge } from "../ethereum.ts";
import { type RunningNet, startNet } from "../net.ts";
import { nodeView } from "../observe.ts";
import { runOperator } from "../operator.ts";
import { type PreparedNode, prepareNet } from "../prepare.ts";
import { type RelayProcess, startRelayProcess } from "../relayProcess.ts";
import { sufferFaults } from "./faults.ts";
import type { Story } from "./story.ts";

export interface WorldOptions {
  readonly directory: string;
  readonly validators: number;
  readonly light: number;
  /** Seconds between blocks of Ethereum. */
  readonly blockSeconds: number;
  /** All contracts are deployed, validators sign anchors, a relayer carries them: README.md. */
  readonly bridge?: boolean;
  /** With `bridge`, which it implies: a validator and the relayer are killed in the middle of the story (faults.ts). */
  readonly faults?: boolean;
  /** With `bridge`: an anchor ends with the first block of each multiple of it. */
  readonly cadenceMs?: number;
  /** With `bridge`: what DeviceRegistry revokes on Ethereum is revoked on the ledger. */
  readonly deviceRegistry?: boolean;
  /**
   * Meters measure now, and an interval has this length; a divisor of a day, from 1000 on. Absent: the last 30 days run by, a quarter of an hour
   * each second.
   */
  readonly intervalMs?: number;
  /** With `intervalMs`: time between two readings; from 1000 on. */
  readonly readingMs?: number;
  /** With `intervalMs`: the light nodes whose meters measure now; absent: all of them. */
  readonly realTime?: readonly string[];
  /** Simulated seconds per second where the last days run by (900). */
  readonly pastSpeed?: number;
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
  /** A command line at a node's home, as its operator would give it; its answer. What it spent on Ethereum is added up. */
  readonly run: (name: string, ...args: readonly string[]) => Promise<Record<string, unknown>>;
  /** Wei that the commands at a node's home paid for gas. */
  readonly feesOf: (name: string) => bigint;
  /** JSON that a node's REST API answers. @throws Error for any other status than 200 */
  readonly ask: <T>(name: string, path: string) => Promise<T>;
  /** Waits until the question has an answer; fails when a process of the world has ended. */
  readonly until: <T>(question: () => Promise<T | undefined>) => Promise<T>;
  /** The address of a contract. @throws EvmError EVM_CONTRACT_ABSENT, and without `bridge` */
  readonly contract: (name: string) => string;
  /** Waits until the bridge contract has the block, and answers how far it is. @throws without `bridge` */
  readonly anchored: (height: number) => Promise<number>;
  /** @throws without `bridge` */
  readonly relayer: () => RelayProcess;
}

/** The mnemonic that anvil gives ether to. */
const MNEMONIC = "test test test test test test test test test test test junk";

const LOOK_MS = 100;
/** For faults that do not come to their end, though the story has. */
const FAULTS_END_MS = 120_000;
const DEFAULT_CADENCE_MS = 2000;
const DEFAULT_READING_MS = 1000;
/** Whose operator owns ledger and contracts, and beside whom the relayer runs. */
const FIRST = "validator0";
/** For the contracts, about 30 million gas, and for whatever the owner does afterwards. */
const OWNER_WEI = parseEther("100");
const RELAYER_WEI = parseEther("10");

/** Starts both, and waits for the first block of the ledger; with `bridge` for everything that the bridge needs. */
export async function startWorld(options: WorldOptions, story: Story): Promise<World> {
  const { directory, validators, light, blockSeconds, signal, faults = false } = options;
  const bridge = options.bridge === true || faults;
  await using opened = new AsyncDisposableStack();
  // A block every second or so, as on a real chain: several transactions may be under way.
  const anvil: Anvil = opened.use(await startAnvil({ blockSeconds, slotsInAnEpoch: 1 }));
  const evm = opened.use(await connectEvm({ url: anvil.url, chainId: BigInt(anvil.chainId), pollingMs: LOOK_MS }));
  const treasury = HDNodeWallet.fromMnemonic(Mnemonic.fromPhrase(MNEMONIC)).connect(evm.provider);
  const bridged = { ethereumUrl: anvil.url, reorgMarginBlocks: OWN_REORG_MARGIN };
  const prepared = await prepareNet({
    ...{ directory: join(directory, "net"), validators, full: 0, light, households: 1, dataFile: undefined },
    configOf: (node) => ({ ...(bridge ? bridgedConfig(node, bridged) : {}), ...meteringConfig(node.name, options) }),
  });
  const node = (name: string) => {
    const found = prepared.nodes.find((each) => each.name === name);
    if (found === undefined) throw new Error(`there is no node ${name}`);
    return found;
  };
  const first = node(FIRST);
  const fees = new Map<string, bigint>();
  const run: World["run"] = async (name, ...args) => {
    signal?.throwIfAborted();
    const answer = await runOperator(node(name).home, ...args);
    if (typeof answer.gasUsed === "string") {
      const feeWei = BigInt(String(answer.feeWei));
      story.spend(BigInt(answer.gasUsed), feeWei);
      fees.set(name, (fees.get(name) ?? 0n) + feeWei);
    }
    return answer;
  };
  const until: World["until"] = async (question) => {
    for (;;) {
      signal?.throwIfAborted();
      const answer = await question();
      if (answer !== undefined) return answer;
      const ended = await Promise.race([anvil.exited, new Promise((resolve) => setTimeout(resolve, LOOK_MS, "runs"))]);
      if (ended !== "runs") throw ended ?? new Error("the Ethereum node has ended");
    }
  };

  const funded = bridge ? await makeBridgeKeys(run, prepared.nodes, FIRST) : undefined;
  const net = startNet(prepared);
  opened.defer(() => net.stop());
  const isRunning = until(async () => ((await nodeView(first.apiUrl))?.height ?? 0) > 0 || undefined);
  let relayer: RelayProcess | undefined;
  if (funded !== undefined) {
    const { ethereumAddress } = await run(FIRST, "keys", "show", OPERATOR_KEY_NAME);
    const owner = { to: String(ethereumAddress), wei: OWNER_WEI };
    await Promise.all([giveEther(treasury, [owner, { to: funded, wei: RELAYER_WEI }]), isRunning]);
    const { cadenceMs = DEFAULT_CADENCE_MS } = options;
    const configureFlags = options.deviceRegistry === true ? ["--device-registry"] : [];
    await setUpBridge({ run, nodes: prepared.nodes, payer: OPERATOR_KEY_NAME, cadenceMs, configureFlags });
    const started = startRelayProcess({ home: first.home, key: RELAY_KEY, ethereumUrl: anvil.url });
    opened.defer(() => started.stop());
    relayer = started;
  }
  await isRunning;
  const genesis = parseGenesis(readFileSync(join(first.home, "genesis.json"), "utf8"));
  const ledgerId = Buffer.from(ledgerIdOf(genesis)).toString("hex");
  const contract = (name: string) =>
    addressOfContract(decodeContractsFile(readFileSync(join(first.home, "contracts.json"), "utf8")), name);
  const parts = opened.move();
  let suffered: Promise<void> | undefined;
  const world: World = {
    ...{ directory, net, provider: evm.provider, ethereumUrl: anvil.url, chainId: evm.chainId, ledgerId, treasury },
    ...{ node, run, until, contract },
    feesOf: (name) => fees.get(name) ?? 0n,
    async ask<T>(name: string, path: string) {
      const response = await fetch(`${node(name).apiUrl}/ledger/v1${path}`);
      if (response.status !== 200) throw new Error(`${name} answers ${path} with ${response.status}`);
      return (await response.json()) as T;
    },
    async anchored(height) {
      const deployed = Bridge.at(contract("Bridge"), evm.provider);
      return until(async () => {
        const { toHeight } = await deployed.head();
        return toHeight >= BigInt(height) ? Number(toHeight) : undefined;
      });
    },
    relayer() {
      if (relayer === undefined) throw new Error("a world without bridge");
      return relayer;
    },
    async [Symbol.asyncDispose]() {
      try {
        const ended = await Promise.race([suffered, limitOf(FAULTS_END_MS)]);
        if (ended === "late") story.claim("the faults came and went", false);
      } finally {
        await parts.disposeAsync();
      }
    },
  };
  if (faults) suffered = sufferFaults(world, story);
  // Whoever ends the world hears of it.
  suffered?.catch(() => undefined);
  return world;
}

/** Does not keep the process alive. */
function limitOf(ms: number): Promise<"late"> {
  return new Promise((resolve) => setTimeout(resolve, ms, "late").unref());
}

/** Of a light node: whose meters measure now, or how fast its past runs by. */
function meteringConfig(name: string, options: WorldOptions): Partial<NodeOptions> {
  const { intervalMs, readingMs, realTime, pastSpeed } = options;
  if (!name.startsWith("light")) return {};
  if (intervalMs === undefined || realTime?.includes(name) === false)
    return pastSpeed === undefined ? {} : { simulatorSpeed: pastSpeed };
  return {
    meterIntervalMs: intervalMs,
    simulatorReadingMs: readingMs ?? DEFAULT_READING_MS,
    simulatorSpeed: 1,
    simulatorLimitsFile: "limits.json",
  };
}
