import { BEHAVIOUR_NAMES, BEHAVIOURS, type BehaviourName } from "./behaviours.ts";
import { FIRST_LIGHT } from "./committee.ts";
import { type Fault, isWithinThird, type MessageKind, type Plan } from "./plan.ts";
import { createRandom, type Random } from "./random.ts";

/** How many validators may be Byzantine: as many as consensus bears, one more (then a fork is expected), or a number. */
export type ByzantineLimit = "f" | "f+1" | number;

export interface DrawOptions {
  readonly byzantine?: ByzantineLimit;
}

/** Committees and how often they are drawn: powers at genesis. Small ones find as much and cost less. */
const COMMITTEES: readonly (readonly [weight: number, powers: readonly number[]])[] = [
  [60, [10, 10, 10, 10]],
  [12, [13, 10, 9, 8]],
  [8, [30, 20, 20, 20, 12]],
  [6, [10, 10, 10, 10, 10]],
  [6, [10, 10, 10]],
  [4, [10]],
  [4, [10, 10, 10, 10, 10, 10, 10]],
];

const HEAL_MS = 3000;

/** What a plan is about, and how often: most mix everything; the others leave out what would only keep the net from getting where they lead. */
const SUBJECTS: readonly (readonly [weight: number, subject: "everything" | "locks" | "restarts"])[] = [
  [65, "everything"],
  [22, "locks"],
  [13, "restarts"],
];

/** Committees that need everybody: a validator that came back wrong is missed. */
const RESTART_COMMITTEES: typeof COMMITTEES = [
  [70, [10]],
  [20, [10, 10, 10]],
  [10, [10, 10, 10, 10]],
];

/** What a round without a decision takes with the timeouts of `run.ts`, and by how much each takes longer than the one before. */
const FAILED_ROUND_MS = 350;
const FAILED_ROUND_DELTA_MS = 150;

/** What a traitor does to break locks. */
const LOCK_BEHAVIOURS: readonly BehaviourName[] = [
  "amnesia",
  "lyingPolRound",
  "lyingPolRound",
  "equivocatePrevotes",
  "equivocatePrecommits",
  "equivocateProposals",
  "withholdVotes",
  "twins",
];

/** The plan of a seed. The same seed and options give the same plan. */
export function drawPlan(seed: number, options: DrawOptions = {}): Plan {
  const random = createRandom(seed).fork("plan");
  const limit = options.byzantine ?? "f";
  if (limit === "f+1") return drawFork(seed, random);
  const subject = drawWeighted(random, SUBJECTS);
  const powers = drawWeighted(random, subject === "restarts" ? RESTART_COMMITTEES : COMMITTEES);
  const fullNodes = random.chance(0.35) ? 1 : 0;
  // Without a pause between heights they are decided three times as fast; a lone validator would never stop.
  const skipTimeoutCommit = powers.length > 1 && random.chance(0.3);
  const healMs = Math.round(HEAL_MS * random.between(0.5, 1.3) * (skipTimeoutCommit ? 0.4 : 1));
  const nodes = powers.length + fullNodes;
  const drawn: Draw = { random, powers, fullNodes, nodes, healMs };

  const faults = drawFaults(drawn, subject, limit);
  // A part can be put in the place of another only where a block has two of one size.
  const isAboutParts = faults.some((fault) => fault.type === "byzantine" && fault.behaviour === "tamperedParts");
  return {
    seed,
    powers,
    fullNodes,
    lightNodes: random.chance(0.6) ? 1 : 0,
    txs: random.pick(isAboutParts ? [3, 6] : [0, 3, 6, 9]),
    fatTx: random.chance(isAboutParts ? 0.8 : 0.1),
    emptyBlocks: random.chance(0.7),
    skipTimeoutCommit,
    healMs,
    faults: faults.sort((a, b) => a.atMs - b.atMs),
  };
}

function drawFaults(drawn: Draw, subject: (typeof SUBJECTS)[number][1], limit: number | "f"): Fault[] {
  const { random } = drawn;
  if (subject === "restarts") return drawRestarts(drawn);
  if (subject === "locks") {
    const crashes = random.chance(0.3) ? drawCrashes(drawn) : [];
    return [...drawVoteLosses(drawn), ...drawByzantine(drawn, limit, 0.8, LOCK_BEHAVIOURS), ...crashes];
  }
  const byzantine = drawByzantine(drawn, limit, 0.6, BEHAVIOUR_NAMES);
  return [
    ...drawLinks(drawn),
    ...drawCrashes(drawn),
    ...drawDisks(drawn),
    ...drawClocks(drawn),
    ...byzantine,
    ...drawPowerChange(drawn, byzantine),
  ];
}

interface Draw {
  readonly random: Random;
  readonly powers: readonly number[];
  readonly fullNodes: number;
  readonly nodes: number;
  readonly healMs: number;
}

function drawWeighted<T>(random: Random, choices: readonly (readonly [weight: number, choice: T])[]): T {
  let left = random.next() * choices.reduce((sum, [weight]) => sum + weight, 0);
  for (const [weight, choice] of choices) {
    left -= weight;
    if (left < 0) return choice;
  }
  return (choices[0] as readonly [number, T])[1];
}

