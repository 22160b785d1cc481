import { expect, test } from "vitest";
import type { Vote } from "#storage/types/vote.ts";
import type { Effect, Input, TendermintState } from "./state.ts";
import { initialState } from "./state.ts";
import { step } from "./step.ts";
import { contextOf, namedBlockId, unsignedVote } from "./testMessages.ts";
import { blockKey } from "./value.ts";
import { inspectKeeperVote } from "./voteKeeper.ts";

/** Four machines, the last of which may be faulty, and a bag of messages that the test delivers in any order, or never. */
interface Cluster {
  readonly states: TendermintState[];
  /** Undelivered (receiver, input) pairs. */
  readonly bag: [number, Input][];
  readonly timeouts: [number, Input][];
  readonly decisions: Map<number, string>;
  newBlocks: number;
  readonly random: () => number;
  readonly mood: { readonly faulty: number; readonly timeout: number; readonly loss: number };
}

const NAMES = ["A", "B", "C"];
const HONEST = [0, 1, 2];
const FAULTY = 3;

test("three correct validators never decide differently, whatever one faulty validator and the network do", () => {
  for (let seed = 0; seed < 400; seed++) {
    const cluster = createCluster(seed);
    for (let turn = 0; turn < 400; turn++) act(cluster);
    expect(new Set(cluster.decisions.values()).size, `seed ${seed}`).toBeLessThanOrEqual(1);
  }
});

test("after any such beginning they decide once messages arrive and timeouts fire last", () => {
  for (let seed = 0; seed < 150; seed++) {
    const cluster = createCluster(seed);
    for (let turn = 0; turn < 150; turn++) act(cluster);
    for (let turn = 0; turn < 4000 && cluster.decisions.size < HONEST.length; turn++) {
      if (cluster.bag.length === 0) gossip(cluster);
      const next = cluster.bag.shift() ?? cluster.timeouts.shift();
      if (next === undefined) break;
      deliver(cluster, ...next);
    }
    expect([cluster.decisions.size, new Set(cluster.decisions.values()).size], `seed ${seed}`).toEqual([3, 1]);
  }
});

function createCluster(seed: number): Cluster {
  const states = HONEST.map((ownIndex) => initialState(contextOf({ ownIndex })));
  const random = seededRandom(seed);
  // Each run has its own mood: how talkative the faulty one is, how impatient the clocks, how lossy the network.
  const mood = { faulty: random() * 0.3, timeout: random() * 0.3, loss: random() * 0.3 };
  const cluster: Cluster = { states, bag: [], timeouts: [], decisions: new Map(), newBlocks: 0, random, mood };
  for (const node of HONEST) deliver(cluster, node, { type: "start" });
  return cluster;
}

/** Lets the faulty validator speak, fires a timeout, loses, repeats or delivers a message. */
function act(cluster: Cluster): void {
  const { random, mood } = cluster;
  const pick = Math.floor(random() * 2 ** 31);
  if (random() < mood.faulty) speakFaulty(cluster, pick);
  else if (random() < mood.timeout) {
    const timeout = take(cluster.timeouts, pick);
    if (timeout !== undefined) deliver(cluster, ...timeout);
  } else if (random() < mood.loss) take(cluster.bag, pick);
  else {
    const again = random() < 0.05;
    const next = again ? cluster.bag[pick % Math.max(1, cluster.bag.length)] : take(cluster.bag, pick);
    if (next !== undefined) deliver(cluster, ...next);
  }
}

function seededRandom(seed: number): () => number {
  let state = Math.imul(seed + 1, 0x9e3779b1) >>> 0;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state >>> 4) / 2 ** 28;
  };
}

/**
 * A vote or proposal of the faulty validator to one receiver only: mostly a vote that helps along whatever this receiver was proposed,
 * for that is how two blocks get decided if a lock can be broken; else for any block or nil, up to two rounds ahead.
 */
