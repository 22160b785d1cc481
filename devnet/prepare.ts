import { randomBytes } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { GenesisMeter, GenesisParams } from "#consensus/application/genesisState.ts";
import { METER_KEY_NAME, PROSUMER_KEY_NAME } from "#node/cli/keyNames.ts";
import { accountOf } from "#node/cli/keyStore.ts";
import { type NetworkPlan, type NodePlan, planNetwork, writeNetwork } from "#node/cli/networkPlan.ts";
import { freeNodePorts, freePorts } from "#node/freePorts.ts";
import { deviceKeyOf, meterSecretOf } from "#node/light/meterKeys.ts";
import { createCsvSource } from "#node/meter/csv.ts";
import { householdMeters } from "#node/meter/householdSource.ts";
import type { NodeOptions } from "#node/options.ts";
import { sha256 } from "#storage/crypto/hash.ts";
import { type PrivateKey, publicKeyOf } from "#storage/crypto/keys.ts";
import { periodSeed } from "#storage/types/intervalSecrets.ts";

export interface NetOptions {
  readonly directory: string;
  readonly validators: number;
  readonly full: number;
  readonly light: number;
  /** Default: the embedded one. */
  readonly engine?: NodeOptions["engine"];
  /** Program of CometBFT, for that engine. */
  readonly cometbftBinary?: string;
  /** Households that each light node simulates. */
  readonly households: number;
  /** A file of readings for the first light node instead of a simulation. */
  readonly dataFile: string | undefined;
  /** Parameters of the genesis beside those of a new ledger. */
  readonly params?: Partial<GenesisParams>;
  /** What the configuration of a node says besides. */
  readonly configOf?: (node: Pick<PreparedNode, "name" | "role">) => Partial<NodeOptions>;
}

export interface PreparedNode {
  readonly name: string;
  readonly role: "validator" | "full" | "light";
  readonly home: string;
  readonly apiUrl: string;
  /** Of CometBFT's RPC, which light nodes do not serve. */
  readonly rpcUrl: string | undefined;
  /** Of BigchainDB's HTTP API and event stream, which light nodes do not serve. */
  readonly bigchainUrl: string | undefined;
  readonly bigchainStreamUrl: string | undefined;
}

export interface PreparedNet {
  readonly chainId: string;
  readonly nodes: readonly PreparedNode[];
}

const PERIOD_MS = 24 * 3600 * 1000;
const QUARTER_HOUR_MS = 15 * 60 * 1000;

/** A simulated minute per reading, and an interval of a quarter of an hour every second. */
const SIMULATION: Partial<NodeOptions> = {
  meterSource: "simulator",
  meterIntervalMs: QUARTER_HOUR_MS,
  simulatorReadingMs: 60_000,
  simulatorSpeed: 900,
};

/** Everything on one machine and watched: short waits, no limit on questions, no second page of documents in small processes. */
const COMMON: Partial<NodeOptions> = {
  apiRequestsPerSecond: 100_000,
  heartbeatMs: 1_000,
  timeoutProposeMs: 2_000,
  timeoutCommitMs: 300,
  logLevel: "info",
};

/** Makes the homes of the net: keys, genesis with all members and meters, configurations with free ports. */
export async function prepareNet(options: NetOptions): Promise<PreparedNet> {
  const { directory, validators, full, light } = options;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const passphrase = randomBytes(16).toString("hex");
  const passphraseFile = join(directory, "passphrase");
  writeFileSync(passphraseFile, `${passphrase}\n`, { mode: 0o600 });

  const ports = await freeNodePorts(validators + full + light);
  const rpcPorts = await freePorts(validators + full);
  const bigchainPorts = await freePorts(2 * (validators + full));
  const chainId = `devnet-${randomBytes(3).toString("hex")}`;
  const base = await planNetwork({
    chainId,
    validators,
    full,
    light,
    genesisTimeMs: Date.now(),
    host: "127.0.0.1",
    ports,
    engine: options.engine ?? "embedded",
  });
  const meters: GenesisMeter[] = [];
  const nodes: NodePlan[] = [];
  let lights = 0;
  for (const [index, node] of base.nodes.entries()) {
    const own = options.configOf?.(node) ?? {};
    const config: Partial<NodeOptions> = {
      ...node.config,
      ...COMMON,
      passphraseFile,
      ...engineConfig(options),
      ...own,
    };
    if (node.role !== "light") {
      const rpcListen = `127.0.0.1:${rpcPorts[index]}`;
      const bigchain = bigchainAt(bigchainPorts, index);
      nodes.push({ ...node, config: { ...config, workers: 1, rpcListen, ...bigchain } });
    } else {
      const metering = await meteringOf(options, lights);
      const meteringConfig = { ...metering.config, ...own };
      meters.push(...enrol(node, chainId, metering.meters, meteringConfig.meterIntervalMs ?? QUARTER_HOUR_MS));
      nodes.push({ ...node, config: { ...config, ...meteringConfig, apiDocs: false } });
      lights += 1;
    }
  }
  const plan: NetworkPlan = {
    ...base,
    nodes,
    appState: { ...base.appState, meters, params: { ...base.appState.params, ...options.params } },
  };
  await writeNetwork(plan, directory, passphrase);
  return {
    chainId,
    nodes: nodes.map(({ name, role }, index) => ({
      name,
      role,
      home: join(directory, name),
      apiUrl: `http://127.0.0.1:${ports[index]?.api}`,
      rpcUrl: rpcPorts[index] === undefined ? undefined : `http://127.0.0.1:${rpcPorts[index]}`,
      ...bigchainUrls(bigchainPorts, index),
    })),
  };
}

