import { peerIdFromString } from "@libp2p/peer-id";
import { multiaddr } from "@multiformats/multiaddr";
import type { GossipDecision } from "../mempoolGossip.ts";
import type { NetworkClock } from "./clock.ts";
import { systemClock } from "./clock.ts";
import { createConsensusChannel } from "./consensusChannel.ts";
import type { NetworkCounters } from "./counters.ts";
import { createCounters } from "./counters.ts";
import { createDialler } from "./dialler.ts";
import { createDiscovery } from "./discovery.ts";
import type { GossipOptions } from "./gossip.ts";
import { createGossip } from "./gossip.ts";
import type { HostOptions } from "./host.ts";
import { createHost } from "./host.ts";
import { NetworkError } from "./networkError.ts";
import type { PeerInfo, PeerRejection } from "./peers.ts";
import { createPeers } from "./peers.ts";
import type { Protocols, RequestProtocol } from "./protocols.ts";
import { protocolsOf } from "./protocols.ts";
import type { Offence } from "./reputation.ts";
import { createReputation } from "./reputation.ts";
import type { RequestHandler, RequestOptions } from "./requestResponse.ts";
import { createRequestResponse } from "./requestResponse.ts";
import type { NodeStatus } from "./status.ts";
import { decodePeers, encodePeers } from "./status.ts";
import { decodeTxBatch, encodeTxBatch } from "./txBatch.ts";
import { createTxBatcher } from "./txBatcher.ts";

export interface NetworkOptions extends HostOptions, Pick<GossipOptions, "messageRate" | "byteRate"> {
  readonly chainId: string;
  /** Multiaddrs of the nodes by which this one finds the others, and of those it always keeps to. Both are dialled for ever. */
  readonly seeds: readonly string[];
  readonly persistentPeers: readonly string[];
  /** Milliseconds of a ban. */
  readonly banMs?: number;
}

/** What the network asks of the node. All of it may be called with anything a hostile peer sends, and must not throw. */
export interface NetworkPorts {
  readonly clock?: NetworkClock;
  /** How far this node is, for handshakes. */
  status(): { readonly height: number; readonly earliestHeight: number };
  /** The fate of a gossiped batch; `resend` is what a partly known batch leaves to send on (mempoolGossip.ts). */
  onTxs(
    txs: readonly Uint8Array[],
    peer: string,
  ): Promise<{ decision: GossipDecision; resend?: readonly Uint8Array[] }>;
  /** The fate of a gossiped header. */
  onHeader(bytes: Uint8Array, peer: string): Promise<GossipDecision>;
  /** The fate of a gossiped signature of an anchor; absent: they are not handed on. */
  onCheckpoint?(bytes: Uint8Array, peer: string): GossipDecision;
  onConsensusMessage(peer: string, bytes: Uint8Array): void | Promise<void>;
  /** A consensus stream to the peer is open, or no longer. */
  onConsensusPeer?(peer: string): void;
  onConsensusPeerGone?(peer: string): void;
  onPeer?(info: PeerInfo): void;
  onPeerGone?(peer: string): void;
  /** A node that connected and is no peer, or no longer. */
  onPeerRejected?(peer: string, code: PeerRejection | "BANNED" | "GOSSIP_STALLED", reason: string): void;
}

