import fc from "fast-check";
import { expect, test } from "vitest";
import type { Vote } from "#storage/types/vote.ts";
import type { Effect, Input, TendermintState } from "./state.ts";
import { initialState } from "./state.ts";
import { step } from "./step.ts";
import { contextOf, namedBlockId, unsignedVote } from "./testMessages.ts";
import { blockKey } from "./value.ts";

/** Four machines, the last of which may be faulty, and a bag of messages that the test delivers in any order, or never. */
interface Cluster {
  readonly states: TendermintState[];
  /** Undelivered (receiver, input) pairs. */
  readonly bag: [number, Input][];
  readonly timeouts: [number, Input][];
  readonly decisions: Map<number, string>;
  newBlocks: number;
}

const NAMES = ["A", "B", "C"];
const HONEST = [0, 1, 2];
const FAULTY = 3;

test("three correct validators never decide differently, whatever one faulty validator and the network do", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(), { minLength: 50, maxLength: 400 }), (choices) => {
      const cluster = createCluster();
      for (const choice of choices) act(cluster, choice);
      expect(new Set(cluster.decisions.values()).size).toBeLessThanOrEqual(1);
    }),
    { numRuns: 150 },
  );
});

test("after any such beginning they decide once messages arrive and timeouts fire last", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(), { maxLength: 200 }), (choices) => {
      const cluster = createCluster();
      for (const choice of choices) act(cluster, choice, false);
      for (let turn = 0; turn < 4000 && cluster.decisions.size < HONEST.length; turn++) {
        const next = cluster.bag.shift() ?? cluster.timeouts.shift();
        if (next === undefined) break;
        deliver(cluster, ...next);
      }
      expect(cluster.decisions.size).toBe(HONEST.length);
      expect(new Set(cluster.decisions.values()).size).toBe(1);
    }),
    { numRuns: 100 },
  );
});

function createCluster(): Cluster {
  const states = HONEST.map((ownIndex) => initialState(contextOf({ ownIndex })));
  const cluster: Cluster = { states, bag: [], timeouts: [], decisions: new Map(), newBlocks: 0 };
  for (const node of HONEST) deliver(cluster, node, { type: "start" });
  return cluster;
}

/** Delivers something, fires a timeout, or lets the faulty validator speak; with `lossy` messages may also be lost or come twice. */
function act(cluster: Cluster, choice: number, lossy = true): void {
  const pick = Math.floor(choice / 16);
  switch (choice % 16) {
    case 0:
    case 1:
      speakFaulty(cluster, pick);
      return;
    case 2:
    case 3: {
      const timeout = take(cluster.timeouts, pick);
      if (timeout !== undefined) deliver(cluster, ...timeout);
      return;
    }
    case 4:
      if (lossy) take(cluster.bag, pick);
      return;
    case 5: {
      const again = cluster.bag[pick % Math.max(1, cluster.bag.length)];
      if (lossy && again !== undefined) deliver(cluster, ...again);
      return;
    }
    default: {
      const next = take(cluster.bag, pick);
      if (next !== undefined) deliver(cluster, ...next);
    }
  }
}

/** A vote or proposal of the faulty validator to one receiver only, for any block or nil, up to two rounds ahead. */
function speakFaulty(cluster: Cluster, pick: number): void {
  const receiver = pick % 3;
  const state = cluster.states[receiver];
  if (state === undefined) return;
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

function send(cluster: Cluster, receiver: number, input: Input): void {
  cluster.bag.push([receiver, input]);
}

function take<T>(items: T[], pick: number): T | undefined {
  return items.splice(pick % Math.max(1, items.length), 1)[0];
}
