import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { planNetwork, writeNetwork } from "../cli/networkPlan.ts";

const MAIN = fileURLToPath(new URL("../main.ts", import.meta.url));
const PASSPHRASE = "correct horse";
const directory = mkdtempSync(join(tmpdir(), "light-process-"));
const passphraseFile = join(directory, "passphrase");

/** Writes what a process has loaded when it ends. */
const REPORTER = `
import { writeFileSync } from "node:fs";
import { registerHooks } from "node:module";
const urls = [];
registerHooks({ load(url, context, next) { urls.push(url); return next(url, context); } });
process.on("exit", () => writeFileSync(process.env.REPORT_FILE,
  JSON.stringify({ urls, builtin: process.moduleLoadList, flags: process.execArgv, pid: process.pid })));
`;

interface Report {
  readonly urls: readonly string[];
  readonly builtin: readonly string[];
  readonly flags: readonly string[];
  readonly pid: number;
}

/** Starts the node of a home as its operator would, asks it to stop once it says that it runs, and answers what it had loaded. */
async function startAndStop(home: string): Promise<{ readonly report: Report; readonly pid: number | undefined }> {
  const reporter = join(directory, "reporter.mjs");
  writeFileSync(reporter, REPORTER);
  const reportFile = join(home, "report.json");
  const options = ["--passphrase-file", passphraseFile, "--api-port", "0", "--meter-source", "simulator", "--json"];
  const child = spawn(process.execPath, [MAIN, "start", "--home", home, ...options], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, NODE_OPTIONS: `--import=${pathToFileURL(reporter).href}`, REPORT_FILE: reportFile },
  });
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const ended = once(child, "exit");
  const started = await Promise.race([once(child.stdout, "data").then(([chunk]) => String(chunk)), ended]);
  expect(started, errors).toContain('"started"');
  child.kill("SIGTERM");
  await ended;
  return { report: JSON.parse(readFileSync(reportFile, "utf8")) as Report, pid: child.pid };
}

let light: Awaited<ReturnType<typeof startAndStop>>;
const packages = () => light.report.urls.filter((url) => url.includes("/node_modules/"));

beforeAll(async () => {
  writeFileSync(passphraseFile, `${PASSPHRASE}\n`, { mode: 0o600 });
  // Nobody answers there: this is about what is loaded, not about what is heard.
  const ports = [1, 2].map((port) => ({ p2p: port, api: port, comet: port }));
  const plan = await planNetwork({
    chainId: "light-process",
    validators: 1,
    full: 0,
    light: 1,
    genesisTimeMs: 0,
    host: "127.0.0.1",
    ports,
  });
  await writeNetwork(plan, directory, PASSPHRASE);
  light = await startAndStop(join(directory, "light0"));
}, 30_000);

afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe.skipIf(process.platform === "win32")("`start` of a light node", () => {
  test("goes on as the same process with the flags of a light node", () => {
    expect(light.report.pid).toBe(light.pid);
    expect(light.report.flags).toContain("--no-opt");
    expect(light.report.flags.some((flag) => flag.includes("/preload-"))).toBe(true);
  });

  test("loads the network and the database", () => {
    for (const name of ["libp2p/", "@chainsafe/libp2p-noise/", "classic-level/", "sodium-native/"])
      expect(packages().some((url) => url.includes(`/node_modules/${name}`))).toBe(true);
  });

  test.each([
    "@bufbuild/protobuf",
    "@noble/curves",
    "@noble/ciphers",
    "@noble/hashes",
    "@chainsafe/as-chacha20poly1305",
    "@chainsafe/as-sha256",
    "@libp2p/kad-dht",
    "amqplib",
    "cassandra-driver",
    "cborg",
    "csv-parse",
    "ethers",
    "fastify",
    "prom-client",
    "secp256k1",
  ])("does not load %s", (name) => {
    expect(packages().filter((url) => url.includes(`/node_modules/${name}/`))).toEqual([]);
  });

  test.each(["amaro", "undici"])("does not load Node's %s", (name) => {
    expect(light.report.builtin.filter((module) => module.includes(name))).toEqual([]);
  });
});
