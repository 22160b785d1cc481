import { expect, test } from "vitest";
import { createTestNet } from "./testNet.ts";

const MINUTE_MS = 60_000;

test("a node shows the votes and the block it waits with, and the commit of the height before", async () => {
  const net = await createTestNet({ seed: 21, validators: 4, fullNodes: 1 });
  const watched = () => net.nodes[4]?.engine?.roundState();
  await net.runUntil(() => net.height() >= 3, MINUTE_MS);
  net.nodes[1]?.crash();
  net.nodes[3]?.crash();
  // Two of four: blocks are proposed and prevoted, but nothing is locked and nothing decided.
  await net.runUntil(() => {
    const state = watched();
    return state?.proposalBlock?.block !== undefined && state.votes[state.round]?.prevotes.weight === 2n;
  }, MINUTE_MS);
  const state = watched();
  expect(state).toMatchObject({
    height: state?.proposalBlock?.block?.header.height ?? 0,
    lockedRound: -1,
    validRound: -1,
  });
  expect(state?.votes).toHaveLength((state?.round ?? 0) + 1);
  expect(state?.proposal).toMatchObject({ height: state?.height, round: state?.round, polRound: -1 });
  expect(state?.proposalBlock?.parts).toEqual([true]);
  expect([state?.lockedBlock, state?.validBlock]).toEqual([undefined, undefined]);
  expect(
    state?.lastCommit.first.filter((vote) => vote?.height === (state.height ?? 0) - 1).length,
  ).toBeGreaterThanOrEqual(3);
  expect(state?.validators.validators).toHaveLength(4);
  expect(state?.enteredMs).toBeLessThanOrEqual(net.nowMs());
});

test("after a height is decided the next one begins without votes, proposal or locks", async () => {
  const net = await createTestNet({ seed: 22, validators: 1 });
  const engine = net.nodes[0]?.engine;
  await net.runUntil(() => net.height() >= 2 && engine?.roundState()?.step === "idle", MINUTE_MS);
  const state = engine?.roundState();
  expect(state).toMatchObject({ height: 3, round: 0, step: "idle", proposal: undefined, proposalBlock: undefined });
  expect(state?.votes.map(({ prevotes, precommits }) => [prevotes.weight, precommits.weight])).toEqual([[0n, 0n]]);
});
