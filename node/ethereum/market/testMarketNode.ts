import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { messagesOf } from "#bridge/blockMessages.ts";
import { encodeContractsFile } from "#bridge/evm/contractsFile.ts";
import { stateProofFrom } from "#bridge/proofs.ts";
import type { QueryRequest, QueryResponse } from "#consensus/abci.ts";
import { outputId } from "#consensus/application/stateRecords.ts";
import { keyOf } from "#consensus/application/testLedger.ts";
import { Outbox, type OutboxEvents } from "#contracts/abi/Outbox.ts";
import { startTestEvm, type TestEvm } from "#contracts/testing.ts";
import { createTestMarket, type TestMarket } from "#contracts/testMarket.ts";
import { decodeTransaction, txId } from "#storage/types/transaction.ts";
import type { Api } from "../../api/createApi.ts";
import type { ApiPorts, NodeEvent } from "../../api/ports.ts";
import { createTestNode, OK_RESULT, startTestApi } from "../../api/testPorts.ts";
import type { BridgePort } from "../../bridge/bridgePort.ts";
import { hex, messageProofJson, stateProofJson } from "../../bridge/proofJson.ts";
import { saveKey } from "../../cli/keyStore.ts";
import { type CliResult, createTestCli, TEST_PASSPHRASE, type TestCli } from "../../cli/testIo.ts";
import { homePaths } from "../../configurationHome.ts";
import { defaultOptions } from "../../options.ts";
import { ethereumPort } from "../ethereumPort.ts";

/** Who trades in the tests: the names of their keys in one home. */
export const PEOPLE = ["owner", "regulator", "producer", "consumer", "treasury", "stranger"] as const;

export type Trader = (typeof PEOPLE)[number];

/** A market on a test's Ethereum, a REST API over the real ledger behind it, and a home with everybody's keys. */
export interface MarketNode extends AsyncDisposable {
  readonly evm: TestEvm;
  readonly market: TestMarket;
  readonly cli: TestCli;
  readonly api: Api;
  /** `energy-ledger market …` with this person's key; false: of a command that takes no key. */
  readonly run: (who: Trader | false, ...args: readonly string[]) => Promise<CliResult>;
  /** What validators do by their votes: all that the outbox has is on the ledger. */
  readonly tell: () => Promise<void>;
  /** The same, and it has to succeed. */
  readonly done: (who: Trader | false, ...args: readonly string[]) => Promise<CliResult["json"]>;
}

export async function startMarketNode(): Promise<MarketNode> {
  await using opened = new AsyncDisposableStack();
  const evm = opened.use(await startTestEvm());
  const market = await createTestMarket(evm);
  const cli = opened.use(createTestCli());
  const { keys } = homePaths(cli.home);
  await Promise.all(
    PEOPLE.map((name) => {
      const bytes = new Uint8Array(Buffer.from(market[name].privateKey.slice(2), "hex"));
      return saveKey(keys, name, { type: "secp256k1", bytes }, TEST_PASSPHRASE);
    }),
  );
  await saveKey(keys, "microgrid", keyOf("aggregator"), TEST_PASSPHRASE);
  const contracts = {
    EnergyMarket: await market.market.getAddress(),
    LedgerReader: await market.reader.getAddress(),
    Outbox: await market.outbox.getAddress(),
    Bridge: market.bridge.address,
  };
  const file = { chainId: 31_337n, ledgerId: "0f".repeat(32), fromBlock: 0, contracts };
  const contractsFile = join(cli.home, "contracts.json");
  writeFileSync(contractsFile, encodeContractsFile(file));
  const node = createTestNode();
  const options = { ...defaultOptions(), ethereumUrl: evm.anvil.url, contractsFile };
  const ethereum = ethereumPort(options, { nowMs: Date.now, fetch, wallet: undefined });
  const told: AppliedEvents = [];
  const ports = { ...node.ports, ...ledgerPorts(market, told, node.emit), ethereum };
  const api = await startTestApi({ ...node, ports });
  opened.defer(() => api.close());
  const run: MarketNode["run"] = async (who, ...args) => {
    const nowMs = (await evm.now()) * 1000;
    const places = ["--ethereum", evm.anvil.url, "--node", api.url, "--json"];
    const key = who === false ? [] : ["--key", who];
    return cli.runWith({ nowMs: () => nowMs }, "market", ...args, ...key, ...places);
  };
  const parts = opened.move();
  return {
    ...{ evm, market, cli, api, run },
    async tell() {
      const logs = await evm.provider.getLogs({ address: contracts.Outbox, fromBlock: 0 });
      told.splice(0, told.length, ...Outbox.events(logs, "OutboxEvent"));
    },
    async done(who, ...args) {
      const { exit, err, json } = await run(who, ...args);
      if (exit !== "ok") throw new Error(`market ${args.join(" ")}: ${err}`);
      return json;
    },
    [Symbol.asyncDispose]: () => parts.disposeAsync(),
  };
}

