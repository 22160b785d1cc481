import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseEther } from "ethers";
import { expect } from "vitest";
import { messagesOf } from "#bridge/blockMessages.ts";
import { encodeContractsFile } from "#bridge/evm/contractsFile.ts";
import { CHAIN_ID, EXPORT_METER, keyOf, type Person, START_MS } from "#consensus/application/testLedger.ts";
import { DataMarketplace, type DataMarketplaceContract } from "#contracts/abi/DataMarketplace.ts";
import { deployTestBridge, type TestBridge } from "#contracts/testBridge.ts";
import { startTestEvm, type TestEvm, type TestWallet } from "#contracts/testing.ts";
import { minuteReadings } from "#storage/archive/testArchive.ts";
import { openReadingLog } from "#storage/offchain/readingLog.ts";
import { txId } from "#storage/types/transaction.ts";
import type { Api } from "../../api/createApi.ts";
import type { ApiPorts } from "../../api/ports.ts";
import { createTestNode } from "../../api/testPorts.ts";
import { startTestKubo, type TestKubo } from "../../archive/testKubo.ts";
import { hex, messageProofJson } from "../../bridge/proofJson.ts";
import { saveKey } from "../../cli/keyStore.ts";
import { type CliResult, TEST_PASSPHRASE, type TestCli } from "../../cli/testIo.ts";
import { homeOf } from "../../cli/testLedgerNode.ts";
import { homePaths } from "../../configurationHome.ts";
import { startEthereumApi } from "../testEthereumApi.ts";

const HOUR_MS = 3_600_000;

/** Of the prosumer's meter, and its archive's readings. */
export const SPAN = { fromMs: START_MS - 2 * HOUR_MS, untilMs: START_MS - HOUR_MS };
export const READINGS = minuteReadings(EXPORT_METER, SPAN, 60);
const TIMES = ["--meter", EXPORT_METER, "--from", `${SPAN.fromMs}`, "--to", `${SPAN.untilMs}`];

/** Whoever acts, with a key of its name in a home of its own. */
const PEOPLE = ["prosumer", "consumer", "dso", "aggregator"] as const;

/** A ledger with a prosumer's sealed archive, its bridge, and the data marketplace on a fresh EVM; everybody has 100 ETH. */
export interface TestDataMarket extends AsyncDisposable {
  readonly evm: TestEvm;
  readonly bridge: TestBridge;
  readonly market: DataMarketplaceContract;
  /** Of the full node. */
  readonly api: Api;
  /** Has the archive. */
  readonly kubo: TestKubo;
  /** Owns the contract. */
  readonly operator: TestWallet;
  readonly publisher: string;
  /** The ledger's transaction that sealed it, and the account that did. */
  readonly archive: string;
  readonly sealedBy: string;
  readonly home: (name: Person) => TestCli;
  readonly address: (name: Person) => string;
  /** How far the anchor over the archive's block is. */
  readonly setAnchor: (state: AnchorState) => void;
  /** A command of `data` by somebody, beside Ethereum node and ledger. */
  readonly data: (person: Person, ...args: readonly string[]) => Promise<CliResult>;
  /** The same by another way to ask. */
  readonly dataBy: (asking: typeof fetch, person: Person, ...args: readonly string[]) => Promise<CliResult>;
  /** One that must succeed. */
  readonly done: (person: Person, ...args: readonly string[]) => Promise<Readonly<Record<string, unknown>>>;
  /** Nodes whose answers are changed on the way: of Ethereum by method, of the ledger by path. */
  readonly lying: (lie: (question: string, answer: string) => string) => typeof fetch;
}

export type AnchorState = "none" | "signed" | "on Ethereum";

