import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { CONTRACTS_FOLDER } from "./build/compile.ts";

/** Of 500 calls each; `npm run contracts:fuzz` makes 200, 100 000 calls an invariant. */
const SHORT_RUNS = "6";

test("fuzz tests and invariants of contracts/fuzz hold (forge)", async () => {
  const forge = createRequire(import.meta.url).resolve("@foundry-rs/forge/bin.mjs");
  const child = spawn(process.execPath, [forge, "test"], {
    cwd: CONTRACTS_FOLDER,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, NO_COLOR: "1", FOUNDRY_INVARIANT_RUNS: SHORT_RUNS, FOUNDRY_FUZZ_RUNS: "500" },
  });
  const [stdout, stderr, exitCode] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    new Promise((resolve) => child.once("exit", resolve)),
  ]);
  expect(exitCode, `${stdout}\n${stderr}`).toBe(0);
  expect(stdout).toMatch(/ 0 failed, 0 skipped/);
}, 300_000);
