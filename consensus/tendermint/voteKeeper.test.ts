import { expect, test } from "vitest";
import { unsignedVote } from "./testMessages.ts";
import { isHonestMinority, isQuorum } from "./threshold.ts";
import { votedValue } from "./value.ts";
import type { VoteKeeper } from "./voteKeeper.ts";
import { addVote, createVoteKeeper, inspectKeeperVote, votesOf } from "./voteKeeper.ts";
import { hasQuorumFor } from "./voteSet.ts";

const powers = [1n, 1n, 1n, 1n];

test("2f+1 and f+1 are strict, at the border and beyond the precision of a double", () => {
  expect(isQuorum(2n, 3n)).toBe(false);
  expect(isQuorum(3n, 4n)).toBe(true);
  expect(isQuorum(66n, 99n)).toBe(false);
  expect(isQuorum(67n, 99n)).toBe(true);
  const third = 2n ** 60n / 3n;
  expect(isQuorum(2n * third, 3n * third)).toBe(false);
  expect(isQuorum(2n * third + 1n, 3n * third)).toBe(true);
  expect(isHonestMinority(1n, 3n)).toBe(false);
  expect(isHonestMinority(2n, 4n)).toBe(true);
  expect(isHonestMinority(third + 1n, 3n * third)).toBe(true);
});

test("an index outside the validator set and a negative round are refused", () => {
  const keeper = createVoteKeeper(powers);
  expect(inspectKeeperVote(keeper, 0, unsignedVote("prevote", 0, 4, "A"), "p")).toBe("refused");
  expect(inspectKeeperVote(keeper, 0, unsignedVote("prevote", -1, 0, "A"), "p")).toBe("refused");
  expect(addVote(keeper, 0, unsignedVote("prevote", 0, 4, "A"), "p").keeper).toBe(keeper);
});

test("a vote counts once, however often it comes", () => {
  let keeper = add(createVoteKeeper(powers), unsignedVote("prevote", 0, 1, "A"));
  const again = addVote(keeper, 0, unsignedVote("prevote", 0, 1, "A"), "p");
  expect(again.outcome).toBe("duplicate");
  keeper = add(again.keeper, unsignedVote("prevote", 0, 2, "A"));
  expect(votesOf(keeper, 0).prevotes.weight).toBe(2n);
});

test("an equivocator counts for both values but once for any, and the conflict is reported once", () => {
  let keeper = add(createVoteKeeper(powers), unsignedVote("prevote", 0, 1, "A"));
  const conflict = addVote(keeper, 0, unsignedVote("prevote", 0, 1, "B"), "p");
  expect(conflict.outcome).toBe("conflict");
  expect(conflict.conflictsWith).toEqual(unsignedVote("prevote", 0, 1, "A"));
  keeper = add(add(conflict.keeper, unsignedVote("prevote", 0, 2, "B")), unsignedVote("prevote", 0, 3, "B"));
  const { prevotes } = votesOf(keeper, 0);
  expect(hasQuorumFor(prevotes, votedValue(unsignedVote("prevote", 0, 1, "B").blockId), 4n)).toBe(true);
  expect(prevotes.weight).toBe(3n);
});

test("a third value is refused unless another validator voted for it", () => {
  let keeper = createVoteKeeper(powers);
  keeper = add(add(keeper, unsignedVote("prevote", 0, 1, "A")), unsignedVote("prevote", 0, 1, "B"));
  expect(inspectKeeperVote(keeper, 0, unsignedVote("prevote", 0, 1, "C"), "p")).toBe("refused");
  keeper = add(keeper, unsignedVote("prevote", 0, 2, "C"));
  const third = addVote(keeper, 0, unsignedVote("prevote", 0, 1, "C"), "p");
  expect(third.outcome).toBe("conflict");
  expect(third.conflictsWith).toBeUndefined();
});

test("a peer opens at most two rounds beyond the window, and gives up its lowest for a higher one", () => {
  let keeper = createVoteKeeper(powers);
  for (const round of [0, 1, 10, 11, 12, 1_000_000]) keeper = add(keeper, unsignedVote("prevote", round, 1, "A"), "p");
  expect([...keeper.rounds.keys()]).toEqual([0, 1, 12, 1_000_000]);
  expect(inspectKeeperVote(keeper, 0, unsignedVote("prevote", 11, 2, "A"), "p")).toBe("refused");
  expect(inspectKeeperVote(keeper, 0, unsignedVote("prevote", 11, 2, "A"), "q")).toBe("new");
});

test("a round that another peer opened too outlives the first peer's interest", () => {
  let keeper = add(createVoteKeeper(powers), unsignedVote("prevote", 10, 1, "A"), "p");
  keeper = add(keeper, unsignedVote("prevote", 10, 2, "A"), "q");
  for (const round of [11, 12, 13]) keeper = add(keeper, unsignedVote("prevote", round, 1, "A"), "p");
  expect([...keeper.rounds.keys()]).toEqual([10, 12, 13]);
});

test("rounds that have become current no longer count against a peer", () => {
  let keeper = createVoteKeeper(powers);
  for (const round of [10, 11]) keeper = add(keeper, unsignedVote("prevote", round, 1, "A"), "p");
  keeper = addVote(keeper, 10, unsignedVote("prevote", 12, 1, "A"), "p").keeper;
  expect([...keeper.rounds.keys()]).toEqual([10, 11, 12]);
});

function add(keeper: VoteKeeper, vote: ReturnType<typeof unsignedVote>, peer = "p"): VoteKeeper {
  return addVote(keeper, 0, vote, peer).keeper;
}
