import type { PublicKey } from "#storage/crypto/keys.ts";
import { publicKeyToJson } from "#storage/types/keyJson.ts";
import { EPOCH, type Timestamp, ZERO_TIME } from "#storage/types/time.ts";
import { hex, int64, time } from "./primitives.ts";

/** What a node says of itself (p2p.DefaultNodeInfo). */
export interface NodeInfo {
  /** CometBFT's node id: the address of the node's Ed25519 key, lower-case hex. */
  readonly id: string;
  readonly listenAddress: string;
  readonly network: string;
  readonly version: string;
  readonly appVersion: number;
  /** One byte for each of CometBFT's channels. */
  readonly channels: Uint8Array;
  readonly moniker: string;
  readonly txIndex: "on" | "off";
  readonly rpcAddress: string;
}

/** P2P and block protocol of CometBFT 0.38. */
const P2P_PROTOCOL = 8;
const BLOCK_PROTOCOL = 11;

export function nodeInfoJson(info: NodeInfo): object {
  return {
    protocol_version: { p2p: int64(P2P_PROTOCOL), block: int64(BLOCK_PROTOCOL), app: int64(info.appVersion) },
    id: info.id,
    listen_addr: info.listenAddress,
    network: info.network,
    version: info.version,
    channels: hex(info.channels),
    moniker: info.moniker,
    other: { tx_index: info.txIndex, rpc_address: info.rpcAddress },
  };
}

export interface ChainEnd {
  readonly hash: Uint8Array;
  readonly appHash: Uint8Array;
  readonly height: number;
  readonly time: Timestamp;
}

/** The end of a chain without a block. */
export const NO_BLOCK: ChainEnd = { hash: new Uint8Array(0), appHash: new Uint8Array(0), height: 0, time: EPOCH };

export function statusJson(status: {
  readonly nodeInfo: NodeInfo;
  readonly latest: ChainEnd;
  readonly earliest: ChainEnd;
  readonly catchingUp: boolean;
  readonly validator: { readonly address: Uint8Array; readonly publicKey: PublicKey; readonly power: bigint };
}): object {
  const { nodeInfo, latest, earliest, catchingUp, validator } = status;
  return {
    node_info: nodeInfoJson(nodeInfo),
    sync_info: {
      latest_block_hash: hex(latest.hash),
      latest_app_hash: hex(latest.appHash),
      latest_block_height: int64(latest.height),
      latest_block_time: time(latest.time),
      earliest_block_hash: hex(earliest.hash),
      earliest_app_hash: hex(earliest.appHash),
      earliest_block_height: int64(earliest.height),
      earliest_block_time: time(earliest.time),
      catching_up: catchingUp,
    },
    validator_info: {
      address: hex(validator.address),
      pub_key: publicKeyToJson(validator.publicKey),
      voting_power: int64(validator.power),
    },
  };
}

export interface ConnectedPeer {
  readonly nodeInfo: NodeInfo;
  readonly isOutbound: boolean;
  readonly remoteIp: string;
  readonly connectedSince: Timestamp;
  readonly connectedMs: number;
  /** Payload received since then. */
  readonly receivedBytes: number;
}

export function netInfoJson(listeners: readonly string[], peers: readonly ConnectedPeer[]): object {
  return {
    listening: listeners.length > 0,
    listeners,
    n_peers: int64(peers.length),
    peers: peers.map(peerJson),
  };
}

function peerJson(peer: ConnectedPeer): object {
  const duration = int64(BigInt(Math.floor(peer.connectedMs)) * 1_000_000n);
  const seconds = peer.connectedMs / 1000;
  const received = {
    Start: time(peer.connectedSince),
    Bytes: int64(peer.receivedBytes),
    AvgRate: int64(seconds > 0 ? Math.round(peer.receivedBytes / seconds) : 0),
    Duration: duration,
    Active: true,
  };
  return {
    node_info: nodeInfoJson(peer.nodeInfo),
    is_outbound: peer.isOutbound,
    connection_status: {
      Duration: duration,
      SendMonitor: monitorJson({}),
      RecvMonitor: monitorJson(received),
      Channels: null,
    },
    remote_ip: peer.remoteIp,
  };
}

/** libs/flowrate Status; figures that libp2p does not keep are zero. */
function monitorJson(known: { Start?: string; Bytes?: string; AvgRate?: string; Duration?: string; Active?: boolean }) {
  const { Start = time(ZERO_TIME), Bytes = "0", AvgRate = "0", Duration = "0", Active = false } = known;
  const zero = "0";
  return {
    Start,
    Bytes,
    Samples: zero,
    InstRate: zero,
    CurRate: zero,
    AvgRate,
    PeakRate: zero,
    BytesRem: zero,
    Duration,
    Idle: zero,
    TimeRem: zero,
    Progress: 0,
    Active,
  };
}