export interface Network extends AsyncDisposable {
  readonly peerId: string;
  /** Multiaddrs at which others reach this node, with its peer id. */
  readonly addresses: readonly string[];
  readonly protocols: Protocols;
  readonly counters: Readonly<NetworkCounters>;
  readonly peers: readonly PeerInfo[];
  /** Penalty points of a peer; 100 disconnect it. */
  pointsOf(peer: string): number;
  /** Gossips transactions this node vouches for, in batches, in their order. */
  publishTxs(txs: readonly Uint8Array[]): void;
  publishHeader(bytes: Uint8Array): void;
  publishCheckpoint(bytes: Uint8Array): void;
  /** False if the message or older ones were dropped. @throws NetworkError MESSAGE_TOO_LARGE */
  sendConsensus(peer: string, bytes: Uint8Array): boolean;
  broadcastConsensus(bytes: Uint8Array): void;
  handle(protocol: RequestProtocol, handler: RequestHandler): Promise<void>;
  /** @throws NetworkError: see RequestResponse.request */
  request(peer: string, protocol: RequestProtocol, bytes: Uint8Array, options?: RequestOptions): Promise<Uint8Array>;
  /** Asks a peer how far it is. @throws NetworkError as `request` */
  refreshStatus(peer: string, signal?: AbortSignal): Promise<NodeStatus>;
  /** Counts an offence that only the caller can see: a lying proof, an impossible vote. */
  penalise(peer: string, offence: Offence): void;
  disconnect(peer: string): Promise<void>;
}

/**
 * The node's part of the network: libp2p, gossip, direct consensus streams, requests, and the peers.
 * @throws NetworkError NODE_KEY_MALFORMED, ADDRESS_MALFORMED; libp2p's own error if no address can be listened on
 */
