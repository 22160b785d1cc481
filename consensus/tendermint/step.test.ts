import { describe, expect, test } from "vitest";
import type { HeightContext, Input } from "./state.ts";
import { initialState } from "./state.ts";
import { step } from "./step.ts";
import {
  block,
  contextOf,
  describeEffect,
  namedBlockId,
  precommit,
  prevote,
  proposal,
  start,
  timeout,
} from "./testMessages.ts";
import { blockKey } from "./value.ts";

interface Row {
  readonly name: string;
  readonly context?: HeightContext;
  /** Inputs in order, each with the effects it must have. */
  readonly steps: readonly (readonly [Input, ...string[]])[];
}

const prevoted = [[start, "enter 0", "timeout propose 0"], [proposal(0, "A")], [block("A"), "prevote 0 A"]] as const;
const locked = [
  ...prevoted,
  [prevote(0, 3, "A")],
  [prevote(0, 0, "A")],
  [prevote(0, 1, "A"), "majority prevote 0 A", "precommit 0 A"],
] as const;
const lockedInRound1 = [
  ...locked,
  [precommit(0, 0, null)],
  [precommit(0, 1, null)],
  [precommit(0, 3, "A"), "timeout precommit 0"],
  [timeout("precommit", 0), "enter 1", "timeout propose 1"],
] as const;

