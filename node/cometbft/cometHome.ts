import { copyFileSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "smol-toml";
import type { PrivateKey } from "#storage/crypto/keys.ts";
import { MAX_TX_BYTES } from "#storage/limits.ts";
import { formatNodeKey } from "#storage/types/nodeKey.ts";
import { homePaths } from "../configurationHome.ts";
import type { NodeOptions } from "../options.ts";
import type { ListenAddress } from "../rpc/listenAddress.ts";
import { CometError } from "./cometError.ts";
import { cometNodeKey } from "./cometNodeKey.ts";
import { MAX_BATCH_REQUESTS } from "./cometRpc.ts";

/** CometBFT's home within a node's home, and the sockets over which the two processes talk. */
export interface CometHome {
  readonly directory: string;
  readonly abciSocket: string;
  readonly signerSocket: string;
  /** Of its JSON-RPC, with scheme. */
  readonly rpcUrl: string;
}

/** Both sockets lie in CometBFT's working directory, because the path of a socket may not be long. */
const ABCI_SOCKET = "abci.sock";
const SIGNER_SOCKET = "signer.sock";

/** Bytes of one RPC request: a batch of the largest transactions in base64 would be far more, but they come one by one. */
const MAX_RPC_BODY_BYTES = 16 * 1024 * 1024;

/**
 * Writes CometBFT's configuration from the node's own options: genesis.json, node_key.json and a config.toml for a permissioned network
 * (research/cometbft.md §3.5). Whatever was there is replaced; CometBFT's data is left alone.
 * @throws CometError COMETBFT_OPTION_INVALID
 */
export function writeCometHome(
  options: NodeOptions,
  keys: { readonly node: PrivateKey; readonly isValidator: boolean },
  rpc: ListenAddress,
): CometHome {
  const directory = join(options.home, "cometbft");
  const config = join(directory, "config");
  mkdirSync(config, { recursive: true, mode: 0o700 });
  mkdirSync(join(directory, "data"), { recursive: true, mode: 0o700 });
  copyFileSync(homePaths(options.home).genesis, join(config, "genesis.json"));
  writeFileSync(join(config, "node_key.json"), formatNodeKey(cometNodeKey(keys.node)), { mode: 0o600 });
  writeFileSync(
    join(config, "config.toml"),
    stringify(cometConfig(options, keys.isValidator, `${bracketed(rpc.host)}:${rpc.port}`)),
  );
  for (const socket of [ABCI_SOCKET, SIGNER_SOCKET]) rmSync(join(directory, socket), { force: true });
  return {
    directory,
    abciSocket: join(directory, ABCI_SOCKET),
    signerSocket: join(directory, SIGNER_SOCKET),
    rpcUrl: `http://${bracketed(reachable(rpc.host))}:${rpc.port}`,
  };
}

/** Where a server that listens everywhere is reached from the same machine. */
function reachable(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  return host === "::" ? "::1" : host;
}

function bracketed(host: string): string {
  return host.includes(":") ? `[${host}]` : host;
}

const PEER = /^[0-9a-f]{40}@[^@]+:\d{1,5}$/;

/** config.toml as an object. @throws CometError COMETBFT_OPTION_INVALID */
export function cometConfig(options: NodeOptions, isValidator: boolean, rpcAddress: string) {
  for (const peer of options.cometbftPeers)
    if (!PEER.test(peer)) {
      const reason = "write ID@host:port, where ID is what `energy-ledger keys cometbft-id` prints";
      throw new CometError({ code: "COMETBFT_OPTION_INVALID", option: "cometbftPeers", value: peer, reason });
    }
  const ms = (duration: number) => `${duration}ms`;
  const { stateSyncServers } = options;
  return {
    proxy_app: `unix://${ABCI_SOCKET}`,
    moniker: options.moniker,
    log_level: options.logLevel === "debug" || options.logLevel === "trace" ? "info" : "error",
    log_format: "json",
    priv_validator_laddr: isValidator ? `unix://${SIGNER_SOCKET}` : "",
    rpc: {
      laddr: `tcp://${rpcAddress}`,
      max_request_batch_size: MAX_BATCH_REQUESTS,
      max_body_bytes: MAX_RPC_BODY_BYTES,
    },
    p2p: {
      laddr: `tcp://${options.cometbftListen}`,
      external_address: options.cometbftAnnounce,
      persistent_peers: options.cometbftPeers.join(","),
      // Who belongs to the network is known: nobody is looked for, and private addresses are as good as public ones.
      pex: false,
      addr_book_strict: false,
      allow_duplicate_ip: true,
      flush_throttle_timeout: ms(10),
    },
    mempool: {
      type: "flood",
      // Transactions travel over libp2p and come to every CometBFT from its own node.
      broadcast: false,
      recheck: true,
      size: options.mempoolMaxTxs,
      max_txs_bytes: options.mempoolMaxBytes,
      cache_size: 2 * options.mempoolMaxTxs,
      max_tx_bytes: MAX_TX_BYTES,
    },
    consensus: {
      timeout_propose: ms(options.timeoutProposeMs),
      timeout_propose_delta: ms(options.timeoutProposeDeltaMs),
      timeout_prevote: ms(options.timeoutVoteMs),
      timeout_prevote_delta: ms(options.timeoutVoteDeltaMs),
      timeout_precommit: ms(options.timeoutVoteMs),
      timeout_precommit_delta: ms(options.timeoutVoteDeltaMs),
      timeout_commit: ms(options.timeoutCommitMs),
      create_empty_blocks: options.createEmptyBlocks,
      create_empty_blocks_interval: ms(options.heartbeatMs),
      peer_gossip_sleep_duration: ms(10),
    },
    statesync: {
      enable: stateSyncServers.length > 0,
      rpc_servers: stateSyncServers.join(","),
      trust_height: options.trustedHeight,
      trust_hash: options.trustedHash,
      trust_period: ms(options.trustingPeriodMs),
      discovery_time: "5s",
    },
    tx_index: { indexer: "kv" },
    storage: { discard_abci_responses: false },
    instrumentation: { prometheus: false },
  };
}