export async function createNetwork(options: NetworkOptions, ports: NetworkPorts): Promise<Network> {
  const clock = ports.clock ?? systemClock;
  const counters = createCounters();
  const protocols = protocolsOf(options.chainId);
  const reputation = createReputation(clock, options.banMs);

  const penalise = (peer: string, offence: Offence) => {
    if (!reputation.penalise(peer, offence)) return;
    counters.peersBanned += 1;
    ports.onPeerRejected?.(peer, "BANNED", offence);
    abortConnections(peer);
  };

  const abortConnections = (peer: string) => {
    for (const connection of host.getConnections().filter(({ remotePeer }) => remotePeer.toString() === peer))
      connection.abort(new NetworkError({ code: "PEER_NOT_CONNECTED", peer }));
  };

  const judgeTxs = async (bytes: Uint8Array, peer: string): Promise<GossipDecision> => {
    let txs: Uint8Array[];
    try {
      txs = decodeTxBatch(bytes);
    } catch {
      return "reject";
    }
    counters.txsReceived += txs.length;
    const { decision, resend = [] } = await ports.onTxs(txs, peer);
    for (const tx of resend) batcher.add(tx);
    return decision;
  };

  const gossip = createGossip(options, protocols, {
    clock,
    counters,
    judge: {
      txs: judgeTxs,
      headers: (bytes, peer) => ports.onHeader(bytes, peer),
      checkpoints: async (bytes, peer) => ports.onCheckpoint?.(bytes, peer) ?? "ignore",
    },
    penalise,
    pointsOf: reputation.pointsOf,
    onReceived: (peer, bytes) => peers.noteReceived(peer, bytes),
    onStalled: (peer) => {
      ports.onPeerRejected?.(peer, "GOSSIP_STALLED", "no gossip stream");
      abortConnections(peer);
    },
  });

  const batcher = createTxBatcher(clock, (txs) => {
    counters.txsPublished += txs.length;
    gossip.publish("txs", encodeTxBatch(txs));
  });

  const host = await createHost(options, protocols, { gossip: gossip.factory, isBanned: reputation.isBanned });
  const self = host.peerId.toString();
  const isConnected = (peer: string) => host.getPeers().some((id) => id.toString() === peer);

  const dial = async (addresses: readonly string[]): Promise<string> => {
    counters.dials += 1;
    try {
      const connection = await host.dial(addresses.map((address) => multiaddr(address)));
      return connection.remotePeer.toString();
    } catch (error) {
      counters.dialsFailed += 1;
      throw error;
    }
  };

  const peers = createPeers({
    host,
    clock,
    counters,
    statusProtocol: protocols.status,
    status: () => ({
      ...ports.status(),
      chainId: options.chainId,
      role: options.role,
      agent: options.agent,
      // A node that does not want to be found is not told to others.
      addresses: options.discover === false ? [] : host.getMultiaddrs().map(String),
    }),
    requests: () => requestResponse,
    onAdmitted: (info) => {
      dialler.onAdmitted(info.peer);
      if (info.role !== "light" && options.role !== "light") consensus.connect(info.peer);
      if (info.role !== "light") discovery.onAdmitted(info.peer);
      ports.onPeer?.(info);
    },
    onGone: (peer) => {
      consensus.disconnect(peer);
      ports.onPeerGone?.(peer);
    },
    onRejected: (peer, code, reason) => ports.onPeerRejected?.(peer, code, reason),
  });

  const requestResponse = createRequestResponse({
    host,
    clock,
    counters,
    penalise,
    whenAdmitted: peers.whenAdmitted,
    onReceived: peers.noteReceived,
  });

  const consensus = createConsensusChannel({
    host,
    protocol: protocols.consensus,
    clock,
    counters,
    penalise,
    whenAdmitted: peers.whenAdmitted,
    onMessage: (peer, bytes) => {
      peers.noteReceived(peer, bytes.length);
      return ports.onConsensusMessage(peer, bytes);
    },
    onPeer: (peer) => ports.onConsensusPeer?.(peer),
    onPeerGone: (peer) => ports.onConsensusPeerGone?.(peer),
  });

  const dialler = createDialler([...options.persistentPeers, ...options.seeds], {
    clock,
    isConnected: (peer) => peer === self || isConnected(peer),
    dial: (address) => dial([address]),
  });

  const discovery = createDiscovery({
    clock,
    role: options.role,
    self,
    peers: () => peers.list,
    askPeers: async (peer) => decodePeers(await requestResponse.request(peer, protocols.peers, new Uint8Array())),
    isConnected,
    isBanned: reputation.isBanned,
    dial: async (_peer, addresses) => void (await dial(addresses)),
  });

  host.addEventListener("peer:disconnect", ({ detail }) => dialler.onGone(detail.toString()));
  host.addEventListener("peer:discovery", ({ detail }) =>
    discovery.consider([{ peer: detail.id.toString(), addresses: detail.multiaddrs.map(String) }]),
  );

  try {
    await peers.start();
    await requestResponse.register(protocols.peers, async (asker) =>
      encodePeers(
        peers.list
          .filter(({ peer, role, addresses }) => peer !== asker && role !== "light" && addresses.length > 0)
          .map(({ peer, addresses }) => ({ peer, addresses })),
      ),
    );
    if (options.role !== "light") await consensus.start();
    await host.start();
  } catch (error) {
    await host.stop();
    throw error;
  }
  gossip.start();
  dialler.start();
  if (options.discover !== false) discovery.start();
  let stopped: Promise<void> | undefined;

  return {
    peerId: self,
    protocols,
    counters,
    get addresses() {
      return host.getMultiaddrs().map(String);
    },
    get peers() {
      return peers.list;
    },
    pointsOf: reputation.pointsOf,
    publishTxs(txs) {
      for (const tx of txs) batcher.add(tx);
    },
    publishHeader: (bytes) => gossip.publish("headers", bytes),
    publishCheckpoint: (bytes) => gossip.publish("checkpoints", bytes),
    sendConsensus: consensus.sendTo,
    broadcastConsensus: consensus.broadcast,
    handle: (protocol, handler) => requestResponse.register(protocol, handler),
    request: requestResponse.request,
    refreshStatus: peers.refresh,
    penalise,
    disconnect: (peer) => host.hangUp(peerIdFromString(peer)),
    [Symbol.asyncDispose]() {
      stopped ??= (async () => {
        dialler.stop();
        discovery.stop();
        batcher.flush();
        consensus.stop();
        peers.stop();
        await host.stop();
      })();
      return stopped;
    },
  };
}
