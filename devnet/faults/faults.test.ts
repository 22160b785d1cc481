import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type CampaignReport, runKillCampaign } from "./killCampaign.ts";
import { runScenario, type ScenarioReport } from "./runScenario.ts";
import { readScenario } from "./scenario.ts";

/**
 * Faults on real processes. Scenarios spend most of their time waiting, so they run side by side, started before the first test; the kill
 * campaign, which does not, comes after them. Each test looks at one of them.
 */
const KILLS = 100;
/** Scenarios at once: each has five processes. */
const LANES = 3;
const TIMEOUT_MS = 480_000;

const FOLDER = join(import.meta.dirname, "scenarios");
const FILES = readdirSync(FOLDER);

const directory = mkdtempSync(join(tmpdir(), "energy-faults-"));
const abort = new AbortController();
const scenarios = new Map(FILES.map((file) => [file, Promise.withResolvers<ScenarioReport>()]));
const campaign = Promise.withResolvers<CampaignReport>();
const ended: Promise<unknown>[] = [];

beforeAll(() => {
  const { signal } = abort;
  const waiting = [...scenarios];
  const lane = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const [file, { resolve, promise }] = next;
      resolve(runScenario(readScenario(join(FOLDER, file)), join(directory, file), { signal }));
      await promise.catch(() => undefined);
    }
  };
  const lanes = Promise.all(Array.from({ length: LANES }, lane));
  campaign.resolve(
    lanes.then(() => runKillCampaign({ directory: join(directory, "kill"), kills: KILLS, seed: 1, signal })),
  );
  // Its test comes last: until then nobody waits for it.
  campaign.promise.catch(() => undefined);
  ended.push(lanes, campaign.promise);
});

afterAll(async () => {
  abort.abort();
  await Promise.allSettled(ended);
  rmSync(directory, { recursive: true, force: true });
}, TIMEOUT_MS);

test.each(FILES)("the stated outcome of %s holds", { timeout: TIMEOUT_MS }, async (file) => {
  const report = await scenarios.get(file)?.promise;
  expect(report?.checks.filter(({ held }) => !held)).toEqual([]);
  expect(report?.holds).toBe(true);
});

test(`after ${KILLS} kills of validators at random moments nothing acknowledged is lost or twice, and nothing was signed twice`, {
  timeout: TIMEOUT_MS,
}, async () => {
  const report = await campaign.promise;
  expect(report).toMatchObject({ forks: [], lost: [], repeated: [], doubleSigned: [], holds: true });
  expect(report.acknowledged).toBeGreaterThan(20);
  expect(report.votesSeen).toBeGreaterThan(20);
});
