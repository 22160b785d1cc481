import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { isIPv4 } from "node:net";
import { resolve } from "node:path";
import { type Command, Option } from "commander";
import { generatePrivateKey, publicKeyOf } from "#storage/crypto/keys.ts";
import { LedgerError } from "#storage/error.ts";
import { MAX_CHAIN_ID_BYTES } from "#storage/limits.ts";
import { formatGenesis, type Genesis, parseGenesis, validateGenesis } from "#storage/types/genesis.ts";
import { NODE_KEY_NAME, VALIDATOR_KEY_NAME } from "../../configurationHome.ts";
import type { NodeOptions, NodeRole } from "../../options.ts";
import { cliError } from "../cliError.ts";
import { type CommandContext, commandContext, example } from "../context.ts";
import { type NewHome, writeHome } from "../home.ts";
import type { CliIo } from "../io.ts";
import { METER_KEY_NAME, OPERATOR_KEY_NAME, PROSUMER_KEY_NAME } from "../keyNames.ts";
import { accountOf } from "../keyStore.ts";
import { genesisOf, planNetwork, writeNetwork } from "../networkPlan.ts";
import { show, table } from "../output.ts";
import { readNewPassphrase } from "../passphrase.ts";

interface InitFlags {
  readonly role: NodeRole;
  readonly moniker?: string;
  readonly chainId?: string;
  readonly genesis?: string;
  readonly peers?: string;
  readonly validators?: string;
  readonly full: string;
  readonly light: string;
  readonly host: string;
  readonly engine: NodeOptions["engine"];
  readonly output?: string;
}

export function initCommand(program: Command, io: CliIo): void {
  program
    .command("init")
    .description("Make a node's home: encrypted keys, genesis and configuration")
    .addOption(
      new Option("--role <role>", "role in the network of --genesis")
        .choices(["validator", "full", "light"])
        .default("full"),
    )
    .option("--moniker <name>", "name shown to operators")
    .option("--genesis <file>", "join the network of this genesis.json instead of founding one")
    .option("--peers <a,b>", "with --genesis: multiaddresses of nodes of that network")
    .option("--chain-id <id>", "founding: name of the ledger, never used before (default: a random one)")
    .option("--validators <n>", "founding: make the homes of this many validators, into --output")
    .option("--full <n>", "founding: and of this many full nodes", "0")
    .option("--light <n>", "founding: and of this many light nodes", "0")
    .option("--host <ip,…>", "founding: address at which all nodes are reached, or one for every node", "127.0.0.1")
    .addOption(
      new Option("--engine <engine>", "what orders transactions into blocks; the same for all nodes of a network")
        .choices(["embedded", "cometbft"])
        .default("embedded"),
    )
    .option("--output <folder>", "founding: folder for the homes of several nodes")
    .addHelpText(
      "after",
      example(
        "init --home ~/ledger --chain-id my-ledger",
        "init --chain-id my-ledger --validators 4 --full 1 --light 2 --output ./net",
        "init --chain-id my-ledger --validators 4 --engine cometbft --host 10.0.0.1,10.0.0.2,10.0.0.3,10.0.0.4 --output ./net",
        "init --home ~/pi --role light --genesis genesis.json --peers /ip4/10.0.0.2/tcp/26656/p2p/12D3KooW…",
      ),
    )
    .action(async (flags: InitFlags, command: Command) => {
      const context = commandContext(io, command);
      if (flags.genesis !== undefined) return joinNetwork(context, flags, flags.genesis);
      if (flags.validators !== undefined) return foundNetwork(context, flags);
      return foundAlone(context, flags);
    });
}

async function foundNetwork(context: CommandContext, flags: InitFlags): Promise<void> {
  const { io } = context;
  if (flags.output === undefined)
    throw cliError("usage", "OUTPUT_MISSING", "several homes need a folder to be in", "add --output FOLDER");
  const plan = await planNetwork({
    chainId: chainIdOf(flags),
    validators: count(flags.validators ?? "", "--validators"),
    full: count(flags.full, "--full"),
    light: count(flags.light, "--light"),
    genesisTimeMs: io.nowMs(),
    host: hostsOf(flags),
    engine: flags.engine,
  });
  const passphrase = await readNewPassphrase(io, context.options.passphraseFile);
  const homes = await writeNetwork(plan, resolve(flags.output), passphrase);
  report(context, plan.chainId, homes);
}

