import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { LEDGER_CODES } from "#consensus/application/codes.ts";
import { createLedgerApplication } from "#consensus/application/ledgerApplication.ts";
import type { CommittedBlock } from "#consensus/engine/ports.ts";
import type { PrivateKey } from "#storage/crypto/keys.ts";
import { loadAppState } from "#storage/db/appState.ts";
import { openLedgerStore } from "#storage/db/ledgerStore.ts";
import { openLevelStore } from "#storage/db/levelStore.ts";
import { loadValidators } from "#storage/db/validatorHistory.ts";
import { MAX_TX_BYTES } from "#storage/limits.ts";
import { NIL_BLOCK_ID } from "#storage/types/blockId.ts";
import type { Genesis } from "#storage/types/genesis.ts";
import { decodeHeader, encodeHeader, hashHeader } from "#storage/types/header.ts";
import { timestampToMs } from "#storage/types/time.ts";
import { txId } from "#storage/types/transaction.ts";
import { createApi } from "./api/createApi.ts";
import type { ApiPorts, NodeEvent, NodeStatus } from "./api/ports.ts";
import type { BigchainNode } from "./bigchain/startBigchain.ts";
import type { BridgeNode, BridgeNodeParts } from "./bridge/bridgeNode.ts";
import { bridgePort } from "./bridge/bridgePort.ts";
import { homePaths } from "./configurationHome.ts";
import type { ConsensusDriver, DriverParts } from "./consensusDriver.ts";
import { lazyEthereumPorts } from "./ethereum/lazyPorts.ts";
import type { Collector } from "./light/collector.ts";
import { openTier, readingsPort } from "./light/tierPorts.ts";
import { createMempool } from "./mempool.ts";
import { decideTxGossip } from "./mempoolGossip.ts";
import type { TxVerdict } from "./mempoolTypes.ts";
import type { MetersFile } from "./meter/metersFile.ts";
import { createNetwork, type Network } from "./network/network.ts";
import { createBlockMetrics, keepMetrics } from "./nodeMetrics.ts";
import type { NodeParts } from "./nodeParts.ts";
import type { NodeOptions } from "./options.ts";
import { createRpc } from "./rpc/createRpc.ts";
import { fullNodeRpcPorts } from "./rpc/fullNodePorts.ts";
import { createHappenings } from "./rpc/happenings.ts";
import type { RunningNode } from "./runningNode.ts";
import { createChainReader } from "./serve/chainReader.ts";
import { SUBMITTED_PREFIX, serveRequests, submitVerdictOf } from "./serve/serve.ts";
import { createVerifier } from "./verifier.ts";
import { VERSION } from "./version.ts";

/** Pruning happens every so many blocks, so that it costs next to nothing per block. */
const PRUNE_EVERY_BLOCKS = 50;

/** Codes of CheckTx that no honest node's transaction gets: its sender's mempool would have refused it too, whatever the order. */
const FORGED = new Set<number>(
  Object.entries(LEDGER_CODES)
    .filter(([name]) => /^TX_(?!EXPIRED)/.test(name) || name === "SIGNATURE_INVALID")
    .map(([, [number]]) => number),
);

/**
 * A validator (with a validator key) or a full node: store → application → mempool → network → consensus → API, opened in the direction
 * of the data and closed in reverse.
 */
