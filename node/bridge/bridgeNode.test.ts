import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { id } from "ethers";
import { afterAll, beforeAll, expect, test } from "vitest";
import { encodeContractsFile } from "#bridge/evm/contractsFile.ts";
import { ledgerIdOf } from "#bridge/ledgerId.ts";
import { encodeValset } from "#bridge/valset.ts";
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
import { runCli } from "../cli/program.ts";
import { VALIDATOR_KEY_NAME } from "../configurationHome.ts";
import type { RunningNode } from "../runningNode.ts";
import { createTestNetwork, eventually, PASSPHRASE, type TestNetwork } from "../testNetwork.ts";
import { bindBridgeKey } from "./bindKey.ts";

/** Two validators that only together are a quorum, a full node that relays, an EVM: what goes from block to contract and back by itself. */
const START_MS = 90_000;
const CADENCE_MS = 2000n;

let evm: TestEvm;
let net: TestNetwork;
let full: RunningNode;
let bridge: BridgeContract;
let outbox: OutboxContract;

beforeAll(async () => {
  evm = await startTestEvm({ blockSeconds: 0.2, slotsInAnEpoch: 1 });
  net = await createTestNetwork({ validators: 2, full: 1 });
  const validators = ["validator0", "validator1"];
  const secondKeys = new Map<string, PrivateKey>();
  for (const name of validators) {
    const key = generatePrivateKey("secp256k1");
    secondKeys.set(name, key);
    await saveKey(join(net.directory, name, "keys"), "bridge", key, PASSPHRASE);
  }
  const payer = Buffer.from(evm.wallets[3]?.privateKey.slice(2) ?? "", "hex");
  await saveKey(join(net.directory, "full0", "keys"), "relayer", { type: "secp256k1", bytes: payer }, PASSPHRASE);

  writeFileSync(join(net.directory, "passphrase"), `${PASSPHRASE}\n`, { mode: 0o600 });
  const ethereum = { ethereumUrl: evm.anvil.url, reorgMarginBlocks: 2 };
  for (const name of validators) await net.start(name, { ...ethereum, bridgeKey: "bridge" });
  full = await net.start("full0", { ...ethereum, bridgeRelay: true });

  const owner = keyOf("validator0", OPERATOR_KEY_NAME);
  for (const [name, secondKey] of secondKeys) {
    const consensusKey = keyOf(name, VALIDATOR_KEY_NAME);
    const signer = accountOfKey(publicKeyOf(keyOf("validator0", OPERATOR_KEY_NAME)));
    await send(bindBridgeKey({ chainId: net.chainId, signer, consensusKey, secondKey }), owner);
  }

  const [wallet] = evm.wallets;
  if (wallet === undefined) throw new Error("no wallet");
  const { latest } = (await state("/edream/bridge-sets")) as { latest: string };
  const set = (await state("/edream/bridge-set", latest)) as {
    readonly height: string;
    readonly members: readonly { readonly address: string; readonly power: string }[];
  };
  const members = set.members.map(({ address, power }) => ({ address: `0x${address}`, power: BigInt(power) }));
  const ledgerId = ledgerIdOf(parseGenesis(readFileSync(join(net.directory, "full0", "genesis.json"), "utf8")));
  const toHeight = Number(set.height);
  bridge = await Bridge.deploy(wallet, [ledgerId, toHeight + 1, 0, encodeValset(members), wallet.address]);
  outbox = await Outbox.deploy(wallet, [wallet.address]);
  await mined(outbox.grantRole(await outbox.EMITTER_ROLE(), wallet.address));
  const bytes = (hex: string) => Buffer.from(hex.slice(2), "hex");
  await send(
    ledgerMessage("MsgConfigureBridge", {
      authority: accountOfKey(publicKeyOf(owner)),
      chainId: BigInt(evm.anvil.chainId),
      ledgerId,
      bridge: bytes(await bridge.getAddress()),
      outbox: bytes(await outbox.getAddress()),
      cadenceMs: CADENCE_MS,
      toHeight: BigInt(toHeight),
      setNumber: BigInt(latest),
    }),
    owner,
  );
  const contracts = { Bridge: await bridge.getAddress(), Outbox: await outbox.getAddress() };
  const file = {
    chainId: BigInt(evm.anvil.chainId),
    ledgerId: Buffer.from(ledgerId).toString("hex"),
    fromBlock: 0,
    contracts,
  };
  for (const name of [...validators, "full0"])
    writeFileSync(join(net.directory, name, "contracts.json"), encodeContractsFile(file));
}, START_MS);

