#!/usr/bin/env node
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Command } from "commander";
import { LedgerError } from "#storage/error.ts";
import { CACHE } from "./cache.ts";
import { startCassandra } from "./cassandra.ts";
import { measureSecondTier } from "./measure.ts";
import { startRabbitmq } from "./rabbitmq.ts";
import { ServiceError } from "./serviceError.ts";

interface RunningService {
  /** What a node's configuration needs to reach it. */
  readonly endpoint: Readonly<Record<string, string>>;
  readonly pid: number;
  stop(): Promise<void>;
}

const SERVICES: Readonly<Record<string, (home: string) => Promise<RunningService>>> = {
  rabbitmq: async (home) => {
    const { url, pid, stop } = await startRabbitmq(home);
    return { endpoint: { url }, pid: pid(), stop };
  },
  cassandra: async (home) => {
    const { contactPoint, dataCenter, pid, stop } = await startCassandra(home);
    return { endpoint: { contactPoint, dataCenter }, pid: pid(), stop };
  },
};

/** Where `down` finds the process id of `up`. */
const RUNNING_FILE = join(CACHE, "running.json");
const LOOK_MS = 100;

const program = new Command("services")
  .description("Real RabbitMQ and Cassandra on this machine, for the second tier; nothing is installed")
  .showHelpAfterError();

program
  .command("up")
  .description("start services and keep them until Ctrl-C, or `services down` in another terminal")
  .argument("<names...>", Object.keys(SERVICES).join(" or "))
  .option("--home <dir>", "keep their data in this folder (default: a temporary one, removed at the end)")
  .option("--json", "one JSON object on standard output when all are ready, nothing else", false)
  .action(up);

program
  .command("down")
  .description("end the `services up` that runs")
  .option("--json", "one JSON object on standard output", false)
  .action(down);

program
  .command("measure")
  .description("start both and measure publishing, consuming and storing, beside the embedded queue and store")
  .option("--json", "one JSON object on standard output", false)
  .action(measure);

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof LedgerError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}

async function up(names: readonly string[], { home, json }: { home?: string; json: boolean }): Promise<void> {
  const known = Object.keys(SERVICES);
  for (const name of names) if (!known.includes(name)) throw new ServiceError({ code: "SERVICE_UNKNOWN", name, known });
  const stopped = Promise.withResolvers<void>();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => stopped.resolve());

  const folder = home === undefined ? mkdtempSync(join(tmpdir(), "services-")) : resolve(home);
  const running: RunningService[] = [];
  try {
    const report: Record<string, object> = {};
    for (const name of new Set(names)) {
      if (!json) process.stdout.write(`${name}: starting\n`);
      const service = await (SERVICES[name] as (home: string) => Promise<RunningService>)(join(folder, name));
      running.push(service);
      report[name] = { ...service.endpoint, pid: service.pid };
      const shown = Object.entries(service.endpoint).map(([field, value]) => `${field}=${value}`);
      if (!json) process.stdout.write(`${name}: ready, ${shown.join(" ")} pid=${service.pid}\n`);
    }
    mkdirSync(CACHE, { recursive: true });
    writeFileSync(RUNNING_FILE, JSON.stringify({ pid: process.pid, services: report }));
    if (json) process.stdout.write(`${JSON.stringify({ services: report })}\n`);
    else process.stdout.write("Ctrl-C stops them.\n");
    await stopped.promise;
  } finally {
    rmSync(RUNNING_FILE, { force: true });
    await Promise.all(running.map((service) => service.stop()));
    if (home === undefined) rmSync(folder, { recursive: true, force: true });
  }
}

async function measure({ json }: { json: boolean }): Promise<void> {
  const measured = await measureSecondTier();
  if (json) process.stdout.write(`${JSON.stringify({ measured })}\n`);
  else
    for (const { what, readingsPerSecond, p50Ms, p99Ms } of measured)
      process.stdout.write(`${what}: ${readingsPerSecond} readings/s, p50 ${p50Ms} ms, p99 ${p99Ms} ms\n`);
}

async function down({ json }: { json: boolean }): Promise<void> {
  const pid = runningPid();
  if (pid === undefined) throw new ServiceError({ code: "SERVICES_NOT_RUNNING", file: RUNNING_FILE });
  process.kill(pid, "SIGTERM");
  while (isRunning(pid)) await delay(LOOK_MS);
  process.stdout.write(json ? `${JSON.stringify({ stopped: pid })}\n` : "stopped\n");
}

function runningPid(): number | undefined {
  try {
    const { pid } = JSON.parse(readFileSync(RUNNING_FILE, "utf8")) as { pid: number };
    return isRunning(pid) ? pid : undefined;
  } catch {
    return undefined;
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
