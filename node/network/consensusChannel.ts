import type { Connection, Stream } from "@libp2p/interface";
import { peerIdFromString } from "@libp2p/peer-id";
import { createLruCache } from "../verifierCache.ts";
import type { NetworkClock } from "./clock.ts";
import type { NetworkCounters } from "./counters.ts";
import { encodeFrame } from "./framing.ts";
import type { Host } from "./host.ts";
import {
  CONSENSUS_BYTES_BURST,
  CONSENSUS_BYTES_PER_SECOND,
  CONSENSUS_MESSAGE_OVERHEAD_BYTES,
  CONSENSUS_REOPEN_MS,
  MAX_CONSENSUS_MESSAGE_BYTES,
  MAX_CONSENSUS_QUEUE_BYTES,
  MAX_REPUTATIONS,
} from "./limits.ts";
import { NetworkError } from "./networkError.ts";
import type { Offence } from "./reputation.ts";
import type { FrameSender } from "./streams.ts";
import { createFrameSender, receiveFrames } from "./streams.ts";
import type { TokenBucket } from "./tokenBucket.ts";
import { createTokenBucket } from "./tokenBucket.ts";

export interface ConsensusChannelPorts {
  readonly host: Host;
  readonly protocol: string;
  readonly clock: NetworkClock;
  readonly counters: NetworkCounters;
  /** A promise holds the peer's stream back until it settles. */
  onMessage(peer: string, bytes: Uint8Array): void | Promise<void>;
  /** The peer can be sent to, from now on. Called again after every reopening only if `onPeerGone` came between. */
  onPeer(peer: string): void;
  onPeerGone(peer: string): void;
  whenAdmitted(peer: string): Promise<boolean>;
  penalise(peer: string, offence: Offence): void;
}

export interface ConsensusChannel {
  readonly peers: readonly string[];
  /** Listens for the streams of others. */
  start(): Promise<void>;
  /** Opens and keeps open a stream to an admitted peer that takes part in consensus. */
  connect(peer: string): void;
  /** The peer has disconnected. */
  disconnect(peer: string): void;
  /**
   * False if the peer has no stream, or if its full queue made this or older messages give way.
   * @throws NetworkError MESSAGE_TOO_LARGE
   */
  sendTo(peer: string, bytes: Uint8Array): boolean;
  /** Sends to every peer with a stream. */
  broadcast(bytes: Uint8Array): void;
  stop(): void;
}

interface Lane {
  sender: FrameSender | undefined;
  opening: boolean;
  cancelRetry: (() => void) | undefined;
}

/**
 * Consensus messages between two nodes: each opens one stream to the other and writes on it, for as long as they are
 * connected. A stream that breaks while the connection lives is opened again after CONSENSUS_REOPEN_MS.
 */
