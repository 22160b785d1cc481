import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { runKillCampaign } from "./killCampaign.ts";

const KILLS = 100;

test(`after ${KILLS} kills of validators at random moments nothing acknowledged is lost or twice, and nothing was signed twice`, {
  timeout: 480_000,
}, async () => {
  const directory = mkdtempSync(join(tmpdir(), "energy-kill-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const report = await runKillCampaign({ directory, kills: KILLS, seed: 1 });
  expect(report).toMatchObject({ forks: [], lost: [], repeated: [], doubleSigned: [], holds: true });
  expect(report.acknowledged).toBeGreaterThan(20);
  expect(report.votesSeen).toBeGreaterThan(50);
});
