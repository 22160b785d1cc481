import { peerIdFromString } from "@libp2p/peer-id";
import { multiaddr } from "@multiformats/multiaddr";
import { addressOf } from "#storage/crypto/keys.ts";
import { timestampFromMs } from "#storage/types/time.ts";
import type { PeerInfo } from "../network/peers.ts";
import type { ConnectedPeer, NodeInfo } from "./cometJson/nodeInfo.ts";

/** CometBFT's version whose formats and RPC these are; @cosmjs/tendermint-rpc chooses its client by it. */
export const COMETBFT_VERSION = "0.38.25";

/** CometBFT's channels for what our peers speak of: block sync, consensus (four), mempool, evidence. */
const CHANNELS = Uint8Array.of(0x40, 0x20, 0x21, 0x22, 0x23, 0x30, 0x38);

/** What all nodes of a network say alike. */
export function nodeInfoOf(node: {
  readonly id: string;
  readonly moniker: string;
  readonly network: string;
  readonly appVersion: number;
  readonly addresses: readonly string[];
}): Omit<NodeInfo, "rpcAddress"> {
  const { addresses, ...rest } = node;
  return {
    ...rest,
    listenAddress: tcpAddressOf(addresses[0]),
    version: COMETBFT_VERSION,
    channels: CHANNELS,
    txIndex: "on",
  };
}

/** A peer as CometBFT's net_info shows one: its moniker is its libp2p peer id and what it calls itself. */
export function connectedPeerOf(
  { peer, address, addresses, agent, direction, connectedMs, receivedBytes }: PeerInfo,
  own: { readonly network: string; readonly appVersion: number },
  now: { readonly unixMs: number; readonly monotonicMs: number },
): ConnectedPeer {
  const connectedForMs = Math.max(0, now.monotonicMs - connectedMs);
  const info = nodeInfoOf({ id: nodeIdOfPeer(peer), moniker: `${agent} ${peer}`, addresses, ...own });
  return {
    nodeInfo: { ...info, rpcAddress: "" },
    isOutbound: direction === "outbound",
    remoteIp: hostOf(address),
    connectedSince: timestampFromMs(Math.floor(now.unixMs - connectedForMs)),
    connectedMs: connectedForMs,
    receivedBytes,
  };
}

/** CometBFT's id of the node whose Ed25519 key a libp2p peer id holds: its address in hex. */
export function nodeIdOfPeer(peer: string): string {
  const { publicKey } = peerIdFromString(peer);
  if (publicKey === undefined || publicKey.type !== "Ed25519") return "";
  return Buffer.from(addressOf({ type: "ed25519", bytes: publicKey.raw })).toString("hex");
}

/** `/ip4/127.0.0.1/tcp/26656/p2p/…` as `tcp://127.0.0.1:26656`. */
export function tcpAddressOf(address: string | undefined): string {
  if (address === undefined) return "";
  const port =
    multiaddr(address)
      .getComponents()
      .find(({ name }) => name === "tcp")?.value ?? "0";
  const host = hostOf(address);
  return `tcp://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

function hostOf(address: string): string {
  const [first] = multiaddr(address).getComponents();
  return first?.value ?? "";
}
