import type { NetworkCounters } from "./counters.ts";
import { MAX_GOSSIP_SEND_BUFFER_BYTES } from "./limits.ts";

export interface GossipOutboxPorts {
  readonly counters: NetworkCounters;
  /** Whether somebody who wants the topic can be reached now. */
  canSend(topic: string): boolean;
  /** Publishes; the number of peers it went to. */
  send(topic: string, bytes: Uint8Array): Promise<number>;
}

export interface GossipOutbox {
  publish(topic: string, bytes: Uint8Array): void;
  /** Sends what had to wait, if it can go now. */
  retry(): void;
}

/**
 * Keeps messages while nobody is there to hear them: a light node that has just started, or a node whose cable is out.
 * GossipSub would count such a message as published and never send it. Beyond 8 MiB the oldest are dropped and counted.
 */
export function createGossipOutbox({ counters, canSend, send }: GossipOutboxPorts): GossipOutbox {
  const waiting: { readonly topic: string; readonly bytes: Uint8Array }[] = [];
  let waitingBytes = 0;

  const transmit = (topic: string, bytes: Uint8Array) => {
    send(topic, bytes).then(
      (recipients) => {
        if (recipients > 0) {
          counters.gossipPublished += 1;
          counters.gossipPublishedBytes += bytes.length;
        } else counters.gossipPublishFailed += 1;
      },
      () => {
        counters.gossipPublishFailed += 1;
      },
    );
  };

  const drain = (topic: string) => {
    const later = waiting.filter((message) => message.topic !== topic);
    const now = waiting.filter((message) => message.topic === topic);
    waiting.splice(0, waiting.length, ...later);
    for (const { bytes } of now) {
      waitingBytes -= bytes.length;
      transmit(topic, bytes);
    }
  };

  return {
    publish(topic, bytes) {
      if (canSend(topic)) return transmit(topic, bytes);
      waiting.push({ topic, bytes });
      waitingBytes += bytes.length;
      while (waitingBytes > MAX_GOSSIP_SEND_BUFFER_BYTES) {
        waitingBytes -= waiting.shift()?.bytes.length ?? waitingBytes;
        counters.gossipPublishFailed += 1;
      }
    },
    retry() {
      for (const topic of new Set(waiting.map((message) => message.topic))) if (canSend(topic)) drain(topic);
    },
  };
}
