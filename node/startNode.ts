import { existsSync, readFileSync } from "node:fs";
import type { Logger } from "pino";
import { ed25519Implementation } from "#storage/crypto/ed25519.ts";
import { nativeCrypto } from "#storage/crypto/keys.ts";
import { parseGenesis, validateGenesis } from "#storage/types/genesis.ts";
import { loadKey } from "./cli/keyStore.ts";
import { ConfigurationError } from "./configuration.ts";
import { homePaths, NODE_KEY_NAME, VALIDATOR_KEY_NAME } from "./configurationHome.ts";
import { noteHomeFiles } from "./homeSums.ts";
import type { NodeOptions } from "./options.ts";
import type { RunningNode } from "./runningNode.ts";

/**
 * Starts the node of a home. Modules of a role are loaded for that role only: a light node on a small computer must not carry
 * what a validator needs.
 * @throws ConfigurationError CONFIG_UNREADABLE, CONFIG_MALFORMED (genesis.json); CliError for keys; errors of the parts
 */
export async function startNode(
  options: NodeOptions,
  parts: { readonly log: Logger; readonly passphrase: () => Promise<string> },
): Promise<RunningNode> {
  const { log } = parts;
  const paths = homePaths(options.home);
  const genesis = readGenesis(paths.genesis);
  warnIfNotNative(options.role, log);
  await noteHomeFiles(options.home, paths.data, log);
  const passphrase = await parts.passphrase();
  const node = await loadKey(paths.keys, NODE_KEY_NAME, passphrase);
  if (options.role === "light") {
    const { startLightNode } = await import("./light/lightNode.ts");
    return startLightNode(options, genesis, { node, passphrase }, { log });
  }
  const validator =
    options.role === "validator" ? await loadKey(paths.keys, VALIDATOR_KEY_NAME, passphrase) : undefined;
  const [{ startFullNode }, { createMetrics }] = await Promise.all([
    import("./fullNode.ts"),
    import("./api/metrics.ts"),
  ]);
  const meters = await metersOf(options, passphrase);
  const bigchain = isBigchainOn(options) ? await loadKey(paths.keys, options.bigchainKey, passphrase) : undefined;
  const bridge = await bridgeKeysOf(options, passphrase);
  const actor = options.ethereumKey === "" ? undefined : await loadKey(paths.keys, options.ethereumKey, passphrase);
  const keys = { node, validator, meters, bigchain, bridge, actor };
  return startFullNode(options, genesis, keys, { log, metrics: createMetrics() });
}

function isBigchainOn({ bigchainListen, bigchainStreamListen }: NodeOptions): boolean {
  return bigchainListen !== "" || bigchainStreamListen !== "";
}

/** Undefined for a node that takes no part in the bridge. */
async function bridgeKeysOf(options: NodeOptions, passphrase: string) {
  const { ethereumUrl, bridgeKey, bridgeRelay, relayKey } = options;
  if (ethereumUrl === "" && bridgeKey === "") return undefined;
  const { keys } = homePaths(options.home);
  return {
    bridge: bridgeKey === "" ? undefined : await loadKey(keys, bridgeKey, passphrase),
    relayer: bridgeRelay ? await loadKey(keys, relayKey, passphrase) : undefined,
  };
}

/** What a full node that reads meters needs; undefined for all others. */
async function metersOf(options: NodeOptions, passphrase: string) {
  const paths = homePaths(options.home);
  if (options.meterSource !== "inputs" || !existsSync(paths.meters)) return undefined;
  const { loadMetersFile } = await import("./meter/metersFile.ts");
  const metersFile = await loadMetersFile(paths.meters);
  if (metersFile.inputs.length === 0) return undefined;
  const meterKey = await loadKey(paths.keys, options.meterKey, passphrase);
  if (options.archiveEvery === "") return { metersFile, meterKey };
  return { metersFile, meterKey, archiveKey: await loadKey(paths.keys, options.archiveKey, passphrase) };
}

/** A light node's keys and its validators' are Ed25519: asking for the other kind would only load it. */
function warnIfNotNative(role: NodeOptions["role"], log: Logger): void {
  const { implementation } = ed25519Implementation;
  const native = role === "light" ? { ed25519: implementation } : nativeCrypto();
  if (Object.values(native).includes("noble"))
    log.warn(native, "A native signature library is missing: signature checks are 20 to 35 times slower");
}

function readGenesis(file: string) {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    const reason = `${(error as NodeJS.ErrnoException).code}; make a home with \`energy-ledger init\``;
    throw new ConfigurationError({ code: "CONFIG_UNREADABLE", file, reason }, { cause: error });
  }
  const genesis = parseGenesis(text);
  const verdict = validateGenesis(genesis);
  if (!verdict.accepted)
    throw new ConfigurationError({ code: "CONFIG_MALFORMED", file, reason: `${verdict.code}: ${verdict.reason}` });
  return genesis;
}