function range(from: number, count: number): number[] {
  return Array.from({ length: count }, (_, each) => from + each);
}

/** When something begins and ends. */
function drawTimes({ random, healMs }: Draw, longestMs: number): { atMs: number; untilMs: number } {
  const atMs = Math.round(random.next() * healMs * 0.9);
  return { atMs, untilMs: Math.round(atMs + random.between(0.1, 1) * longestMs) };
}

function drawLinks(drawn: Draw): Fault[] {
  const { random, nodes, healMs } = drawn;
  const everybody = [...range(0, nodes), FIRST_LIGHT];
  const faults: Fault[] = [];
  if (random.chance(0.7)) {
    // Bad weather everywhere and all the time.
    const drop = random.chance(0.5) ? random.next() * 0.3 : 0;
    const duplicate = random.chance(0.5) ? random.next() * 0.2 : 0;
    const delayMs = random.chance(0.7) ? Math.round(random.next() ** 2 * 300) : 0;
    faults.push({ type: "link", atMs: 0, untilMs: healMs, from: everybody, to: everybody, drop, duplicate, delayMs });
  }
  for (let left = random.int(4); left > 0; left--) {
    const some = () => everybody.filter(() => random.chance(0.4));
    const times = drawTimes(drawn, 1500);
    const kind = random.next();
    if (kind < 0.25) faults.push({ type: "clog", ...times, from: some(), to: some() });
    else if (kind < 0.5) faults.push({ type: "cut", ...times, from: some(), to: some() });
    else if (kind < 0.65) {
      const node = [random.int(nodes)];
      faults.push({ type: "cut", ...times, from: node, to: everybody });
      if (random.chance(0.6)) faults.push({ type: "cut", ...times, from: everybody, to: node });
    } else if (kind < 0.9) {
      const one = new Set(some());
      const other = everybody.filter((node) => !one.has(node));
      faults.push({ type: "cut", ...times, from: [...one], to: other });
      if (random.chance(0.7)) faults.push({ type: "cut", ...times, from: other, to: [...one] });
    } else {
      const link = {
        from: some(),
        to: some(),
        drop: random.next(),
        duplicate: random.next(),
        delayMs: random.int(400),
      };
      faults.push({ type: "link", ...times, ...link });
    }
  }
  return faults;
}

/**
 * By turns, of about a round each, the prevotes of one node reach nobody and another node does not get the proposal: then only the first may see
 * a polka, and is locked alone. What it had seen reaches the others a round later. In this state the rules of locking decide.
 */
function drawVoteLosses({ random, nodes, healMs }: Draw): Fault[] {
  const everybody = range(0, nodes);
  const faults: Fault[] = [];
  let atMs = 0;
  for (let round = 0; atMs < healMs; round++) {
    const untilMs = Math.min(
      healMs,
      Math.round(atMs + FAILED_ROUND_MS + round * FAILED_ROUND_DELTA_MS + random.int(50)),
    );
    const lose = (kinds: readonly MessageKind[], from: readonly number[], to: readonly number[], drop = 1) =>
      faults.push({ type: "link", atMs, untilMs, from, to, drop, duplicate: 0, delayMs: 0, kinds });
    if (random.chance(0.8)) lose(["prevote"], [random.int(nodes)], everybody);
    if (random.chance(0.5)) lose(["proposal", "part"], everybody, [random.int(nodes)]);
    if (random.chance(0.2)) lose(["prevote", "precommit"], everybody, everybody, random.next() * 0.5);
    atMs = untilMs;
  }
  return faults;
}

function drawCrashes(drawn: Draw): Fault[] {
  const { random, nodes } = drawn;
  const count = random.chance(0.55) ? 1 + random.int(5) : 0;
  const faults = range(0, count).map((): Fault => {
    const { atMs } = drawTimes(drawn, 0);
    return {
      type: "crash",
      node: random.int(nodes),
      atMs,
      effect: random.chance(0.15) ? 0 : 1 + random.int(random.chance(0.5) ? 12 : 60),
      point: random.pick(["before", "during", "after"]),
      loss: random.pick(["kill", "power"]),
      downMs: Math.round(random.chance(0.5) ? random.between(1, 100) : random.between(100, 1200)),
    };
  });
  if (random.chance(0.1)) {
    // The mains fail for everybody.
    const { atMs } = drawTimes(drawn, 0);
    for (const node of range(0, nodes))
      faults.push({
        type: "crash",
        node,
        atMs,
        effect: random.int(8),
        point: "during",
        loss: "power",
        downMs: random.int(600),
      });
  }
  return faults;
}

/** Deaths close to each other, so that a node dies again in the same height, while it makes good for its last death. */
function drawRestarts({ random, nodes, healMs }: Draw): Fault[] {
  let atMs = random.int(Math.round(healMs / 2));
  return range(0, 4 + random.int(8)).map(() => {
    atMs += random.int(random.chance(0.8) ? 150 : 600);
    return {
      type: "crash",
      node: random.int(nodes),
      atMs: Math.min(atMs, healMs),
      effect: random.int(14),
      point: random.pick(["before", "during", "after"]),
      loss: random.chance(0.7) ? "kill" : "power",
      downMs: random.int(random.chance(0.7) ? 40 : 400),
    };
  });
}

