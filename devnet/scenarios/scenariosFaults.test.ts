import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { MIN_VALIDATORS_FOR_FAULTS } from "./faults.ts";
import { playScenario, SCENARIOS, type ScenarioName } from "./scenario.ts";

/** Four validators and everything else as processes: minutes of the machine, one scenario after the other. */
const TIMEOUT_MS = 480_000;

test.each(Object.keys(SCENARIOS) as ScenarioName[])(
  "%s with a validator and the relayer killed on the way: all that it claims is true",
  async (name) => {
    const directory = mkdtempSync(join(tmpdir(), "energy-scenario-faults-"));
    onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
    const options = { directory, validators: MIN_VALIDATORS_FOR_FAULTS, blockSeconds: 0.5, faults: true };
    const report = await playScenario(name, options, () => undefined);
    expect(report.claims.filter(({ holds }) => !holds)).toEqual([]);
    expect(report.passed).toBe(true);
    const told = report.steps.map(({ did }) => did);
    expect(told).toContain("kills a validator and the relayer, with SIGKILL");
    expect(told).toContain("starts both again");
    expect(report.claims.filter(({ claim }) => claim.includes("that was killed"))).toHaveLength(3);
  },
  TIMEOUT_MS,
);
