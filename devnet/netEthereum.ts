import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { HDNodeWallet, Mnemonic, parseEther } from "ethers";
import { startAnvil } from "#bridge/evm/anvil.ts";
import { connectEvm, type EvmConnection } from "#bridge/evm/connectEvm.ts";
import { EvmError } from "#bridge/evm/evmError.ts";
import { openKeystoreV3 } from "#bridge/evm/keys.ts";
import { Bridge } from "#contracts/abi/Bridge.ts";
import { OPERATOR_KEY_NAME } from "#node/cli/keyNames.ts";
import { saveKey } from "#node/cli/keyStore.ts";
import type { NodeOptions } from "#node/options.ts";
import type { PrivateKey } from "#storage/crypto/keys.ts";
import {
  bridgedConfig,
  giveEther,
  makeBridgeKeys,
  OWN_REORG_MARGIN,
  RELAY_KEY,
  type RunCommand,
  setUpBridge,
} from "./ethereum.ts";
import { bridgeView, nodeView } from "./observe.ts";
import { runOperator } from "./operator.ts";
import type { PreparedNode } from "./prepare.ts";

/** A node of the devnet's own (anvil), or anybody's JSON-RPC and a key with ether there. */
export type EthereumSource =
  | { readonly kind: "own" }
  | { readonly kind: "given"; readonly url: string; readonly key: PrivateKey };

/** What the devnet shows of Ethereum, and reports at its end. */
export interface EthereumReport {
  /** Scheme, host and port. */
  readonly node: string;
  readonly chainId: string;
  /** settingUp: keys are bound, contracts deployed. */
  readonly state: "settingUp" | "running" | "failed";
  /** Latest block of Ethereum. */
  readonly block: number;
  /** Anchors that the contract has, and the ledger's height up to which they go. */
  readonly anchors: number;
  readonly anchoredHeight: number;
  readonly gas: { readonly deployment: number; readonly anchors: number };
  readonly contracts: Readonly<Record<string, string>>;
  /** What the relaying node says of it. */
  readonly relayer: string;
  /** What is wrong; empty if nothing is. */
  readonly fault: string;
}

export interface NetEthereum extends AsyncDisposable {
  readonly configOf: (node: Pick<PreparedNode, "name" | "role">) => Partial<NodeOptions>;
  /** Keys, before the nodes start. */
  readonly prepare: (nodes: readonly PreparedNode[]) => Promise<void>;
  /** Begins with the rest beside the running net. */
  readonly begin: (nodes: readonly PreparedNode[]) => void;
  readonly look: () => Promise<EthereumReport>;
}

/** Of a whole devnet: what is to be seen within seconds is worth more than gas that costs nothing. */
const CADENCE_MS = 5_000;
const BLOCK_SECONDS = 1;
const LOOK_MS = 200;
/** The mnemonic that anvil gives ether to. */
const MNEMONIC = "test test test test test test test test test test test junk";
const GIFT_WEI = parseEther("100");
/** Key of the first validator's home that pays on a given node, and owns the contracts. */
const PAYER_KEY = "payer";
/** What is asked of a given node with real blocks. */
const GIVEN_REORG_MARGIN = 12;

