import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePorts } from "#node/freePorts.ts";
import { cachedFolder, run } from "./cache.ts";
import { type ServiceProcess, startService } from "./serviceProcess.ts";

/** A real RabbitMQ for tests and the devnet: one node on loopback, its data under `home`. */
export interface RunningRabbitmq {
  readonly url: string;
  readonly pid: () => number;
  readonly log: () => string;
  /** kill -9. */
  readonly kill: () => Promise<void>;
  /** Over the same data and ports. */
  readonly start: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** Debian's server and the parts of Erlang that it needs. */
const PACKAGES = [
  "rabbitmq-server",
  ...["base", "asn1", "crypto", "eldap", "ftp", "inets", "mnesia", "os-mon", "parsetools", "public-key"].map(erlang),
  ...["runtime-tools", "snmp", "ssl", "syntax-tools", "tftp", "tools", "xmerl"].map(erlang),
];

function erlang(part: string): string {
  return `erlang-${part}`;
}

/** Debian's `erl` only runs where it was installed. */
const ERL = `#!/bin/sh
ROOTDIR=$(dirname "$(dirname "$(realpath "$0")")")
BINDIR=$(echo "$ROOTDIR"/erts-*/bin)
export ROOTDIR BINDIR EMU=beam PROGNAME=erl
exec "$BINDIR/erlexec" "$@"
`;

/** Memory for the whole of a small machine's tests; flow control begins there. */
const MEMORY_BYTES = 512 * 1024 * 1024;

/**
 * Where RabbitMQ is unpacked, fetched from Debian's packages when it is not there yet (34 MB). No root needed, nothing is installed.
 * @throws ServiceError SERVICE_TOOL_NOT_FOUND, SERVICE_BUILD_FAILED
 */
export function rabbitmqFolder(): Promise<string> {
  return cachedFolder("rabbitmq", async (draft) => {
    const options = { cwd: draft, hint: "RabbitMQ is taken from Debian's packages", what: "rabbitmq-server" };
    const state = join(draft, "apt");
    mkdirSync(join(state, "lists", "partial"), { recursive: true });
    mkdirSync(join(state, "cache", "archives", "partial"), { recursive: true });
    // Lists of our own: the system's may be old or empty, and only root may refresh them.
    const apt = [
      `Dir::State::lists=${state}/lists`,
      `Dir::Cache=${state}/cache`,
      "APT::Sandbox::User=",
      "Debug::NoLocking=1",
    ].flatMap((option) => ["-o", option]);
    await run("apt-get", [...apt, "update", "--quiet"], options);
    await run("apt-get", [...apt, "download", "--quiet", ...PACKAGES], options);
    const archives = readdirSync(draft).filter((name) => name.endsWith(".deb"));
    for (const archive of archives) await run("dpkg-deb", ["-x", archive, "."], options);
    await run("rm", ["-rf", "apt", ...archives], options);
    writeFileSync(join(draft, "usr/lib/erlang/bin/erl"), ERL, { mode: 0o755 });
  });
}

/** @throws ServiceError SERVICE_START_FAILED and those of rabbitmqFolder */
export async function startRabbitmq(home: string): Promise<RunningRabbitmq> {
  const folder = await rabbitmqFolder();
  const [port = 0, distributionPort = 0, epmdPort = 0] = await freePorts(3);
  const erlangFolder = join(folder, "usr/lib/erlang");
  const runtime = readdirSync(erlangFolder).find((name) => name.startsWith("erts-")) ?? "";
  const servers = join(folder, "usr/lib/rabbitmq/lib");
  const server = join(servers, readdirSync(servers)[0] ?? "");
  mkdirSync(join(home, "log"), { recursive: true });
  const settings = [
    `vm_memory_high_watermark.absolute = ${MEMORY_BYTES}`,
    "disk_free_limit.absolute = 50MB",
    // The default keeps and writes 512 MiB.
    "raft.wal_max_size_bytes = 33554432",
  ];
  writeFileSync(join(home, "rabbitmq.conf"), `${settings.join("\n")}\n`);
  const env = {
    HOME: home,
    PATH: `${join(erlangFolder, "bin")}:${process.env.PATH}`,
    ERL_EPMD_PORT: epmdPort.toString(),
    ERL_EPMD_ADDRESS: "127.0.0.1",
    ERL_CRASH_DUMP_SECONDS: "0",
    RABBITMQ_CONF_ENV_FILE: "/dev/null",
    RABBITMQ_CONFIG_FILE: join(home, "rabbitmq"),
    RABBITMQ_DIST_PORT: distributionPort.toString(),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(home, "enabled_plugins"),
    RABBITMQ_LOG_BASE: join(home, "log"),
    RABBITMQ_LOGS: "-",
    RABBITMQ_MNESIA_BASE: join(home, "mnesia"),
    RABBITMQ_NODENAME: "readings@localhost",
    RABBITMQ_NODE_IP_ADDRESS: "127.0.0.1",
    RABBITMQ_NODE_PORT: port.toString(),
    RABBITMQ_PLUGINS_DIR: join(server, "plugins"),
  };
  // Erlang's name service would otherwise be started as a daemon that stays.
  const epmd = await startService({
    what: "epmd",
    program: join(erlangFolder, runtime, "bin/epmd"),
    args: ["-port", epmdPort.toString(), "-address", "127.0.0.1"],
    cwd: home,
    env,
  });
  let broker: ServiceProcess | undefined;
  const start = async (): Promise<void> => {
    broker = await startService({
      what: "RabbitMQ",
      program: join(server, "sbin/rabbitmq-server"),
      args: [],
      cwd: home,
      env,
      readyWhen: /Server startup complete/,
      port,
    });
  };
  try {
    await start();
  } catch (error) {
    await epmd.kill();
    throw error;
  }
  return {
    url: `amqp://guest:guest@127.0.0.1:${port}`,
    pid: () => broker?.pid ?? 0,
    log: () => broker?.log() ?? "",
    kill: async () => broker?.kill(),
    start,
    stop: async () => {
      await broker?.stop();
      await epmd.kill();
    },
  };
}