/** Two ports for each node, in their order; undefined behind the last one that has them. */
function bigchainPortsOf(ports: readonly number[], index: number): readonly [number, number] | undefined {
  const [http, stream] = ports.slice(2 * index, 2 * index + 2);
  return http === undefined || stream === undefined ? undefined : [http, stream];
}

function bigchainAt(ports: readonly number[], index: number): Partial<NodeOptions> {
  const own = bigchainPortsOf(ports, index);
  return own === undefined
    ? {}
    : { bigchainListen: `127.0.0.1:${own[0]}`, bigchainStreamListen: `127.0.0.1:${own[1]}` };
}

function bigchainUrls(ports: readonly number[], index: number) {
  const own = bigchainPortsOf(ports, index);
  return {
    bigchainUrl: own && `http://127.0.0.1:${own[0]}`,
    bigchainStreamUrl: own && `ws://127.0.0.1:${own[1]}`,
  };
}

function engineConfig({ engine, cometbftBinary }: NetOptions): Partial<NodeOptions> {
  return engine === "cometbft" && cometbftBinary !== undefined ? { cometbftBinary } : {};
}

interface PlannedMeter {
  readonly meterId: string;
  readonly direction: "import" | "export";
  readonly firstMs: number;
}

/** What the `index`-th light node measures: the file, or its own households. */
async function meteringOf(
  { dataFile, households }: NetOptions,
  index: number,
): Promise<{ readonly meters: readonly PlannedMeter[]; readonly config: Partial<NodeOptions> }> {
  if (dataFile !== undefined) {
    if (index > 0) return { meters: [], config: { meterSource: "none" } };
    // A day per interval: a file of a year is sealed in minutes rather than hours.
    const config = { meterSource: "csv" as const, meterCsvFile: dataFile, meterIntervalMs: PERIOD_MS };
    return { meters: await metersOfFile(dataFile), config };
  }
  const firstHousehold = index * households;
  const meters = householdMeters({ households, firstHousehold }).map((meter) => ({ ...meter, firstMs: Date.now() }));
  const config = { ...SIMULATION, simulatorMeters: households, simulatorFirstHousehold: firstHousehold };
  return { meters, config };
}

/** The meters of a file and their first reading: they must be enrolled before they can seal. */
async function metersOfFile(path: string): Promise<readonly PlannedMeter[]> {
  const first = new Map<string, number>();
  for await (const item of createCsvSource({ path, nowMs: Date.now }).readings(new AbortController().signal)) {
    if (item.type !== "reading") continue;
    const { meterId, timestampMs } = item.reading;
    first.set(meterId, Math.min(first.get(meterId) ?? timestampMs, timestampMs));
  }
  return [...first].map(([meterId, firstMs]) => ({ meterId, direction: "import" as const, firstMs }));
}

function enrol(node: NodePlan, chainId: string, meters: readonly PlannedMeter[], intervalMs: number): GenesisMeter[] {
  const meterKey = node.keys[METER_KEY_NAME] as PrivateKey;
  const owner = accountOf(publicKeyOf(node.keys[PROSUMER_KEY_NAME] as PrivateKey)).account;
  return meters.map(({ meterId, direction, firstMs }) => {
    const publicKey = publicKeyOf(deviceKeyOf(meterKey, meterId));
    const intervalOwner = { ledgerId: chainId, meterId, secret: meterSecretOf(meterKey, meterId) };
    const seed = periodSeed(intervalOwner, Math.floor((firstMs - 1) / PERIOD_MS) * PERIOD_MS);
    return {
      meterId,
      deviceKey: { type: publicKey.type, value: Buffer.from(publicKey.bytes).toString("base64") },
      owner,
      quantity: "electricity",
      direction,
      seedCommitment: Buffer.from(sha256(seed)).toString("hex"),
      intervalMs,
    };
  });
}
