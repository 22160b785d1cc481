import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { MAX_FLEET_RANGE_DAYS, MAX_METER_RANGE_DAYS, MAX_REQUEST_READINGS } from "../api/analyticsSchemas.ts";
import { ANOMALY_KINDS } from "./anomaly.ts";
import { STEP_MILLIWATTS } from "./baseLoad.ts";
import { LEAK_NIGHTS } from "./leak.ts";
import { OUTAGE_SHARE } from "./outage.ts";
import { MIN_WINDOW_VALUES, WINDOW_VALUES } from "./robustWindow.ts";
import { MAX_SERIES } from "./slots.ts";
import { SPIKE_RULE } from "./spikes.ts";
import { ZERO_RUN_MS } from "./zeroRun.ts";

const read = (name: string) => readFileSync(new URL(name, import.meta.url), "utf8");
const README = read("./README.md");
const spaced = (value: number) => value.toLocaleString("en").replaceAll(",", " ");

test("the README has exactly the error codes and the kinds of anomaly", () => {
  const codes = [...read("./analyticsError.ts").matchAll(/code: "([A-Z_]+)"/g)].map(([, code]) => code);
  const listed = [...README.matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, code]) => code);
  expect(listed).toEqual(codes);
  const kinds = [...README.matchAll(/^\| `([a-z-]+)` \| (?:info|warning|critical) \|/gm)].map(([, kind]) => kind);
  expect(kinds).toEqual([...ANOMALY_KINDS]);
});

test("the README's numbers are those of the rules", () => {
  expect(README).toContain(`z > ${SPIKE_RULE.suspectZ / 1000}, z = (x - median) / max(1.4826 MAD, 100 W)`);
  expect(SPIKE_RULE.madScale).toBe(14_826);
  expect(README).toContain(`the last ${WINDOW_VALUES} readings of the same time of day`);
  expect(README).toContain(`at least ${MIN_WINDOW_VALUES} \`[§6]\``);
  expect(README).toContain(`more than ${SPIKE_RULE.isolatedRatio} times each neighbour`);
  expect(README).toContain(`${SPIKE_RULE.levelSightings} or more suspect readings`);
  expect(README).toContain(
    `within ${SPIKE_RULE.levelTolerance / 10} % of its height came in the ${SPIKE_RULE.levelDays} days`,
  );
  expect(README).toContain(`zero for more than ${ZERO_RUN_MS / 3_600_000} h`);
  expect(README).toContain(`water ${LEAK_NIGHTS.waterVolume}, gas ${LEAK_NIGHTS.gasVolume} nights`);
  expect(README).toContain(`by more than ${STEP_MILLIWATTS / 1000} W`);
  expect(README).toContain(`more than ${OUTAGE_SHARE / 10} % of the active meters`);
  expect(README).toContain(`at most ${spaced(MAX_SERIES)} series`);
  expect(README).toContain(`at most ${MAX_METER_RANGE_DAYS} days, for all\nmeters over ${MAX_FLEET_RANGE_DAYS}`);
  expect(README).toContain(`at most ${spaced(MAX_REQUEST_READINGS)} readings`);
});

test("every file of the folder is in the README's table", () => {
  const files = readdirSync(new URL(".", import.meta.url)).filter((name) => /(?<!\.test)\.ts$/.test(name));
  for (const name of files.filter((name) => name !== "testSlots.ts")) expect(README).toContain(`\`${name}\``);
});
