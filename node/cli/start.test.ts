import { expect, test } from "vitest";
import type { NodeOptions } from "../options.ts";
import type { RunningNode } from "../runningNode.ts";
import type { CliIo } from "./io.ts";
import { createTestCli, TEST_PASSPHRASE } from "./testIo.ts";

/** A node that runs until it is stopped or breaks. */
function fakeNode() {
  const { promise: done, resolve, reject } = Promise.withResolvers<void>();
  const seen: { options?: NodeOptions; passphrase?: string; stops: number } = { stops: 0 };
  const node: RunningNode = {
    role: "light",
    api: { url: "http://127.0.0.1:1" },
    peerId: "12D3KooWTest",
    addresses: ["/ip4/127.0.0.1/tcp/1"],
    stop: async () => {
      seen.stops++;
      resolve();
    },
    done,
  };
  const startNode: CliIo["startNode"] = async (options, { passphrase }) => {
    seen.options = options;
    seen.passphrase = await passphrase();
    return node;
  };
  return { startNode, seen, fail: reject, end: resolve };
}

test("start passes flags on, says where the node is, and stops it when interrupted", async () => {
  using cli = createTestCli();
  const { startNode, seen } = fakeNode();
  let interrupt: () => void = () => expect.fail("start does not listen for interrupts");
  let forgotten = false;
  const onInterrupt = (listener: () => void) => {
    interrupt = listener;
    return () => {
      forgotten = true;
    };
  };
  const flags = ["--role", "light", "--api-port", "0", "--create-empty-blocks", "--peer-discovery", "false"];
  const running = cli.runWith({ startNode, onInterrupt }, "start", ...flags, "--log-level", "silent", "--json");
  await expect.poll(() => seen.passphrase).toBe(TEST_PASSPHRASE);
  expect(seen.options).toMatchObject({ role: "light", apiPort: 0, createEmptyBlocks: true, peerDiscovery: false });
  interrupt();
  const { exit, json } = await running;
  expect([exit, json]).toMatchObject(["ok", { event: "started", role: "light", peerId: "12D3KooWTest" }]);
  expect([seen.stops, forgotten]).toEqual([1, true]);
});

test("a node that breaks or ends by itself is a failure", async () => {
  using cli = createTestCli();
  const broken = fakeNode();
  broken.fail(new Error("disk full"));
  const args = ["start", "--log-level", "silent"];
  expect(await cli.runWith({ startNode: broken.startNode }, ...args)).toMatchObject({
    exit: "failure",
    err: expect.stringContaining("disk full"),
  });
  // What still works of it is closed too: it must not go on answering.
  expect(broken.seen.stops).toBe(1);
  const ended = fakeNode();
  ended.end();
  expect(await cli.runWith({ startNode: ended.startNode }, ...args)).toMatchObject({
    exit: "failure",
    err: expect.stringContaining("NODE_ENDED"),
  });
});
