import { DEFAULT_MAX_BLOCK_BYTES, MAX_TX_BYTES } from "#storage/limits.ts";
import { choice, FILE_PATH, HEX_HASH, integer, LIST, type OptionSpec, SWITCH, TEXT } from "./optionKinds.ts";

export type NodeRole = "validator" | "full" | "light";

const DAY_MS = 24 * 60 * 60 * 1000;

function option<T>(
  kind: OptionSpec<T>["kind"],
  defaultValue: NoInfer<T>,
  unit: string,
  description: string,
): OptionSpec<T> {
  return { kind, default: defaultValue, unit, description };
}

/**
 * Every option of a node. Flags (`--api-port`), environment variables (`ENERGY_LEDGER_API_PORT`), the keys of config.json (`apiPort`), the help text
 * and the table in node/README.md are derived from this table and from nothing else. Keys and passphrases are never options: only paths to them are.
 */
export const OPTIONS = {
  home: option(FILE_PATH, "~/.energy-ledger", "", "Folder with the node's configuration, keys and data"),
  role: option(
    choice<NodeRole>("validator", "full", "light"),
    "full",
    "",
    "validator proposes and votes, full keeps and checks everything, light keeps headers",
  ),
  moniker: option(TEXT, "node", "", "Name shown to operators; it has no meaning for the ledger"),
  passphraseFile: option(FILE_PATH, "", "", "File whose first line opens the key files; without it the terminal asks"),

  p2pListen: option(LIST, ["/ip4/0.0.0.0/tcp/26656"], "multiaddr", "Where libp2p listens"),
  p2pAnnounce: option(LIST, [], "multiaddr", "Addresses to tell others when the listening ones are not reachable"),
  seeds: option(LIST, [], "multiaddr", "Seed nodes, asked at the start for further peers"),
  persistentPeers: option(LIST, [], "multiaddr", "Peers that are dialled again whenever the connection is lost"),
  maxPeers: option(integer(1, 1000), 50, "peers", "Connections at most"),
  peerDiscovery: option(SWITCH, true, "", "Look for further peers by the Kademlia table"),

  api: option(SWITCH, true, "", "Serve the REST API"),
  apiHost: option(TEXT, "127.0.0.1", "", "Address the REST API binds to"),
  apiPort: option(integer(0, 65_535), 26_680, "port", "Port of the REST API; 0 takes a free one"),
  apiTokenFile: option(
    FILE_PATH,
    "",
    "",
    "File with the bearer token that POST requests need; required unless the API binds to loopback",
  ),
  apiDocs: option(SWITCH, true, "", "Serve the OpenAPI page at /docs"),
  apiRequestsPerSecond: option(
    integer(1, 1_000_000),
    200,
    "requests/s",
    "Requests of one client address; twice that in a burst",
  ),
  apiMaxBodyBytes: option(integer(1024, 64 * 1024 * 1024), 2 * MAX_TX_BYTES, "bytes", "Largest request body"),
  apiRequestTimeoutMs: option(integer(10, 600_000), 10_000, "ms", "Time a client has to send its whole request"),
  apiCommitTimeoutMs: option(integer(100, 600_000), 30_000, "ms", "Longest wait of POST …?wait=commit"),
  apiMaxEventClients: option(integer(0, 100_000), 256, "clients", "Open event streams at most"),

  rpcListen: option(
    TEXT,
    "",
    "host:port",
    "Validator, full node: serve CometBFT's RPC here, for example 127.0.0.1:26657; port 0 takes a free one. Beyond loopback every request needs the API token",
  ),

  bigchainListen: option(
    TEXT,
    "",
    "host:port",
    "Validator, full node: serve BigchainDB's HTTP API here too, for example 127.0.0.1:9984; its transactions are signed by themselves and need no token",
  ),
  bigchainStreamListen: option(
    TEXT,
    "",
    "host:port",
    "Validator, full node: serve BigchainDB's event stream here, for example 127.0.0.1:9985",
  ),
  bigchainKey: option(
    TEXT,
    "operator",
    "",
    "Name of the member's key that brings BigchainDB transactions onto the ledger and pays for their places",
  ),

  ethereumUrl: option(
    TEXT,
    "",
    "URL",
    "Validator, full node: an Ethereum node's JSON-RPC, for the bridge; without it a validator signs anchors all the same, and votes on nothing",
  ),
  contractsFile: option(
    FILE_PATH,
    "",
    "",
    "contracts.json, as it was written when the contracts were deployed: where Ethereum's events begin",
  ),
  bridgeKey: option(
    TEXT,
    "",
    "",
    "Validator: name of its second key, an Ethereum key, that signs anchors and votes on Ethereum's events",
  ),
  bridgeRelay: option(SWITCH, false, "", "Validator, full node: carry signed anchors to Ethereum"),
  relayKey: option(TEXT, "relayer", "", "Name of the Ethereum key that pays for anchors"),
  relayMaxFeeGwei: option(integer(1, 1_000_000), 200, "gwei", "Highest fee a unit of gas that is paid for an anchor"),
  ethereumKey: option(
    TEXT,
    "",
    "",
    "Validator, full node: name of the Ethereum key that the API acts with for whoever has its token; without it others sign what it prepares",
  ),
  reorgMarginBlocks: option(
    integer(0, 100_000),
    12,
    "blocks",
    "Blocks of Ethereum above an anchor after which it counts as settled",
  ),

  logLevel: option(
    choice("fatal", "error", "warn", "info", "debug", "trace", "silent"),
    "info",
    "",
    "Least severe log line that is written",
  ),
  workers: option(integer(0, 64), 1, "threads", "Signature checking threads; 0 checks on the main thread"),

  timeoutProposeMs: option(integer(1, 600_000), 3000, "ms", "Wait for a proposal in round 0"),
  timeoutProposeDeltaMs: option(integer(0, 600_000), 500, "ms", "Added to the proposal wait with every round"),
  timeoutVoteMs: option(integer(1, 600_000), 1000, "ms", "Wait for further prevotes or precommits in round 0"),
  timeoutVoteDeltaMs: option(integer(0, 600_000), 500, "ms", "Added to the vote wait with every round"),
  timeoutCommitMs: option(integer(0, 600_000), 1000, "ms", "Wait for late precommits after a block"),
  createEmptyBlocks: option(SWITCH, false, "", "Make blocks although no transaction waits"),
  heartbeatMs: option(
    integer(0, DAY_MS),
    60_000,
    "ms",
    "Longest time without a block on an idle net; 0 never makes an empty one",
  ),
  maxProposalBytes: option(
    integer(1024, 100 * 1024 * 1024),
    DEFAULT_MAX_BLOCK_BYTES,
    "bytes",
    "Largest block this node proposes; genesis may set a lower limit",
  ),

  engine: option(
    choice<"embedded" | "cometbft">("embedded", "cometbft"),
    "embedded",
    "",
    "What orders transactions into blocks: the engine of this program, or CometBFT beside it; the same for all nodes of a network",
  ),
  cometbftBinary: option(
    TEXT,
    "cometbft",
    "",
    "CometBFT's program, a name in PATH or a whole path, started and watched by this node; empty when someone else runs it",
  ),
  cometbftListen: option(TEXT, "0.0.0.0:26720", "host:port", "Where CometBFT listens for other CometBFTs"),
  cometbftAnnounce: option(
    TEXT,
    "",
    "host:port",
    "Address of CometBFT to tell others when the listening one is not reachable",
  ),
  cometbftPeers: option(
    LIST,
    [],
    "id@host:port",
    "The CometBFTs of the other nodes, dialled again whenever the connection is lost",
  ),
  cometbftRpcListen: option(
    TEXT,
    "127.0.0.1:0",
    "host:port",
    "Where CometBFT serves its own RPC; port 0 takes a free one",
  ),
  snapshotIntervalBlocks: option(
    integer(0, Number.MAX_SAFE_INTEGER),
    1000,
    "blocks",
    "With CometBFT: a snapshot of the state is kept for new nodes every so many blocks; 0 keeps none",
  ),
  stateSyncServers: option(
    LIST,
    [],
    "URL",
    "With CometBFT: begin with a snapshot, checked through the RPC of these two nodes or more and the trusted block",
  ),

  mempoolMaxTxs: option(integer(1, 10_000_000), 20_000, "transactions", "Transactions waiting at most"),
  mempoolMaxBytes: option(integer(1024, 2 ** 40), 64 * 1024 * 1024, "bytes", "Bytes of waiting transactions at most"),

  retainBlocks: option(integer(0, Number.MAX_SAFE_INTEGER), 0, "blocks", "Latest blocks that are kept; 0 keeps all"),
  retainIndexBlocks: option(
    integer(0, Number.MAX_SAFE_INTEGER),
    0,
    "blocks",
    "Latest blocks whose transactions can be searched; 0 keeps all",
  ),

  trustedHeight: option(
    integer(0, Number.MAX_SAFE_INTEGER),
    0,
    "",
    "Light node, or state sync: height of the block it starts from",
  ),
  trustedHash: option(HEX_HASH, "", "hex", "Light node, or state sync: hash of that block, from a source you trust"),
  trustingPeriodMs: option(
    integer(60_000, 400 * DAY_MS),
    14 * DAY_MS,
    "ms",
    "Light node, or state sync: age up to which a header is believed",
  ),
  fullNodes: option(LIST, [], "multiaddr", "Light node: full nodes to ask; without any, all peers are asked"),
  retainHeaders: option(
    integer(0, Number.MAX_SAFE_INTEGER),
    0,
    "headers",
    "Light node: latest headers kept; 0 keeps all",
  ),

  meterSource: option(
    choice("inputs", "none", "csv", "simulator"),
    "inputs",
    "",
    "Where readings come from; inputs are those of meters.json in the home, where there is one; csv and simulator are for light nodes",
  ),
  meterCsvFile: option(FILE_PATH, "", "", "CSV file with readings (Low Carbon London dialects)"),
  meterKey: option(TEXT, "meter", "", "Name of the key that signs the sealed intervals"),
  meterIntervalMs: option(integer(1000, DAY_MS), 15 * 60_000, "ms", "Length of one sealed interval"),
  meterSyncMs: option(
    integer(0, 60_000),
    0,
    "ms",
    "Readings are gathered for this long before they are written, which spares SD cards; a meter is told that one is kept when it is",
  ),
  meterAmendAfterMs: option(
    integer(0, 7 * DAY_MS),
    10 * 60_000,
    "ms",
    "Late readings of an interval become an amendment when no further one has come for this long",
  ),
  meterMaxBytes: option(
    integer(1024 * 1024, 2 ** 50),
    4 * 1024 * 1024 * 1024,
    "bytes",
    "Readings kept on disk; beyond it the oldest raw samples go, and when there are none left, meters wait",
  ),
  meterRawDays: option(
    integer(0, 36_500),
    0,
    "days",
    "Raw samples that are older and whose meter's intervals are sealed are removed; 0 keeps them as long as there is room",
  ),
  meterClearSums: option(
    SWITCH,
    false,
    "",
    "Put interval energy on the ledger in the clear instead of as a commitment",
  ),
  readingQueue: option(
    TEXT,
    "embedded",
    "",
    "How readings go from this node's log to a store: embedded, or by RabbitMQ, amqp[s]://host[:port]/vhost[?queue=NAME]",
  ),
  readingQueueCredentialsFile: option(FILE_PATH, "", "", "File whose first line is user:password for readingQueue"),
  readingStore: option(
    TEXT,
    "log",
    "",
    "Where readings rest: log (in this node's log alone), embedded (a database in the home as well), a folder, or cassandra://host[:port][,host…]/keyspace[?dc=NAME]",
  ),
  readingStoreCredentialsFile: option(FILE_PATH, "", "", "File whose first line is user:password for readingStore"),
  deviceMeters: option(
    LIST,
    [],
    "",
    "Meters that this node reads whose configuration it follows before it has sealed an interval of them",
  ),
  deviceConfigurationPollMs: option(
    integer(1000, DAY_MS),
    60_000,
    "ms",
    "Looks this often for configurations of its meters that are not urgent",
  ),

  archiveEvery: option(
    TEXT,
    "",
    "",
    "Node that reads meters: readings go to an archive every month, week, day or so many hours (6h), by UTC; empty makes none",
  ),
  archiveGraceMs: option(
    integer(0, 40 * DAY_MS),
    60 * 60_000,
    "ms",
    "An archive is made this long after its period's end, so that late readings are in it",
  ),
  archiveKey: option(TEXT, "prosumer", "", "Name of the key that seals archives: the meters' owner"),
  archiveEncrypt: option(SWITCH, true, "", "Encrypt archives; otherwise whoever knows a CID can read them"),
  archiveIpfs: option(
    TEXT,
    "",
    "URL",
    "RPC API of an IPFS node (Kubo) that pins archives, for example http://127.0.0.1:5001",
  ),
  archiveIpfsTokenFile: option(FILE_PATH, "", "", "File with the value of the Authorization header for archiveIpfs"),
  mdmsFolder: option(
    FILE_PATH,
    "",
    "",
    "Folder that gets the readings of every archive as files, for a metering data management system",
  ),
  mdmsUrl: option(TEXT, "", "URL", "The same by HTTP POST"),
  mdmsTokenFile: option(FILE_PATH, "", "", "File with the value of the Authorization header for mdmsUrl"),
  mdmsFormats: option(LIST, ["csv"], "", "csv, cim (IEC 61968-9 MeterReadings) or both"),
  simulatorMeters: option(
    integer(1, 100_000),
    1,
    "meters",
    "Simulated households; every third has panels and so a second meter",
  ),
  simulatorFirstHousehold: option(integer(0, 1_000_000), 0, "", "Number of the first simulated household"),
  simulatorSeed: option(integer(0, 2 ** 32 - 1), 1, "", "Seed of the simulated households"),
  simulatorSpeed: option(integer(1, 1_000_000), 1, "×", "Simulated seconds per second"),
  simulatorReadingMs: option(integer(1000, DAY_MS), 5000, "ms", "Simulated time between two readings of a meter"),
  simulatorLimitsFile: option(
    FILE_PATH,
    "",
    "",
    "When simulated households take how much at most, as their energy managers are told; read again at every reading (meter/README.md)",
  ),
};

export type OptionName = keyof typeof OPTIONS;

/** The value of every option, as `startNode` takes it. */
export type NodeOptions = {
  readonly [Name in OptionName]: (typeof OPTIONS)[Name] extends OptionSpec<infer T> ? T : never;
};

export const OPTION_NAMES = Object.keys(OPTIONS) as readonly OptionName[];

/** The table with its value types erased, for code that walks over all options. */
export const OPTION_TABLE: Readonly<Record<OptionName, OptionSpec<unknown>>> = OPTIONS;

export const ENVIRONMENT_PREFIX = "ENERGY_LEDGER_";

/** `apiPort` → `ENERGY_LEDGER_API_PORT`. */
export function environmentName(name: OptionName): string {
  return ENVIRONMENT_PREFIX + name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase();
}

/** `apiPort` → `--api-port`. */
export function flagName(name: OptionName): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

export function defaultOptions(overrides: Partial<NodeOptions> = {}): NodeOptions {
  const defaults = Object.fromEntries(OPTION_NAMES.map((name) => [name, OPTIONS[name].default]));
  return { ...(defaults as unknown as NodeOptions), ...overrides };
}
