import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../testNetwork.ts";
import { superviseComet } from "./cometProcess.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "comet-process-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A program in CometBFT's place: it is called with `start --home FOLDER`. */
function program(name: string, lines: string): string {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\necho run >> "$3/runs"\n${lines}\n`, { mode: 0o755 });
  return path;
}

function supervise(binary: string, directory: string) {
  const fatal = Promise.withResolvers<unknown>();
  let starts = 0;
  const comet = superviseComet(
    { binary, directory, restartDelaysMs: [1, 5] },
    {
      log: pino({ level: "silent" }),
      onStarting() {
        starts += 1;
      },
      onFatal: fatal.resolve,
    },
  );
  return { comet, fatal: fatal.promise, starts: () => starts };
}

const newHome = () => mkdtempSync(join(folder, "home-"));
const runsIn = (home: string) =>
  existsSync(join(home, "runs")) ? readFileSync(join(home, "runs"), "utf8").trim().split("\n").length : 0;

test("one that ends is started again, and none after it was stopped", async () => {
  const home = newHome();
  const { comet, starts } = supervise(
    program("brief", `[ $(wc -l < "$3/runs") -lt 4 ] && exit 3\nexec sleep 1000`),
    home,
  );
  await eventually(() => comet.restarts() === 3 || undefined);
  await eventually(() => runsIn(home) === 4 || undefined);
  const pid = await eventually(() => comet.pid());
  expect(Number(readFileSync(join(home, "cometbft.pid"), "utf8"))).toBe(pid);
  expect(starts()).toBe(4);
  await comet.stop();
  expect(comet.pid()).toBeUndefined();
  expect(existsSync(join(home, "cometbft.pid"))).toBe(false);
  expect(() => process.kill(pid, 0)).toThrow("ESRCH");
  expect(runsIn(home)).toBe(4);
});

test("one that keeps failing ends the node, with its last words", async () => {
  const home = newHome();
  const { fatal } = supervise(program("failing", "echo 'config is wrong' >&2\nexit 1"), home);
  expect(await fatal).toMatchObject({
    details: { code: "COMETBFT_KEEPS_FAILING", times: 8, lastWords: "CometBFT: config is wrong" },
  });
  expect(runsIn(home)).toBe(8);
});

test("a program that is not there is named at once, with how to get it", async () => {
  const { fatal } = supervise(join(folder, "no-such-program"), newHome());
  expect(await fatal).toMatchObject({
    details: { code: "COMETBFT_NOT_FOUND", hint: expect.stringContaining("go install") },
  });
});

test("what an earlier start left behind is ended before the next, and nobody else", async () => {
  const home = newHome();
  const binary = program("lasting", "exec sleep 1000");
  // Its command line names the folder, as CometBFT's does.
  const leftover = spawn("sh", ["-c", "sleep 1000; true", "--home", home], { stdio: "ignore" });
  writeFileSync(join(home, "cometbft.pid"), String(leftover.pid));
  const gone = new Promise((resolve) => leftover.once("exit", resolve));
  const { comet } = supervise(binary, home);
  await gone;
  await eventually(() => comet.pid());
  await comet.stop();

  const other = newHome();
  const bystander = spawn("sleep", ["1000"], { stdio: "ignore" });
  writeFileSync(join(other, "cometbft.pid"), String(bystander.pid));
  const second = supervise(binary, other).comet;
  await eventually(() => runsIn(other) === 1 || undefined);
  expect(bystander.exitCode).toBeNull();
  await second.stop();
  bystander.kill();
});
