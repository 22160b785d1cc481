import { randomBytes } from "node:crypto";
import { gossipsub } from "@chainsafe/libp2p-gossipsub";
import { expect, onTestFinished, test } from "vitest";
import type { Host } from "./host.ts";
import { createHost } from "./host.ts";
import type { NodeRole } from "./protocols.ts";
import { protocolsOf } from "./protocols.ts";
import { until } from "./testNode.ts";

async function startHost(chainId: string, role: NodeRole, banned: ReadonlySet<string> = new Set()): Promise<Host> {
  const listen = ["/ip4/127.0.0.1/tcp/0"];
  const host = await createHost(
    { nodeKey: new Uint8Array(randomBytes(32)), role, listen, agent: "test/1" },
    protocolsOf(chainId),
    { gossip: gossipsub({ globalSignaturePolicy: "StrictNoSign" }), isBanned: (peer) => banned.has(peer) },
  );
  onTestFinished(async () => host.stop());
  await host.start();
  return host;
}

test("Kademlia tells a node about a peer it never dialled, over private addresses", async () => {
  const [seed, a, b] = await Promise.all(Array.from({ length: 3 }, () => startHost("test-1", "full")));
  if (seed === undefined || a === undefined || b === undefined) throw new RangeError("three hosts");
  const found = new Map<string, number>();
  a.addEventListener("peer:discovery", ({ detail }) => found.set(detail.id.toString(), detail.multiaddrs.length));
  await b.dial(seed.getMultiaddrs());
  await a.dial(seed.getMultiaddrs());
  await until(() => (found.get(b.peerId.toString()) ?? 0) > 0, "b's address at a");
});

test("a light node has no Kademlia, and no chain shares another's", async () => {
  const [light, full] = await Promise.all([startHost("x", "light"), startHost("x", "full")]);
  expect(light.services.dht).toBeUndefined();
  expect(light.getProtocols()).not.toContain("/edream/x/kad/1");
  expect(full.getProtocols()).toContain("/edream/x/kad/1");
});

test("a banned node is let neither in nor dialled", async () => {
  const banned = new Set<string>();
  const [node, other] = await Promise.all([startHost("x", "full", banned), startHost("x", "full")]);
  banned.add(other.peerId.toString());
  await expect(node.dial(other.getMultiaddrs())).rejects.toThrow();
  await other.dial(node.getMultiaddrs()).catch(() => undefined);
  await until(() => other.getConnections().length === 0, "the closed connection");
  expect(node.getConnections()).toEqual([]);
});
