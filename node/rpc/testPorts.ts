import { generatePrivateKey, publicKeyOf } from "#storage/crypto/keys.ts";
import { openLedgerStore, type Retention } from "#storage/db/ledgerStore.ts";
import { createMemoryStore } from "#storage/db/memoryStore.ts";
import { TEST_CHAIN_ID, testChain, testGenesis } from "#storage/db/testChain.ts";
import type { Genesis } from "#storage/types/genesis.ts";
import type { TxVerdict } from "../mempoolTypes.ts";
import { createHappenings } from "./happenings.ts";
import { createDispatcher } from "./jsonRpc.ts";
import { rpcMethods } from "./methods/rpcMethods.ts";
import { nodeInfoOf } from "./networkPorts.ts";
import type { RpcPorts } from "./ports.ts";
import { storePorts } from "./storePorts.ts";
import { createSubscriptions } from "./subscriptions.ts";
import { createTxWaiters } from "./txWaiters.ts";

/** The methods over a chain in memory; what is not the chain's is set by the test. */
export interface TestMethods {
  readonly ports: RpcPorts;
  readonly chain: ReturnType<typeof testChain>;
  readonly prune: (retention: Partial<Retention>) => Promise<void>;
  readonly happenings: ReturnType<typeof createHappenings>;
  /** The result of a call. @throws Error with the `data` of the error */
  call(method: string, params?: object): Promise<Record<string, unknown>>;
}

const KEEP_ALL: Retention = { blocksFrom: 0, indexFrom: 0, resultsFrom: 0, keepHeaders: true };

const GENESIS: Genesis = {
  genesisTime: testGenesis().lastBlockTime,
  chainId: TEST_CHAIN_ID,
  initialHeight: 1,
  consensusParams: testGenesis().consensusParams,
  validators: [],
  appHash: new Uint8Array(0),
  appState: { text: "<ä>" },
};

export async function createTestMethods(
  heights: number,
  changes: { readonly [Part in keyof RpcPorts]?: Partial<RpcPorts[Part]> } = {},
): Promise<TestMethods> {
  const store = createMemoryStore();
  const ledger = await openLedgerStore(store);
  await ledger.saveGenesis(testGenesis(), []);
  const chain = testChain(heights);
  for (const saved of chain) await ledger.saveHeight(saved);
  const happenings = createHappenings();
  const own = { id: "ab".repeat(20), moniker: "test", network: TEST_CHAIN_ID, appVersion: 1 };
  const stored = storePorts(store, ledger.blocks);
  const ports: RpcPorts = {
    genesis: { ...GENESIS, ...changes.genesis },
    node: {
      info: () => nodeInfoOf({ ...own, addresses: ["/ip4/127.0.0.1/tcp/1"] }),
      publicKey: publicKeyOf(generatePrivateKey("ed25519")),
      isCatchingUp: () => false,
      listeners: () => [],
      peers: () => [],
      ...changes.node,
    },
    chain: { ...stored.chain, ...changes.chain },
    index: { ...stored.index, ...changes.index },
    mempool: {
      add: async (): Promise<TxVerdict> => ({ added: true }),
      first: () => [],
      stats: () => ({ txs: 0, bytes: 0 }),
      limits: { maxTxs: 10, maxBytes: 1000 },
      ...changes.mempool,
    },
    application: {
      info: () => ({ data: "", version: "", appVersion: 1, lastBlockHeight: 0, lastBlockAppHash: new Uint8Array(0) }),
      query: () => ({
        ...{ code: 0, codespace: "", log: "", height: heights },
        ...{ key: new Uint8Array(0), value: new Uint8Array(0), proof: new Uint8Array(0) },
      }),
      checkTx: () => ({ code: 0, codespace: "", log: "", gasWanted: 0n }),
      ...changes.application,
    },
    consensus: {
      roundState: () => undefined,
      validators: () => undefined,
      timeoutCommitMs: 1000,
      peers: () => [],
      addEvidence: async () => ({ accepted: true }),
      ...changes.consensus,
    },
    subscribe: (listener) => happenings.subscribe(listener),
  };
  const waiters = createTxWaiters();
  happenings.subscribe(waiters.note);
  const methods = rpcMethods(ports, {
    subscriptions: createSubscriptions({ maxClients: 1, maxPerClient: 1 }),
    waiters,
    rpcAddress: () => "tcp://127.0.0.1:26657",
  });
  const dispatcher = createDispatcher(methods, (method, error) => {
    throw new Error(`${method} failed`, { cause: error });
  });
  return {
    ports,
    chain,
    prune: async (retention) => void (await ledger.prune({ ...KEEP_ALL, ...retention })),
    happenings,
    async call(method, params = {}) {
      const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
      const context = { remote: "test", signal: new AbortController().signal, connection: undefined };
      const { text } = await dispatcher.answerBody(body, context);
      const { result, error } = JSON.parse(text) as {
        result?: Record<string, unknown>;
        error?: { code: number; message: string; data?: string };
      };
      if (result === undefined) throw new Error(error?.data ?? error?.message);
      return result;
    },
  };
}