afterAll(async () => {
  await net[Symbol.asyncDispose]();
  await evm[Symbol.asyncDispose]();
}, START_MS);

function keyOf(node: string, name: string): PrivateKey {
  const key = net.plan.nodes.find((plan) => plan.name === node)?.keys[name];
  if (key === undefined) throw new Error(`no key ${name} of ${node}`);
  return key;
}

async function get(path: string): Promise<unknown> {
  const answer = await fetch(`${full.api?.url}/ledger/v1${path}`);
  return answer.ok ? answer.json() : undefined;
}

async function state(path: string, data = ""): Promise<unknown> {
  const query = new URLSearchParams({ path, data: Buffer.from(data).toString("hex") });
  const answer = (await get(`/state?${query}`)) as { readonly value: string } | undefined;
  return answer && JSON.parse(Buffer.from(answer.value, "base64").toString());
}

async function send(message: LedgerMessage, key: PrivateKey): Promise<string> {
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
  expect(json, JSON.stringify(json)).toMatchObject({ code: 0 });
  return json.txId;
}

test("anchors of real blocks, signed by validators that hear each other by gossip, reach the contract; a transaction is proved by what the API answers", {
  timeout: START_MS,
}, async () => {
  const owner = keyOf("validator0", OPERATOR_KEY_NAME);
  const member = accountOfKey(publicKeyOf(generatePrivateKey("secp256k1")));
  const authority = accountOfKey(publicKeyOf(owner));
  const txId = await send(ledgerMessage("MsgEnrolMember", { authority, member, role: "consumer" }), owner);
  const { height } = (await get(`/transactions/${txId}`)) as { readonly height: number };
  await eventually(async () => ((await bridge.head()).toHeight >= BigInt(height) ? true : undefined));
  const answer = (await get(`/bridge/proofs/transactions/${txId}`)) as { readonly proof: never };
  const [provedHeight] = await bridge.verifyTx(`0x${txId}`, answer.proof);
  expect(provedHeight).toBe(BigInt(height));
  expect(await get("/bridge")).toMatchObject({ contract: (await bridge.getAddress()).toLowerCase(), fault: "" });
});

test("an event of the outbox comes onto the ledger once, by the validators' votes", { timeout: START_MS }, async () => {
  await mined(outbox.emitEvent(id("test.settled"), Buffer.from("paid")));
  const event = await eventually(() => state("/edream/ethereum-event", "1"));
  expect(event).toMatchObject({
    event: { kind: id("test.settled").slice(2), payload: Buffer.from("paid").toString("hex") },
  });
  expect(await state("/edream/ethereum")).toMatchObject({ eventNonce: "1" });
});

/** A command with the home of this node, asking the full node. */
async function cli(home: string, ...args: readonly string[]) {
  let [out, err] = ["", ""];
  const all = [
    "--home",
    join(net.directory, home),
    "--node",
    full.api?.url ?? "",
    "--passphrase-file",
    file("passphrase"),
  ];
  const exitCode = await runCli([...args, ...all, "--json"], {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    environment: {},
    colour: false,
    fetch,
    nowMs: Date.now,
    askSecret: undefined,
    startNode: async () => {
      throw new Error("this test's commands start no node");
    },
    onInterrupt: () => () => undefined,
  });
  return { exitCode, out, err };
}

const file = (name: string) => join(net.directory, name);
const ethereum = () => ["--ethereum", evm.anvil.url];

