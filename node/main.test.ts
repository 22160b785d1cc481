import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const MAIN = fileURLToPath(new URL("./main.ts", import.meta.url));

test("the program is an executable that passes its arguments on and ends with the command's exit code", async () => {
  expect(readFileSync(MAIN, "utf8").split("\n")[0]).toBe("#!/usr/bin/env node");
  expect(statSync(MAIN).mode & 0o111).not.toBe(0);
  const { promise, resolve } = Promise.withResolvers<{ code: unknown; err: string }>();
  execFile(process.execPath, [MAIN, "status", "--node", "http://127.0.0.1:1", "--json"], (error, _out, err) =>
    resolve({ code: error?.code, err }),
  );
  const { code, err } = await promise;
  expect([code, JSON.parse(err)]).toMatchObject([6, { code: "NODE_UNREACHABLE" }]);
});

test("output that nobody reads any further is no fault", async () => {
  const child = spawn(process.execPath, [MAIN, "--help"], { stdio: ["ignore", "pipe", "pipe"] });
  child.stdout.destroy();
  child.stderr.setEncoding("utf8");
  let err = "";
  child.stderr.on("data", (text: string) => {
    err += text;
  });
  const [code] = await once(child, "close");
  expect([code, err]).toEqual([0, ""]);
});
