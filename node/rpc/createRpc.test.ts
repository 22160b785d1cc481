import { createServer } from "node:net";
import { pino } from "pino";
import { expect, onTestFinished, test } from "vitest";
import { createTestNetwork } from "../testNetwork.ts";
import { createRpc } from "./createRpc.ts";
import { createTestMethods } from "./testPorts.ts";

test("a node answers health and status, and nothing when its RPC is off", { timeout: 60_000 }, async () => {
  await using net = await createTestNetwork({ validators: 1 });
  const node = await net.start("validator0", { rpcListen: "127.0.0.1:0" });
  const answer = await fetch(`${node.rpc?.url}/health`);
  expect([answer.status, await answer.text()]).toEqual([200, '{"jsonrpc":"2.0","id":-1,"result":{}}']);
  const status = (await (await fetch(`${node.rpc?.url}/status`)).json()) as { result: { node_info: object } };
  expect(status.result.node_info).toMatchObject({ network: net.chainId, version: "0.38.25", moniker: "validator0" });
  await node.stop();
  await expect(fetch(`${node.rpc?.url}/health`)).rejects.toThrow("fetch failed");
  expect((await net.start("validator0")).rpc).toBeUndefined();
});

test("an address that is none, is taken, or is open to all without a token is refused with its code", async () => {
  const { ports } = await createTestMethods(0);
  const start = (rpcListen: string) =>
    createRpc({ rpcListen, apiTokenFile: "" }, ports, { log: pino({ level: "silent" }) });
  const taken = createServer();
  onTestFinished(() => void taken.close());
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  const { port } = taken.address() as { port: number };
  await expect(start("here")).rejects.toMatchObject({ details: { code: "RPC_ADDRESS_MALFORMED", address: "here" } });
  await expect(start(`127.0.0.1:${port}`)).rejects.toMatchObject({
    details: { code: "RPC_ADDRESS_UNAVAILABLE", host: "127.0.0.1", port, reason: "EADDRINUSE" },
  });
  await expect(start("0.0.0.0:0")).rejects.toMatchObject({ details: { code: "API_TOKEN_REQUIRED" } });
  const rpc = await start("[::1]:0").catch((error: { details: { reason: string } }) => error);
  // Where the machine has no IPv6 there is no such address.
  if ("details" in rpc) expect(rpc.details.reason).toBe("EADDRNOTAVAIL");
  else {
    expect((await fetch(`${rpc.url}/health`)).status).toBe(200);
    await rpc.close();
  }
});
