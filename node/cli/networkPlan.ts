import { join } from "node:path";
import type { GenesisAppState } from "#consensus/application/genesisState.ts";
import { NEW_LEDGER_PARAMS } from "#consensus/application/newLedgerParams.ts";
import { addressOf, generatePrivateKey, type PrivateKey, publicKeyOf } from "#storage/crypto/keys.ts";
import { formatGenesis, type Genesis } from "#storage/types/genesis.ts";
import { DEFAULT_CONSENSUS_PARAMS } from "#storage/types/params.ts";
import { timestampFromMs } from "#storage/types/time.ts";
import { cometNodeId } from "../cometbft/cometNodeKey.ts";
import { NODE_KEY_NAME, VALIDATOR_KEY_NAME } from "../configurationHome.ts";
import type { NodeOptions, NodeRole } from "../options.ts";
import { cliError } from "./cliError.ts";
import { type NewHome, writeHome } from "./home.ts";
import { METER_KEY_NAME, OPERATOR_KEY_NAME, PROSUMER_KEY_NAME } from "./keyNames.ts";
import { accountOf } from "./keyStore.ts";

/** Nodes whose default ports do not collide. */
export const MAX_PLANNED_NODES = 24;

export interface NodePlan {
  /** `validator0`, `full0`, `light0`, …: the name of its folder and its moniker. */
  readonly name: string;
  readonly role: NodeRole;
  readonly keys: Readonly<Record<string, PrivateKey>>;
  readonly p2pPort: number;
  readonly config: Partial<NodeOptions>;
}

/** `comet` is CometBFT's own, for nodes that run it. */
export interface NodePorts {
  readonly p2p: number;
  readonly api: number;
  readonly comet: number;
}

/** A network that is to be made: nothing is written yet, so that callers may change configurations or add meters first. */
export interface NetworkPlan {
  readonly chainId: string;
  readonly genesisTimeMs: number;
  readonly nodes: readonly NodePlan[];
  readonly appState: GenesisAppState;
}

/**
 * Keys, roles and connections of a new network. Operators of validators are regulators, the first one also owns the ledger; every light node is
 * a prosumer with one meter key. Nodes of one host get ports of their own, nodes of different hosts the same.
 * @throws CliError NETWORK_SIZE_INVALID
 */
export async function planNetwork(options: {
  readonly chainId: string;
  readonly validators: number;
  readonly full: number;
  readonly light: number;
  readonly genesisTimeMs: number;
  /** An IPv4 address at which all nodes are reached, or one for every node. */
  readonly host: string | readonly string[];
  readonly ports?: readonly NodePorts[];
  readonly engine?: NodeOptions["engine"];
}): Promise<NetworkPlan> {
  const { chainId, validators, full, light, genesisTimeMs, engine = "embedded" } = options;
  const total = validators + full + light;
  if (validators < 1 || total > MAX_PLANNED_NODES) {
    const message = `${validators} validators and ${total} nodes`;
    throw cliError(
      "usage",
      "NETWORK_SIZE_INVALID",
      message,
      `at least 1 validator and at most ${MAX_PLANNED_NODES} nodes`,
    );
  }
  const roles = [
    ...Array.from({ length: validators }, () => "validator" as const),
    ...Array.from({ length: full }, () => "full" as const),
    ...Array.from({ length: light }, () => "light" as const),
  ];
  const places = placesOf(options, total);
  const drafts = await Promise.all(
    roles.map((role, index) => draftNode(role, `${role}${index - roles.indexOf(role)}`, places[index] as Place)),
  );
  const nodes = drafts.map((draft) => ({
    ...draft,
    config: {
      ...draft.config,
      ...connections(draft, drafts),
      ...(engine === "cometbft" && draft.role !== "light" ? cometConnections(draft, drafts) : {}),
    },
  }));
  return { chainId, genesisTimeMs, nodes, appState: firstMembers(nodes) };
}

/** Writes the homes of all nodes into folders named after them. */
export async function writeNetwork(
  plan: NetworkPlan,
  directory: string,
  passphrase: string,
): Promise<readonly NewHome[]> {
  const genesis = formatGenesis(genesisOf(plan));
  const homes = plan.nodes.map(({ name, config, keys }) => ({ home: join(directory, name), config, genesis, keys }));
  for (const home of homes) await writeHome(home, passphrase);
  return homes;
}