test("commands: keys and status are shown, a proof is written and the contract asked; one that was changed is refused", {
  timeout: START_MS,
}, async () => {
  const { keys } = JSON.parse((await cli("full0", "bridge", "keys")).out) as { readonly keys: readonly unknown[] };
  expect(keys).toHaveLength(2);
  const status = JSON.parse((await cli("full0", "bridge", "status")).out) as object;
  expect(status).toMatchObject({ fault: "", planned: { anchors: expect.any(Number) } });

  const metrics = await (await fetch(`${full.api?.url}/metrics`)).text();
  expect(metrics).toMatch(/^ledger_bridge_relay_state\{state="\w+"\} 1$/m);
  expect(metrics).toMatch(/^ledger_bridge_fault 0$/m);

  const owner = keyOf("validator0", OPERATOR_KEY_NAME);
  const member = accountOfKey(publicKeyOf(generatePrivateKey("secp256k1")));
  const authority = accountOfKey(publicKeyOf(owner));
  const txId = await send(ledgerMessage("MsgEnrolMember", { authority, member, role: "consumer" }), owner);
  await eventually(async () => {
    const { exitCode } = await cli("full0", "bridge", "prove", txId, "-o", file("proof.json"));
    return exitCode === 0 ? true : undefined;
  });
  const verified = await eventually(async () => {
    const answer = await cli("full0", "bridge", "verify", file("proof.json"), ...ethereum());
    return answer.exitCode === 0 ? answer : undefined;
  });
  expect(JSON.parse(verified.out)).toMatchObject({ txId: `0x${txId}` });
  const proof = readFileSync(file("proof.json"), "utf8");
  writeFileSync(file("other.json"), proof.replace(`0x${txId}`, `0x${"ab".repeat(32)}`));
  const refused = await cli("full0", "bridge", "verify", file("other.json"), ...ethereum());
  expect([refused.exitCode, refused.err]).toEqual([5, expect.stringContaining("TxNotInBlock")]);
  writeFileSync(file("other.json"), "{}");
  expect((await cli("full0", "bridge", "verify", file("other.json"), ...ethereum())).exitCode).toBe(2);
});

test("commands: a validator's second key is replaced, and the contract has the new set before further anchors", {
  timeout: START_MS,
}, async () => {
  expect((await cli("validator1", "keys", "new", "bridge2")).exitCode).toBe(0);
  const registered = await cli("validator1", "bridge", "register", "--second-key", "bridge2");
  expect(registered, registered.err).toMatchObject({ exitCode: 0 });
  await eventually(async () => ((await bridge.head()).valsetNonce === 1n ? true : undefined));
  // The node still has the old key: now it signs nothing, and neither does anybody in its place.
  expect((await cli("validator1", "bridge", "register", "--second-key", "bridge2")).exitCode).toBe(4);
});

test("commands: one validator of two stops the bridge, both are needed to start it again", {
  timeout: START_MS,
}, async () => {
  const sign = (home: string, key: string, name: string, ...more: readonly string[]) =>
    cli(home, "bridge", "freeze", "sign", "--second-key", key, "-o", file(name), ...more, ...ethereum());
  const submit = (...files: readonly string[]) =>
    cli("full0", "bridge", "freeze", "submit", ...files.map(file), "--key", "relayer", ...ethereum());
  expect(await sign("validator0", "bridge", "stop")).toMatchObject({ exitCode: 0 });
  const stopped = await submit("stop");
  expect(stopped, stopped.err).toMatchObject({ exitCode: 0 });
  expect((await bridge.status()).frozen).toBe(true);
  const relay = await cli("full0", "bridge", "relay", "--once", "--key", "relayer", ...ethereum());
  expect(relay.out).toContain('"state":"frozen"');

  await sign("validator0", "bridge", "a", "--off");
  await sign("validator1", "bridge2", "b", "--off");
  expect(await submit("a")).toMatchObject({ exitCode: 2, err: expect.stringContaining("FREEZE_POWER_TOO_LOW") });
  expect(await submit("a", "b")).toMatchObject({ exitCode: 0 });
  expect((await bridge.status()).frozen).toBe(false);
});
