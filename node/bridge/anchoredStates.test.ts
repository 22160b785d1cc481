import { expect, test } from "vitest";
import type { Anchor } from "#bridge/typedData.ts";
import { AnchoredStates } from "./anchoredStates.ts";

/** An application that still has the states from height 100 on. */
function states() {
  const prove = () => {
    throw new Error("nobody asks");
  };
  return new AnchoredStates((height) => (height < 100 ? undefined : { height, prove }));
}

/** Anchor `seq` is over blocks up to 100 times its number. */
const anchor = (seq: bigint) => ({ seq, toHeight: Number(seq) * 100 + 1 }) as Anchor;

test("the state before the last block of the newest anchor that the contract has is the one to prove", () => {
  const kept = states();
  expect(kept.latest()).toBeUndefined();
  for (const seq of [1n, 2n, 3n]) kept.planned(anchor(seq));
  expect(kept.latest()?.height).toBe(300);
  kept.contractHas(2n);
  expect(kept.latest()?.height).toBe(200);
  // The contract stands still: its own state stays, and of the others the next one and the latest.
  for (const seq of [4n, 5n, 6n, 7n]) kept.planned(anchor(seq));
  expect(kept.latest()?.height).toBe(200);
  kept.contractHas(5n);
  expect(kept.latest()?.height).toBe(300);
  kept.contractHas(6n);
  expect(kept.latest()?.height).toBe(600);
  kept.contractHas(9n);
  expect(kept.latest()?.height).toBe(700);
});

test("a state that the application does not have any more cannot be proved, nor one under an anchor that the contract does not have", () => {
  const kept = states();
  kept.planned(anchor(0n));
  expect(kept.latest()).toBeUndefined();
  kept.planned(anchor(2n));
  kept.contractHas(1n);
  expect(kept.latest()).toBeUndefined();
});

test("a contract that is always some anchors behind has newer states all the same", () => {
  const kept = states();
  const seen = new Set<number | undefined>();
  for (let seq = 1n; seq <= 20n; seq++) {
    kept.planned(anchor(seq));
    kept.contractHas(seq > 5n ? seq - 5n : 0n);
    seen.add(kept.latest()?.height);
  }
  expect([...seen]).toEqual([undefined, 100, 500, 900, 1300]);
});
