import { expect, test } from "vitest";
import { createTestNetwork } from "../testNetwork.ts";

test("a node answers health and status, and nothing when its RPC is off", { timeout: 60_000 }, async () => {
  await using net = await createTestNetwork({ validators: 1 });
  const node = await net.start("validator0", { rpcListen: "127.0.0.1:0" });
  const answer = await fetch(`${node.rpc?.url}/health`);
  expect([answer.status, await answer.text()]).toEqual([200, '{"jsonrpc":"2.0","id":-1,"result":{}}']);
  const status = (await (await fetch(`${node.rpc?.url}/status`)).json()) as { result: { node_info: object } };
  expect(status.result.node_info).toMatchObject({ network: net.chainId, version: "0.38.25", moniker: "validator0" });
  await node.stop();
  expect((await net.start("validator0")).rpc).toBeUndefined();
});
