import { hash } from "node:crypto";
import type { GossipSub, Message } from "@chainsafe/libp2p-gossipsub";
import { gossipsub, StrictNoSign, TopicValidatorResult } from "@chainsafe/libp2p-gossipsub";
import type { PeerId } from "@libp2p/interface";
import type { GossipDecision } from "../mempoolGossip.ts";
import { createLruCache } from "../verifierCache.ts";
import type { NetworkClock } from "./clock.ts";
import type { NetworkCounters } from "./counters.ts";
import type { GossipInternals } from "./gossipGuard.ts";
import { guardGossip, hasOpenStream } from "./gossipGuard.ts";
import { createGossipOutbox } from "./gossipOutbox.ts";
import { gossipScore } from "./gossipScore.ts";
import {
  GOSSIP_BYTES_BURST,
  GOSSIP_BYTES_PER_SECOND,
  GOSSIP_MESSAGES_BURST,
  GOSSIP_MESSAGES_PER_SECOND,
  MAX_CHECKPOINT_MESSAGE_BYTES,
  MAX_GOSSIP_MESSAGE_BYTES,
  MAX_GOSSIP_RPC_BYTES,
  MAX_GOSSIP_SEND_BUFFER_BYTES,
  MAX_HEADER_MESSAGE_BYTES,
  MAX_LIGHT_GOSSIP_RPC_BYTES,
  MAX_REPUTATIONS,
  MAX_VALIDATING_BYTES,
  MAX_VALIDATING_BYTES_PER_PEER,
} from "./limits.ts";
import type { NodeRole, Protocols } from "./protocols.ts";
import type { Offence } from "./reputation.ts";
import type { TokenBucket, TokenBucketOptions } from "./tokenBucket.ts";
import { createTokenBucket } from "./tokenBucket.ts";

/** `checkpoints`: validators' signatures of anchors. */
export const GOSSIP_TOPICS = ["txs", "headers", "checkpoints"] as const;
export type GossipTopic = (typeof GOSSIP_TOPICS)[number];

export interface GossipOptions {
  readonly role: NodeRole;
  /** Rates per peer; the defaults are in limits.ts. */
  readonly messageRate?: TokenBucketOptions;
  readonly byteRate?: TokenBucketOptions;
}

export interface GossipPorts {
  readonly clock: NetworkClock;
  readonly counters: NetworkCounters;
  /** The fate of a message, asked once per message and before it is sent on. The bytes are the message's own. */
  judge: Readonly<Record<GossipTopic, (bytes: Uint8Array, peer: string) => Promise<GossipDecision>>>;
  penalise(peer: string, offence: Offence): void;
  pointsOf(peer: string): number;
  onReceived(peer: string, bytes: number): void;
  /** The peer has no open gossip stream for several heartbeats: it read too slowly and its stream was given up. */
  onStalled(peer: string): void;
}

export type GossipFactory = ReturnType<typeof gossipsub>;

export interface Gossip {
  /** Hands to libp2p; makes the GossipSub object when the host is assembled. */
  readonly factory: GossipFactory;
  /** Subscribes and starts judging; after the host has started. */
  start(): void;
  /** Publishes to everyone subscribed, or keeps the message until there is somebody (gossipOutbox.ts). */
  publish(topic: GossipTopic, bytes: Uint8Array): void;
}

/** Heartbeats, one a second, that a connected peer may be without a gossip stream. */
const STALLED_HEARTBEATS = 3;

const DECISIONS: Readonly<Record<GossipDecision, TopicValidatorResult>> = {
  accept: TopicValidatorResult.Accept,
  ignore: TopicValidatorResult.Ignore,
  reject: TopicValidatorResult.Reject,
};

/**
 * GossipSub for transactions, headers and signatures of anchors. Messages are unsigned (StrictNoSign): what they carry is signed already, and
 * a second signature would cost four times the throughput (research/limits.md §6). A light node hears headers only.
 */