type AppliedEvents = OutboxEvents["OutboxEvent"][];

/** What a node answers of this ledger; anchored is what was there when the market was made. */
function ledgerPorts(
  { bridge, transactions: first }: TestMarket,
  told: AppliedEvents,
  emit: (event: NodeEvent) => void,
): Partial<ApiPorts> {
  const { ledger } = bridge;
  const anchored = ledger.height;
  const transactions = new Map(first);
  const find = (id: Uint8Array) => transactions.get(Buffer.from(id).toString("hex"));
  const proofs: Pick<BridgePort, "proveMessage" | "proveRecord"> = {
    async proveMessage(id, index) {
      const found = find(id);
      if (found === undefined) return undefined;
      const { typeUrl, value } = messagesOf(found.tx)[index] ?? { typeUrl: "", value: new Uint8Array(0) };
      return {
        txId: hex(id),
        typeUrl,
        message: hex(value),
        proof: messageProofJson(bridge.proveMessage(found.tx, index)),
      };
    },
    async proveRecord(path, data) {
      const { key, value, proof } = ledger.app.query({ path, data, height: anchored, prove: true });
      if (value.length === 0) return undefined;
      const proved = stateProofFrom(bridge.proveBlock(anchored), proof);
      return { height: anchored, key: hex(key), value: hex(value), proof: stateProofJson(proved) };
    },
  };
  return {
    stateQuery: (request) => toldQuery(told, request) ?? ledger.app.query(request),
    async submit(tx) {
      const checked = ledger.app.checkTx({ tx, type: "new" });
      if (checked.code !== 0) return { txId: txId(tx), ...checked };
      const { code, codespace, log } = ledger.block([tx]).txResults[0] ?? { code: 1, codespace: "", log: "" };
      const { height } = ledger;
      if (code === 0) transactions.set(Buffer.from(txId(tx)).toString("hex"), { tx, height, index: 0, timeMs: 0 });
      setImmediate(() => emit({ type: "tx", txId: txId(tx), height, index: 0, code, codespace, log }));
      return { txId: txId(tx), code: 0, codespace: "", log: "" };
    },
    transaction: (id) => {
      const found = find(id);
      return found === undefined ? undefined : { ...found, result: OK_RESULT };
    },
    transactionsBy: ({ value }) => ({
      transactions: [...transactions.values()]
        .filter(({ tx }) => messagesAbout(tx, value))
        .map(({ tx, height, index }) => ({ txId: txId(tx), height, index }))
        .reverse(),
      next: undefined,
    }),
    spenderOf: (id, index) => spenderOf(transactions, outputId(Buffer.from(id).toString("hex"), index)),
    bridge: {
      status: () => ({}),
      steps: () => undefined,
      proveTx: async () => undefined,
      proveBlock: async () => undefined,
      ...proofs,
    },
  };
}

/** The records that the validators' votes make. */
function toldQuery(told: AppliedEvents, { path, data }: QueryRequest): QueryResponse | undefined {
  const text = Buffer.from(data).toString();
  const event = told.find(({ eventNonce }) => `${eventNonce}` === text);
  const answers: Readonly<Record<string, unknown>> = {
    "/edream/ethereum": { eventNonce: `${told.length}` },
    "/edream/ethereum-event": event && {
      event: { emitter: bare(event.emitter), kind: bare(event.kind), payload: bare(event.payload) },
    },
  };
  const record = answers[path];
  if (record === undefined) return undefined;
  const empty = new Uint8Array(0);
  return {
    code: 0,
    codespace: "",
    log: "",
    key: empty,
    value: Buffer.from(JSON.stringify(record)),
    proof: empty,
    height: 1,
  };
}

const bare = (text: string) => text.slice(2).toLowerCase();

function messagesAbout(tx: Uint8Array, meterId: string): boolean {
  const decoded = decodeTransaction(tx);
  return decoded.accepted && decoded.tx.messages.some(({ value }) => "meterId" in value && value.meterId === meterId);
}

function spenderOf(transactions: TestMarket["transactions"], output: string): Uint8Array | undefined {
  for (const { tx } of transactions.values()) {
    const decoded = decodeTransaction(tx);
    if (!decoded.accepted) continue;
    const spends = decoded.tx.messages.some(
      ({ name, value }) =>
        name === "MsgTransferEnergy" &&
        value.inputs.some((input) => outputId(Buffer.from(input.txId).toString("hex"), input.outputIndex) === output),
    );
    if (spends) return txId(tx);
  }
  return undefined;
}
