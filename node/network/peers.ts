import type { Connection } from "@libp2p/interface";
import type { NetworkClock } from "./clock.ts";
import type { NetworkCounters } from "./counters.ts";
import type { Host } from "./host.ts";
import { HANDSHAKE_TIMEOUT_MS } from "./limits.ts";
import { NetworkError, RefusalError } from "./networkError.ts";
import type { NodeRole, RequestProtocol } from "./protocols.ts";
import type { RequestResponse } from "./requestResponse.ts";
import type { NodeStatus } from "./status.ts";
import { decodeStatus, encodeStatus } from "./status.ts";

/** A connected peer that has passed the handshake, for the API and for whoever chooses peers. */
export interface PeerInfo {
  readonly peer: string;
  /** The other end of the connection, as a multiaddr. */
  readonly address: string;
  readonly direction: "inbound" | "outbound";
  readonly role: NodeRole;
  readonly agent: string;
  /** As it last said itself, unverified. */
  readonly height: number;
  readonly earliestHeight: number;
  /** Where it says it can be dialled. */
  readonly addresses: readonly string[];
  readonly connectedMs: number;
  /** Payload bytes of gossip, consensus and requests received from it. */
  readonly receivedBytes: number;
}

/** Why a connected node is no peer. */
export type PeerRejection = "WRONG_CHAIN" | "HANDSHAKE_FAILED" | "HANDSHAKE_TIMEOUT";

export interface PeersPorts {
  readonly host: Host;
  readonly clock: NetworkClock;
  readonly counters: NetworkCounters;
  readonly statusProtocol: RequestProtocol;
  /** This node's own status, now. */
  status(): NodeStatus;
  /** Set late: the request protocol asks the peers about admission, and the peers ask over it. */
  requests(): RequestResponse;
  onAdmitted(info: PeerInfo): void;
  onGone(peer: string): void;
  onRejected(peer: string, code: PeerRejection, reason: string): void;
}

export interface Peers {
  readonly list: readonly PeerInfo[];
  get(peer: string): PeerInfo | undefined;
  start(): Promise<void>;
  /** True as soon as the peer is admitted, false if it is not within HANDSHAKE_TIMEOUT_MS. */
  whenAdmitted(peer: string): Promise<boolean>;
  /** Asks an admitted peer how far it is, and remembers it. */
  refresh(peer: string, signal?: AbortSignal): Promise<NodeStatus>;
  noteReceived(peer: string, bytes: number): void;
  stop(): void;
}

interface Record {
  info: { -readonly [K in keyof PeerInfo]: PeerInfo[K] };
}

/** Milliseconds in which a refused node may read why before it is disconnected. */
const REFUSAL_GRACE_MS = 1000;

/**
 * The table of peers, and the handshake that leads into it. Whoever dialled sends its status and gets the other's;
 * a node of another chain, or one that does not answer, is told so and disconnected.
 */