/** @throws EvmError: it does not start, is no Ethereum node, or is not there */
export async function startNetEthereum(source: EthereumSource, relayedBy: string): Promise<NetEthereum> {
  await using opened = new AsyncDisposableStack();
  const anvil =
    source.kind === "own" ? await startAnvil({ blockSeconds: BLOCK_SECONDS, slotsInAnEpoch: 1 }) : undefined;
  if (anvil !== undefined) opened.use(anvil);
  const url = source.kind === "given" ? source.url : (anvil?.url ?? "");
  const evm = opened.use(await connectEvm({ url, pollingMs: LOOK_MS }));
  const reorgMarginBlocks = anvil === undefined ? GIVEN_REORG_MARGIN : OWN_REORG_MARGIN;
  const parts = opened.move();

  let nodes: readonly PreparedNode[] = [];
  let isClosing = false;
  let [fault, deployment] = ["", 0];
  let contracts: Readonly<Record<string, string>> = {};
  let relayerAddress = "";
  let payer = OPERATOR_KEY_NAME;
  const anchors = anchorTally(evm);
  const run: RunCommand = (name, ...args) => runOperator(homeOf(nodes, name), ...args);
  const fail = (error: unknown) => {
    if (!isClosing && fault === "") fault = error instanceof Error ? error.message : String(error);
  };
  void anvil?.exited.then((error) => error !== undefined && fail(error));

  const setUp = async () => {
    const first = nodes.find(({ role }) => role === "validator");
    if (first === undefined) throw new Error("a net without validators");
    if (source.kind === "own") {
      const { ethereumAddress } = await run(first.name, "keys", "show", payer);
      const treasury = HDNodeWallet.fromMnemonic(Mnemonic.fromPhrase(MNEMONIC)).connect(evm.provider);
      const gifts = [String(ethereumAddress), relayerAddress].map((to) => ({ to, wei: GIFT_WEI }));
      await giveEther(treasury, gifts);
    }
    while (!isClosing && ((await nodeView(first.apiUrl))?.height ?? 0) === 0)
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    if (isClosing) return;
    const deployed = await setUpBridge({ run, nodes, payer, cadenceMs: CADENCE_MS });
    deployment = Number(deployed.gasUsed);
    contracts = deployed.contracts as Readonly<Record<string, string>>;
    anchors.follow(contracts.Bridge ?? "", Number(deployed.fromBlock));
  };

  return {
    configOf: (node) => bridgedConfig(node, { ethereumUrl: url, reorgMarginBlocks, relayedBy }),
    async prepare(prepared) {
      nodes = prepared;
      if (source.kind === "own") relayerAddress = await makeBridgeKeys(run, nodes, relayedBy);
      else {
        const first = nodes.find(({ role }) => role === "validator");
        payer = PAYER_KEY;
        await makeBridgeKeys(run, nodes, undefined);
        await Promise.all([
          putKey(homeOf(nodes, first?.name ?? ""), PAYER_KEY, source.key),
          putKey(homeOf(nodes, relayedBy), RELAY_KEY, source.key),
        ]);
      }
    },
    begin: () => void setUp().catch(fail),
    async look() {
      const [block, relay] = await Promise.all([
        evm.provider.getBlockNumber().catch(() => 0),
        bridgeView(nodes.find(({ name }) => name === relayedBy)?.apiUrl ?? ""),
        anchors.look().catch(() => undefined),
      ]);
      const isRunning = Object.keys(contracts).length > 0;
      return {
        ...{ node: evm.node, chainId: `${evm.chainId}`, block, contracts, ...anchors.seen() },
        state: fault !== "" ? "failed" : isRunning ? "running" : "settingUp",
        gas: { deployment, anchors: anchors.gas() },
        relayer: relay?.relay === undefined ? "" : `${relay.relay.state} ${relay.relay.detail}`.trim(),
        fault: fault === "" ? (relay?.fault ?? "") : fault,
      };
    },
    async [Symbol.asyncDispose]() {
      isClosing = true;
      await parts.disposeAsync();
    },
  };
}

/** The key of a Web3 keystore (version 3), or of a file with 64 hex digits. @throws EvmError EVM_KEYSTORE_MALFORMED, EVM_KEYSTORE_PASSPHRASE_WRONG */
export async function readEthereumKey(file: string, passphraseFile: string | undefined): Promise<PrivateKey> {
  const text = readFileSync(file, "utf8").trim();
  const hex = /^(?:0x)?([0-9a-fA-F]{64})$/.exec(text)?.[1];
  if (hex !== undefined) return { type: "secp256k1", bytes: new Uint8Array(Buffer.from(hex, "hex")) };
  if (passphraseFile === undefined) {
    const hint = "give 64 hex digits in a file, or a Web3 keystore and --ethereum-passphrase-file";
    throw new EvmError({ code: "EVM_KEYSTORE_MALFORMED", reason: "it is no key in hex", hint });
  }
  return openKeystoreV3(text, readFileSync(passphraseFile, "utf8").split(/\r?\n/)[0] ?? "");
}

/** Anchors as the contract has announced them, each counted once, with the gas of their transactions. */
function anchorTally({ provider }: EvmConnection) {
  let bridge = "";
  let nextBlock = 0;
  let [anchors, anchoredHeight, gas] = [0, 0, 0];
  let isLooking = false;
  return {
    follow(address: string, fromBlock: number) {
      bridge = address;
      nextBlock = fromBlock;
    },
    async look(): Promise<void> {
      if (bridge === "" || isLooking) return;
      isLooking = true;
      try {
        const toBlock = await provider.getBlockNumber();
        if (toBlock < nextBlock) return;
        const topics = [Bridge.interface.getEvent("Anchored")?.topicHash ?? ""];
        const logs = await provider.getLogs({ address: bridge, topics, fromBlock: nextBlock, toBlock });
        const receipts = await Promise.all(
          logs.map(({ transactionHash }) => provider.getTransactionReceipt(transactionHash)),
        );
        nextBlock = toBlock + 1;
        for (const receipt of receipts) gas += Number(receipt?.gasUsed ?? 0n);
        for (const { toHeight } of Bridge.events(logs, "Anchored")) {
          anchors += 1;
          anchoredHeight = Number(toHeight);
        }
      } finally {
        isLooking = false;
      }
    },
    seen: () => ({ anchors, anchoredHeight }),
    gas: () => gas,
  };
}

function homeOf(nodes: readonly PreparedNode[], name: string): string {
  const found = nodes.find((each) => each.name === name);
  if (found === undefined) throw new Error(`there is no node ${name}`);
  return found.home;
}

/** With the passphrase of all homes of the net. */
async function putKey(home: string, name: string, key: PrivateKey): Promise<void> {
  const passphrase = readFileSync(join(dirname(home), "passphrase"), "utf8").trim();
  await saveKey(join(home, "keys"), name, key, passphrase);
}
