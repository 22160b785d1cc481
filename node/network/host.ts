import type { GossipSub } from "@chainsafe/libp2p-gossipsub";
import { noise } from "@chainsafe/libp2p-noise";
import { yamux } from "@chainsafe/libp2p-yamux";
import type { Identify } from "@libp2p/identify";
import { identify } from "@libp2p/identify";
import type { Libp2p } from "@libp2p/interface";
import type { KadDHT } from "@libp2p/kad-dht";
import type { Ping } from "@libp2p/ping";
import { ping } from "@libp2p/ping";
import { tcp } from "@libp2p/tcp";
import { createLibp2p } from "libp2p";
import { createBoundedDatastore } from "./boundedDatastore.ts";
import type { GossipFactory } from "./gossip.ts";
import {
  INBOUND_CONNECTIONS_PER_SECOND,
  MAX_CONNECTIONS,
  MAX_DATASTORE_ENTRIES,
  MAX_LIGHT_CONNECTIONS,
  MAX_STREAM_WINDOW_BYTES,
  STREAM_WINDOW_BYTES,
} from "./limits.ts";
import { nodeKeyOf } from "./nodeKey.ts";
import { noiseCrypto } from "./noiseCrypto.ts";
import type { NodeRole, Protocols } from "./protocols.ts";

export interface HostOptions {
  /** Ed25519 seed, 32 bytes. */
  readonly nodeKey: Uint8Array;
  readonly role: NodeRole;
  /** Multiaddrs to listen on; empty to only dial. */
  readonly listen: readonly string[];
  /** Multiaddrs told to others instead of the ones listened on, for a node behind address translation. */
  readonly announce?: readonly string[];
  readonly agent: string;
  /** False keeps to the configured peers: no exchange of addresses, no Kademlia. For a validator behind sentries. */
  readonly discover?: boolean;
}

interface HostServices extends Record<string, unknown> {
  identify: Identify;
  ping: Ping;
  gossip: GossipSub;
  dht?: KadDHT;
}

export type Host = Libp2p<HostServices>;

/** Milliseconds between the pings that find dead connections, and the least that an answer may take: a busy event loop is not dead. */
const PING_INTERVAL_MS = 15_000;
const PING_TIMEOUT_MS = 15_000;

/**
 * Assembles the libp2p node, not started: TCP, Noise, Yamux, identify, ping, GossipSub, and for nodes that serve others
 * Kademlia under this chain's own protocol name. `isBanned` is asked for every connection, in both directions.
 */
export async function createHost(
  options: HostOptions,
  protocols: Protocols,
  ports: { readonly gossip: GossipFactory; isBanned(peer: string): boolean },
): Promise<Host> {
  const light = options.role === "light";
  const withDht = !light && options.discover !== false;
  const dht = withDht ? await loadKademlia(protocols.kademlia) : undefined;
  return createLibp2p<HostServices>({
    start: false,
    privateKey: await nodeKeyOf(options.nodeKey),
    nodeInfo: { userAgent: options.agent },
    addresses: { listen: [...options.listen], announce: [...(options.announce ?? [])] },
    datastore: createBoundedDatastore(MAX_DATASTORE_ENTRIES),
    transports: [tcp({ listenOpts: { noDelay: true }, dialOpts: { noDelay: true } })],
    connectionEncrypters: [light ? noise({ crypto: noiseCrypto }) : noise()],
    streamMuxers: [
      yamux({
        streamOptions: {
          initialStreamWindowSize: STREAM_WINDOW_BYTES,
          maxStreamWindowSize: light ? STREAM_WINDOW_BYTES : MAX_STREAM_WINDOW_BYTES,
          // A paused stream may hold a full window; a peer that sends more breaks Yamux and is cut off.
          maxReadBufferLength: 2 * MAX_STREAM_WINDOW_BYTES,
        },
      }),
    ],
    connectionManager: {
      maxConnections: light ? MAX_LIGHT_CONNECTIONS : MAX_CONNECTIONS,
      inboundConnectionThreshold: INBOUND_CONNECTIONS_PER_SECOND,
      maxIncomingPendingConnections: INBOUND_CONNECTIONS_PER_SECOND,
      // Reconnecting is the dialler's work (dialler.ts), which never gives up.
      reconnectRetries: 0,
    },
    connectionMonitor: { pingInterval: PING_INTERVAL_MS, pingTimeout: { minTimeout: PING_TIMEOUT_MS } },
    connectionGater: {
      denyDialPeer: (peer) => ports.isBanned(peer.toString()),
      denyInboundEncryptedConnection: (peer) => ports.isBanned(peer.toString()),
    },
    services: { identify: identify(), ping: ping(), gossip: ports.gossip, ...(dht === undefined ? {} : { dht }) },
  });
}

/** Kademlia, loaded only where it runs: the library takes 4 MB, which a light node does not have to spare. */
async function loadKademlia(protocol: string) {
  const { kadDHT, passthroughMapper } = await import("@libp2p/kad-dht");
  // Operators' nets have private addresses, which the default mapper would hide.
  return kadDHT({ protocol, clientMode: false, peerInfoMapper: passthroughMapper });
}
