import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getBytes } from "ethers";
import { BridgeError } from "#bridge/bridgeError.ts";
import { encodeContractsFile } from "#bridge/evm/contractsFile.ts";
import { stateProofFrom } from "#bridge/proofs.ts";
import {
  accountOf,
  bridgeKeyMessage,
  CHAIN_ID,
  configureBridgeMessage,
  createTestLedger,
} from "#consensus/application/testLedger.ts";
import { DeviceRegistry, type DeviceRegistryContract } from "#contracts/abi/DeviceRegistry.ts";
import { LedgerReader } from "#contracts/abi/LedgerReader.ts";
import { Outbox } from "#contracts/abi/Outbox.ts";
import { deployTestBridge, type TestBridge } from "#contracts/testBridge.ts";
import { mined, startTestEvm, type TestEvm, type TestWallet } from "#contracts/testing.ts";
import { MAX_ETHEREUM_EVENTS } from "#storage/limits.ts";
import { type LedgerMessage, ledgerMessage } from "#storage/types/transactionMessages.ts";
import type { Api } from "../../api/createApi.ts";
import type { ApiPorts } from "../../api/ports.ts";
import { createTestNode } from "../../api/testPorts.ts";
import type { BridgePort } from "../../bridge/bridgePort.ts";
import { hex, stateProofJson } from "../../bridge/proofJson.ts";
import { saveKey } from "../../cli/keyStore.ts";
import { type CliResult, createTestCli, TEST_PASSPHRASE, type TestCli } from "../../cli/testIo.ts";
import { homePaths } from "../../configurationHome.ts";
import { startEthereumApi } from "../testEthereumApi.ts";

/** Keys of the home, and what they are on Ethereum. */
export const ROLES = ["owner", "issuer", "administrator", "successor", "checker", "device", "stranger"] as const;
export type Role = (typeof ROLES)[number];

/** A registry of devices beside a ledger whose state it can be shown, a node that answers of both, and a home with everybody's keys. */
export interface TestRegistry extends AsyncDisposable {
  readonly evm: TestEvm;
  readonly api: Api;
  readonly cli: TestCli;
  readonly bridged: TestBridge;
  readonly registry: DeviceRegistryContract;
  readonly wallet: (role: Role) => TestWallet;
  readonly contractsFile: string;
  /** A path in a folder of the test's own. */
  readonly path: (name: string) => string;
  /** `registry …` with this role's key, where it takes one. */
  readonly as: (role: Role, ...args: readonly string[]) => Promise<CliResult>;
  readonly ask: (...args: readonly string[]) => Promise<CliResult>;
  /** Anchors all blocks of the ledger so far. */
  readonly anchor: () => Promise<void>;
  /** The validators' votes on what the outbox has emitted since. */
  readonly tellLedger: () => Promise<void>;
}

/** The one validator's. */
const SECOND_KEY = "second key 0";

