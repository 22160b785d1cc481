import { readFileSync } from "node:fs";
import type { BehaviourName } from "#consensus/sim/behaviours.ts";
import { LedgerError } from "#storage/error.ts";
import { isProcessBehaviour } from "./misbehave.ts";

/** A fault story as data: what happens when, and what must be true in the end. */
export interface Scenario {
  readonly name: string;
  /** For people. */
  readonly description: string;
  readonly validators: number;
  readonly light: number;
  /** Milliseconds by which a validator's clock is wrong from the start, by name. */
  readonly clockSkewMs: Readonly<Record<string, number>>;
  /** In order of time. */
  readonly steps: readonly Step[];
  /** Seconds after the first block. */
  readonly endSeconds: number;
  readonly expect: Expectation;
}

export type Step = { readonly atSeconds: number } & (
  | { readonly do: "kill" | "start" | "pause" | "resume"; readonly node: string }
  /** Its files can grow no further, until there is room again. A node that ended of it stays down until it is started. */
  | { readonly do: "fillDisk" | "freeDisk"; readonly node: string }
  /** It is Byzantine from then on. */
  | { readonly do: "misbehave"; readonly node: string; readonly behaviours: readonly BehaviourName[] }
  /** All links between the two groups, in both directions. */
  | { readonly do: "cut"; readonly from: readonly string[]; readonly to: readonly string[] }
  | { readonly do: "heal"; readonly from: readonly string[]; readonly to: readonly string[] }
  | { readonly do: "slow"; readonly from: readonly string[]; readonly to: readonly string[]; readonly delayMs: number }
);

const NODE_STEPS: ReadonlySet<string> = new Set(["kill", "start", "pause", "resume", "fillDisk", "freeDisk"]);
const LINK_STEPS: ReadonlySet<string> = new Set(["cut", "heal", "slow"]);

/** Times are seconds after the first block. */
export interface Expectation {
  /** Stretches in which no validator may commit a block, after a moment for what was under way. */
  readonly halts: readonly Stretch[];
  /** Stretches in which the net must commit blocks. The scenario's clock waits at their end for a slow machine, so long as it must. */
  readonly progress: readonly (Stretch & { readonly blocks: number })[];
  /** Validators that must hold the highest block at the end. */
  readonly caughtUp: readonly string[];
  /** Validators that are excluded at the end by evidence in a block, with everybody; no other may be. */
  readonly excluded: readonly string[];
  /** Validators that may be excluded or not: chance decides whether what they do is proved. */
  readonly maybeExcluded: readonly string[];
  /** Validators to which all others have closed their connection for good at the end; to no other. */
  readonly banned: readonly string[];
  /** Validators that must have ended, as often as their disk was full, with that reason in their log. */
  readonly diskFull: readonly string[];
}

export interface Stretch {
  readonly fromSeconds: number;
  readonly toSeconds: number;
}

export class ScenarioError extends LedgerError<
  | { readonly code: "SCENARIO_UNREADABLE"; readonly file: string; readonly reason: string }
  | { readonly code: "SCENARIO_MALFORMED"; readonly file: string; readonly reason: string }
> {}

const MAX_SECONDS = 3600;

/** @throws ScenarioError SCENARIO_UNREADABLE, SCENARIO_MALFORMED */
export function readScenario(file: string): Scenario {
  let json: Partial<Scenario>;
  try {
    json = JSON.parse(readFileSync(file, "utf8")) as Partial<Scenario>;
  } catch (error) {
    throw new ScenarioError({ code: "SCENARIO_UNREADABLE", file, reason: (error as Error).message });
  }
  const fail = (reason: string): never => {
    throw new ScenarioError({ code: "SCENARIO_MALFORMED", file, reason });
  };
  const { name, description = "", validators = 4, light = 0, clockSkewMs = {}, steps = [], endSeconds, expect } = json;
  if (typeof name !== "string") return fail("it has no name");
  if (!isCount(validators, 1, 10) || !isCount(light, 0, 4)) return fail("1 to 10 validators and at most 4 light nodes");
  if (!isCount(endSeconds, 1, MAX_SECONDS)) return fail("endSeconds is a whole number of seconds");
  const known = new Set(Array.from({ length: validators }, (_, i) => `validator${i}`));
  const check = (names: unknown) => {
    if (!Array.isArray(names) || names.some((each) => !known.has(String(each))))
      fail(`${JSON.stringify(names)}: the nodes are ${[...known].join(", ")}`);
  };
  check(Object.keys(clockSkewMs));
  let last = 0;
  for (const step of steps) {
    if (typeof step.atSeconds !== "number" || step.atSeconds < last || step.atSeconds > endSeconds)
      fail("steps stand in the order of atSeconds, up to endSeconds");
    last = step.atSeconds;
    if (NODE_STEPS.has(step.do) && "node" in step) check([step.node]);
    else if (step.do === "misbehave") {
      check([step.node]);
      if (!Array.isArray(step.behaviours) || step.behaviours.length === 0) fail("misbehave needs behaviours");
      const strange = step.behaviours.find((each) => !isProcessBehaviour(each));
      if (strange !== undefined) fail(`${JSON.stringify(strange)} is nothing that a process can do`);
    } else if (LINK_STEPS.has(step.do) && "from" in step) {
      check(step.from);
      check(step.to);
      if (step.do === "slow" && !isCount(step.delayMs, 0, 60_000)) fail("slow needs delayMs");
    } else
      fail(
        `a step does ${[...NODE_STEPS, "misbehave", ...LINK_STEPS].join(", ")}, not ${JSON.stringify((step as Step).do)}`,
      );
  }
  const {
    halts = [],
    progress = [],
    caughtUp = [],
    excluded = [],
    maybeExcluded = [],
    banned = [],
    diskFull = [],
  } = expect ?? {};
  for (const names of [caughtUp, excluded, maybeExcluded, banned, diskFull]) check(names);
  for (const { fromSeconds, toSeconds } of [...halts, ...progress])
    if (!(fromSeconds >= 0 && fromSeconds < toSeconds && toSeconds <= endSeconds))
      fail("an expectation outside the run");
  if (halts.length + progress.length + caughtUp.length === 0) fail("it expects nothing");
  return {
    name,
    description,
    validators,
    light,
    clockSkewMs,
    steps,
    endSeconds,
    expect: { halts, progress, caughtUp, excluded, maybeExcluded, banned, diskFull },
  };
}

/** Validators that misbehave at some time: nothing is expected of them but what is said. */
export function byzantineNodes({ steps }: Scenario): ReadonlySet<string> {
  return new Set(steps.flatMap((step) => (step.do === "misbehave" ? [step.node] : [])));
}

function isCount(value: unknown, least: number, most: number): value is number {
  return Number.isInteger(value) && Number(value) >= least && Number(value) <= most;
}