export async function startFullNode(
  options: NodeOptions,
  genesis: Genesis,
  keys: {
    readonly node: PrivateKey;
    readonly validator: PrivateKey | undefined;
    /** With meters.json: of the meters that this node reads. */
    readonly meters?:
      | { readonly meterKey: PrivateKey; readonly metersFile: MetersFile; readonly archiveKey?: PrivateKey }
      | undefined;
    /** With BigchainDB's interface: of the member who brings its transactions. */
    readonly bigchain?: PrivateKey | undefined;
    /** Of a node that takes part in the bridge to Ethereum. */
    readonly bridge?: BridgeNodeParts["keys"] | undefined;
    /** That the API acts with on Ethereum. */
    readonly actor?: PrivateKey | undefined;
  },
  { log, metrics }: NodeParts,
): Promise<RunningNode> {
  const { chainId } = genesis;
  const data = homePaths(options.home).data;
  mkdirSync(data, { recursive: true });
  const done = Promise.withResolvers<void>();
  const listeners = new Set<(event: NodeEvent) => void>();
  const emit = (event: NodeEvent) => {
    for (const listener of listeners) listener(event);
  };
  await using opening = new AsyncDisposableStack();

  const store = await openLevelStore(join(data, "ledger"));
  opening.defer(() => store.close());
  const ledger = await openLedgerStore(store);
  const { blocks } = ledger;

  const verifier = createVerifier({ workers: options.workers });
  opening.use(verifier);
  const app = createLedgerApplication({
    chainId,
    entries: await collect(loadAppState(store)),
    verifySignature: (check) => verifier.verifyNow(check),
    clockMs: Date.now,
  });
  for (let height = blocks.base(); height > 0 && height <= blocks.height(); height++)
    metrics.store.blockBytes.inc((await blocks.loadMeta(height))?.blockBytes ?? 0);

  const verifyAhead = async (txs: readonly Uint8Array[]) => {
    const checks = txs.flatMap((tx) => app.signatureChecks(tx));
    if (checks.length === 0) return;
    const started = performance.now();
    await verifier.verifyBatch(checks);
    metrics.verifier.batchSeconds.observe((performance.now() - started) / 1000);
  };

  let network: Network | undefined;
  let driver: ConsensusDriver | undefined;
  let collector: Collector | undefined;
  let bigchain: BigchainNode | undefined;
  let bridge: BridgeNode | undefined;
  const mempool = createMempool(
    {
      maxTxs: options.mempoolMaxTxs,
      maxBytes: options.mempoolMaxBytes,
      maxTxBytes: MAX_TX_BYTES,
      cacheSize: 2 * options.mempoolMaxTxs,
    },
    {
      checkTx: (request) => app.checkTx(request),
      prepareVerification: verifyAhead,
      senderOf: (tx) => app.payerOf(tx),
      onAdded(txs, source) {
        // What came by gossip goes on by gossip; what came by request or API starts its way here.
        if (source.peer === undefined || source.peer.startsWith(SUBMITTED_PREFIX)) network?.publishTxs(txs);
        driver?.onTxs(txs, source);
      },
    },
  );

  const reader = createChainReader(store, blocks);
  network = await createNetwork(
    {
      nodeKey: keys.node.bytes,
      role: options.role,
      chainId,
      listen: options.p2pListen,
      announce: options.p2pAnnounce,
      agent: `energy-ledger/${VERSION}`,
      discover: options.peerDiscovery,
      seeds: options.seeds,
      persistentPeers: options.persistentPeers,
    },
    {
      status: () => ({ height: blocks.height(), earliestHeight: blocks.base() }),
      async onTxs(txs, peer) {
        const verdicts = await mempool.addBatch(txs, { peer });
        return decideTxGossip(txs, verdicts, isOffence);
      },
      async onHeader(bytes) {
        try {
          const header = decodeHeader(bytes);
          const ours = await blocks.loadHeader(header.height);
          if (ours === undefined) return "ignore";
          return Buffer.compare(hashHeader(ours) ?? bytes, hashHeader(header) ?? bytes) === 0 ? "accept" : "reject";
        } catch {
          return "reject";
        }
      },
      onCheckpoint: (bytes) => bridge?.receive(bytes) ?? "ignore",
      onConsensusMessage: (peer, bytes) => driver?.receive(peer, bytes),
      onConsensusPeer: (peer) => driver?.peerConnected(peer),
      onConsensusPeerGone: (peer) => driver?.peerDisconnected(peer),
      onPeerRejected: (peer, code, reason) => log.warn({ peer, code, reason }, "Peer refused"),
    },
  );
  opening.use(network);
  const net = network;

  const countBlock = createBlockMetrics(metrics);
  const happenings = createHappenings();
  const apiEvents = (committed: CommittedBlock) => {
    const { header, txs } = committed.block;
    emit({
      type: "block",
      height: header.height,
      hash: committed.blockId.hash,
      appHash: header.appHash,
      timeMs: timestampToMs(header.time),
      txs: txs.length,
      round: committed.commit.round,
    });
    if (listeners.size === 0) return;
    for (const [index, tx] of txs.entries()) {
      const result = committed.response.txResults[index];
      if (result === undefined) continue;
      const { code, codespace, log: text } = result;
      emit({ type: "tx", txId: txId(tx), height: header.height, index, code, codespace, log: text });
    }
  };

  driver = await createDriver(options.engine, {
    options,
    genesis,
    keys,
    data,
    store,
    ledger,
    app,
    mempool,
    network: net,
    metrics,
    log,
    verifyAhead,
    async onBlock(committed) {
      const { header, txs } = committed.block;
      net.publishHeader(encodeHeader(header));
      countBlock(committed);
      apiEvents(committed);
      happenings.tell({ type: "block", committed });
      collector?.onBlock();
      bigchain?.onBlock(committed);
      bridge?.onBlock();
      log.info(
        { height: header.height, round: committed.commit.round, txs: txs.length, hash: hex(committed.blockId.hash) },
        "Committed block",
      );
      if (header.height % PRUNE_EVERY_BLOCKS === 0) await ledger.prune(retentionOf(options, header.height));
    },
    onTransition: (transition) => happenings.tell({ type: "transition", transition }),
    onFatal(error) {
      log.fatal({ err: error }, "Consensus has stopped: this node must be looked at before it is started again");
      done.reject(error);
    },
  });
  const running = driver;
  opening.defer(() => running.stop());
  await serveRequests(net, { blocks, reader, app, mempool, addEvidence: (found) => running.addEvidence(found) });
  await running.start();
  // Also without meters of its own: it may drain the queue of others into its store.
  const tier = await openTier(options, log);
  if (tier !== undefined) opening.use(tier);
  if (keys.meters !== undefined) {
    const { startCollector } = await import("./light/collector.ts");
    const fail = (error: unknown) => {
      log.fatal({ err: error }, "Meters cannot be read any more: look at the cause before this node is started again");
      done.reject(error);
    };
    const tip = () => {
      const chain = running.state();
      if (chain === undefined || chain.lastBlockHeight === 0 || running.status().isCatchingUp) return undefined;
      return { appHash: chain.appHash, timeMs: timestampToMs(chain.lastBlockTime) };
    };
    const own = { reader, app, mempool, network: net, tip, tier, log, fail };
    collector = opening.use(await startCollector(options, { chainId, ...keys.meters }, own));
  }

  if (keys.bigchain !== undefined) {
    const { startBigchain } = await import("./bigchain/startBigchain.ts");
    const fail = (error: unknown) => {
      log.fatal(
        { err: error },
        "The index of BigchainDB transactions cannot go on: look at the cause before this node is started again",
      );
      done.reject(error);
    };
    const validators = () => running.state()?.validators;
    const verifySignature = verifier.verifyNow;
    const own = { store, blocks, reader, app, mempool, validators, verifySignature, log, fail };
    bigchain = opening.use(await startBigchain(options, { chainId, data, key: keys.bigchain, ...own }));
  }

  if (keys.bridge !== undefined) {
    const { startBridge } = await import("./bridge/bridgeNode.ts");
    const own = { genesis, data, store, blocks, app, mempool, publish: net.publishCheckpoint };
    bridge = opening.use(await startBridge(options, { ...own, keys: keys.bridge, metrics: metrics.bridge, log }));
  }

  const onEthereum = options.ethereumUrl === "" ? {} : lazyEthereumPorts(options, keys.actor);

  const status = (): NodeStatus => {
    const { round, isCatchingUp } = running.status();
    const chain = running.state();
    return {
      role: options.role,
      moniker: options.moniker,
      chainId,
      peerId: net.peerId,
      version: VERSION,
      height: chain?.lastBlockHeight ?? 0,
      round,
      blockHash: chain?.lastBlockId.hash ?? NIL_BLOCK_ID.hash,
      appHash: chain?.appHash ?? new Uint8Array(0),
      blockTimeMs: chain === undefined || chain.lastBlockHeight === 0 ? 0 : timestampToMs(chain.lastBlockTime),
      earliestHeight: blocks.base(),
      catchingUp: isCatchingUp,
      peers: net.peers.length,
      validatorAddress: running.validatorAddress,
      ...(tier === undefined ? {} : { secondTier: tier.state() }),
    };
  };
  const ports: ApiPorts = {
    status,
    readiness() {
      if (running.status().isCatchingUp) return { ready: false, reason: "catching up with the chain" };
      const isAlone = running.state()?.validators.validators.length === 1 && running.validatorAddress !== undefined;
      return net.peers.length > 0 || isAlone ? { ready: true } : { ready: false, reason: "no peer is connected" };
    },
    peers() {
      // The status of the handshake grows old; what consensus hears of a peer is at most a status interval old, and the height being decided.
      const deciding = new Map(running.status().peers.map(({ peer, height }) => [peer, height]));
      return net.peers.map(({ peer, addresses, direction, role, height }) => ({
        peerId: peer,
        addresses,
        direction,
        role,
        height: Math.max(height, (deciding.get(peer) ?? 0) - 1),
      }));
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async submit(tx) {
      const [verdict] = await mempool.addBatch([tx]);
      return { txId: txId(tx), ...submitVerdictOf(verdict as TxVerdict) };
    },
    mempool: () => {
      const { txs, bytes } = mempool.stats;
      return { txs, bytes, maxTxs: options.mempoolMaxTxs, maxBytes: options.mempoolMaxBytes };
    },
    transaction: (id) => reader.transaction(id),
    transactionsBy: (query) => reader.transactionsBy(query),
    spenderOf: (id, outputIndex) => reader.spenderOf(id, outputIndex),
    block: (at) => reader.block(at),
    header: (height) => blocks.loadHeader(height),
    commit: (height) => blocks.loadProvingCommit(height),
    validators: (height) => loadValidators(store, height),
    proof: (id) => reader.proofFile(id),
    stateQuery: (request) => app.query(request),
    readings: readingsPort(tier, collector && (() => collector?.meters())),
    ...(bigchain === undefined ? {} : { bigchain: bigchain.handle }),
    ...(bridge === undefined ? {} : { bridge: bridgePort(bridge, reader) }),
    ...onEthereum,
  };
  const api = options.api ? await createApi(options, ports, { metrics, log }) : undefined;
  if (api !== undefined) opening.defer(() => api.close());
  const rpcParts = { options, genesis, keys, store, blocks, app, mempool, network: net, driver: running, happenings };
  const rpc = options.rpcListen === "" ? undefined : await createRpc(options, fullNodeRpcPorts(rpcParts), { log });
  if (rpc !== undefined) opening.defer(() => rpc.close());
  opening.defer(
    keepMetrics(metrics, { mempool, network: net, verifier, round: () => running.status().round, secondTier: tier }),
  );

  const resources = opening.move();
  let stopping: Promise<void> | undefined;
  const stop = () => {
    stopping ??= resources.disposeAsync().then(() => done.resolve());
    return stopping;
  };
  return {
    role: options.role,
    api: api && { url: api.url },
    rpc: rpc && { url: rpc.url },
    bigchain: bigchain && { url: bigchain.url, streamUrl: bigchain.streamUrl },
    peerId: net.peerId,
    addresses: net.addresses,
    stop,
    done: done.promise,
  };
}

/** Modules of an engine are loaded for that engine only. */
async function createDriver(engine: NodeOptions["engine"], parts: DriverParts): Promise<ConsensusDriver> {
  if (engine === "cometbft") return (await import("./cometbft/cometDriver.ts")).createCometDriver(parts);
  return (await import("./embeddedDriver.ts")).createEmbeddedDriver(parts);
}

function isOffence(verdict: TxVerdict): boolean {
  if (verdict.added) return false;
  return verdict.code === "TX_TOO_LARGE" || (verdict.code === "TX_REJECTED" && FORGED.has(verdict.response.code));
}

function retentionOf(options: NodeOptions, height: number) {
  const from = (kept: number) => (kept === 0 ? 0 : Math.max(0, height - kept + 1));
  const blocksFrom = from(options.retainBlocks);
  return { blocksFrom, indexFrom: from(options.retainIndexBlocks), resultsFrom: blocksFrom, keepHeaders: true };
}

async function collect<T>(items: AsyncIterable<T>): Promise<readonly T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex").toUpperCase();
}

/** Whether a home holds a chain already. */
export function hasChain(home: string): boolean {
  return existsSync(join(homePaths(home).data, "ledger"));
}