export async function startTestRegistry(): Promise<TestRegistry> {
  const evm = await startTestEvm({ hardfork: "osaka" });
  const ledger = createTestLedger({ checker: true, validators: 1 });
  const bridged = await deployTestBridge(evm, { ledger });
  const wallet = (role: Role) => evm.wallets[ROLES.indexOf(role)] as TestWallet;
  const outbox = await Outbox.deploy(wallet("owner"), [wallet("owner").address]);
  const reader = await LedgerReader.deploy(wallet("owner"), [bridged.address]);
  const parts = [await reader.getAddress(), await outbox.getAddress(), wallet("owner").address] as const;
  const registry = await DeviceRegistry.deploy(wallet("owner"), [...parts]);
  await mined(outbox.grantRole(await outbox.EMITTER_ROLE(), registry));

  const folder = mkdtempSync(join(tmpdir(), "device-registry-"));
  const contractsFile = join(folder, "contracts.json");
  const contracts = { Bridge: bridged.address, DeviceRegistry: await registry.getAddress() };
  const chainId = BigInt(evm.anvil.chainId);
  writeFileSync(contractsFile, encodeContractsFile({ chainId, ledgerId: "0f".repeat(32), fromBlock: 0, contracts }));

  const execute = (message: LedgerMessage, by: string) => {
    const [result] = bridged.block([ledger.sign([message], [by])]).txResults;
    if (result?.code !== 0) throw new Error(result?.log);
  };
  execute(bridgeKeyMessage("dso", 0, SECOND_KEY), "dso");
  const deviceRegistry = getBytes(await registry.getAddress());
  execute(configureBridgeMessage({ outbox: getBytes(await outbox.getAddress()), deviceRegistry }), "owner");

  let anchoredTo = 0;
  const ports: Partial<ApiPorts> = {
    status: async () => ({ ...(await createTestNode().ports.status()), chainId: CHAIN_ID }),
    stateQuery: (request) => ledger.app.query(request),
    bridge: { proveRecord: async (...asked) => recordUnder(bridged, anchoredTo - 1, ...asked) } as BridgePort,
  };
  const nowMs = async () => (await evm.now()) * 1000;
  const api = await startEthereumApi({ ethereumUrl: evm.anvil.url, contractsFile }, { nowMs: Date.now, ports });
  const cli = createTestCli();
  for (const role of ROLES)
    await saveKey(
      homePaths(cli.home).keys,
      role,
      { type: "secp256k1", bytes: new Uint8Array(Buffer.from(wallet(role).privateKey.slice(2), "hex")) },
      TEST_PASSPHRASE,
    );
  const run = async (...args: readonly string[]) => {
    const time = await nowMs();
    const where = ["--contracts", contractsFile, "--json"];
    return cli.runWith({ nowMs: () => time }, "registry", ...args, ...where);
  };
  const online = ["--ethereum", evm.anvil.url, "--node", api.url];
  const isOffline = (name: string | undefined) => name === "attest" || name === "p256-key";
  return {
    ...{ evm, api, cli, bridged, registry, wallet, contractsFile },
    path: (name) => join(folder, name),
    as: (role, ...args) => run(...args, "--key", role, ...(isOffline(args[0]) ? [] : online)),
    ask: (...args) => run(...args, ...online),
    async anchor() {
      // The state after a block is proved by the next one's header.
      bridged.block([]);
      anchoredTo = (await bridged.anchor()).toHeight;
    },
    async tellLedger() {
      const address = await outbox.getAddress();
      const logs = await evm.provider.getLogs({ address, fromBlock: 0, toBlock: "latest" });
      const applied = BigInt(String(ledger.query("/edream/ethereum")?.eventNonce));
      const all = Outbox.events(logs, "OutboxEvent").filter(({ eventNonce }) => eventNonce > applied);
      const events = all.map(({ emitter, kind, payload }) => ({
        emitter: getBytes(emitter),
        kind: getBytes(kind),
        payload: getBytes(payload),
      }));
      for (let at = 0; at < events.length; at += MAX_ETHEREUM_EVENTS) {
        const fromNonce = applied + 1n + BigInt(at);
        const some = { signer: accountOf(SECOND_KEY), fromNonce, events: events.slice(at, at + MAX_ETHEREUM_EVENTS) };
        execute(ledgerMessage("MsgEthereumEvents", some), SECOND_KEY);
      }
    },
    async [Symbol.asyncDispose]() {
      await api.close();
      cli[Symbol.dispose]();
      rmSync(folder, { recursive: true });
      await evm[Symbol.asyncDispose]();
    },
  };
}

/** As a node's bridge answers: a record of the state after this block, under the latest anchor. */
async function recordUnder(
  { ledger, proveBlock }: TestBridge,
  height: number,
  path: string,
  data: Uint8Array,
  minHeight: number,
) {
  if (height < minHeight || height < 1)
    throw new BridgeError({ code: "BRIDGE_STATE_ABSENT", height: Math.max(0, height) });
  const { key, value, proof } = ledger.app.query({ path, data, height, prove: true });
  if (value.length === 0) return undefined;
  const stateProof = stateProofJson(stateProofFrom(proveBlock(height + 1), proof));
  return { height, key: hex(key), value: hex(value), proof: stateProof };
}