export function createPeers(ports: PeersPorts): Peers {
  const { host, clock, counters } = ports;
  const admitted = new Map<string, Record>();
  const waiting = new Map<string, Set<(admitted: boolean) => void>>();
  const timers = new Set<() => void>();

  const later = (ms: number, run: () => void): (() => void) => {
    const cancel = clock.schedule(ms, () => {
      timers.delete(cancel);
      run();
    });
    timers.add(cancel);
    return cancel;
  };

  const settle = (peer: string, result: boolean) => {
    const waiters = waiting.get(peer);
    waiting.delete(peer);
    for (const resolve of waiters ?? []) resolve(result);
  };

  const hangUp = async (peer: string) => {
    for (const connection of host.getConnections().filter(({ remotePeer }) => remotePeer.toString() === peer))
      await connection.close().catch((error: Error) => connection.abort(error));
  };

  const admit = (peer: string, status: NodeStatus) => {
    const { role, agent, height, earliestHeight, addresses } = status;
    const known = admitted.get(peer);
    if (known !== undefined) return void Object.assign(known.info, { role, agent, height, earliestHeight, addresses });
    const connection = host.getConnections().find(({ remotePeer }) => remotePeer.toString() === peer);
    if (connection === undefined) return;
    const address = connection.remoteAddr.toString();
    const { direction } = connection;
    const info = { peer, address, direction, role, agent, height, earliestHeight, addresses };
    const record: Record = { info: { ...info, connectedMs: clock.nowMs(), receivedBytes: 0 } };
    admitted.set(peer, record);
    counters.peersAdmitted += 1;
    ports.onAdmitted(record.info);
    settle(peer, true);
  };

  const reject = (peer: string, code: PeerRejection, reason: string) => {
    counters.peersRejected += 1;
    ports.onRejected(peer, code, reason);
    settle(peer, false);
    void hangUp(peer);
  };

  const greet = async (peer: string): Promise<void> => {
    if (admitted.has(peer)) return;
    try {
      const status = await ask(peer);
      if (status.chainId === ports.status().chainId) admit(peer, status);
      else reject(peer, "WRONG_CHAIN", status.chainId);
    } catch (error) {
      // A connection that is gone already needs no verdict: `peer:disconnect` has told the dialler.
      if (admitted.has(peer) || !isConnected(peer)) return;
      const refused =
        error instanceof NetworkError && error.details.code === "REQUEST_REFUSED" ? error.details : undefined;
      if (refused?.refusal === "WRONG_CHAIN") reject(peer, "WRONG_CHAIN", refused.reason);
      else reject(peer, "HANDSHAKE_FAILED", error instanceof Error ? error.message : String(error));
    }
  };

  const ask = async (peer: string, signal?: AbortSignal): Promise<NodeStatus> => {
    const options = { timeoutMs: HANDSHAKE_TIMEOUT_MS, ...(signal === undefined ? {} : { signal }) };
    const answer = await ports.requests().request(peer, ports.statusProtocol, encodeStatus(ports.status()), options);
    return decodeStatus(answer);
  };

  const isConnected = (peer: string) => host.getPeers().some((id) => id.toString() === peer);

  const answerStatus = async (peer: string, bytes: Uint8Array): Promise<Uint8Array> => {
    const status = decodeStatus(bytes);
    const own = ports.status();
    if (status.chainId !== own.chainId) {
      later(REFUSAL_GRACE_MS, () => {
        if (isConnected(peer)) reject(peer, "WRONG_CHAIN", status.chainId);
      });
      throw new RefusalError({ code: "WRONG_CHAIN", reason: own.chainId });
    }
    admit(peer, status);
    return encodeStatus(own);
  };

  const onConnection = (connection: Connection) => {
    const peer = connection.remotePeer.toString();
    if (connection.direction === "outbound") return void greet(peer);
    later(HANDSHAKE_TIMEOUT_MS, () => {
      if (!admitted.has(peer) && connection.status === "open") reject(peer, "HANDSHAKE_TIMEOUT", "no status");
    });
  };

  const onDisconnect = (peer: string) => {
    settle(peer, false);
    if (!admitted.delete(peer)) return;
    counters.peersLost += 1;
    ports.onGone(peer);
  };

  return {
    get list() {
      return [...admitted.values()].map(({ info }) => info);
    },
    get: (peer) => admitted.get(peer)?.info,
    async start() {
      host.addEventListener("connection:open", ({ detail }) => onConnection(detail));
      host.addEventListener("peer:disconnect", ({ detail }) => onDisconnect(detail.toString()));
      await ports.requests().register(ports.statusProtocol, answerStatus, { beforeHandshake: true });
    },
    async whenAdmitted(peer) {
      if (admitted.has(peer)) return true;
      const { promise, resolve } = Promise.withResolvers<boolean>();
      const waiters = waiting.get(peer) ?? new Set();
      waiting.set(peer, waiters.add(resolve));
      const cancel = later(HANDSHAKE_TIMEOUT_MS, () => resolve(false));
      const result = await promise;
      cancel();
      timers.delete(cancel);
      waiters.delete(resolve);
      return result;
    },
    async refresh(peer, signal) {
      const status = await ask(peer, signal);
      if (admitted.has(peer)) admit(peer, status);
      return status;
    },
    noteReceived(peer, bytes) {
      const record = admitted.get(peer);
      if (record !== undefined) record.info.receivedBytes += bytes;
    },
    stop() {
      for (const cancel of timers) cancel();
      timers.clear();
      for (const peer of [...waiting.keys()]) settle(peer, false);
    },
  };
}