function speakFaulty(cluster: Cluster, pick: number): void {
  const receiver = pick % 3;
  const state = cluster.states[receiver];
  if (state === undefined) return;
  const proposed = state.proposals.get(state.round)?.value;
  if (pick % 4 !== 0 && proposed !== undefined) {
    for (const type of ["prevote", "precommit"] as const) {
      const vote = { ...unsignedVote(type, state.round, FAULTY, null), blockId: namedBlockId(proposed.slice(0, 1)) };
      send(cluster, receiver, { type: "vote", vote, peer: "faulty" });
    }
    return;
  }
  const round = Math.max(0, state.round + (Math.floor(pick / 3) % 4) - 1);
  const name = [...NAMES, null][Math.floor(pick / 12) % 4] ?? null;
  if (round % 4 === FAULTY && name !== null && pick % 2 === 0) {
    const polRound = (Math.floor(pick / 48) % (round + 1)) - 1;
    send(cluster, receiver, { type: "proposal", round, value: blockKey(namedBlockId(name)), polRound });
    send(cluster, receiver, { type: "block", value: blockKey(namedBlockId(name)), valid: true });
    return;
  }
  const vote = unsignedVote(pick % 5 < 2 ? "prevote" : "precommit", round, FAULTY, name);
  send(cluster, receiver, { type: "vote", vote, peer: "faulty" });
}

function deliver(cluster: Cluster, node: number, input: Input): void {
  const state = cluster.states[node];
  if (state === undefined) return;
  const result = step(state, input);
  cluster.states[node] = result.state;
  for (const effect of result.effects) perform(cluster, node, effect);
}

function perform(cluster: Cluster, node: number, effect: Effect): void {
  if (effect.type === "scheduleTimeout")
    cluster.timeouts.push([node, { type: "timeout", step: effect.step, round: effect.round }]);
  else if (effect.type === "decide") {
    expect(cluster.decisions.has(node)).toBe(false);
    cluster.decisions.set(node, effect.value);
  } else if (effect.type === "vote") {
    const vote: Vote = { ...unsignedVote(effect.voteType, effect.round, node, null) };
    const blockId = effect.value === null ? vote.blockId : namedBlockId(effect.value.slice(0, 1));
    for (const receiver of HONEST)
      send(cluster, receiver, {
        type: "vote",
        vote: { ...vote, blockId },
        peer: receiver === node ? undefined : `n${node}`,
      });
  } else if (effect.type === "propose") {
    const value = effect.value ?? blockKey(namedBlockId(NAMES[cluster.newBlocks++ % NAMES.length] ?? "A"));
    for (const receiver of HONEST) {
      send(cluster, receiver, { type: "proposal", round: effect.round, value, polRound: effect.polRound });
      send(cluster, receiver, { type: "block", value, valid: true });
    }
  }
}

/** What the paper assumes of the network: a message that one correct process has reaches all of them. */
function gossip(cluster: Cluster): void {
  for (const receiver of HONEST) {
    const own = cluster.states[receiver];
    for (const other of cluster.states) {
      if (own === undefined || own === other) continue;
      for (const [round, { prevotes, precommits }] of other.votes.rounds)
        for (const [type, set] of [
          ["prevote", prevotes],
          ["precommit", precommits],
        ] as const)
          for (const [value, tally] of set.tallies)
            for (const vote of tally.votes) {
              const known = own.votes.rounds.get(round)?.[type === "prevote" ? "prevotes" : "precommits"];
              if (vote === undefined || known?.tallies.get(value)?.votes[vote.validatorIndex] !== undefined) continue;
              if (inspectKeeperVote(own.votes, own.round, vote, undefined) === "refused") continue;
              send(cluster, receiver, { type: "vote", vote, peer: undefined });
            }
      for (const [round, { value, polRound }] of other.proposals)
        if (!own.proposals.has(round)) send(cluster, receiver, { type: "proposal", round, value, polRound });
      for (const value of other.blocks.keys())
        if (!own.blocks.has(value)) send(cluster, receiver, { type: "block", value, valid: true });
    }
  }
}

function send(cluster: Cluster, receiver: number, input: Input): void {
  cluster.bag.push([receiver, input]);
}

function take<T>(items: T[], pick: number): T | undefined {
  return items.splice(pick % Math.max(1, items.length), 1)[0];
}