/** One validator that is a network by itself, at the default addresses. */
async function foundAlone(context: CommandContext, flags: InitFlags): Promise<void> {
  const { io, options } = context;
  const plan = await planNetwork({
    chainId: chainIdOf(flags),
    validators: 1,
    full: 0,
    light: 0,
    genesisTimeMs: io.nowMs(),
    host: flags.host,
  });
  const keys = plan.nodes[0]?.keys ?? {};
  const config = {
    role: "validator" as const,
    moniker: flags.moniker ?? "validator",
    ...(flags.engine === "cometbft" ? { engine: flags.engine } : {}),
  };
  const home = { home: options.home, config, genesis: formatGenesis(genesisOf(plan)), keys };
  await writeHome(home, await readNewPassphrase(io, options.passphraseFile));
  report(context, plan.chainId, [home]);
}

async function joinNetwork(context: CommandContext, flags: InitFlags, genesisFile: string): Promise<void> {
  const { io, options } = context;
  const { genesis, text } = readGenesis(genesisFile);
  const peers = (flags.peers ?? "").split(",").filter((peer) => peer !== "");
  const config: Partial<NodeOptions> = {
    role: flags.role,
    moniker: flags.moniker ?? flags.role,
    ...(flags.engine === "cometbft" && flags.role !== "light" ? { engine: flags.engine } : {}),
    seeds: peers,
    ...(flags.role === "light" ? { fullNodes: peers } : { persistentPeers: peers }),
  };
  const home = { home: options.home, config, genesis: text, keys: joiningKeys(flags.role) };
  await writeHome(home, await readNewPassphrase(io, options.passphraseFile));
  report(context, genesis.chainId, [home]);
}

function joiningKeys(role: NodeRole) {
  const keys = { [NODE_KEY_NAME]: generatePrivateKey("ed25519") };
  const account = generatePrivateKey("secp256k1");
  if (role === "light")
    return { ...keys, [PROSUMER_KEY_NAME]: account, [METER_KEY_NAME]: generatePrivateKey("ed25519") };
  if (role === "full") return { ...keys, [OPERATOR_KEY_NAME]: account };
  return { ...keys, [OPERATOR_KEY_NAME]: account, [VALIDATOR_KEY_NAME]: generatePrivateKey("ed25519") };
}

/** What others need to know of the new homes: public keys and accounts, never secrets. */
function report(context: CommandContext, chainId: string, homes: readonly NewHome[]): void {
  const views = homes.map(({ home, config, keys }) => ({
    home,
    role: config.role,
    moniker: config.moniker,
    keys: Object.entries(keys).map(([name, key]) => {
      const publicKey = publicKeyOf(key);
      const { account } = accountOf(publicKey);
      return { name, type: publicKey.type, publicKey: Buffer.from(publicKey.bytes).toString("hex"), account };
    }),
  }));
  show(context.io, context.json, { chainId, homes: views }, () => {
    const rows = views.flatMap(({ home, role, keys }) => keys.map((key) => [home, role ?? "", key.name, key.account]));
    const first = views[0]?.home ?? "";
    return `chain ${chainId}\n${table(["HOME", "ROLE", "KEY", "ACCOUNT"], rows)}next: energy-ledger start --home ${first}\n`;
  });
}

function hostsOf({ host }: InitFlags): string | readonly string[] {
  const hosts = host.split(",");
  for (const each of hosts)
    if (!isIPv4(each))
      throw cliError("usage", "HOST_MALFORMED", JSON.stringify(each), "write IPv4 addresses, such as 10.0.0.1");
  return hosts.length === 1 ? host : hosts;
}

function readGenesis(file: string): { genesis: Genesis; text: string } {
  const hint = "ask an operator of the network for its genesis.json";
  let text: string;
  let genesis: Genesis;
  try {
    text = readFileSync(file, "utf8");
    genesis = parseGenesis(text);
  } catch (error) {
    const reason =
      error instanceof LedgerError ? error.message : ((error as NodeJS.ErrnoException).code ?? String(error));
    throw cliError("usage", "GENESIS_UNREADABLE", `cannot use ${file}: ${reason}`, hint);
  }
  const verdict = validateGenesis(genesis);
  if (!verdict.accepted) throw cliError("usage", verdict.code, `cannot use ${file}: ${verdict.reason}`, hint);
  return { genesis, text };
}

function chainIdOf({ chainId = `edream-${randomBytes(4).toString("hex")}` }: InitFlags): string {
  const bytes = Buffer.byteLength(chainId);
  if (bytes >= 1 && bytes <= MAX_CHAIN_ID_BYTES && /^[\w.-]+$/.test(chainId)) return chainId;
  const hint = `use letters, digits, . - and _, at most ${MAX_CHAIN_ID_BYTES}`;
  throw cliError("usage", "CHAIN_ID_INVALID", `${JSON.stringify(chainId)} cannot name a ledger`, hint);
}

function count(text: string, flag: string): number {
  if (/^\d{1,3}$/.test(text)) return Number(text);
  throw cliError("usage", "COUNT_MALFORMED", `${flag} is ${JSON.stringify(text)}`, "write a small whole number");
}
