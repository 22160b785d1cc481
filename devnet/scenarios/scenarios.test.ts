import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { playScenario, SCENARIOS, type ScenarioName } from "./scenario.ts";

/** Real processes, a real ledger, a fresh EVM. */
const TIMEOUT_MS = 180_000;

const directories: string[] = [];
afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});

test.each(Object.keys(SCENARIOS) as ScenarioName[])(
  "%s: from readings to settled balances, and all that it claims is true",
  async (name) => {
    const directory = mkdtempSync(join(tmpdir(), "energy-scenario-test-"));
    directories.push(directory);
    let told = "";
    const report = await playScenario(name, { directory, validators: 1, blockSeconds: 0.5 }, (text) => {
      told += text;
    });
    expect(report.claims.filter(({ holds }) => !holds)).toEqual([]);
    expect(report.passed).toBe(true);
    expect(report.ethereum.transactions).toBeGreaterThan(0);
    for (const { did, facts } of report.steps) {
      expect(told).toContain(did);
      for (const value of Object.values(facts)) expect(told).toContain(value);
    }
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  },
  TIMEOUT_MS,
);
