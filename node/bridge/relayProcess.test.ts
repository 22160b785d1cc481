import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { computeAddress } from "ethers";
import { expect, onTestFinished, test } from "vitest";
import { signDigest } from "#bridge/signatures.ts";
import { stepDigest } from "#bridge/steps.ts";
import { CADENCE_MS, type FollowingBridge, followingBridge, SECOND_KEYS } from "#bridge/testFollowing.ts";
import { keyOf } from "#consensus/application/testLedger.ts";
import { startTestEvm } from "#contracts/testing.ts";
import { saveKey } from "../cli/keyStore.ts";
import { eventually } from "../testNetwork.ts";
import { stepToJson } from "./stepJson.ts";

const TIMEOUT_MS = 120_000;
const MAIN = fileURLToPath(new URL("../main.ts", import.meta.url));
const ANCHORS = 5;

/** `GET /bridge/steps` of a full node that knows all of these steps, signed. */
function stepsJson({ domain, steps }: FollowingBridge): string {
  return JSON.stringify({
    chainId: `${domain.chainId}`,
    contract: domain.contract.toLowerCase(),
    ledgerId: Buffer.from(domain.ledgerId).toString("hex"),
    steps: steps.map((step) => ({
      ...stepToJson(step),
      members: step.set.members.map(({ address, power }) => ({ address, power: `${power}` })),
      signatures: SECOND_KEYS.map((name) =>
        Buffer.from(signDigest(keyOf(name).bytes, stepDigest(domain, step))).toString("hex"),
      ),
    })),
  });
}

test("a relayer process that is killed -9 after each transaction: the next one goes on, and every anchor is paid for once", {
  timeout: TIMEOUT_MS,
}, async () => {
  await using evm = await startTestEvm({ blockSeconds: 0.3 });
  const bridge = await followingBridge(evm);
  for (let i = 0; i < ANCHORS; i += 1) bridge.followed.mine([], CADENCE_MS);
  await bridge.plan();
  const json = stepsJson(bridge);
  const server = createServer((_request, response) => response.setHeader("content-type", "application/json").end(json));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const home = mkdtempSync(join(tmpdir(), "relay-"));
  onTestFinished(() => {
    server.close();
    rmSync(home, { recursive: true });
  });
  mkdirSync(join(home, "keys"), { recursive: true });
  writeFileSync(join(home, "passphrase"), "relay it\n", { mode: 0o600 });
  const privateKey = Buffer.from(evm.wallets[4]?.privateKey.slice(2) ?? "", "hex");
  await saveKey(join(home, "keys"), "relayer", { type: "secp256k1", bytes: privateKey }, "relay it");

  const node = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const args = ["bridge", "relay", "--once", "--home", home, "--node", node, "--ethereum", evm.anvil.url, "--json"];
  /** Ends by itself, or by SIGKILL as soon as it has sent something. */
  const relay = async (isKilled: boolean) => {
    const child = spawn(process.execPath, [MAIN, ...args, "--passphrase-file", join(home, "passphrase")]);
    let out = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      out += text;
      if (isKilled && out.includes('"state":"sent"')) child.kill("SIGKILL");
    });
    const [code, signal] = (await once(child, "close")) as [number | null, string | null];
    return { code, signal, out };
  };
  for (let kill = 0; kill < 2; kill += 1) expect(await relay(true)).toMatchObject({ signal: "SIGKILL" });
  expect(await relay(false)).toMatchObject({ code: 0, out: expect.stringContaining('"state":"idle"') });

  await eventually(async () => ((await bridge.bridge.head()).seq === BigInt(ANCHORS) ? true : undefined));
  expect(await bridge.bridge.queryFilter("Anchored")).toHaveLength(ANCHORS);
  const payer = computeAddress(`0x${privateKey.toString("hex")}`);
  expect(await evm.provider.getTransactionCount(payer)).toBe(ANCHORS);
});
