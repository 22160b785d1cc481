import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePorts } from "#node/freePorts.ts";
import { cachedFolder, run } from "./cache.ts";
import { type ServiceProcess, startService } from "./serviceProcess.ts";

export const CASSANDRA_VERSION = "5.0.5";

/** A real Cassandra for tests and the devnet: one node of a cluster on loopback, its data under `home`. */
export interface RunningCassandra {
  /** `127.0.0.1:<port>` of the native protocol. */
  readonly contactPoint: string;
  readonly dataCenter: string;
  readonly pid: () => number;
  readonly log: () => string;
  /** kill -9. */
  readonly kill: () => Promise<void>;
  /** Over the same data and ports. */
  readonly start: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

/** Java opens these to Cassandra 5 as its own start script does for Java 17. */
const EXPORTED = ["java.base/jdk.internal.misc", "java.base/jdk.internal.ref", "java.base/sun.nio.ch"].concat(
  ["java.management.rmi/com.sun.jmx.remote.internal.rmi", "java.rmi/sun.rmi.registry", "java.rmi/sun.rmi.server"],
  ["java.sql/java.sql", "java.base/java.lang.ref", "jdk.unsupported/sun.misc"],
);
const OPENED = ["lang", "lang.module", "lang.reflect", "io", "nio", "net", "util", "util.concurrent"]
  .map((part) => `java.base/java.${part}`)
  .concat(
    ["loader", "ref", "reflect", "math", "module", "util.jar", "vm"].map((part) => `java.base/jdk.internal.${part}`),
    ["java.base/java.util.concurrent.atomic", "java.base/sun.nio.ch", "jdk.management/com.sun.management.internal"],
  );

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>local</groupId><artifactId>cassandra</artifactId><version>1</version>
<dependencies><dependency>
<groupId>org.apache.cassandra</groupId><artifactId>cassandra-all</artifactId><version>${CASSANDRA_VERSION}</version>
</dependency></dependencies></project>`;

const LOGBACK = `<configuration><appender name="OUT" class="ch.qos.logback.core.ConsoleAppender">
<encoder><pattern>%-5level %date{ISO8601} %msg%n</pattern></encoder></appender>
<root level="INFO"><appender-ref ref="OUT"/></root></configuration>`;

/**
 * The folder with Cassandra's jars, fetched by Maven when it is not there yet (66 MB).
 * @throws ServiceError SERVICE_TOOL_NOT_FOUND, SERVICE_BUILD_FAILED
 */
export function cassandraFolder(): Promise<string> {
  return cachedFolder(`cassandra-${CASSANDRA_VERSION}`, async (draft) => {
    writeFileSync(join(draft, "pom.xml"), POM);
    const options = { cwd: draft, hint: "install Maven and Java 17", what: `Cassandra ${CASSANDRA_VERSION}` };
    const jars = ["-DincludeScope=runtime", `-DoutputDirectory=${join(draft, "lib")}`];
    await run("mvn", ["-q", "-B", "dependency:copy-dependencies", ...jars], options);
  });
}

/**
 * heapMiB: Java's heap; the process takes about twice as much.
 * @throws ServiceError SERVICE_START_FAILED and those of cassandraFolder
 */
export async function startCassandra(
  home: string,
  { heapMiB = 512 }: { readonly heapMiB?: number } = {},
): Promise<RunningCassandra> {
  const folder = await cassandraFolder();
  const [nativePort = 0, storagePort = 0, jmxPort = 0] = await freePorts(3);
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, "cassandra.yaml"), configOf(home, nativePort, storagePort));
  writeFileSync(join(home, "logback.xml"), LOGBACK);
  const properties = {
    "cassandra.storagedir": home,
    "cassandra.config": `file://${join(home, "cassandra.yaml")}`,
    "logback.configurationFile": join(home, "logback.xml"),
    "cassandra-foreground": "yes",
    "cassandra.jmx.local.port": jmxPort,
    // One node has nobody to wait for.
    "cassandra.ring_delay_ms": 0,
    "cassandra.skip_wait_for_gossip_to_settle": 0,
    "cassandra.superuser_setup_delay_ms": 0,
    "jdk.attach.allowAttachSelf": true,
    "java.security.manager": "allow",
    "io.netty.tryReflectionSetAccessible": true,
  };
  const args = [
    `-Xms${heapMiB}m`,
    `-Xmx${heapMiB}m`,
    "-Xss256k",
    "-XX:+UseG1GC",
    "-XX:+ExitOnOutOfMemoryError",
    ...Object.entries(properties).map(([name, value]) => `-D${name}=${value}`),
    `-javaagent:${join(folder, "lib/jamm-0.4.0.jar")}`,
    ...EXPORTED.flatMap((name) => ["--add-exports", `${name}=ALL-UNNAMED`]),
    ...OPENED.flatMap((name) => ["--add-opens", `${name}=ALL-UNNAMED`]),
    ...["-cp", join(folder, "lib/*"), "org.apache.cassandra.service.CassandraDaemon"],
  ];
  let server: ServiceProcess | undefined;
  const start = async (): Promise<void> => {
    const readyWhen = /Starting listening for CQL clients/;
    server = await startService({
      what: "Cassandra",
      program: "java",
      args,
      cwd: home,
      env: {},
      readyWhen,
      port: nativePort,
    });
  };
  await start();
  return {
    contactPoint: `127.0.0.1:${nativePort}`,
    dataCenter: "datacenter1",
    pid: () => server?.pid ?? 0,
    log: () => server?.log() ?? "",
    kill: async () => server?.kill(),
    start,
    stop: async () => server?.stop(),
  };
}

function configOf(home: string, nativePort: number, storagePort: number): string {
  return `cluster_name: readings
num_tokens: 4
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
endpoint_snitch: SimpleSnitch
listen_address: 127.0.0.1
rpc_address: 127.0.0.1
native_transport_port: ${nativePort}
storage_port: ${storagePort}
seed_provider:
  - class_name: org.apache.cassandra.locator.SimpleSeedProvider
    parameters:
      - seeds: "127.0.0.1:${storagePort}"
data_file_directories: [${join(home, "data")}]
commitlog_directory: ${join(home, "commitlog")}
saved_caches_directory: ${join(home, "saved_caches")}
hints_directory: ${join(home, "hints")}
cdc_raw_directory: ${join(home, "cdc_raw")}
# The default acknowledges up to 10 s before the disk has it.
commitlog_sync: batch
memtable_heap_space: 64MiB
memtable_offheap_space: 64MiB
file_cache_size: 32MiB
auto_snapshot: false
# Rows of many partitions for the same nodes are what the store of readings sends.
unlogged_batch_across_partitions_warn_threshold: 100
`;
}
