import type { Command } from "commander";
import { afterAll, expect, test } from "vitest";
import { createProgram } from "./program.ts";
import { createTestCli } from "./testIo.ts";

const cli = createTestCli();
afterAll(() => cli[Symbol.dispose]());

/** Words of every command and group, for example ["tx", "seal"]. */
function commandPaths(command: Command, path: readonly string[] = []): (readonly string[])[] {
  return command.commands
    .filter((child) => child.name() !== "help")
    .flatMap((child) => [[...path, child.name()], ...commandPaths(child, [...path, child.name()])]);
}

const paths = commandPaths(await createProgram({} as never));

test("the commands that scripts rely on exist", () => {
  const names = paths.map((path) => path.join(" "));
  for (const name of ["init", "keys new", "keys list", "keys show", "start", "status", "prove", "verify", "tx seal"])
    expect(names).toContain(name);
  for (const name of ["tx register", "tx transfer", "query tx", "query block", "query meter", "query asset"])
    expect(names).toContain(name);
});

test.each(paths.map((path) => [path.join(" "), path] as const))(
  "%s --help shows an example and --json",
  async (_name, path) => {
    const { exit, out } = await cli.run(...path, "--help");
    expect(exit).toBe("ok");
    expect(out).toMatch(new RegExp(`Example:\n {2}\\$ energy-ledger ${path[0]}`));
    expect(out).toContain("--json");
  },
);

test.each([
  ["no command", []],
  ["unknown command", ["statu"]],
  ["unknown flag", ["status", "--wrong"]],
  ["missing argument", ["query", "tx"]],
  ["unknown sub-command", ["tx", "send"]],
  ["missing required flag", ["verify", "file"]],
  ["malformed transaction id", ["query", "tx", "12"]],
  ["malformed output", ["query", "output", "12:0"]],
  ["malformed hash", ["verify", "file", "--trusted-hash", "zz"]],
  ["malformed URL", ["status", "--node", "localhost"]],
  ["unknown role", ["init", "--role", "boss"]],
  ["unknown key name", ["keys", "new", "Not A Name"]],
  ["option out of range", ["start", "--api-port", "99999"]],
])("%s ends with the usage code and says what to do", async (_name, args) => {
  const { exit, err, out } = await cli.run(...args);
  expect([exit, err !== "" || out !== ""]).toEqual(["usage", true]);
});

test("a mistyped option in config.json or the environment names the nearest one", async () => {
  const { exit, err } = await cli.runWith({ environment: { ENERGY_LEDGER_API_PRT: "1" } }, "status");
  expect(exit).toBe("usage");
  expect(err).toContain("did you mean ENERGY_LEDGER_API_PORT?");
});

test("an error is one JSON object with --json, and control characters never reach the terminal", async () => {
  const answer = () => Response.json({ code: "NOT_FOUND", message: "no \u001b[31m block" }, { status: 404 });
  const fetchOnce = async () => answer();
  const json = await cli.runWith({ fetch: fetchOnce }, "query", "block", "9", "--json");
  expect([json.exit, json.json]).toMatchObject(["notFound", { code: "NOT_FOUND" }]);
  const text = await cli.runWith({ fetch: fetchOnce }, "query", "block", "9");
  expect(text.err).toContain("no \\u001b[31m block [NOT_FOUND]");
});
