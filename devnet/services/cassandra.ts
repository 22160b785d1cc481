import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePorts } from "#node/freePorts.ts";
import { cachedFolder, run } from "./cache.ts";
import { type ServiceProcess, startService } from "./serviceProcess.ts";

export const CASSANDRA_VERSION = "5.0.5";

/** A real Cassandra for tests and the devnet: one node of a cluster on loopback. */
export interface RunningCassandra {
  /** `<host>:<port>` of the native protocol. */
  readonly contactPoint: string;
  readonly dataCenter: string;
  /** Folder of its data. */
  readonly home: string;
  readonly pid: () => number;
  readonly log: () => string;
  /** kill -9. */
  readonly kill: () => Promise<void>;
  /** Over the same data and ports. */
  readonly start: () => Promise<void>;
  readonly stop: () => Promise<void>;
  /** Cassandra's own tool for operators, on this node. @throws ServiceError SERVICE_BUILD_FAILED with what it said */
  readonly nodetool: (...words: readonly string[]) => Promise<void>;
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

export interface CassandraOptions {
  /** Java's heap; a process takes about twice as much. Default 512. */
  readonly heapMiB?: number;
  /** More of Java's options. */
  readonly java?: readonly string[];
  /** More lines of cassandra.yaml. */
  readonly config?: string;
}

/** Where one node of a cluster is: all of a cluster have the same ports, each its own address. */
interface NodePlace {
  readonly home: string;
  readonly host: string;
  readonly nativePort: number;
  readonly storagePort: number;
  readonly jmxPort: number;
}

/** @throws ServiceError SERVICE_START_FAILED and those of cassandraFolder */
export async function startCassandra(home: string, options: CassandraOptions = {}): Promise<RunningCassandra> {
  const [node] = await startCassandraCluster(home, { ...options, nodes: 1 });
  return node as RunningCassandra;
}

/**
 * Nodes of one cluster on 127.0.0.1, 127.0.0.2 and so on, which Linux has without being asked; the data of the first under
 * `home`, of the others in folders of it. The first is up before the others start.
 * @throws as startCassandra; what was started is stopped then
 */
export async function startCassandraCluster(
  home: string,
  { nodes, ...options }: CassandraOptions & { readonly nodes: number },
): Promise<readonly RunningCassandra[]> {
  const folder = await cassandraFolder();
  const [nativePort = 0, storagePort = 0, ...jmxPorts] = await freePorts(2 + nodes);
  const running = jmxPorts.map((jmxPort, i) =>
    prepareNode(
      folder,
      {
        ...{ home: i === 0 ? home : join(home, `node${i + 1}`), host: `127.0.0.${i + 1}` },
        ...{ nativePort, storagePort, jmxPort },
      },
      options,
    ),
  );
  try {
    await running[0]?.start();
    await Promise.all(running.slice(1).map(({ start }) => start()));
    return running;
  } catch (error) {
    await Promise.all(running.map(({ kill }) => kill()));
    throw error;
  }
}

function prepareNode(
  folder: string,
  place: NodePlace,
  { heapMiB = 512, java = [], config = "" }: CassandraOptions,
): RunningCassandra {
  const { home, host, nativePort, jmxPort } = place;
  mkdirSync(home, { recursive: true });
  writeFileSync(join(home, "cassandra.yaml"), configOf(place) + config);
  writeFileSync(join(home, "rackdc.properties"), "dc=datacenter1\nrack=rack1\n");
  writeFileSync(join(home, "logback.xml"), LOGBACK);
  const properties = {
    "cassandra.storagedir": home,
    "cassandra.config": `file://${join(home, "cassandra.yaml")}`,
    "cassandra-rackdc.properties": `file://${join(home, "rackdc.properties")}`,
    "logback.configurationFile": join(home, "logback.xml"),
    "cassandra-foreground": "yes",
    "cassandra.jmx.local.port": jmxPort,
    // A new cluster has nothing that a node would have to wait for.
    "cassandra.ring_delay_ms": 0,
    "cassandra.skip_wait_for_gossip_to_settle": 0,
    "cassandra.superuser_setup_delay_ms": 0,
    "jdk.attach.allowAttachSelf": true,
    "java.security.manager": "allow",
    "io.netty.tryReflectionSetAccessible": true,
  };
  const opened = [
    ...EXPORTED.flatMap((name) => ["--add-exports", `${name}=ALL-UNNAMED`]),
    ...OPENED.flatMap((name) => ["--add-opens", `${name}=ALL-UNNAMED`]),
  ];
  const classes = ["-cp", join(folder, "lib/*")];
  const args = [
    `-Xms${heapMiB}m`,
    `-Xmx${heapMiB}m`,
    "-Xss256k",
    "-XX:+UseG1GC",
    "-XX:+ExitOnOutOfMemoryError",
    ...java,
    ...Object.entries(properties).map(([name, value]) => `-D${name}=${value}`),
    `-javaagent:${join(folder, "lib/jamm-0.4.0.jar")}`,
    ...[...opened, ...classes, "org.apache.cassandra.service.CassandraDaemon"],
  ];
  let server: ServiceProcess | undefined;
  return {
    contactPoint: `${host}:${nativePort}`,
    dataCenter: "datacenter1",
    home,
    pid: () => server?.pid ?? 0,
    log: () => server?.log() ?? "",
    kill: async () => server?.kill(),
    async start() {
      const readyWhen = /Starting listening for CQL clients/;
      const command = { what: "Cassandra", program: "java", args, cwd: home, env: {}, readyWhen };
      server = await startService({ ...command, port: nativePort, host });
    },
    stop: async () => server?.stop(),
    async nodetool(...words) {
      const tool = [
        "-Xmx64m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        `-Duser.home=${home}`,
        ...opened,
        ...classes,
        "org.apache.cassandra.tools.NodeTool",
      ];
      const hint = "the node must be running";
      await run("java", [...tool, "-p", `${jmxPort}`, ...words], { cwd: home, hint, what: `nodetool ${words[0]}` });
    },
  };
}

function configOf({ home, host, nativePort, storagePort }: NodePlace): string {
  return `cluster_name: readings
num_tokens: 4
partitioner: org.apache.cassandra.dht.Murmur3Partitioner
# A node that is asked for what it has answers by itself: it comes first in this order, and no measurement changes that.
endpoint_snitch: GossipingPropertyFileSnitch
dynamic_snitch: false
auto_bootstrap: false
listen_address: ${host}
rpc_address: ${host}
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
