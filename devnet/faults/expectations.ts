import { readFileSync } from "node:fs";
import { checkAgreement } from "../agreement.ts";
import { exclusions, lightView, nodeView, peerIds, validatorAddresses } from "../observe.ts";
import { MISBEHAVES } from "./misbehave.ts";
import type { Play } from "./play.ts";
import { byzantineNodes, type Scenario } from "./scenario.ts";

/** What was expected, in words, and whether it held. */
export interface Check {
  readonly expected: string;
  readonly held: boolean;
  readonly seen: string;
}

/** Something that is looked at, or done, when the scenario's clock shows a time. */
export interface Moment {
  readonly atSeconds: number;
  readonly run: (play: Play) => void | Promise<void>;
}

/** The net stands still when no block came for so long: what was under way when a fault began may still be decided. */
const STILL_MS = 2_000;

/** Beginnings and ends of the stretches of a scenario; what they find goes to `checks`. */
export function stretches(scenario: Scenario, checks: Check[]): { begins: Moment[]; ends: Moment[] } {
  const [begins, ends]: [Moment[], Moment[]] = [[], []];
  for (const { fromSeconds, toSeconds } of scenario.expect.halts) {
    let before = 0;
    begins.push({
      atSeconds: fromSeconds,
      async run(play) {
        let since = performance.now();
        await play.hold(() => {
          if (play.highest !== before) since = performance.now();
          before = play.highest;
          return performance.now() - since >= STILL_MS;
        });
      },
    });
    ends.push({
      atSeconds: toSeconds,
      run({ highest }) {
        const expected = `no block from ${fromSeconds} s to ${toSeconds} s`;
        checks.push({ expected, held: highest === before, seen: `blocks: ${highest - before}` });
      },
    });
  }
  for (const { fromSeconds, toSeconds, blocks } of scenario.expect.progress) {
    let before = 0;
    begins.push({
      atSeconds: fromSeconds,
      run({ highest }) {
        before = highest;
      },
    });
    ends.push({
      atSeconds: toSeconds,
      async run(play) {
        const held = await play.hold(() => play.highest - before >= blocks);
        const expected = `at least ${blocks} blocks from ${fromSeconds} s to ${toSeconds} s`;
        checks.push({ expected, held, seen: `blocks: ${play.highest - before}` });
      },
    });
  }
  return { begins, ends };
}

/** What must be true when all is over. */
export async function finalChecks(play: Play): Promise<readonly Check[]> {
  const { expect } = play.scenario;
  const checks: Check[] = [];
  const height = play.highest;
  for (const name of expect.caughtUp) {
    const { apiUrl } = nodeOf(play, name);
    let reached = 0;
    const held = await play.hold(async () => {
      reached = (await nodeView(apiUrl))?.height ?? 0;
      return reached >= height;
    });
    checks.push({ expected: `${name} has caught up`, held, seen: `height ${reached} of ${height}` });
  }
  for (const name of byzantineNodes(play.scenario)) checks.push(await hasMisbehaved(play, name));
  for (const name of expect.diskFull) checks.push(endedOfFullDisk(play, name));
  checks.push(await excludedAre(play, expect), ...(await bannedAre(play, expect.banned)));
  const nodes = [...play.honest, ...play.net.nodes.filter(({ role }) => role === "light")];
  const { agreed, firstConflict } = await checkAgreement(nodes, height);
  const seen = firstConflict === undefined ? `heights: ${height}` : `height ${firstConflict.height} differs`;
  checks.push({ expected: "all honest nodes hold one chain", held: agreed, seen });
  for (const { name, role, apiUrl } of play.net.nodes) {
    if (role !== "light") continue;
    let failed = -1;
    let headers = 0;
    const held = await play.hold(async () => {
      const view = await lightView(apiUrl);
      [failed, headers] = [view?.proofsFailed ?? -1, view?.headers ?? 0];
      return failed === 0 && headers >= height;
    });
    const expected = `${name} followed and met no false proof`;
    checks.push({ expected, held, seen: `headers: ${headers} of ${height}, false proofs: ${failed}` });
  }
  return checks;
}

