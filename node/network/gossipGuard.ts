import type { GossipSub } from "@chainsafe/libp2p-gossipsub";
import type { PeerId } from "@libp2p/interface";
import { isPlausibleRpc } from "./gossipRpc.ts";
import { NetworkError } from "./networkError.ts";

/** What the guard needs of the GossipSub object beyond its published type; `guardGossip` checks that it is there. */
export interface GossipInternals {
  readonly peers: Map<string, PeerId>;
  readonly streamsOutbound: Map<string, { readonly rawStream?: { readonly status: string } }>;
  pipePeerReadStream(from: PeerId, source: AsyncIterable<{ subarray(): Uint8Array }>): Promise<void>;
  decodeRpc(bytes: Uint8Array): unknown;
  handleReceivedRpc(from: PeerId, rpc: unknown): Promise<void>;
  handlePeerReadStreamError(error: Error, from: PeerId): void;
}

export interface GossipGuardPorts {
  /** Whether an RPC of this size is within the peer's rate; if not it is dropped unread. */
  admit(peer: string, bytes: number): boolean;
  /** The peer sent bytes that are no RPC, or none that a node of this ledger sends. */
  onGarbage(peer: string): void;
  /** The peer's stream broke the framing or announced an RPC beyond the limit. */
  onViolation(peer: string): void;
}

const METHODS = ["pipePeerReadStream", "decodeRpc", "handleReceivedRpc", "handlePeerReadStreamError"] as const;

/**
 * Puts a gate before GossipSub's reading loop. Topic validators come too late against floods: they see a message once,
 * so that repeated messages, control messages and bytes that do not decode would cost the sender nothing.
 * @throws NetworkError GOSSIP_LIBRARY_CHANGED if the library no longer has the methods used here
 */
export function guardGossip(gossip: GossipSub, ports: GossipGuardPorts): GossipInternals {
  const internals = gossip as unknown as GossipInternals;
  for (const method of METHODS)
    if (typeof internals[method] !== "function")
      throw new NetworkError({ code: "GOSSIP_LIBRARY_CHANGED", missing: method });
  for (const field of ["peers", "streamsOutbound"] as const)
    if (!(internals[field] instanceof Map)) throw new NetworkError({ code: "GOSSIP_LIBRARY_CHANGED", missing: field });

  const receive = (from: PeerId, peer: string, bytes: Uint8Array) => {
    if (!ports.admit(peer, bytes.length)) return;
    if (!isPlausibleRpc(bytes)) {
      ports.onGarbage(peer);
      return;
    }
    let rpc: unknown;
    try {
      rpc = internals.decodeRpc(bytes);
    } catch {
      ports.onGarbage(peer);
      return;
    }
    // Validation is asynchronous; the next RPC is read meanwhile, and gossip.ts bounds what is in validation.
    internals.handleReceivedRpc(from, rpc).catch(() => undefined);
  };

  internals.pipePeerReadStream = async (from, source) => {
    const peer = from.toString();
    try {
      for await (const frame of source) receive(from, peer, frame.subarray());
    } catch (error) {
      if (isFramingError(error)) ports.onViolation(peer);
      internals.handlePeerReadStreamError(error as Error, from);
    }
  };
  return internals;
}

/** it-length-prefixed's errors about a length, by name, because libp2p does not export the classes. A lost connection is none. */
function isFramingError(error: unknown): boolean {
  return error instanceof Error && /^InvalidDataLength/.test(error.name);
}

/** Whether gossip can reach the peer. The map alone does not tell: a stream that breaks while it is opened stays in it. */
export function hasOpenStream(internals: GossipInternals, peer: string): boolean {
  return internals.streamsOutbound.get(peer)?.rawStream?.status === "open";
}
