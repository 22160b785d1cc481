import { expect, test } from "vitest";
import { BAN_MS } from "./limits.ts";
import { createManualClock } from "./manualClock.ts";
import { createReputation } from "./reputation.ts";

test("offences add up to a ban, which is announced once and ends", () => {
  const clock = createManualClock();
  const reputation = createReputation(clock);
  const bans = Array.from({ length: 11 }, () => reputation.penalise("p", "GOSSIP_INVALID"));
  expect(bans.map(Number).join("")).toBe("00000000010");
  expect(reputation.isBanned("p")).toBe(true);
  expect(reputation.isBanned("q")).toBe(false);
  clock.advance(BAN_MS - 1);
  expect(reputation.isBanned("p")).toBe(true);
  clock.advance(1);
  expect(reputation.isBanned("p")).toBe(false);
  expect(reputation.pointsOf("p")).toBe(0);
});

test("rare offences are forgiven and never add up", () => {
  const clock = createManualClock();
  const reputation = createReputation(clock);
  for (let i = 0; i < 100; i++) {
    expect(reputation.penalise("p", "REQUEST_INVALID")).toBe(false);
    clock.advance(20_000);
  }
  expect(reputation.pointsOf("p")).toBe(0);
});

test("one lie is enough", () => {
  expect(createReputation(createManualClock()).penalise("p", "LIE")).toBe(true);
});
