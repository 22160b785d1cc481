import type { LedgerApplication } from "#consensus/application/ledgerApplication.ts";
import { type PrivateKey, publicKeyOf } from "#storage/crypto/keys.ts";
import type { BlockStore } from "#storage/db/blockStore.ts";
import type { Store } from "#storage/db/store.ts";
import type { Genesis } from "#storage/types/genesis.ts";
import { nodeIdOf } from "#storage/types/nodeKey.ts";
import type { ConsensusDriver } from "../consensusDriver.ts";
import type { Mempool } from "../mempoolTypes.ts";
import type { Network } from "../network/network.ts";
import type { NodeOptions } from "../options.ts";
import type { Happenings } from "./happenings.ts";
import { connectedPeerOf, nodeIdOfPeer, nodeInfoOf, tcpAddressOf } from "./networkPorts.ts";
import type { RpcPorts } from "./ports.ts";
import { storePorts } from "./storePorts.ts";

export interface FullNodeParts {
  readonly options: NodeOptions;
  readonly genesis: Genesis;
  readonly keys: { readonly node: PrivateKey; readonly validator: PrivateKey | undefined };
  readonly store: Store;
  readonly blocks: BlockStore;
  readonly app: LedgerApplication;
  readonly mempool: Mempool;
  readonly network: Network;
  readonly driver: ConsensusDriver;
  readonly happenings: Happenings;
}

/** What the RPC asks, of a full node over either engine. */
export function fullNodeRpcPorts(parts: FullNodeParts): RpcPorts {
  const { options, genesis, keys, store, blocks, app, mempool, network, driver, happenings } = parts;
  const own = { network: genesis.chainId, appVersion: app.info().appVersion };
  return {
    genesis,
    node: {
      info: () =>
        nodeInfoOf({ id: nodeIdOf(keys.node), moniker: options.moniker, addresses: network.addresses, ...own }),
      publicKey: publicKeyOf(keys.validator ?? keys.node),
      isCatchingUp: () => driver.status().isCatchingUp,
      listeners: () => network.addresses,
      peers() {
        const now = { unixMs: Date.now(), monotonicMs: performance.now() };
        return network.peers.map((peer) => connectedPeerOf(peer, own, now));
      },
    },
    ...storePorts(store, blocks),
    mempool: {
      async add(tx) {
        const [verdict] = await mempool.addBatch([tx]);
        if (verdict === undefined) throw new Error("the mempool gave no verdict");
        return verdict;
      },
      first: (count) => mempool.reap(Number.POSITIVE_INFINITY, count),
      stats: () => mempool.stats,
      limits: { maxTxs: options.mempoolMaxTxs, maxBytes: options.mempoolMaxBytes },
    },
    application: {
      info: () => app.info(),
      query: (request) => app.query(request),
      checkTx: (tx) => app.dryCheckTx(tx),
    },
    consensus: {
      roundState: () => driver.roundState(),
      validators: () => driver.state()?.validators,
      timeoutCommitMs: options.timeoutCommitMs,
      peers() {
        const addresses = new Map(network.peers.map(({ peer, address }) => [peer, tcpAddressOf(address)]));
        return driver.status().peers.map(({ peer, height, round = -1 }) => ({
          address: `${nodeIdOfPeer(peer)}@${addresses.get(peer)?.slice("tcp://".length) ?? ""}`,
          height,
          round,
        }));
      },
      addEvidence: (evidence) => driver.addEvidence(evidence),
    },
    subscribe: (listener) => happenings.subscribe(listener),
  };
}
