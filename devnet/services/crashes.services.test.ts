import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "#node/testNetwork.ts";
import { checkAgreement } from "../agreement.ts";
import { type RunningNet, startNet } from "../net.ts";
import { lightView, nodeView } from "../observe.ts";
import { prepareNet } from "../prepare.ts";
import { cometbftBinary } from "./cometbft.ts";

/** Real processes on both sides of ABCI. Each test goes on from the state the one before left. */
const BUILD_TIMEOUT_MS = 900_000;
const TIMEOUT_MS = 180_000;

const directory = mkdtempSync(join(tmpdir(), "energy-crashes-"));
let net: RunningNet;

beforeAll(async () => {
  const binary = await cometbftBinary();
  const size = { validators: 4, full: 0, light: 1, households: 4, dataFile: undefined };
  net = startNet(await prepareNet({ directory, engine: "cometbft", cometbftBinary: binary, ...size }));
  await reach(VALIDATORS, 3);
}, BUILD_TIMEOUT_MS);

afterAll(async () => {
  await net?.stop();
  rmSync(directory, { recursive: true, force: true });
}, TIMEOUT_MS);

const VALIDATORS = ["validator0", "validator1", "validator2", "validator3"];

const nodeOf = (name: string) => {
  const found = net.nodes.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`no node ${name}`);
  return found;
};
const heightOf = async (name: string) => (await nodeView(nodeOf(name).apiUrl))?.height ?? 0;
const reach = (names: readonly string[], height: number) =>
  Promise.all(names.map((name) => eventually(async () => (await heightOf(name)) >= height || undefined)));
const cometPidOf = (name: string) => Number(readFileSync(join(nodeOf(name).home, "cometbft", "cometbft.pid"), "utf8"));
const isRunning = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

test("a CometBFT that is killed is started again by its node and goes on", { timeout: TIMEOUT_MS }, async () => {
  const killed = cometPidOf("validator1");
  process.kill(killed, "SIGKILL");
  const height = await heightOf("validator0");
  await reach(["validator0", "validator2", "validator3"], height + 3);
  await reach(["validator1"], height + 3);
  expect(cometPidOf("validator1")).not.toBe(killed);
  expect(nodeOf("validator1").process.restarts()).toBe(0);
});

test("a node that is killed takes its CometBFT with it, and both come back", { timeout: TIMEOUT_MS }, async () => {
  const comet = cometPidOf("validator2");
  nodeOf("validator2").process.kill("SIGKILL");
  await eventually(() => !isRunning(comet) || undefined);
  const height = await heightOf("validator0");
  await reach(VALIDATORS, height + 3);
  expect(nodeOf("validator2").process.restarts()).toBe(1);
});

test("both sides killed at once come back, and so does a whole network", { timeout: TIMEOUT_MS }, async () => {
  for (let round = 0; round < 3; round++) {
    const height = await heightOf("validator0");
    for (const name of VALIDATORS) {
      process.kill(cometPidOf(name), "SIGKILL");
      nodeOf(name).process.kill("SIGKILL");
    }
    await reach(VALIDATORS, height + 2);
  }
});

test("through all of it nothing was lost, repeated or signed twice", { timeout: TIMEOUT_MS }, async () => {
  nodeOf("light0").process.send("stop-metering");
  const light = await eventually(async () => {
    const view = await lightView(nodeOf("light0").apiUrl);
    return view?.isDrained === true ? view : undefined;
  });
  expect(light.proofsFailed).toBe(0);
  expect(light.transactions?.rejected).toBe(0);
  expect(light.transactions?.finalised).toBe(light.transactions?.sent);
  const { agreed, heights } = await checkAgreement(net.nodes, await heightOf("validator0"));
  expect(agreed).toBe(true);
  expect(heights).toBeGreaterThan(10);
  const answer = await fetch(`${nodeOf("validator0").apiUrl}/ledger/v1/exclusions`);
  expect(await answer.json()).toMatchObject({ exclusions: [] });
});
