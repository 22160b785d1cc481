import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkAgreement } from "../agreement.ts";
import { type RunningNet, startNet } from "../net.ts";
import { lightView, nodeView } from "../observe.ts";
import { prepareNet } from "../prepare.ts";
import { createLinkProxy, type LinkProxy } from "./linkProxy.ts";
import type { Scenario, Step } from "./scenario.ts";

export interface ScenarioReport {
  readonly scenario: string;
  /** What was expected, in words, and whether it held. */
  readonly checks: readonly { readonly expected: string; readonly held: boolean; readonly seen: string }[];
  readonly height: number;
  readonly holds: boolean;
}

/** Blocks under way when a fault begins may still be committed for so long, in seconds. */
const GRACE_SECONDS = 2;
const LOOK_MS = 250;
/** How long the first block may take. */
const FIRST_BLOCK_MS = 60_000;

const SKEW = new URL("./skewClock.ts", import.meta.url).href;

/** Plays a scenario on real processes, every validator's links going through proxies of their own, and compares what was seen. */
export async function runScenario(
  scenario: Scenario,
  directory: string,
  options: {
    readonly signal?: AbortSignal;
    readonly onTick?: (seconds: number, heights: readonly number[], last: string) => void;
  } = {},
): Promise<ScenarioReport> {
  const prepared = await prepareNet({
    directory,
    validators: scenario.validators,
    full: 0,
    light: scenario.light,
    households: 4,
    dataFile: undefined,
  });
  const links = await layLinks(prepared.nodes);
  let net: RunningNet | undefined;
  try {
    const running = startNet(prepared, (name) => {
      const skewMs = scenario.clockSkewMs[name];
      return skewMs === undefined ? {} : { NODE_OPTIONS: `--import ${SKEW}`, ENERGY_CLOCK_SKEW_MS: String(skewMs) };
    });
    net = running;
    const validators = running.nodes.filter(({ role }) => role === "validator");
    const heightsNow = () => Promise.all(validators.map(async ({ apiUrl }) => (await nodeView(apiUrl))?.height ?? 0));
    const waitUntil = performance.now() + FIRST_BLOCK_MS;
    while (Math.max(...(await heightsNow())) < 1 && performance.now() < waitUntil) await pause(LOOK_MS, options.signal);

    const began = performance.now();
    const seconds = () => (performance.now() - began) / 1000;
    const highest: { readonly seconds: number; readonly height: number }[] = [];
    const waiting = [...scenario.steps];
    let last = "";
    while (seconds() < scenario.endSeconds) {
      while (waiting[0] !== undefined && waiting[0].atSeconds <= seconds()) {
        const step = waiting.shift() as Step;
        act(step, running, links);
        last = describe(step);
      }
      const heights = await heightsNow();
      highest.push({ seconds: seconds(), height: Math.max(...heights, highest.at(-1)?.height ?? 0) });
      options.onTick?.(seconds(), heights, last);
      await pause(LOOK_MS, options.signal);
    }
    return await judge(scenario, running, highest);
  } finally {
    await net?.stop();
    await Promise.all([...links.values()].map((link) => link.close()));
  }
}

type Links = ReadonlyMap<string, LinkProxy>;

const linkName = (from: string, to: string) => `${from}>${to}`;

