import { JsonRpcProvider } from "ethers";
import { expect, test } from "vitest";
import { startAnvil } from "./anvil.ts";

test("anvil mines by its clock, on a port of its own, and is gone after close", async () => {
  const anvil = await startAnvil({ blockSeconds: 0.05, chainId: 4711 });
  const provider = new JsonRpcProvider(anvil.url, 4711, { staticNetwork: true, cacheTimeout: -1, pollingInterval: 20 });
  expect((await provider.send("eth_chainId", [])) as string).toBe("0x1267");
  await expect.poll(() => provider.getBlockNumber()).toBeGreaterThan(1);
  provider.destroy();
  await anvil.close();
  expect(await anvil.exited).toBeUndefined();
  expect(() => process.kill(anvil.pid, 0)).toThrow("ESRCH");
});

test("an anvil that ends by itself, or grows beyond its memory, says so", async () => {
  const killed = await startAnvil();
  process.kill(killed.pid, "SIGKILL");
  expect((await killed.exited)?.details).toEqual({ code: "EVM_ENDED", exitCode: null, signal: "SIGKILL" });

  await using greedy = await startAnvil({ maxMemoryMib: 1 });
  expect((await greedy.exited)?.code).toBe("EVM_MEMORY_EXCEEDED");
});

test("an anvil that cannot start is an error with its log", async () => {
  await expect(startAnvil({ hardfork: "dinner" })).rejects.toMatchObject({
    details: { code: "EVM_START_FAILED", log: expect.stringContaining("dinner") },
  });
});
