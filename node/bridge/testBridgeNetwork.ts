import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { encodeContractsFile } from "#bridge/evm/contractsFile.ts";
import { ledgerIdOf } from "#bridge/ledgerId.ts";
import type { BridgeDomain } from "#bridge/typedData.ts";
import { encodeValset, type ValsetMember } from "#bridge/valset.ts";
import { Bridge, type BridgeContract } from "#contracts/abi/Bridge.ts";
import { Outbox, type OutboxContract } from "#contracts/abi/Outbox.ts";
import { mined, startTestEvm, type TestEvm } from "#contracts/testing.ts";
import { generatePrivateKey, type PrivateKey, publicKeyOf } from "#storage/crypto/keys.ts";
import { parseGenesis } from "#storage/types/genesis.ts";
import { accountOfKey } from "#storage/types/transactionAccounts.ts";
import { type LedgerMessage, ledgerMessage } from "#storage/types/transactionMessages.ts";
import { signTransaction } from "#storage/types/transactionSign.ts";
import { OPERATOR_KEY_NAME } from "../cli/keyNames.ts";
import { saveKey } from "../cli/keyStore.ts";
import { VALIDATOR_KEY_NAME } from "../configurationHome.ts";
import type { NodeOptions } from "../options.ts";
import type { RunningNode } from "../runningNode.ts";
import { createTestNetwork, eventually, PASSPHRASE, type TestNetwork } from "../testNetwork.ts";
import { bindBridgeKey } from "./bindKey.ts";

/** Validators with second keys, a full node that relays, an EVM with the contracts: what goes from block to contract and back by itself. */
export interface TestBridgeNetwork extends AsyncDisposable {
  readonly evm: TestEvm;
  readonly net: TestNetwork;
  /** Relays, and answers what tests ask. */
  readonly full: RunningNode;
  readonly validators: readonly RunningNode[];
  readonly bridge: BridgeContract;
  readonly outbox: OutboxContract;
  readonly domain: BridgeDomain;
  /** By the validator's name. */
  readonly secondKeys: ReadonlyMap<string, PrivateKey>;
  keyOf(node: string, name: string): PrivateKey;
  /** Of the ledger's owner. */
  readonly owner: PrivateKey;
  /** GET below /ledger/v1; undefined for every refusal. */
  get(path: string): Promise<unknown>;
  /** A query of the ledger; undefined where there is nothing. */
  state(path: string, data?: string): Promise<unknown>;
  /** Commits one message; answers the transaction's id. @throws an error for every code but 0 */
  send(message: LedgerMessage, key: PrivateKey): Promise<string>;
}

const CADENCE_MS = 2000n;