function drawDisks(drawn: Draw): Fault[] {
  const { random, nodes } = drawn;
  const faults: Fault[] = [];
  if (random.chance(0.12))
    faults.push({ type: "diskFull", node: random.int(nodes), ...drawTimes(drawn, 1500), roomBytes: random.int(4000) });
  if (random.chance(0.12))
    faults.push({ type: "syncFailure", node: random.int(nodes), atMs: drawTimes(drawn, 0).atMs });
  return faults;
}

/** Clocks that differ by up to minutes, and jump. */
function drawClocks(drawn: Draw): Fault[] {
  const { random, nodes } = drawn;
  const faults: Fault[] = [];
  // The sum makes 0 of -0, which JSON has not.
  const offset = () => Math.round((random.next() * 2 - 1) * 10 ** random.between(1, 5)) + 0;
  if (random.chance(0.4))
    for (const node of range(0, nodes))
      if (random.chance(0.5)) faults.push({ type: "clock", node, atMs: 0, offsetMs: offset() });
  if (random.chance(0.25))
    for (let left = 1 + random.int(2); left > 0; left--)
      faults.push({ type: "clock", node: random.int(nodes), atMs: drawTimes(drawn, 0).atMs, offsetMs: offset() });
  return faults;
}

/** Validators with less than a third of the power, one to three behaviours each; and sometimes a lying full node. */
function drawByzantine(
  { random, powers, fullNodes, healMs }: Draw,
  limit: number | "f",
  rate: number,
  ofValidators: readonly BehaviourName[],
): Fault[] {
  const total = powers.reduce((sum, power) => sum + power, 0);
  const faults: Fault[] = [];
  let power = 0;
  let chosen = 0;
  const behave = (node: number, names: readonly BehaviourName[]): void => {
    for (let left = random.pick([1, 1, 1, 2, 3]); left > 0; left--) {
      const atMs = random.chance(0.5) ? 0 : random.int(healMs);
      faults.push({ type: "byzantine", node, atMs, behaviour: random.pick(names) });
    }
  };
  if (limit === "f" ? random.chance(rate) : limit > 0)
    for (const node of random.shuffle(range(0, powers.length))) {
      const more = power + (powers[node] as number);
      if (limit === "f" ? !isWithinThird(more, total) : chosen >= limit) continue;
      power = more;
      chosen++;
      behave(node, ofValidators);
    }
  if (fullNodes > 0 && random.chance(0.3)) behave(powers.length, FULL_NODE_BEHAVIOURS);
  return faults;
}

/** What somebody without a vote can do. */
const FULL_NODE_BEHAVIOURS = BEHAVIOUR_NAMES.filter((name) => !BEHAVIOURS[name].needsVote);

/** A regulator's change of at most a third of the power that leaves less than a third Byzantine. */
function drawPowerChange({ random, powers, fullNodes, nodes, healMs }: Draw, byzantine: readonly Fault[]): Fault[] {
  if (!random.chance(0.3)) return [];
  const total = powers.reduce((sum, power) => sum + power, 0);
  const node = fullNodes > 0 && random.chance(0.6) ? nodes - 1 : random.int(powers.length);
  const before = powers[node] ?? 0;
  const power = random.pick([0, 1, 5, 10, 12, 15]);
  const traitors = new Set(byzantine.flatMap((fault) => (fault.type === "byzantine" ? [fault.node] : [])));
  const powerOf = (each: number) => (each === node ? power : (powers[each] ?? 0));
  const after = range(0, nodes).reduce((sum, each) => sum + powerOf(each), 0);
  const traitorous = [...traitors].reduce((sum, each) => sum + powerOf(each), 0);
  if (power === before || Math.abs(power - before) * 3 > total || !isWithinThird(traitorous, after)) return [];
  return [{ type: "validatorPower", node, atMs: random.int(healMs), power }];
}

/** More than a third: validators with twins, and a net cut so that each honest half sees one of either. */
function drawFork(seed: number, random: Random): Plan {
  const powers = [10, 10, 10, 10];
  const traitors = random.shuffle([0, 1, 2, 3]).slice(0, 2);
  const honest = [0, 1, 2, 3].filter((node) => !traitors.includes(node));
  // Twins are numbered behind all others, in the order of their validators.
  const twins = [4, 5];
  const one = [honest[0] as number, ...traitors];
  const other = [honest[1] as number, ...twins];
  const times = { atMs: 0, untilMs: HEAL_MS };
  const byzantine = traitors.map((node): Fault => ({ type: "byzantine", node, atMs: 0, behaviour: "twins" }));
  return {
    seed,
    powers,
    fullNodes: 0,
    lightNodes: 0,
    txs: 3,
    fatTx: false,
    emptyBlocks: true,
    skipTimeoutCommit: false,
    healMs: HEAL_MS,
    faults: [
      ...byzantine,
      { type: "cut", ...times, from: one, to: other },
      { type: "cut", ...times, from: other, to: one },
    ],
  };
}