export function createGossip(options: GossipOptions, protocols: Protocols, ports: GossipPorts): Gossip {
  const light = options.role === "light";
  const topicNames = {
    txs: protocols.txsTopic,
    headers: protocols.headersTopic,
    checkpoints: protocols.checkpointsTopic,
  };
  const maxBytes = {
    txs: MAX_GOSSIP_MESSAGE_BYTES,
    headers: MAX_HEADER_MESSAGE_BYTES,
    checkpoints: MAX_CHECKPOINT_MESSAGE_BYTES,
  };
  const rates = createLruCache<{ readonly messages: TokenBucket; readonly bytes: TokenBucket }>(MAX_REPUTATIONS);
  const validating = createValidatingBytes();
  const stalledBeats = new Map<string, number>();
  let gossip: GossipSub | undefined;
  let internals: GossipInternals | undefined;

  const rateOf = (peer: string) => {
    const known = rates.get(peer);
    if (known !== undefined) return known;
    const messageRate = options.messageRate ?? { perSecond: GOSSIP_MESSAGES_PER_SECOND, burst: GOSSIP_MESSAGES_BURST };
    const byteRate = options.byteRate ?? { perSecond: GOSSIP_BYTES_PER_SECOND, burst: GOSSIP_BYTES_BURST };
    const created = {
      messages: createTokenBucket(messageRate, ports.clock.nowMs),
      bytes: createTokenBucket(byteRate, ports.clock.nowMs),
    };
    rates.set(peer, created);
    return created;
  };

  const admit = (peer: string, bytes: number): boolean => {
    ports.onReceived(peer, bytes);
    const rate = rateOf(peer);
    if (rate.messages.take(1) && rate.bytes.take(bytes)) return true;
    ports.counters.gossipFlooded += 1;
    ports.penalise(peer, "GOSSIP_FLOOD");
    return false;
  };

  const judge = async (topic: GossipTopic, peer: string, bytes: Uint8Array): Promise<GossipDecision> => {
    ports.counters.gossipReceived += 1;
    ports.counters.gossipReceivedBytes += bytes.length;
    if (bytes.length > maxBytes[topic]) return "reject";
    if (!validating.enter(peer, bytes.length)) return "ignore";
    try {
      return await ports.judge[topic](bytes, peer);
    } finally {
      validating.leave(peer, bytes.length);
    }
  };

  const validator = (topic: GossipTopic) => async (from: PeerId, message: Message) => {
    const peer = from.toString();
    const decision = await judge(topic, peer, message.data);
    if (decision === "accept") ports.counters.gossipAccepted += 1;
    else if (decision === "ignore") ports.counters.gossipIgnored += 1;
    else {
      ports.counters.gossipRejected += 1;
      ports.penalise(peer, "GOSSIP_INVALID");
    }
    return DECISIONS[decision];
  };

  const findStalled = () => {
    const library = internals;
    if (library === undefined) return;
    for (const peer of stalledBeats.keys()) if (!library.peers.has(peer)) stalledBeats.delete(peer);
    for (const peer of library.peers.keys()) {
      if (hasOpenStream(library, peer)) {
        stalledBeats.delete(peer);
        continue;
      }
      const count = (stalledBeats.get(peer) ?? 0) + 1;
      stalledBeats.set(peer, count);
      if (count >= STALLED_HEARTBEATS) {
        stalledBeats.delete(peer);
        ports.onStalled(peer);
      }
    }
  };

  const outbox = createGossipOutbox({
    counters: ports.counters,
    canSend: (topic) =>
      internals !== undefined &&
      gossip?.getSubscribers(topic).some((peer) => hasOpenStream(internals as GossipInternals, peer.toString())) ===
        true,
    send: async (topic, bytes) => (await gossip?.publish(topic, bytes))?.recipients.length ?? 0,
  });

  const create = gossipsub({
    ...gossipScore(Object.values(topicNames), ports.pointsOf),
    globalSignaturePolicy: StrictNoSign,
    msgIdFn: ({ data }) => hash("sha256", data, "buffer"),
    allowedTopics: Object.values(topicNames),
    fallbackToFloodsub: false,
    ignoreDuplicatePublishError: true,
    maxInboundStreams: 2,
    maxOutboundStreams: 2,
    maxInboundDataLength: light ? MAX_LIGHT_GOSSIP_RPC_BYTES : MAX_GOSSIP_RPC_BYTES,
    maxOutboundBufferSize: MAX_GOSSIP_SEND_BUFFER_BYTES,
    maxTopicBytesPerPeer: 16 * 1024,
  });

  return {
    factory: (components) => {
      gossip = create(components);
      internals = guardGossip(gossip, {
        admit,
        onGarbage: (peer) => {
          ports.counters.gossipGarbage += 1;
          ports.penalise(peer, "GOSSIP_GARBAGE");
        },
        onViolation: (peer) => {
          ports.counters.frameViolations += 1;
          ports.penalise(peer, "FRAME_VIOLATION");
        },
      });
      gossip.addEventListener("gossipsub:heartbeat", findStalled);
      gossip.addEventListener("gossipsub:heartbeat", outbox.retry);
      gossip.addEventListener("subscription-change", outbox.retry);
      return gossip;
    },
    start() {
      for (const topic of GOSSIP_TOPICS) {
        if (light && topic !== "headers") continue;
        gossip?.topicValidators.set(topicNames[topic], validator(topic));
        gossip?.subscribe(topicNames[topic]);
      }
    },
    publish: (topic, bytes) => outbox.publish(topicNames[topic], bytes),
  };
}

/** Bytes in validation, per peer and in all. */
function createValidatingBytes() {
  const ofPeer = new Map<string, number>();
  let all = 0;
  return {
    enter(peer: string, bytes: number): boolean {
      const before = ofPeer.get(peer) ?? 0;
      if (before + bytes > MAX_VALIDATING_BYTES_PER_PEER || all + bytes > MAX_VALIDATING_BYTES) return false;
      ofPeer.set(peer, before + bytes);
      all += bytes;
      return true;
    },
    leave(peer: string, bytes: number): void {
      const left = (ofPeer.get(peer) ?? 0) - bytes;
      if (left > 0) ofPeer.set(peer, left);
      else ofPeer.delete(peer);
      all -= bytes;
    },
  };
}