/** `options`: of every node. */
export async function startTestBridgeNetwork(
  count: number,
  engine: NodeOptions["engine"] = "embedded",
  options: Partial<NodeOptions> = {},
): Promise<TestBridgeNetwork> {
  const evm = await startTestEvm({ blockSeconds: 0.2, slotsInAnEpoch: 1 });
  const net = await createTestNetwork({ validators: count, full: 1, engine });
  const names = Array.from({ length: count }, (_, index) => `validator${index}`);
  const secondKeys = new Map<string, PrivateKey>();
  for (const name of names) {
    const key = generatePrivateKey("secp256k1");
    secondKeys.set(name, key);
    await saveKey(join(net.directory, name, "keys"), "bridge", key, PASSPHRASE);
  }
  const payer = Buffer.from(evm.wallets[3]?.privateKey.slice(2) ?? "", "hex");
  await saveKey(join(net.directory, "full0", "keys"), "relayer", { type: "secp256k1", bytes: payer }, PASSPHRASE);
  writeFileSync(join(net.directory, "passphrase"), `${PASSPHRASE}\n`, { mode: 0o600 });

  const ethereum = { ...options, ethereumUrl: evm.anvil.url, reorgMarginBlocks: 2 };
  const validators: RunningNode[] = [];
  for (const name of names) validators.push(await net.start(name, { ...ethereum, bridgeKey: "bridge" }));
  const full = await net.start("full0", { ...ethereum, bridgeRelay: true });

  const keyOf = (node: string, name: string): PrivateKey => {
    const key = net.plan.nodes.find((plan) => plan.name === node)?.keys[name];
    if (key === undefined) throw new Error(`no key ${name} of ${node}`);
    return key;
  };
  const get = async (path: string): Promise<unknown> => {
    const answer = await fetch(`${full.api?.url}/ledger/v1${path}`);
    return answer.ok ? answer.json() : undefined;
  };
  const state = async (path: string, data = ""): Promise<unknown> => {
    const query = new URLSearchParams({ path, data: Buffer.from(data).toString("hex") });
    const answer = (await get(`/state?${query}`)) as { readonly value: string } | undefined;
    return answer && JSON.parse(Buffer.from(answer.value, "base64").toString());
  };
  const send = async (message: LedgerMessage, key: PrivateKey): Promise<string> => {
    const account = accountOfKey(publicKeyOf(key));
    const found = (await state("/edream/account", account)) as { readonly number: string; readonly sequence: string };
    const signers = [{ privateKey: key, accountNumber: BigInt(found.number), sequence: BigInt(found.sequence) }];
    const tx = signTransaction({ messages: [message], chainId: net.chainId, signers });
    const answer = await fetch(`${full.api?.url}/ledger/v1/transactions?wait=commit`, {
      method: "POST",
      headers: { "content-type": "application/octet-stream" },
      body: new Uint8Array(tx),
    });
    const json = (await answer.json()) as { readonly code: number; readonly txId: string };
    if (json.code !== 0) throw new Error(JSON.stringify(json));
    return json.txId;
  };

  const owner = keyOf("validator0", OPERATOR_KEY_NAME);
  const authority = accountOfKey(publicKeyOf(owner));
  await eventually(() => state("/edream/account", authority));
  for (const [name, secondKey] of secondKeys) {
    const consensusKey = keyOf(name, VALIDATOR_KEY_NAME);
    await send(bindBridgeKey({ chainId: net.chainId, signer: authority, consensusKey, secondKey }), owner);
  }
  const [wallet] = evm.wallets;
  if (wallet === undefined) throw new Error("no wallet");
  const { latest } = (await state("/edream/bridge-sets")) as { latest: string };
  const set = await setOf(state, latest);
  const ledgerId = ledgerIdOf(parseGenesis(readFileSync(join(net.directory, "full0", "genesis.json"), "utf8")));
  const bridge = await Bridge.deploy(wallet, [ledgerId, set.height + 1, 0, encodeValset(set.members), wallet.address]);
  const outbox = await Outbox.deploy(wallet, [wallet.address]);
  await mined(outbox.grantRole(await outbox.EMITTER_ROLE(), wallet.address));
  const contracts = { Bridge: await bridge.getAddress(), Outbox: await outbox.getAddress() };
  const bytes = (hex: string) => Buffer.from(hex.slice(2), "hex");
  await send(
    ledgerMessage("MsgConfigureBridge", {
      authority,
      chainId: BigInt(evm.anvil.chainId),
      ledgerId,
      bridge: bytes(contracts.Bridge),
      outbox: bytes(contracts.Outbox),
      cadenceMs: CADENCE_MS,
      toHeight: BigInt(set.height),
      setNumber: BigInt(latest),
    }),
    owner,
  );
  const chainId = BigInt(evm.anvil.chainId);
  const file = { chainId, ledgerId: Buffer.from(ledgerId).toString("hex"), fromBlock: 0, contracts };
  for (const name of [...names, "full0"])
    writeFileSync(join(net.directory, name, "contracts.json"), encodeContractsFile(file));
  const domain = { chainId, contract: contracts.Bridge, ledgerId };
  return {
    evm,
    net,
    full,
    validators,
    bridge,
    outbox,
    domain,
    secondKeys,
    keyOf,
    owner,
    get,
    state,
    send,
    async [Symbol.asyncDispose]() {
      await net[Symbol.asyncDispose]();
      await evm[Symbol.asyncDispose]();
    },
  };
}

/** A bridge set of the ledger, by its number. */
export async function setOf(
  state: (path: string, data?: string) => Promise<unknown>,
  number: string,
): Promise<{ readonly height: number; readonly members: readonly ValsetMember[] }> {
  const set = (await state("/edream/bridge-set", number)) as {
    readonly height: string;
    readonly members: readonly { readonly address: string; readonly power: string }[];
  };
  const members = set.members.map(({ address, power }) => ({ address: `0x${address}`, power: BigInt(power) }));
  return { height: Number(set.height), members };
}