/** These validators are excluded, as every honest one knows, no others but those that may be, and all others are the validators of its latest block. */
async function excludedAre(
  play: Play,
  { excluded: names, maybeExcluded }: Pick<Scenario["expect"], "excluded" | "maybeExcluded">,
): Promise<Check> {
  const addresses = new Map<string, string>();
  for (const { name, apiUrl, role } of play.net.nodes)
    if (role === "validator") addresses.set((await nodeView(apiUrl))?.validatorAddress ?? name, name);
  const nameOf = (address: string) => addresses.get(address) ?? address;
  let seen = "";
  const held = await play.hold(async () => {
    for (const { name, apiUrl } of play.honest) {
      const excluded = (await exclusions(apiUrl)).map(({ address }) => nameOf(address)).sort();
      const set = await validatorAddresses(apiUrl, (await nodeView(apiUrl))?.height ?? 0);
      seen = `${excluded.join(", ") || "nobody"}; validators: ${set.length}, says ${name}`;
      const left = [...addresses.values()].filter((each) => !excluded.includes(each)).sort();
      const isStated = names.every((each) => excluded.includes(each));
      const isAllowed = excluded.every((each) => names.includes(each) || maybeExcluded.includes(each));
      if (!isStated || !isAllowed || !equalLists(set.map(nameOf).sort(), left)) return false;
    }
    return true;
  });
  const others = maybeExcluded.length === 0 ? "" : ` but perhaps ${maybeExcluded.join(", ")}`;
  const expected = `${names.length === 0 ? "nobody is excluded" : `evidence has excluded ${names.join(", ")}`}${others}`;
  return { expected, held, seen };
}

/** Every honest validator has refused exactly these, in all its lives, and has no connection to them. */
async function bannedAre(play: Play, names: readonly string[]): Promise<readonly Check[]> {
  const peers = new Map<string, string>();
  for (const { name, apiUrl } of play.net.nodes) peers.set((await nodeView(apiUrl))?.peerId ?? name, name);
  const checks: Check[] = [];
  for (const { name, apiUrl, process } of play.honest) {
    const wanted = names.filter((each) => each !== name).sort();
    let [refused, connected]: [readonly string[], readonly string[]] = [[], []];
    const held = await play.hold(async () => {
      refused = [...new Set(bansIn(process.logFile))].map((peer) => peers.get(peer) ?? peer).sort();
      connected = (await peerIds(apiUrl)).map((peer) => peers.get(peer) ?? peer);
      return equalLists(refused, wanted) && !wanted.some((each) => connected.includes(each));
    });
    if (held && wanted.length === 0) continue;
    const expected = wanted.length === 0 ? `${name} bans nobody` : `${name} has banned ${wanted.join(", ")}`;
    checks.push({ expected, held, seen: `${refused.join(", ") || "nobody"}; connected: ${connected.join(", ")}` });
  }
  return checks;
}

/** Without it the other expectations would say nothing. What it is excluded for may keep it from doing more. */
async function hasMisbehaved(play: Play, name: string): Promise<Check> {
  const { logFile } = nodeOf(play, name).process;
  let done: readonly string[] = [];
  const held = await play.hold(() => {
    const lines = logLines(logFile).filter(({ msg }) => msg === MISBEHAVES);
    done = lines.map(({ behaviour }) => String(behaviour));
    return done.length > 0;
  });
  return { expected: `${name} has misbehaved`, held, seen: done.join(", ") || "never" };
}

/** Each of its lives on a full disk, that in which it became full and those begun on it, ended with exit code 1 and said why. */
function endedOfFullDisk(play: Play, name: string): Check {
  const { process } = nodeOf(play, name);
  let lives = 0;
  let isFull = false;
  for (const step of play.scenario.steps) {
    if (!("node" in step) || step.node !== name) continue;
    if (step.do === "fillDisk" || step.do === "freeDisk") isFull = step.do === "fillDisk";
    if (step.do === "fillDisk" || (step.do === "start" && isFull)) lives += 1;
  }
  const failures = process.exits().filter(({ code }) => code === 1).length;
  // The last word of the command, for whoever looks at the terminal or the journal.
  const reasons =
    readFileSync(process.logFile, "utf8").match(/^error: .*\[STORE_DISK_FULL\]\n.*start the node again/gm) ?? [];
  return {
    expected: `${name} ends because its disk is full, as often as it was started on it`,
    held: lives > 0 && [process.exits().length, failures, reasons.length].every((seen) => seen === lives),
    seen: `lives: ${lives}, ends: ${process.exits().length}, with exit code 1: ${failures}, with the reason: ${reasons.length}`,
  };
}

function bansIn(logFile: string): readonly string[] {
  return logLines(logFile)
    .filter(({ msg, code }) => msg === "Peer refused" && code === "BANNED")
    .map(({ peer }) => String(peer));
}

/** Lines of a log that are JSON, as all are but those of a dying process. */
function logLines(logFile: string): readonly Readonly<Record<string, unknown>>[] {
  return readFileSync(logFile, "utf8")
    .split("\n")
    .flatMap((line) => {
      try {
        return [JSON.parse(line) as Record<string, unknown>];
      } catch {
        return [];
      }
    });
}

function nodeOf(play: Play, name: string): Play["net"]["nodes"][number] {
  const node = play.net.nodes.find((each) => each.name === name);
  if (node === undefined) throw new RangeError(`checked before: ${name}`);
  return node;
}

function equalLists(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((each, index) => each === b[index]);
}