export function genesisOf(plan: NetworkPlan): Genesis {
  const validators = plan.nodes.flatMap(({ name, keys }) => {
    const key = keys[VALIDATOR_KEY_NAME];
    if (key === undefined) return [];
    const publicKey = publicKeyOf(key);
    return [{ address: addressOf(publicKey), publicKey, power: 10n, name }];
  });
  return {
    genesisTime: timestampFromMs(plan.genesisTimeMs),
    chainId: plan.chainId,
    initialHeight: 1,
    consensusParams: DEFAULT_CONSENSUS_PARAMS,
    validators,
    appHash: new Uint8Array(0),
    appState: plan.appState,
  };
}

interface Place extends NodePorts {
  readonly host: string;
}

type Draft = NodePlan & { readonly multiaddress: string; readonly place: Place };

/** @throws CliError NETWORK_HOSTS_COUNT */
function placesOf({ host, ports }: Parameters<typeof planNetwork>[0], total: number): readonly Place[] {
  const hosts = typeof host === "string" ? Array.from({ length: total }, () => host) : host;
  if (hosts.length !== total) {
    const message = `${hosts.length} addresses for ${total} nodes`;
    throw cliError("usage", "NETWORK_HOSTS_COUNT", message, "give one address for all, or one for every node");
  }
  return hosts.map((each, index) => {
    const before = hosts.slice(0, index).filter((other) => other === each).length;
    const defaults = { p2p: 26_656 + before, api: 26_680 + before, comet: 26_720 + before };
    return { host: each, ...(ports?.[index] ?? defaults) };
  });
}

async function draftNode(role: NodeRole, name: string, place: Place): Promise<Draft> {
  // libp2p is loaded only here, so that commands that do not need it start fast.
  const { peerIdOfSeed } = await import("../network/nodeKey.ts");
  const { host, p2p, api } = place;
  const keys = newKeys(role);
  const peerId = await peerIdOfSeed((keys[NODE_KEY_NAME] as PrivateKey).bytes);
  const listen = `/ip4/${host}/tcp/${p2p}`;
  const config = { role, moniker: name, p2pListen: [listen], apiPort: api };
  return { name, role, keys, p2pPort: p2p, config, place, multiaddress: `${listen}/p2p/${peerId}` };
}

function newKeys(role: NodeRole): Record<string, PrivateKey> {
  const node = generatePrivateKey("ed25519");
  if (role === "light")
    return {
      [NODE_KEY_NAME]: node,
      [PROSUMER_KEY_NAME]: generatePrivateKey("secp256k1"),
      [METER_KEY_NAME]: generatePrivateKey("ed25519"),
    };
  const operator = generatePrivateKey("secp256k1");
  if (role === "full") return { [NODE_KEY_NAME]: node, [OPERATOR_KEY_NAME]: operator };
  return { [NODE_KEY_NAME]: node, [OPERATOR_KEY_NAME]: operator, [VALIDATOR_KEY_NAME]: generatePrivateKey("ed25519") };
}

/** Validators hold on to each other, full nodes to the validators; light nodes ask all of them. */
function connections(draft: Draft, all: readonly Draft[]): Partial<NodeOptions> {
  const others = (roles: readonly NodeRole[]) =>
    all.filter((other) => other !== draft && roles.includes(other.role)).map((other) => other.multiaddress);
  const seeds = others(["validator", "full"]);
  if (draft.role === "light") return { seeds, fullNodes: seeds };
  return { seeds, persistentPeers: others(["validator"]) };
}

/** Every CometBFT holds on to those of all validators. */
function cometConnections(draft: Draft, all: readonly Draft[]): Partial<NodeOptions> {
  const addressOfComet = ({ place: { host, comet } }: Draft) => `${host}:${comet}`;
  return {
    engine: "cometbft",
    cometbftListen: addressOfComet(draft),
    cometbftPeers: all
      .filter((other) => other !== draft && other.role === "validator")
      .map((other) => `${cometNodeId(other.keys[NODE_KEY_NAME] as PrivateKey)}@${addressOfComet(other)}`),
  };
}

function firstMembers(nodes: readonly NodePlan[]): GenesisAppState {
  const accountOfKey = (node: NodePlan, name: string) => accountOf(publicKeyOf(node.keys[name] as PrivateKey)).account;
  const roleOf = { validator: "regulator", full: "dso", light: "prosumer" } as const;
  const members = nodes.map((node) => ({
    account: accountOfKey(node, node.role === "light" ? PROSUMER_KEY_NAME : OPERATOR_KEY_NAME),
    role: roleOf[node.role],
  }));
  return { owner: accountOfKey(nodes[0] as NodePlan, OPERATOR_KEY_NAME), members, params: NEW_LEDGER_PARAMS };
}
