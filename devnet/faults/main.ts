#!/usr/bin/env node
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { formatTable } from "../view.ts";
import { runKillCampaign } from "./killCampaign.ts";

interface Flags {
  readonly kills: number;
  readonly seed: number;
  readonly json: boolean;
}

const flags = new Command("faults:kill")
  .description(
    "Kills validators of a four-validator net with SIGKILL at random moments under load, then checks every chain",
  )
  .option("--kills <n>", "how many times", Number, 100)
  .option("--seed <n>", "draws victims and pauses", Number, 1)
  .option("--json", "one JSON object on standard output", false)
  .parse()
  .opts<Flags>();

const directory = mkdtempSync(join(tmpdir(), "energy-kill-"));
const interrupt = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => interrupt.abort());
try {
  const report = await runKillCampaign({
    directory,
    kills: flags.kills,
    seed: flags.seed,
    signal: interrupt.signal,
    onProgress(kills, acknowledged) {
      if (!process.stderr.isTTY) return;
      const done = Math.floor((30 * kills) / flags.kills);
      const bar = `${"█".repeat(done)}${"░".repeat(30 - done)}`;
      process.stderr.write(`\r\u001b[2K${bar} ${kills} of ${flags.kills} kills, ${acknowledged} acknowledged`);
    },
  });
  if (process.stderr.isTTY) process.stderr.write("\r\u001b[2K");
  const rows = Object.entries(report).map(([name, value]) => [
    name,
    Array.isArray(value) ? String(value.length) : String(value),
  ]);
  process.stdout.write(
    flags.json ? `${JSON.stringify(report, null, 2)}\n` : `${formatTable(["FIGURE", "VALUE"], rows)}\n`,
  );
  process.exitCode = report.holds ? 0 : 1;
} finally {
  rmSync(directory, { recursive: true, force: true });
}
