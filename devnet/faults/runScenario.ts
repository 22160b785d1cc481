import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { type RunningNet, startNet } from "../net.ts";
import { prepareNet } from "../prepare.ts";
import { type Check, finalChecks, type Moment, stretches } from "./expectations.ts";
import { type Links, layLinks } from "./links.ts";
import { MISBEHAVE } from "./misbehave.ts";
import { createPlay, type Play, type PlayOptions } from "./play.ts";
import { byzantineNodes, type Scenario, type Step } from "./scenario.ts";

export interface ScenarioReport {
  readonly scenario: string;
  readonly checks: readonly Check[];
  readonly height: number;
  readonly holds: boolean;
}

/** How long the first block may take. */
const FIRST_BLOCK_MS = 120_000;

const SKEW = new URL("./skewClock.ts", import.meta.url).href;
const BYZANTINE = new URL("./byzantineHook.ts", import.meta.url).href;

/** Plays a scenario on real processes, every validator's links going through proxies of their own, and compares what was seen. */
export async function runScenario(
  scenario: Scenario,
  directory: string,
  options: Omit<PlayOptions, "onLook"> & { readonly onTick?: (play: Play, last: string) => void } = {},
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
  const byzantine = byzantineNodes(scenario);
  const filling = new Set(scenario.steps.flatMap((step) => (step.do === "fillDisk" ? [step.node] : [])));
  let net: RunningNet | undefined;
  try {
    const running = startNet(prepared, (name) => {
      const skewMs = scenario.clockSkewMs[name];
      const imports = [...(skewMs === undefined ? [] : [SKEW]), ...(byzantine.has(name) ? [BYZANTINE] : [])];
      return {
        environment: {
          ...(imports.length > 0 && { NODE_OPTIONS: imports.map((url) => `--import ${url}`).join(" ") }),
          ...(skewMs !== undefined && { ENERGY_CLOCK_SKEW_MS: String(skewMs) }),
        },
        pipeLog: filling.has(name),
      };
    });
    net = running;
    let last = "";
    const { onTick, ...common } = { ...options, onLook: (each: Play) => options.onTick?.(each, last) };
    const starting = createPlay(scenario, running, { ...common, patienceMs: FIRST_BLOCK_MS });
    await starting.hold(() => starting.highest >= 1);

    const play = createPlay(scenario, running, common);
    const checks: Check[] = [];
    const { begins, ends } = stretches(scenario, checks);
    const steps = scenario.steps.map((step) => ({
      atSeconds: step.atSeconds,
      async run() {
        await act(step, play, links);
        last = describe(step);
      },
    }));
    // At one time: what ends, what is done, what begins.
    const moments: Moment[] = [...ends, ...steps, ...begins];
    for (const { atSeconds, run } of moments.toSorted((a, b) => a.atSeconds - b.atSeconds)) {
      await play.until(atSeconds);
      await run(play);
    }
    await play.until(scenario.endSeconds);
    checks.push(...(await finalChecks(play)));
    return {
      scenario: scenario.name,
      checks,
      height: play.highest,
      holds: checks.every(({ held }) => held),
    };
  } finally {
    await net?.stop();
    await links.close();
  }
}

async function act(step: Step, play: Play, links: Links): Promise<void> {
  if (!("node" in step)) {
    for (const link of links.between(step.from, step.to)) {
      if (step.do === "slow") link.slow(step.delayMs);
      else if (step.do === "cut") link.cut();
      else link.heal();
    }
    return;
  }
  const { node } = step;
  const { process, home } = nodeOf(play, node);
  const isDown = () => process.pid() === undefined;
  switch (step.do) {
    case "kill":
      return process.kill("SIGKILL", { stayDown: true });
    case "start":
      await play.hold(isDown);
      return process.start();
    case "pause":
      play.paused.add(node);
      return process.kill("SIGSTOP");
    case "resume":
      play.paused.delete(node);
      return process.kill("SIGCONT");
    case "fillDisk":
      return process.limitFiles(largestFile(join(home, "data")));
    case "freeDisk":
      await play.hold(isDown);
      return process.limitFiles(undefined);
    case "misbehave":
      return process.send(`${MISBEHAVE}${step.behaviours.join(",")}`);
  }
}

/** Bytes of the largest file below a folder: the log of the store, which every block makes longer. */
function largestFile(folder: string): number {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Math.max(...files.map(({ parentPath, name }) => statSync(join(parentPath, name)).size));
}

function nodeOf({ net }: Play, name: string): RunningNet["nodes"][number] {
  const node = net.nodes.find((each) => each.name === name);
  if (node === undefined) throw new RangeError(`checked before: ${name}`);
  return node;
}

function describe(step: Step): string {
  if (step.do === "misbehave") return `${step.node} has ${step.behaviours.join(", ")}`;
  return "node" in step ? `${step.do} ${step.node}` : `${step.do} ${step.from.join("+")} | ${step.to.join("+")}`;
}
