import { randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { peerIdOfSeed } from "./nodeKey.ts";
import { bytesOf, startTestNode, textOf, until, untilPeers } from "./testNode.ts";

test("the node key decides the peer id, and a key of another length is NODE_KEY_MALFORMED", async () => {
  const nodeKey = new Uint8Array(randomBytes(32));
  await using a = await startTestNode({ nodeKey });
  expect(a.network.peerId).toBe(await peerIdOfSeed(nodeKey));
  expect(a.address).toMatch(new RegExp(`/tcp/\\d+/p2p/${a.network.peerId}$`));
  await expect(startTestNode({ nodeKey: nodeKey.subarray(1) })).rejects.toMatchObject({ code: "NODE_KEY_MALFORMED" });
});

test("after the handshake each knows the other's role, height, agent and addresses", async () => {
  await using a = await startTestNode();
  await using b = await startTestNode(
    { role: "full", agent: "other/2", persistentPeers: [a.address] },
    { status: () => ({ height: 42, earliestHeight: 3 }) },
  );
  await untilPeers(a, b);
  expect(a.network.peers).toMatchObject([
    { peer: b.network.peerId, role: "full", height: 42, earliestHeight: 3, agent: "other/2", direction: "inbound" },
  ]);
  expect(b.network.peers).toMatchObject([{ peer: a.network.peerId, height: 7, direction: "outbound" }]);
  expect(a.network.peers[0]?.addresses).toContain(b.address);
  expect((await a.network.refreshStatus(b.network.peerId)).height).toBe(42);
});

test("messages travel along a line of nodes, and what is invalid or known stops at the first", async () => {
  await using a = await startTestNode({ discover: false });
  await using b = await startTestNode({ discover: false, persistentPeers: [a.address] });
  await using c = await startTestNode({ discover: false, persistentPeers: [b.address] });
  await untilPeers(a, b);
  await untilPeers(b, c);
  for (const text of ["bad tx", "old tx"]) {
    a.network.publishTxs([bytesOf(text)]);
    await until(() => b.txs.includes(text), text);
  }
  a.network.publishHeader(bytesOf("bad header"));
  a.network.publishTxs([bytesOf("tx 1"), bytesOf("tx 2")]);
  a.network.publishHeader(bytesOf("header 1"));
  await until(() => c.txs.includes("tx 2") && c.headers.includes("header 1"), "delivery at the end of the line");
  expect([c.txs, c.headers]).toEqual([["tx 1", "tx 2"], ["header 1"]]);
  expect(b.network.counters).toMatchObject({ gossipRejected: 2, gossipIgnored: 1, gossipAccepted: 2 });
  expect(b.network.pointsOf(a.network.peerId)).toBeGreaterThan(19);
});

test("the new part of a half-known batch is sent on, and only that", async () => {
  await using a = await startTestNode({ discover: false });
  await using b = await startTestNode(
    { discover: false, persistentPeers: [a.address] },
    { onTxs: async ([_old, fresh = new Uint8Array()]) => ({ decision: "ignore", resend: [fresh] }) },
  );
  await using c = await startTestNode({ discover: false, persistentPeers: [b.address] });
  await untilPeers(a, b);
  await untilPeers(b, c);
  a.network.publishTxs([bytesOf("old"), bytesOf("new")]);
  await until(() => c.txs.length > 0, "the new part");
  expect(c.txs).toEqual(["new"]);
});

test("what nobody could hear yet is heard by the first who comes", async () => {
  await using a = await startTestNode();
  a.network.publishTxs([bytesOf("early tx")]);
  await using b = await startTestNode({ persistentPeers: [a.address] });
  await until(() => b.txs.includes("early tx"), "the early transaction");
});

test("a light node hears headers, publishes transactions, and takes no part in consensus", async () => {
  await using full = await startTestNode();
  await using light = await startTestNode({ role: "light", listen: [], seeds: [full.address] });
  await untilPeers(full, light);
  light.network.publishTxs([bytesOf("reading")]);
  await until(() => full.txs.includes("reading"), "the light node's transaction");
  full.network.publishTxs([bytesOf("not for light nodes")]);
  full.network.publishHeader(bytesOf("header"));
  await until(() => light.headers.includes("header"), "the header");
  expect(light.txs).toEqual([]);
  expect(full.consensusPeers.size).toBe(0);
  full.network.broadcastConsensus(bytesOf("vote"));
  expect(full.network.counters.consensusSent).toBe(0);
});

test("consensus messages arrive whole, in order, both ways, up to their limit", async () => {
  await using a = await startTestNode();
  await using b = await startTestNode({ persistentPeers: [a.address] });
  await until(() => a.consensusPeers.size === 1 && b.consensusPeers.size === 1, "consensus streams");
  const sizes = [0, 1, 300, 65_536, 1024 * 1024, 5];
  for (const size of sizes) a.network.sendConsensus(b.network.peerId, new Uint8Array(size).fill(size));
  b.network.broadcastConsensus(bytesOf("from b"));
  await until(() => b.consensus.length === sizes.length && a.consensus.length === 1, "all messages");
  expect(b.consensus.map(({ bytes }) => bytes.length)).toEqual(sizes);
  expect(b.consensus.every(({ peer }) => peer === a.network.peerId)).toBe(true);
  expect(textOf(a.consensus[0]?.bytes ?? new Uint8Array())).toBe("from b");
  expect(() => a.network.broadcastConsensus(new Uint8Array(1024 * 1024 + 1))).toThrow(
    expect.objectContaining({ code: "MESSAGE_TOO_LARGE" }),
  );
  expect(a.network.sendConsensus("12D3KooWKnDdG3iXw9eTFijk3EWSunZcFi54Zka4wmtqtt6rPxc8", bytesOf("x"))).toBe(false);
});

test("a node of another chain is told so and disconnected, whoever dialled", async () => {
  await using a = await startTestNode({ chainId: "chain-a" });
  await using b = await startTestNode({ chainId: "chain-b", persistentPeers: [a.address] });
  await until(() => b.rejections.length > 0, "the rejection");
  expect(b.rejections[0]).toEqual({ peer: a.network.peerId, code: "WRONG_CHAIN", reason: "chain-a" });
  expect([a.network.peers, b.network.peers]).toEqual([[], []]);
  expect(a.consensusPeers.size + b.consensusPeers.size).toBe(0);
});

test("a node that was away is found again by those that keep to it", async () => {
  const nodeKey = new Uint8Array(randomBytes(32));
  const first = await startTestNode({ nodeKey });
  const port = /\/tcp\/(\d+)/.exec(first.address)?.[1];
  await using b = await startTestNode({ persistentPeers: [first.address] });
  await until(() => b.consensusPeers.size === 1, "the first meeting");
  await first[Symbol.asyncDispose]();
  await until(() => b.network.peers.length === 0 && b.consensusPeers.size === 0, "the loss");
  await using again = await startTestNode({ nodeKey, listen: [`/ip4/127.0.0.1/tcp/${port}`] });
  await until(() => b.consensusPeers.size === 1 && again.consensusPeers.size === 1, "the second meeting");
  again.network.broadcastConsensus(bytesOf("here again"));
  await until(() => b.consensus.length === 1, "a message after the restart");
});

test("four nodes that know only one seed all find each other", async () => {
  await using seed = await startTestNode({ role: "full" });
  await using a = await startTestNode({ seeds: [seed.address] });
  await using b = await startTestNode({ seeds: [seed.address] });
  await using c = await startTestNode({ seeds: [seed.address] });
  const nodes = [seed, a, b, c];
  await until(() => nodes.every(({ network }) => network.peers.length === 3), "the full mesh");
  await until(() => nodes.every(({ consensusPeers }) => consensusPeers.size === 3), "all consensus streams");
});

test("requests are answered, refused with the handler's code, or fail with ours", async () => {
  await using a = await startTestNode();
  await using b = await startTestNode({ persistentPeers: [a.address] });
  await untilPeers(a, b);
  const { blocks, proof, light } = a.network.protocols;
  await a.network.handle(blocks, async (_peer, bytes) => new Uint8Array(3_000_000).fill(bytes[0] ?? 0));
  await a.network.handle(proof, async () => {
    throw new TypeError("a secret of the implementation");
  });
  const answer = await b.network.request(a.network.peerId, blocks, Uint8Array.of(9));
  expect([answer.length, answer[0], answer.at(-1)]).toEqual([3_000_000, 9, 9]);
  const ask = (protocol: typeof blocks, options = {}) =>
    b.network.request(a.network.peerId, protocol, new Uint8Array(2), options);
  await expect(ask(blocks, { maxResponseBytes: 1000 })).rejects.toMatchObject({ code: "FRAME_TOO_LARGE" });
  expect(b.network.pointsOf(a.network.peerId)).toBe(0);
  const internal = { code: "REQUEST_REFUSED", refusal: "INTERNAL", reason: "the request could not be answered" };
  await expect(ask(proof)).rejects.toMatchObject({ details: internal });
  await expect(ask(light)).rejects.toMatchObject({ code: "REQUEST_FAILED" });
  await expect(b.network.request(a.network.peerId, blocks, new Uint8Array(1025))).rejects.toMatchObject({
    code: "MESSAGE_TOO_LARGE",
  });
  const nobody = await peerIdOfSeed(new Uint8Array(32));
  await expect(b.network.request(nobody, blocks, new Uint8Array())).rejects.toMatchObject({
    code: "PEER_NOT_CONNECTED",
  });
});

test("a request ends when its time is over or its caller gives up, and its handler learns of it", async () => {
  await using a = await startTestNode();
  await using b = await startTestNode({ persistentPeers: [a.address] });
  await untilPeers(a, b);
  let ended = 0;
  await a.network.handle(a.network.protocols.blocks, (_peer, _bytes, signal) => {
    signal.addEventListener("abort", () => {
      ended += 1;
    });
    return new Promise(() => undefined);
  });
  const ask = (options: object) =>
    b.network.request(a.network.peerId, a.network.protocols.blocks, new Uint8Array(1), options);
  await expect(ask({ timeoutMs: 50 })).rejects.toMatchObject({ code: "REQUEST_TIMEOUT" });
  const controller = new AbortController();
  const given = ask({ signal: controller.signal });
  controller.abort(new RangeError("no longer needed"));
  await expect(given).rejects.toThrow("no longer needed");
  await until(() => ended >= 1, "the handler's signal");
});
