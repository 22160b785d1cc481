import { randomBytes } from "node:crypto";
import { vi } from "vitest";
import type { GossipDecision } from "../mempoolGossip.ts";
import type { Network, NetworkOptions, NetworkPorts } from "./network.ts";
import { createNetwork } from "./network.ts";

/** A network over real sockets on the loopback interface that writes down what it is told. For tests. */
export interface TestNode extends AsyncDisposable {
  readonly network: Network;
  readonly txs: string[];
  readonly headers: string[];
  /** `peer text` of every consensus message. */
  readonly consensus: { readonly peer: string; readonly bytes: Uint8Array }[];
  readonly consensusPeers: Set<string>;
  readonly rejections: { readonly peer: string; readonly code: string; readonly reason: string }[];
  /** Multiaddr with peer id. */
  readonly address: string;
}

// Sockets and handshakes of up to four nodes on a machine that runs the other tests at the same time.
vi.setConfig({ testTimeout: 30_000 });

export const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
export const bytesOf = (text: string) => new TextEncoder().encode(text);

/** Messages that say what their fate shall be: `bad…` is an offence, `old…` is known, the rest is new. */
export function decide(text: string): GossipDecision {
  if (text.startsWith("bad")) return "reject";
  return text.startsWith("old") ? "ignore" : "accept";
}

export async function startTestNode(
  options: Partial<NetworkOptions> = {},
  ports: Partial<NetworkPorts> = {},
): Promise<TestNode> {
  const txs: string[] = [];
  const headers: string[] = [];
  const consensus: TestNode["consensus"] = [];
  const consensusPeers = new Set<string>();
  const rejections: TestNode["rejections"] = [];
  const network = await createNetwork(
    {
      chainId: "test-1",
      nodeKey: new Uint8Array(randomBytes(32)),
      role: "validator",
      listen: ["/ip4/127.0.0.1/tcp/0"],
      agent: "test/1",
      seeds: [],
      persistentPeers: [],
      ...options,
    },
    {
      status: () => ({ height: 7, earliestHeight: 1 }),
      async onTxs(batch) {
        const texts = batch.map(textOf);
        txs.push(...texts);
        return { decision: decide(texts[0] ?? "") };
      },
      async onHeader(bytes) {
        headers.push(textOf(bytes));
        return decide(textOf(bytes));
      },
      onConsensusMessage: (peer, bytes) => void consensus.push({ peer, bytes }),
      onConsensusPeer: (peer) => void consensusPeers.add(peer),
      onConsensusPeerGone: (peer) => void consensusPeers.delete(peer),
      onPeerRejected: (peer, code, reason) => void rejections.push({ peer, code, reason }),
      ...ports,
    },
  );
  const [address = ""] = network.addresses;
  return {
    network,
    txs,
    headers,
    consensus,
    consensusPeers,
    rejections,
    address,
    [Symbol.asyncDispose]: () => network[Symbol.asyncDispose](),
  };
}

/** Waits until the condition holds; the limit only ends a test that has failed. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  await vi.waitFor(
    () => {
      if (!condition()) throw new Error(`still waiting for: ${what}`);
    },
    { timeout: 15_000, interval: 5 },
  );
}

/** Waits until the two are peers, with consensus streams both ways if both take part. */
export async function untilPeers(a: TestNode, b: TestNode): Promise<void> {
  const knows = (x: TestNode, y: TestNode) => x.network.peers.some(({ peer }) => peer === y.network.peerId);
  await until(() => knows(a, b) && knows(b, a), "the handshake");
}