export function createConsensusChannel(ports: ConsensusChannelPorts): ConsensusChannel {
  const { host, protocol, counters } = ports;
  const lanes = new Map<string, Lane>();
  const rates = createLruCache<TokenBucket>(MAX_REPUTATIONS);
  const inbound = new Map<string, Stream>();

  const retryLater = (peer: string, lane: Lane) => {
    if (lanes.get(peer) !== lane) return;
    lane.cancelRetry = ports.clock.schedule(CONSENSUS_REOPEN_MS, () => void open(peer, lane));
  };

  const open = async (peer: string, lane: Lane): Promise<void> => {
    if (lane.opening || lane.sender !== undefined || lanes.get(peer) !== lane) return;
    lane.opening = true;
    try {
      const connection = host.getConnections(peerIdFromString(peer)).find(({ status }) => status === "open");
      if (connection === undefined) throw new NetworkError({ code: "PEER_NOT_CONNECTED", peer });
      const stream = await connection.newStream(protocol);
      if (lanes.get(peer) !== lane) return stream.abort(new NetworkError({ code: "PEER_NOT_CONNECTED", peer }));
      attach(peer, lane, stream);
    } catch {
      retryLater(peer, lane);
    } finally {
      lane.opening = false;
    }
  };

  const attach = (peer: string, lane: Lane, stream: Stream) => {
    const onDrop = () => {
      counters.consensusDropped += 1;
    };
    lane.sender = createFrameSender(stream, { maxQueuedBytes: MAX_CONSENSUS_QUEUE_BYTES, onDrop });
    stream.addEventListener(
      "close",
      () => {
        lane.sender = undefined;
        if (lanes.get(peer) !== lane) return;
        ports.onPeerGone(peer);
        retryLater(peer, lane);
      },
      { once: true },
    );
    // The other side writes on a stream of its own; anything it wrote here would only fill a buffer.
    receiveFrames(stream, { maxFrameBytes: 0, onFrame: () => undefined });
    ports.onPeer(peer);
  };

  const rateOf = (peer: string): TokenBucket => {
    const bucket =
      rates.get(peer) ??
      createTokenBucket({ perSecond: CONSENSUS_BYTES_PER_SECOND, burst: CONSENSUS_BYTES_BURST }, ports.clock.nowMs);
    rates.set(peer, bucket);
    return bucket;
  };

  const accept = async (stream: Stream, connection: Connection): Promise<void> => {
    const peer = connection.remotePeer.toString();
    if (!(await ports.whenAdmitted(peer))) return stream.abort(new NetworkError({ code: "PEER_NOT_CONNECTED", peer }));
    // The newest stream counts, as the other side gave up the one before it.
    inbound.get(peer)?.abort(new NetworkError({ code: "PEER_NOT_CONNECTED", peer }));
    inbound.set(peer, stream);
    stream.addEventListener("close", () => void (inbound.get(peer) === stream && inbound.delete(peer)), { once: true });
    const rate = rateOf(peer);
    receiveFrames(stream, {
      maxFrameBytes: MAX_CONSENSUS_MESSAGE_BYTES,
      onFrame: (bytes) => {
        counters.consensusReceived += 1;
        counters.consensusReceivedBytes += bytes.length;
        if (rate.take(bytes.length + CONSENSUS_MESSAGE_OVERHEAD_BYTES)) return ports.onMessage(peer, bytes);
        counters.consensusFlooded += 1;
        ports.penalise(peer, "CONSENSUS_FLOOD");
      },
      onViolation: () => {
        counters.frameViolations += 1;
        ports.penalise(peer, "FRAME_VIOLATION");
      },
    });
  };

  const transmit = (sender: FrameSender, frame: Uint8Array): boolean => {
    counters.consensusSent += 1;
    counters.consensusSentBytes += frame.length;
    return sender.sendFrame(frame);
  };

  const frameOf = (bytes: Uint8Array): Uint8Array => {
    if (bytes.length > MAX_CONSENSUS_MESSAGE_BYTES)
      throw new NetworkError({ code: "MESSAGE_TOO_LARGE", bytes: bytes.length, maxBytes: MAX_CONSENSUS_MESSAGE_BYTES });
    return encodeFrame(bytes);
  };

  const drop = (peer: string, lane: Lane) => {
    lanes.delete(peer);
    lane.cancelRetry?.();
    if (lane.sender !== undefined) ports.onPeerGone(peer);
  };

  return {
    get peers() {
      return [...lanes].filter(([, lane]) => lane.sender !== undefined).map(([peer]) => peer);
    },
    start: () =>
      host.handle(protocol, (stream, connection) => void accept(stream, connection), {
        maxInboundStreams: 2,
        maxOutboundStreams: 2,
      }),
    connect(peer) {
      if (lanes.has(peer)) return;
      const lane: Lane = { sender: undefined, opening: false, cancelRetry: undefined };
      lanes.set(peer, lane);
      void open(peer, lane);
    },
    disconnect(peer) {
      const lane = lanes.get(peer);
      if (lane !== undefined) drop(peer, lane);
    },
    sendTo(peer, bytes) {
      const frame = frameOf(bytes);
      const sender = lanes.get(peer)?.sender;
      return sender === undefined ? false : transmit(sender, frame);
    },
    broadcast(bytes) {
      const frame = frameOf(bytes);
      for (const { sender } of lanes.values()) if (sender !== undefined) transmit(sender, frame);
    },
    stop() {
      for (const [peer, lane] of [...lanes]) drop(peer, lane);
    },
  };
}
