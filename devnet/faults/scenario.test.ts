import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { createLinkProxy } from "./linkProxy.ts";
import { runScenario } from "./runScenario.ts";
import { readScenario, type Scenario } from "./scenario.ts";

const FOLDER = join(import.meta.dirname, "scenarios");

function folder(): string {
  const directory = mkdtempSync(join(tmpdir(), "energy-scenario-"));
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

test("every committed scenario is well-formed and named like its file", () => {
  const files = readdirSync(FOLDER);
  expect(files.length).toBeGreaterThanOrEqual(6);
  for (const file of files) expect(`${readScenario(join(FOLDER, file)).name}.json`).toBe(file);
});

test("a scenario that names no such node, is out of order or expects nothing is refused with a reason", () => {
  const file = join(folder(), "s.json");
  const expects = { caughtUp: ["validator0"] };
  const base = { name: "s", endSeconds: 10, expect: expects };
  for (const [changed, reason] of [
    [{ steps: [{ atSeconds: 1, do: "kill", node: "validator9" }] }, "validator9"],
    [{ steps: [{ atSeconds: 11, do: "kill", node: "validator0" }] }, "order"],
    [{ steps: [{ atSeconds: 1, do: "melt", node: "validator0" }] }, "melt"],
    [{ steps: [{ atSeconds: 1, do: "slow", from: [], to: [] }] }, "delayMs"],
    [{ steps: [{ atSeconds: 1, do: "fillDisk" }] }, "fillDisk"],
    [{ steps: [{ atSeconds: 1, do: "misbehave", node: "validator0", behaviours: [] }] }, "needs behaviours"],
    [{ steps: [{ atSeconds: 1, do: "misbehave", node: "validator0", behaviours: ["twins"] }] }, "twins"],
    [{ expect: { ...expects, banned: ["light0"] } }, "light0"],
    [{ expect: {} }, "expects nothing"],
    [{ expect: { halts: [{ fromSeconds: 5, toSeconds: 50 }] } }, "outside"],
    [{ endSeconds: "10" }, "endSeconds"],
    [{ name: undefined }, "no name"],
  ] as const) {
    writeFileSync(file, JSON.stringify({ ...base, ...changed }));
    expect(() => readScenario(file), reason).toThrow(expect.objectContaining({ code: "SCENARIO_MALFORMED" }));
    expect(() => readScenario(file)).toThrow(reason);
  }
  writeFileSync(file, "{");
  expect(() => readScenario(file)).toThrow(expect.objectContaining({ code: "SCENARIO_UNREADABLE" }));
});

test("a link passes bytes in order, slow or not, and refuses while it is cut", async () => {
  const echo = createServer((socket) => void socket.on("error", () => undefined).pipe(socket)).listen(0, "127.0.0.1");
  await once(echo, "listening");
  onTestFinished(() => void echo.close());
  const link = await createLinkProxy((echo.address() as { port: number }).port);
  onTestFinished(() => link.close());
  const socket = connect(link.port, "127.0.0.1");
  const hear = async (text: string) => {
    socket.write(text);
    let heard = "";
    while (heard.length < text.length) heard += String((await once(socket, "data"))[0]);
    return heard;
  };
  expect(await hear("one")).toBe("one");
  link.slow(20);
  expect(await hear("two, slowly")).toBe("two, slowly");
  // `once` would reject with the reset that is expected here.
  const ended = new Promise((resolve) => socket.on("error", () => undefined).on("close", resolve));
  link.cut();
  await ended;
  const refused = connect(link.port, "127.0.0.1");
  await expect(once(refused, "data")).rejects.toMatchObject({ code: "ECONNRESET" });
  link.heal();
  link.slow(0);
  const again = connect(link.port, "127.0.0.1");
  again.write("back");
  expect(String((await once(again, "data"))[0])).toBe("back");
  again.destroy();
});

test("a report fails for everything that was expected and did not happen", { timeout: 120_000 }, async () => {
  const stretch = { fromSeconds: 0, toSeconds: 3 };
  const scenario: Scenario = {
    name: "nothing",
    description: "Nothing goes wrong.",
    validators: 2,
    light: 0,
    clockSkewMs: {},
    steps: [],
    endSeconds: 3,
    expect: {
      halts: [stretch],
      progress: [{ ...stretch, blocks: 1_000_000 }],
      caughtUp: ["validator0"],
      excluded: ["validator1"],
      maybeExcluded: [],
      banned: ["validator1"],
      diskFull: ["validator1"],
    },
  };
  const report = await runScenario(scenario, folder(), { patienceMs: 500 });
  expect(report.checks.filter(({ held }) => !held).map(({ expected }) => expected)).toEqual([
    "no block from 0 s to 3 s",
    "at least 1000000 blocks from 0 s to 3 s",
    "validator1 ends because its disk is full, as often as it was started on it",
    "evidence has excluded validator1",
    "validator0 has banned validator1",
  ]);
  expect(report.holds).toBe(false);
});
