import { expect, test } from "vitest";
import { type EnergySample, Plausibility, REBASE_SAMPLES } from "./plausibility.ts";

const START_MS = 1_700_000_000_000;
const FUSE_MW = 69_000_000;

/** A household drawing 2 kW, polled every 10 s. */
function household(index: number, more: Partial<EnergySample> = {}): EnergySample {
  return {
    timestampMs: START_MS + index * 10_000,
    importMwh: 52_185_781_250 + Math.round((index * 2_000_000) / 360),
    exportMwh: 0,
    powerMw: 2_000_000,
    resolutionMwh: 3907,
    ...more,
  };
}

function warm(samples: number): Plausibility {
  const plausibility = new Plausibility(FUSE_MW);
  for (let index = 0; index < samples; index++)
    expect(plausibility.judge(household(index)), `sample ${index}`).toStrictEqual({ verdict: "accepted" });
  return plausibility;
}

test.each([
  ["a zero at boot or at night", { importMwh: 0, powerMw: 0 }],
  ["the value of another register", { importMwh: 231_684_891, exportMwh: 4_280_541 }],
  ["a register far above the fuse", { importMwh: 99_000_000_000 }],
  ["a register that falls by half a kilowatt-hour", { importMwh: 52_185_281_250 }],
])("%s is not believed, and what follows is", (_name, more) => {
  for (const samples of [1, 40]) {
    const plausibility = warm(samples);
    expect(plausibility.judge(household(samples, more))).toStrictEqual({ verdict: "implausible" });
    expect(plausibility.judge(household(samples + 1))).toStrictEqual({ verdict: "accepted" });
  }
});

test("a register that falls by up to two of its steps jitters", () => {
  const plausibility = warm(40);
  const at = household(39).importMwh as number;
  expect(plausibility.judge(household(40, { importMwh: at - 2 * 3907 }))).toStrictEqual({ verdict: "accepted" });
});

test("a wrong power alone does not spoil a poll whose registers agree, nor the next", () => {
  const plausibility = warm(40);
  expect(plausibility.judge(household(40, { powerMw: 60_000_000 }))).toStrictEqual({ verdict: "accepted" });
  expect(plausibility.judge(household(41))).toStrictEqual({ verdict: "accepted" });
});

test("a meter that begins anew is believed when it has gone on from there, and not before", () => {
  const plausibility = warm(40);
  const anew = (index: number): EnergySample => household(index, { importMwh: (index - 40) * 5556 });
  for (let index = 40; index < 40 + REBASE_SAMPLES - 1; index++)
    expect(plausibility.judge(anew(index)).verdict).toBe("implausible");
  expect(plausibility.judge(anew(39 + REBASE_SAMPLES))).toStrictEqual({ verdict: "restarted", isLower: true });
  expect(plausibility.judge(anew(40 + REBASE_SAMPLES))).toStrictEqual({ verdict: "accepted" });
});

test("wrong values that do not agree with each other are never believed", () => {
  const plausibility = warm(40);
  for (let index = 40; index < 60; index++)
    expect(plausibility.judge(household(index, { importMwh: index * 1_000_000_000 })).verdict).toBe("implausible");
});

test("after an hour without an answer the energy may have moved by what the fuse lets through in that time", () => {
  for (const [hours, verdict] of [
    [70, "accepted"],
    [80, "implausible"],
  ] as const) {
    const plausibility = warm(1);
    const later = household(360, { importMwh: (household(0).importMwh as number) + hours * 1_000_000 });
    expect(plausibility.judge(later).verdict).toBe(verdict);
  }
});

test("a meter without energy registers, or without power, is judged by what it has", () => {
  const power = new Plausibility(FUSE_MW);
  const energy = new Plausibility(FUSE_MW);
  for (let index = 0; index < 40; index++) {
    expect(power.judge(household(index, { importMwh: undefined, exportMwh: undefined })).verdict).toBe("accepted");
    expect(energy.judge(household(index, { powerMw: undefined, exportMwh: undefined })).verdict).toBe("accepted");
  }
  expect(energy.judge(household(40, { importMwh: 0, powerMw: undefined })).verdict).toBe("implausible");
});