const ROWS: readonly Row[] = [
  {
    name: "L14-L19: the proposer of the round asks for a new block, and schedules its own timeout",
    context: contextOf({ ownIndex: 0 }),
    steps: [[start, "enter 0", "propose 0 new pol -1", "timeout propose 0"]],
  },
  {
    name: "L16: a proposer with a valid value proposes it again with its round",
    context: contextOf({ ownIndex: 1 }),
    steps: [
      [start, "enter 0", "timeout propose 0"],
      [proposal(0, "A")],
      [block("A"), "prevote 0 A"],
      [prevote(0, 0, "A")],
      [prevote(0, 1, "A")],
      [prevote(0, 2, "A"), "majority prevote 0 A", "precommit 0 A"],
      [precommit(0, 0, null)],
      [precommit(0, 2, null)],
      [precommit(0, 3, null), "majority precommit 0 nil", "timeout precommit 0"],
      [timeout("precommit", 0), "enter 1", "propose 1 A pol 0", "timeout propose 1"],
    ],
  },
  {
    name: "L21: others schedule timeoutPropose; a second start does nothing",
    steps: [[start, "enter 0", "timeout propose 0"], [start]],
  },
  { name: "L24: a valid fresh proposal is prevoted once its block is here", steps: prevoted },
  {
    name: "L26: an invalid block is answered by a prevote for nil",
    steps: [[start, "enter 0", "timeout propose 0"], [proposal(0, "A")], [block("A", false), "prevote 0 nil"]],
  },
  {
    name: "L22: the block may come before the proposal, and both before the start",
    steps: [[block("A")], [proposal(0, "A")], [start, "enter 0", "timeout propose 0", "prevote 0 A"]],
  },
  {
    name: "L22: the first proposal of a round stands, a second one is ignored",
    steps: [
      [start, "enter 0", "timeout propose 0"],
      [proposal(0, "A")],
      [proposal(0, "B")],
      [block("B")],
      [block("A"), "prevote 0 A"],
    ],
  },
  {
    name: "L23: locked on A, a fresh proposal of B gets nil",
    steps: [...lockedInRound1, [proposal(1, "B")], [block("B"), "prevote 1 nil"]],
  },
  {
    name: "L23: locked on A, a fresh proposal of A gets A",
    steps: [...lockedInRound1, [proposal(1, "A"), "prevote 1 A"]],
  },
  {
    name: "L28: a proposal resting on a polka waits for that polka",
    steps: [
      [start, "enter 0", "timeout propose 0"],
      [timeout("propose", 0), "prevote 0 nil"],
      [precommit(1, 0, null)],
      [precommit(1, 1, null), "enter 1", "timeout propose 1"],
      [proposal(1, "A", 0)],
      [block("A")],
      [prevote(0, 0, "A")],
      [prevote(0, 1, "A")],
      [prevote(0, 2, "A"), "majority prevote 0 A", "prevote 1 A"],
    ],
  },
  {
    name: "L29: locked on A in round 0, B with a polka of round 0 is refused (a lock yields only to a later polka or its own value)",
    steps: [
      [start, "enter 0", "timeout propose 0"],
      [proposal(0, "A")],
      [block("A"), "prevote 0 A"],
      [timeout("prevote", 0), "precommit 0 nil"],
      [precommit(1, 0, null)],
      [precommit(1, 1, null), "enter 1", "timeout propose 1"],
      [proposal(1, "A"), "prevote 1 A"],
      [prevote(1, 0, "A")],
      [prevote(1, 1, "A")],
      [prevote(1, 3, "A"), "majority prevote 1 A", "precommit 1 A"],
      [precommit(2, 0, null)],
      [precommit(2, 1, null), "enter 2", "timeout propose 2"],
      [prevote(0, 0, "B")],
      [prevote(0, 1, "B")],
      [prevote(0, 2, "B"), "majority prevote 0 B"],
      [block("B")],
      [proposal(2, "B", 0), "prevote 2 nil"],
    ],
  },
  {
    name: "L29: locked on A in round 0, B with a polka of round 1 is prevoted",
    steps: [
      ...lockedInRound1,
      [timeout("propose", 1), "prevote 1 nil"],
      [prevote(1, 0, "B")],
      [prevote(1, 1, "B")],
      [prevote(1, 2, "B"), "majority prevote 1 B", "timeout prevote 1"],
      [timeout("prevote", 1), "precommit 1 nil"],
      [precommit(2, 0, null)],
      [precommit(2, 1, null), "enter 2", "timeout propose 2"],
      [block("B")],
      [proposal(2, "B", 1), "prevote 2 B"],
    ],
  },
  {
    name: "L28: an invalid block gets nil even with a polka",
    steps: [
      [start, "enter 0", "timeout propose 0"],
      [timeout("propose", 0), "prevote 0 nil"],
      [prevote(0, 0, "A")],
      [prevote(0, 1, "A")],
      [prevote(0, 2, "A"), "majority prevote 0 A", "timeout prevote 0"],
      [timeout("prevote", 0), "precommit 0 nil"],
      [precommit(1, 0, null)],
      [precommit(1, 1, null), "enter 1", "timeout propose 1"],
      [proposal(1, "A", 0)],
      [block("A", false), "prevote 1 nil"],
    ],
  },
  {
    name: "L28: a polka round that is not before this round is never a reason to prevote",
    steps: [[start, "enter 0", "timeout propose 0"], [block("A")], [proposal(0, "A", 0)]],
  },
  {
    name: "L34: 2f+1 mixed prevotes schedule timeoutPrevote once",
    steps: [
      ...prevoted,
      [prevote(0, 0, "A")],
      [prevote(0, 1, null)],
      [prevote(0, 3, "A"), "timeout prevote 0"],
      [prevote(0, 2, null)],
    ],
  },
  {
    name: "L34: without having prevoted nothing is scheduled",
    steps: [
      [start, "enter 0", "timeout propose 0"],
      [prevote(0, 0, "A")],
      [prevote(0, 1, null)],
      [prevote(0, 2, null)],
      [timeout("propose", 0), "prevote 0 nil", "timeout prevote 0"],
    ],
  },
  { name: "L36-L41: a polka locks and precommits", steps: locked },
  {
    name: "L36: exactly 2/3 of the power is no polka",
    context: contextOf({ powers: [1n, 1n, 1n], ownIndex: undefined }),
    steps: [
      [start, "enter 0", "timeout propose 0"],
      [proposal(0, "A")],
      [block("A")],
      [prevote(0, 0, "A")],
      [prevote(0, 1, "A")],
      [prevote(0, 2, "A"), "majority prevote 0 A"],
    ],
  },
  {
    name: "L36: a polka for a block that is not here yet locks when the block comes",
    steps: [
      [start, "enter 0", "timeout propose 0"],
      [timeout("propose", 0), "prevote 0 nil"],
      [prevote(0, 0, "A")],
      [prevote(0, 1, "A")],
      [prevote(0, 2, "A"), "majority prevote 0 A", "timeout prevote 0"],
      [block("A"), "precommit 0 A"],
    ],
  },
  {
    name: "L36: a polka for an invalid block is not precommitted",
    steps: [
      [start, "enter 0", "timeout propose 0"],
      [proposal(0, "A")],
      [block("A", false), "prevote 0 nil"],
      [prevote(0, 0, "A")],
      [prevote(0, 1, "A")],
      [prevote(0, 2, "A"), "majority prevote 0 A", "timeout prevote 0"],
      [timeout("prevote", 0), "precommit 0 nil"],
    ],
  },
  {
    name: "L42: a polka after our precommit for nil makes the value valid, not locked",
    context: contextOf({ ownIndex: 1 }),
    steps: [
      [start, "enter 0", "timeout propose 0"],
      [proposal(0, "A")],
      [block("A"), "prevote 0 A"],
      [timeout("prevote", 0), "precommit 0 nil"],
      [prevote(0, 0, "A")],
      [prevote(0, 1, "A")],
      [prevote(0, 2, "A"), "majority prevote 0 A"],
      [timeout("precommit", 0), "enter 1", "propose 1 A pol 0", "timeout propose 1"],
      [proposal(1, "B")],
      [block("B"), "prevote 1 B"],
    ],
  },
  {
    name: "L44: a polka for nil is answered at once",
    steps: [
      ...prevoted,
      [prevote(0, 0, null)],
      [prevote(0, 1, null)],
      [prevote(0, 2, null), "majority prevote 0 nil", "precommit 0 nil"],
    ],
  },
  {
    name: "L44: a polka for nil does not unlock",
    steps: [
      ...lockedInRound1,
      [timeout("propose", 1), "prevote 1 nil"],
      [prevote(1, 0, null)],
      [prevote(1, 1, null)],
      [prevote(1, 2, null), "majority prevote 1 nil", "precommit 1 nil"],
      [timeout("precommit", 1), "enter 2", "timeout propose 2"],
      [proposal(2, "B")],
      [block("B"), "prevote 2 nil"],
    ],
  },
  {
    name: "L47: 2f+1 mixed precommits schedule timeoutPrecommit once, in any step",
    steps: [
      [start, "enter 0", "timeout propose 0"],
      [precommit(0, 0, "A")],
      [precommit(0, 1, null)],
      [precommit(0, 2, null), "timeout precommit 0"],
      [precommit(0, 3, "A")],
    ],
  },
  {
    name: "L49: 2f+1 precommits decide, in whatever round they are",
    steps: [
      ...lockedInRound1,
      [precommit(0, 2, "A")],
      [precommit(0, 0, "A"), "equivocation of 0", "majority precommit 0 A", "decide 0 A"],
      [timeout("precommit", 1)],
    ],
  },
  {
    name: "L49: precommits without the block wait for the block, not for the proposal",
    steps: [
      [start, "enter 0", "timeout propose 0"],
      [precommit(0, 0, "A")],
      [precommit(0, 1, "A")],
      [precommit(0, 2, "A"), "majority precommit 0 A", "timeout precommit 0"],
      [block("A"), "decide 0 A"],
    ],
  },
  {
    name: "L49: a node that has not started decides as well",
    steps: [
      [precommit(0, 0, "A")],
      [precommit(0, 1, "A")],
      [precommit(0, 2, "A"), "majority precommit 0 A"],
      [block("A"), "decide 0 A"],
    ],
  },
  {
    name: "L55: f+1 votes of a later round start that round, prevotes and precommits counted once per validator",
    steps: [
      [start, "enter 0", "timeout propose 0"],
      [prevote(5, 0, null)],
      [precommit(5, 0, null)],
      [precommit(5, 1, null), "enter 5", "timeout propose 5"],
    ],
  },
  {
    name: "L55: votes of earlier rounds do not move us",
    steps: [...lockedInRound1, [prevote(0, 2, null)], [precommit(0, 2, "A")]],
  },
  {
    name: "L57, L61, L65: stale timeouts do nothing",
    steps: [
      ...lockedInRound1,
      [timeout("propose", 0)],
      [timeout("prevote", 0)],
      [timeout("precommit", 0)],
      [timeout("prevote", 1)],
      [timeout("propose", 2)],
      [timeout("propose", 1), "prevote 1 nil"],
      [timeout("propose", 1)],
      [timeout("prevote", 1), "precommit 1 nil"],
      [timeout("prevote", 1)],
    ],
  },
  {
    name: "a block given up must come again before it can be decided",
    steps: [
      [start, "enter 0", "timeout propose 0"],
      [block("A")],
      [{ type: "blockGone", value: blockKey(namedBlockId("A")) }],
      [precommit(0, 0, "A")],
      [precommit(0, 1, "A")],
      [precommit(0, 2, "A"), "majority precommit 0 A", "timeout precommit 0"],
      [block("A"), "decide 0 A"],
    ],
  },
  {
    name: "the locked block is never given up",
    steps: [
      ...locked,
      [{ type: "blockGone", value: blockKey(namedBlockId("A")) }],
      [precommit(0, 0, "A")],
      [precommit(0, 1, "A")],
      [precommit(0, 3, "A"), "majority precommit 0 A", "decide 0 A"],
    ],
  },
  {
    name: "a node outside the validator set follows silently",
    context: contextOf({ ownIndex: undefined }),
    steps: [
      [start, "enter 0", "timeout propose 0"],
      [proposal(0, "A")],
      [block("A")],
      [prevote(0, 0, "A")],
      [prevote(0, 1, "A")],
      [prevote(0, 2, "A"), "majority prevote 0 A"],
      [precommit(0, 0, "A")],
      [precommit(0, 1, "A")],
      [precommit(0, 2, "A"), "majority precommit 0 A", "decide 0 A"],
    ],
  },
];

describe("Algorithm 1", () => {
  test.each(ROWS)("$name", ({ context, steps }) => {
    let state = initialState(context ?? contextOf());
    const seen: string[][] = [];
    for (const [input] of steps) {
      const result = step(state, input);
      state = result.state;
      seen.push(result.effects.map(describeEffect));
    }
    expect(seen).toEqual(steps.map(([, ...effects]) => effects));
  });

  test("a step leaves the state it was given as it was", () => {
    const before = step(initialState(contextOf()), start).state;
    const copy = structuredClone({ ...before, context: undefined });
    step(step(before, proposal(0, "A")).state, prevote(0, 0, "A"));
    expect({ ...before, context: undefined }).toEqual(copy);
  });
});
