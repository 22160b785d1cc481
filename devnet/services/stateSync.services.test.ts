import { expect, test } from "vitest";
import { createCometRpc } from "#node/cometbft/cometRpc.ts";
import { freePorts } from "#node/freePorts.ts";
import { createTestNetwork, eventually } from "#node/testNetwork.ts";
import { cometbftBinary } from "./cometbft.ts";

const BUILD_TIMEOUT_MS = 900_000;

interface StatusAnswer {
  readonly height: number;
  readonly earliestHeight: number;
}

test("a new node begins with a snapshot, checked through two others and a trusted block, follows from there, and prunes what it need not keep", {
  timeout: BUILD_TIMEOUT_MS,
}, async () => {
  // Two snapshots are kept, so that each lasts for twenty seconds: CometBFT looks around for five before it takes one.
  const pace = { heartbeatMs: 500, snapshotIntervalBlocks: 20 } as const;
  const common = { cometbftBinary: await cometbftBinary(), ...pace, meterSource: "none" } as const;
  await using network = await createTestNetwork({ validators: 2, full: 1, engine: "cometbft" });
  const [own, ...servers] = (await freePorts(3)).map((port) => `127.0.0.1:${port}`);
  const [first] = await Promise.all(
    servers.map((cometbftRpcListen, index) => network.start(`validator${index}`, { ...common, cometbftRpcListen })),
  );
  const get = async <T>(url: string | undefined, path: string): Promise<T | undefined> => {
    const answer = await fetch(`${url}/ledger/v1${path}`);
    return answer.ok ? ((await answer.json()) as T) : undefined;
  };
  const url = first?.api?.url;
  await eventually(async () => ((await get<StatusAnswer>(url, "/status"))?.height ?? 0) >= 22 || undefined);
  const trustedHeight = 4;
  const next = await get<{ lastBlockId: { hash: string } }>(url, `/headers/${trustedHeight + 1}`);
  const full = await network.start("full0", {
    ...common,
    retainBlocks: 5,
    cometbftRpcListen: own ?? "",
    stateSyncServers: servers.map((server) => `http://${server}`),
    trustedHeight,
    trustedHash: next?.lastBlockId.hash ?? "",
  });
  const status = await eventually(async () => {
    const answer = await get<StatusAnswer>(full.api?.url, "/status");
    return answer !== undefined && answer.height > 0 ? answer : undefined;
  });
  expect(status.earliestHeight).toBeGreaterThan(5);
  const reached = status.height + 3;
  await eventually(
    async () => ((await get<StatusAnswer>(full.api?.url, "/status"))?.height ?? 0) >= reached || undefined,
  );
  for (let height = status.earliestHeight; height <= reached; height++)
    expect(await get(full.api?.url, `/headers/${height}`)).toStrictEqual(await get(url, `/headers/${height}`));
  expect(await get(full.api?.url, "/members")).toStrictEqual(await get(url, "/members"));
  // It keeps five blocks, and CometBFT forgets the others with it.
  const rpc = createCometRpc(`http://${own}`);
  await eventually(async () => (await rpc.status()).earliestHeight > status.earliestHeight + 5 || undefined);
  rpc.close();
});