/** Every validator's way to every other goes through a proxy, and nobody learns another way. */
async function layLinks(
  nodes: readonly { readonly name: string; readonly home: string; readonly role: string }[],
): Promise<Links> {
  const links = new Map<string, LinkProxy>();
  const configOf = ({ home }: { readonly home: string }) =>
    JSON.parse(readFileSync(join(home, "config.json"), "utf8")) as {
      readonly p2pListen?: readonly string[];
      readonly seeds?: readonly string[];
      readonly persistentPeers?: readonly string[];
    };
  const portOf = (address: string) => Number(/\/tcp\/(\d+)/.exec(address)?.[1] ?? 0);
  const validators = nodes.filter(({ role }) => role === "validator");
  const named = new Map(validators.map((node) => [portOf(configOf(node).p2pListen?.[0] ?? ""), node.name]));
  for (const node of validators) {
    const config = configOf(node);
    const through = async (addresses: readonly string[] = []): Promise<string[]> => {
      const changed: string[] = [];
      for (const address of addresses) {
        const port = portOf(address);
        const peer = named.get(port);
        if (peer === undefined) continue;
        const name = linkName(node.name, peer);
        const link = links.get(name) ?? (await createLinkProxy(port));
        links.set(name, link);
        changed.push(address.replace(`/tcp/${port}`, `/tcp/${link.port}`));
      }
      return changed;
    };
    const seeds = await through(config.seeds);
    const persistentPeers = await through(config.persistentPeers);
    writeFileSync(
      join(node.home, "config.json"),
      JSON.stringify({ ...config, seeds, persistentPeers, peerDiscovery: false }),
    );
  }
  return links;
}

function act(step: Step, net: RunningNet, links: Links): void {
  if ("node" in step) {
    const process = processOf(net, step.node);
    if (step.do === "kill") process.kill("SIGKILL", { stayDown: true });
    else if (step.do === "start") process.start();
    else process.kill(step.do === "pause" ? "SIGSTOP" : "SIGCONT");
    return;
  }
  for (const from of step.from)
    for (const to of step.to)
      for (const link of [links.get(linkName(from, to)), links.get(linkName(to, from))]) {
        if (step.do === "slow") link?.slow(step.delayMs);
        else if (step.do === "cut") link?.cut();
        else link?.heal();
      }
}

function processOf(net: RunningNet, name: string): RunningNet["nodes"][number]["process"] {
  const node = net.nodes.find((each) => each.name === name);
  if (node === undefined) throw new RangeError(`checked before: ${name}`);
  return node.process;
}

function describe(step: Step): string {
  return "node" in step ? `${step.do} ${step.node}` : `${step.do} ${step.from.join("+")} | ${step.to.join("+")}`;
}

async function judge(
  scenario: Scenario,
  net: RunningNet,
  highest: readonly { readonly seconds: number; readonly height: number }[],
): Promise<ScenarioReport> {
  const heightAt = (at: number) => highest.findLast(({ seconds }) => seconds <= at)?.height ?? 0;
  const checks: { expected: string; held: boolean; seen: string }[] = [];
  for (const { fromSeconds, toSeconds } of scenario.expect.halts) {
    const [before, after] = [heightAt(fromSeconds + GRACE_SECONDS), heightAt(toSeconds)];
    const expected = `no block from ${fromSeconds} s to ${toSeconds} s`;
    checks.push({ expected, held: before === after, seen: `${after - before} blocks` });
  }
  for (const { fromSeconds, toSeconds, blocks } of scenario.expect.progress) {
    const made = heightAt(toSeconds) - heightAt(fromSeconds);
    const expected = `at least ${blocks} blocks from ${fromSeconds} s to ${toSeconds} s`;
    checks.push({ expected, held: made >= blocks, seen: `${made} blocks` });
  }
  const height = highest.at(-1)?.height ?? 0;
  for (const name of scenario.expect.caughtUp) {
    const url = net.nodes.find((node) => node.name === name)?.apiUrl ?? "";
    const reached = (await nodeView(url))?.height ?? 0;
    checks.push({ expected: `${name} has caught up`, held: reached >= height, seen: `height ${reached} of ${height}` });
  }
  const { agreed, firstConflict } = await checkAgreement(net.nodes, height);
  const seen = firstConflict === undefined ? `${height} heights` : `height ${firstConflict.height} differs`;
  checks.push({ expected: "all nodes hold one chain", held: agreed, seen });
  for (const { name, role, apiUrl } of net.nodes) {
    if (role !== "light") continue;
    const failed = (await lightView(apiUrl))?.proofsFailed ?? -1;
    checks.push({ expected: `${name} met no false proof`, held: failed === 0, seen: `${failed} false` });
  }
  return { scenario: scenario.name, checks, height, holds: checks.every(({ held }) => held) };
}

async function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  await new Promise((resolve) => setTimeout(resolve, ms));
}
