import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { freeNodePorts } from "#node/freePorts.ts";
import { type RunningNet, startNet } from "./net.ts";
import { headerView, lightView, nodeView } from "./observe.ts";
import { runOperator } from "./operator.ts";
import { prepareNet } from "./prepare.ts";
import { type NodeProcess, startNodeProcess } from "./processes.ts";

/**
 * A validator gets a new consensus key while the chain goes on: a second home with a key of its own joins and catches up, the regulators move
 * the power over in two halves, and the old process is switched off.
 */
const TIMEOUT_MS = 180_000;
const LOOK_MS = 100;

const directory = mkdtempSync(join(tmpdir(), "energy-rotation-"));
const newHome = join(directory, "validator0-new");
let net: RunningNet;
let standby: NodeProcess | undefined;

beforeAll(async () => {
  net = startNet(await prepareNet({ directory, validators: 4, full: 0, light: 1, households: 2, dataFile: undefined }));
}, TIMEOUT_MS);

afterAll(async () => {
  await Promise.all([standby?.stop(), net.stop()]);
  rmSync(directory, { recursive: true, force: true });
}, TIMEOUT_MS);

const node = (name: string) => {
  const found = net.nodes.find((candidate) => candidate.name === name);
  if (found === undefined) throw new Error(`no node ${name}`);
  return found;
};

async function until(condition: () => Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
}

const heightAt = async (apiUrl: string) => (await nodeView(apiUrl))?.height ?? 0;
const configOf = (home: string) =>
  JSON.parse(readFileSync(join(home, "config.json"), "utf8")) as Record<string, unknown>;

/** Public consensus key of a home, in hex. */
async function keyOf(home: string): Promise<string> {
  return String((await runOperator(home, "keys", "show", "validator")).publicKey);
}

interface ValidatorJson {
  readonly publicKey: { readonly bytes: string };
  readonly votingPower: string;
}

/** More than half of the regulators vote for these powers, which are those of a block soon after. */
async function vote(proposal: number, powers: Readonly<Record<string, number>>): Promise<void> {
  const sets = Object.entries(powers).flatMap(([key, power]) => ["--set", `${key}=${power}`]);
  for (const name of ["validator0", "validator2", "validator3"])
    await runOperator(node(name).home, "validators", "update", "--proposal", String(proposal), ...sets);
  await until(async () => {
    const { validators } = await runOperator(node("validator2").home, "validators");
    const set = validators as readonly ValidatorJson[];
    return Object.entries(powers).every(([key, power]) => {
      const found = set.find(({ publicKey }) => publicKey.bytes === key);
      return (found?.votingPower ?? "0") === String(power);
    });
  });
}

/** Addresses whose precommits for a block are in its commit. */
async function signersOf(height: number): Promise<readonly string[]> {
  const answer = await fetch(`${node("validator2").apiUrl}/ledger/v1/commits/${height}`);
  const { signatures } = (await answer.json()) as { signatures: { blockIdFlag: string; validatorAddress: string }[] };
  return signatures.flatMap(({ blockIdFlag, validatorAddress }) =>
    blockIdFlag === "commit" ? [validatorAddress] : [],
  );
}

test(
  "a validator's key is replaced while blocks go on, the new key is needed for further ones, and the light node follows",
  async () => {
    const { home, apiUrl, process: old } = node("validator0");
    await until(async () => (await heightAt(apiUrl)) >= 2);

    // As in node/README.md: a home of its own with a new key joins …
    const genesis = join(home, "genesis.json");
    const peers = (configOf(home).persistentPeers as readonly string[]).join(",");
    const passphrase = ["--passphrase-file", join(directory, "passphrase")];
    await runOperator(newHome, "init", "--role", "validator", "--genesis", genesis, "--peers", peers, ...passphrase);
    const [ports] = await freeNodePorts(1);
    const settings = { ...configOf(home), ...configOf(newHome) };
    const places = { p2pListen: [`/ip4/127.0.0.1/tcp/${ports?.p2p}`], apiPort: ports?.api, rpcListen: "" };
    const noBigchain = { bigchainListen: "", bigchainStreamListen: "", bigchainKey: "" };
    writeFileSync(join(newHome, "config.json"), JSON.stringify({ ...settings, ...places, ...noBigchain }));
    standby = startNodeProcess({ name: "validator0-new", home: newHome, nodeFlags: [], environment: {} });
    const newApi = `http://127.0.0.1:${ports?.api}`;
    await until(async () => (await heightAt(newApi)) >= (await heightAt(apiUrl)) && (await heightAt(newApi)) > 0);

    // … the power moves over in two halves, so that no block changes more than a third …
    const [oldKey, newKey] = [await keyOf(home), await keyOf(newHome)];
    await vote(1, { [oldKey]: 5, [newKey]: 5 });
    await vote(2, { [oldKey]: 0, [newKey]: 10 });

    // … and the old process ends. Without it and without another one, all three that are left must sign, the new key among them.
    old.kill("SIGTERM", { stayDown: true });
    node("validator1").process.kill("SIGKILL", { stayDown: true });
    const rotated = await heightAt(newApi);
    const lightUrl = node("light0").apiUrl;
    await until(async () => (await heightAt(newApi)) >= rotated + 4 && (await heightAt(lightUrl)) >= rotated + 4);
    expect(await signersOf(rotated + 3)).toContain((await nodeView(newApi))?.validatorAddress);
    expect((await lightView(lightUrl))?.proofsFailed).toBe(0);
    const [ours, theirs] = await Promise.all([lightUrl, newApi].map((url) => headerView(url, rotated + 3)));
    expect(ours).toEqual(theirs);
  },
  TIMEOUT_MS,
);
