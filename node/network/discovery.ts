import { createLruCache } from "../verifierCache.ts";
import type { NetworkClock } from "./clock.ts";
import { peerOf } from "./dialler.ts";
import {
  DISCOVERY_INTERVAL_MS,
  DISCOVERY_RETRY_MS,
  MAX_FAILED_ADDRESSES,
  TARGET_LIGHT_PEERS,
  TARGET_PEERS,
} from "./limits.ts";
import type { PeerInfo } from "./peers.ts";
import type { NodeRole } from "./protocols.ts";
import type { PeerAddress } from "./status.ts";

export interface DiscoveryPorts {
  readonly clock: NetworkClock;
  readonly role: NodeRole;
  readonly self: string;
  peers(): readonly PeerInfo[];
  /** Asks a peer for others. */
  askPeers(peer: string): Promise<readonly PeerAddress[]>;
  isConnected(peer: string): boolean;
  isBanned(peer: string): boolean;
  /** Connects to the first of the addresses that answers. */
  dial(peer: string, addresses: readonly string[]): Promise<void>;
}

/** Finds further peers: each peer, once admitted and then from time to time, is asked for those it knows. */
export interface Discovery {
  start(): void;
  /** A new peer: it is asked at once. */
  onAdmitted(peer: string): void;
  /** Addresses learnt elsewhere: Kademlia. */
  consider(candidates: readonly PeerAddress[]): void;
  stop(): void;
}

/** Peers asked in one round. */
const ASKED_PER_ROUND = 3;

export function createDiscovery(ports: DiscoveryPorts): Discovery {
  const { clock } = ports;
  const light = ports.role === "light";
  const target = light ? TARGET_LIGHT_PEERS : TARGET_PEERS;
  const triedMs = createLruCache<number>(MAX_FAILED_ADDRESSES);
  const dialling = new Set<string>();
  let cancel: (() => void) | undefined;
  let running = false;

  const wanted = () => target - ports.peers().length - dialling.size;

  const consider = (candidates: readonly PeerAddress[]) => {
    for (const { peer, addresses } of candidates) {
      if (!running || wanted() <= 0) return;
      if (peer === ports.self || ports.isConnected(peer) || dialling.has(peer) || ports.isBanned(peer)) continue;
      const lastMs = triedMs.get(peer);
      if (lastMs !== undefined && clock.nowMs() - lastMs < DISCOVERY_RETRY_MS) continue;
      const usable = addresses.flatMap((address) => withPeer(address, peer));
      if (usable.length === 0) continue;
      triedMs.set(peer, clock.nowMs());
      dialling.add(peer);
      // A peer that is reached counts as new if it is lost again.
      ports
        .dial(peer, usable)
        .then(() => triedMs.delete(peer))
        .catch(() => undefined)
        .finally(() => dialling.delete(peer));
    }
  };

  const ask = (peer: string) => {
    if (running && wanted() > 0) ports.askPeers(peer).then(consider, () => undefined);
  };

  const round = () => {
    const servers = ports.peers().filter(({ role }) => role !== "light");
    const first = Math.floor(clock.random() * servers.length);
    for (let i = 0; i < Math.min(ASKED_PER_ROUND, servers.length); i++) {
      const server = servers[(first + i) % servers.length];
      if (server !== undefined) ask(server.peer);
    }
    cancel = clock.schedule(DISCOVERY_INTERVAL_MS * (0.5 + clock.random()), round);
  };

  return {
    start() {
      running = true;
      cancel = clock.schedule(DISCOVERY_INTERVAL_MS * (0.5 + clock.random()), round);
    },
    onAdmitted: ask,
    consider,
    stop() {
      running = false;
      cancel?.();
    },
  };
}

/** The address with the peer's id at its end; none if it is no address or belongs to somebody else. */
function withPeer(address: string, peer: string): string[] {
  try {
    const named = peerOf(address);
    if (named === undefined) return [`${address}/p2p/${peer}`];
    return named === peer ? [address] : [];
  } catch {
    return [];
  }
}