export async function startTestDataMarket(): Promise<TestDataMarket> {
  const evm = await startTestEvm();
  const [operator, service] = evm.wallets as [TestWallet, TestWallet];
  const bridge = await deployTestBridge(evm);
  const market = await DataMarketplace.deploy(operator, [operator, bridge.address]);
  const contracts = { Bridge: bridge.address, DataMarketplace: await market.getAddress() };
  const file = encodeContractsFile({ chainId: 31_337n, ledgerId: "0f".repeat(32), fromBlock: 0, contracts });
  const homes = new Map<Person, TestCli>();
  const addresses = new Map<Person, string>();
  for (const person of PEOPLE) {
    const cli = await homeOf(person);
    homes.set(person, cli);
    writeFileSync(join(cli.home, "contracts.json"), file);
    const { ethereumAddress } = (await cli.run("keys", "show", person, "--json")).json;
    addresses.set(person, String(ethereumAddress));
    await evm.provider.send("anvil_setBalance", [ethereumAddress, `0x${parseEther("100").toString(16)}`]);
  }
  const home = (name: Person) => homes.get(name) as TestCli;
  const seller = home("prosumer");
  await keepReadings(seller);
  let anchor: AnchorState = "none";
  const contractsFile = join(seller.home, "contracts.json");
  const ports = ledgerPorts(bridge, () => anchor);
  const api = await startEthereumApi({ ethereumUrl: evm.anvil.url, contractsFile }, { nowMs: Date.now, ports });
  const kubo = await startTestKubo();
  const make = ["archive", "make", ...TIMES, "--ipfs", kubo.url, "--key", "prosumer", "--node", api.url, "--json"];
  const sealed = (await seller.run(...make)).json as { readonly sealed: { readonly txId: string } };
  const sealedBy = String((await seller.run("keys", "show", "prosumer", "--json")).json.account);

  const dataBy: TestDataMarket["dataBy"] = async (asking, person, ...args) => {
    const nowMs = (await evm.now()) * 1000;
    const where = ["--ethereum", evm.anvil.url, "--node", api.url, "--json"];
    return home(person).runWith({ fetch: asking, nowMs: () => nowMs }, "data", ...args, ...where);
  };
  const data: TestDataMarket["data"] = (person, ...args) => dataBy(fetch, person, ...args);
  return {
    ...{ evm, bridge, market, api, kubo, operator, publisher: service.address, home, dataBy, data },
    ...{ archive: sealed.sealed.txId, sealedBy, address: (name) => addresses.get(name) ?? "" },
    setAnchor: (state) => {
      anchor = state;
    },
    async done(person, ...args) {
      const { json, err } = await data(person, ...args);
      expect(err).toBe("");
      return json;
    },
    lying: (lie) => async (url, init) => {
      const response = await fetch(url, init);
      if (String(url).startsWith(kubo.url)) return response;
      const isEvm = String(url).startsWith(evm.anvil.url);
      const question = isEvm ? Buffer.from(init?.body as Uint8Array).toString() : "";
      const asked = isEvm ? (JSON.parse(question) as { readonly method: string }).method : String(url);
      return new Response(lie(asked, await response.text()), { status: response.status });
    },
    async [Symbol.asyncDispose]() {
      for (const cli of homes.values()) cli[Symbol.dispose]();
      await api[Symbol.asyncDispose]();
      await kubo[Symbol.asyncDispose]();
      await evm[Symbol.asyncDispose]();
    },
  };
}

/** A prosumer's home has its meter key, its genesis and its readings. */
async function keepReadings({ home }: TestCli): Promise<void> {
  const { keys, data, genesis } = homePaths(home);
  await saveKey(keys, "meter", keyOf("device meter key"), TEST_PASSPHRASE);
  writeFileSync(genesis, JSON.stringify({ chain_id: CHAIN_ID }));
  mkdirSync(data, { recursive: true });
  const log = await openReadingLog(join(data, "readings"));
  await log.append(READINGS);
  await log.close();
}

/** A full node of the real ledger, whose blocks the contract's anchors are over. */
function ledgerPorts(bridge: TestBridge, anchor: () => AnchorState): Partial<ApiPorts> {
  const { ports, emit } = createTestNode();
  const sent = new Map<string, Uint8Array>();
  return {
    ...ports,
    status: async () => ({ ...(await ports.status()), chainId: CHAIN_ID }),
    stateQuery: (request) => bridge.ledger.app.query(request),
    async submit(tx) {
      const id = txId(tx);
      sent.set(hex(id), tx);
      const { code = 1, codespace = "", log = "" } = bridge.block([tx]).txResults[0] ?? {};
      const { height } = bridge.ledger;
      setImmediate(() => emit({ type: "tx", txId: id, height, index: 0, code, codespace, log }));
      return { txId: id, code, codespace, log };
    },
    bridge: {
      proveMessage: async (id: Uint8Array, messageIndex: number) => {
        const tx = sent.get(hex(id));
        const message = tx === undefined || anchor() === "none" ? undefined : messagesOf(tx)[messageIndex];
        if (tx === undefined || message === undefined) return undefined;
        const proof = messageProofJson(bridge.proveMessage(tx, messageIndex));
        if (anchor() === "signed") proof.blockProof.anchor.seq = `${(await bridge.bridge.head()).seq + 1n}`;
        return { txId: hex(id), messageIndex, typeUrl: message.typeUrl, message: hex(message.value), proof };
      },
    } as never,
  };
}
