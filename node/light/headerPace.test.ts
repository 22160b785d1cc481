import { expect, test } from "vitest";
import { createHeaderPace } from "./headerPace.ts";

const POLL_MS = 1000;

test("without an announcement the newest block is asked for with every poll", () => {
  const pace = createHeaderPace({ pollMs: POLL_MS });
  expect([0, 1, 1, 2].map((reached) => pace.waitMs(reached))).toEqual([POLL_MS, POLL_MS, POLL_MS, POLL_MS]);
});

test("a block that was announced and is not there yet is asked for again at once, then less and less, until it is", () => {
  const pace = createHeaderPace({ pollMs: POLL_MS });
  pace.announced(8);
  expect([7, 7, 7, 8, 8].map((reached) => pace.waitMs(reached))).toEqual([10, 20, 40, POLL_MS, POLL_MS]);
  pace.announced(9);
  expect(pace.waitMs(8)).toBe(10);
});

test("while blocks come, the next announced one is asked for from the shortest wait on", () => {
  const pace = createHeaderPace({ pollMs: POLL_MS });
  pace.announced(20);
  expect([7, 7, 8, 8, 9].map((reached) => pace.waitMs(reached))).toEqual([10, 20, 10, 20, 10]);
});

test("an announced height that nobody has costs seven questions, and no more after that", () => {
  const pace = createHeaderPace({ pollMs: POLL_MS });
  pace.announced(Number.MAX_SAFE_INTEGER);
  const waits = Array.from({ length: 20 }, () => pace.waitMs(7));
  expect(waits.filter((ms) => ms < POLL_MS)).toEqual([10, 20, 40, 80, 160, 320, 640]);
  pace.announced(6);
  expect(pace.waitMs(7)).toBe(POLL_MS);
});
