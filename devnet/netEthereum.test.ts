import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HDNodeWallet, Mnemonic } from "ethers";
import { expect, test } from "vitest";
import { startAnvil } from "#bridge/evm/anvil.ts";
import { DEPLOYABLES } from "#contracts/deployment.ts";
import { startNet } from "./net.ts";
import { type EthereumReport, type EthereumSource, readEthereumKey, startNetEthereum } from "./netEthereum.ts";
import { nodeView } from "./observe.ts";
import { type PreparedNode, prepareNet } from "./prepare.ts";

/** Real processes of a ledger beside a real Ethereum node. */
const TIMEOUT_MS = 180_000;
const LOOK_MS = 100;

interface Seen {
  readonly report: EthereumReport;
  /** Of the ledger when the contracts were not there yet. */
  readonly heightBefore: number;
}

/** A net of one validator that also relays, until the contract has two anchors. */
async function runUntilAnchored(source: EthereumSource): Promise<Seen> {
  const directory = mkdtempSync(join(tmpdir(), "energy-devnet-ethereum-"));
  try {
    await using ethereum = await startNetEthereum(source, "validator0");
    const net = await prepareNet({
      ...{ directory, validators: 1, full: 0, light: 0, households: 0, dataFile: undefined },
      configOf: ethereum.configOf,
    });
    await ethereum.prepare(net.nodes);
    const running = startNet(net);
    const late = AbortSignal.timeout(TIMEOUT_MS - 30_000);
    try {
      ethereum.begin(net.nodes);
      let heightBefore = 0;
      for (;;) {
        const [report, view] = await Promise.all([ethereum.look(), nodeView(net.nodes[0]?.apiUrl ?? "")]);
        expect(report.fault).toBe("");
        if (report.state === "settingUp") heightBefore = view?.height ?? heightBefore;
        if (report.anchors >= 2) return { report, heightBefore };
        if (late.aborted) throw new Error(`no anchors: ${JSON.stringify({ report, view })}\n${logOf(net.nodes[0])}`);
        await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
      }
    } finally {
      await running.stop();
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function logOf(node: PreparedNode | undefined): string {
  return readFileSync(join(node?.home ?? "", "node.log"), "utf8").slice(-4000);
}

test("a devnet has an Ethereum node of its own: blocks are made before the contracts are there, then anchored", {
  timeout: TIMEOUT_MS,
}, async () => {
  const { report, heightBefore } = await runUntilAnchored({ kind: "own" });
  expect(heightBefore).toBeGreaterThan(0);
  expect(report).toMatchObject({ state: "running", relayer: expect.stringMatching(/^\w+/) });
  expect(report.anchoredHeight).toBeGreaterThan(heightBefore);
  expect(report.gas.deployment).toBeGreaterThan(1_000_000);
  expect(report.gas.anchors).toBeGreaterThan(2 * 50_000);
  expect(Object.keys(report.contracts)).toContain("EnergyMarket");
  // Its node has ended with it: at most somebody else has the port now.
  const gone = fetch(report.node, { method: "POST", body: "{}", signal: AbortSignal.timeout(5_000) });
  await expect(gone.then((answer) => answer.json())).rejects.toThrow();
});

test("a given Ethereum node, and a key with ether from a file: that account pays for contracts and anchors", {
  timeout: TIMEOUT_MS,
}, async () => {
  const directory = mkdtempSync(join(tmpdir(), "energy-devnet-key-"));
  await using anvil = await startAnvil({ blockSeconds: 0.5 });
  const mnemonic = Mnemonic.fromPhrase("test test test test test test test test test test test junk");
  const { privateKey, address } = HDNodeWallet.fromMnemonic(mnemonic);
  writeFileSync(join(directory, "key"), `${privateKey}\n`);
  const key = await readEthereumKey(join(directory, "key"), undefined);
  rmSync(directory, { recursive: true });
  const { report } = await runUntilAnchored({ kind: "given", url: anvil.url, key });
  expect(report.node).toBe(anvil.url);
  const answer = await fetch(anvil.url, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "eth_getTransactionCount", params: [address, "latest"] }),
  });
  const { result } = (await answer.json()) as { readonly result: string };
  // Contracts, three roles, the anchors.
  expect(Number(result)).toBeGreaterThanOrEqual(DEPLOYABLES.length + 3 + 2);
});

test("a file that is no key is refused by its code", async () => {
  const directory = mkdtempSync(join(tmpdir(), "energy-devnet-key-"));
  writeFileSync(join(directory, "key"), "not a key");
  await expect(readEthereumKey(join(directory, "key"), undefined)).rejects.toMatchObject({
    code: "EVM_KEYSTORE_MALFORMED",
  });
  rmSync(directory, { recursive: true });
});
