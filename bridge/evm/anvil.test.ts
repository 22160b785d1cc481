import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { JsonRpcProvider } from "ethers";
import { expect, test } from "vitest";
import { startAnvil } from "./anvil.ts";

test("anvil mines by its clock, on a port of its own, and is gone after close", async () => {
  const anvil = await startAnvil({ blockSeconds: 0.05, chainId: 4711 });
  const provider = providerOf(anvil);
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

test.skipIf(process.platform === "win32")("an anvil does not outlive whoever started it, killed -9", async () => {
  const module = fileURLToPath(new URL("anvil.ts", import.meta.url));
  const script = `import { startAnvil } from ${JSON.stringify(module)};
process.stdout.write(String((await startAnvil({ blockSeconds: 1 })).pid) + "\\n");`;
  const starter = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const [line] = (await once(starter.stdout, "data")) as [Buffer];
  const pid = Number(line.toString());
  expect(process.kill(pid, 0)).toBe(true);
  starter.kill("SIGKILL");
  const isThere = () => {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  };
  await expect.poll(isThere, { timeout: 20_000 }).toBe(false);
});

test("an anvil that cannot start is an error with its log", async () => {
  await expect(startAnvil({ hardfork: "dinner" })).rejects.toMatchObject({
    details: { code: "EVM_START_FAILED", log: expect.stringContaining("dinner") },
  });
});

test("an anvil with a state file goes on where it was closed", async () => {
  const folder = mkdtempSync(join(tmpdir(), "anvil-"));
  const stateFile = join(folder, "state.json");
  const to = `0x${"42".repeat(20)}`;
  try {
    const first = await startAnvil({ stateFile });
    const sender = providerOf(first);
    await (await (await sender.getSigner(0)).sendTransaction({ to, value: 7n })).wait();
    sender.destroy();
    await first.close();
    await using second = await startAnvil({ stateFile });
    const reader = providerOf(second);
    expect(await reader.getBalance(to)).toBe(7n);
    reader.destroy();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

function providerOf({ url, chainId }: { url: string; chainId: number }): JsonRpcProvider {
  return new JsonRpcProvider(url, chainId, { staticNetwork: true, cacheTimeout: -1, pollingInterval: 20 });
}
