import { MAX_CHAIN_ID_BYTES } from "#storage/limits.ts";
import { MAX_ADDRESS_BYTES, MAX_ADDRESSES_PER_PEER, MAX_AGENT_BYTES, MAX_PEERS_PER_ANSWER } from "./limits.ts";
import { NetworkError } from "./networkError.ts";
import type { NodeRole } from "./protocols.ts";

/** What a node says about itself, on connecting and whenever asked. Only `chainId` is acted upon unverified. */
export interface NodeStatus {
  readonly chainId: string;
  readonly role: NodeRole;
  /** Last committed height; 0 before the first block. */
  readonly height: number;
  /** First height whose block it can serve; 0 if none. */
  readonly earliestHeight: number;
  /** Name and version of the program. */
  readonly agent: string;
  /** Multiaddrs at which it can be dialled; empty if it cannot. */
  readonly addresses: readonly string[];
}

/** A peer told by another peer. */
export interface PeerAddress {
  readonly peer: string;
  readonly addresses: readonly string[];
}

const ROLES: readonly NodeRole[] = ["validator", "full", "light"];

/** Characters of a base58 peer id: Ed25519 ids have 52, RSA ids 46. */
const MAX_PEER_ID_CHARS = 64;

/** Both messages are JSON: small, rare, and readable in a capture. Unknown fields are left for later versions. */
export function encodeStatus(status: NodeStatus): Uint8Array {
  const { chainId, role, height, earliestHeight, agent, addresses } = status;
  return encodeJson({
    chainId,
    role,
    height,
    earliestHeight,
    agent,
    addresses: addresses.slice(0, MAX_ADDRESSES_PER_PEER),
  });
}

/** @throws NetworkError STATUS_MALFORMED, naming the field */
export function decodeStatus(bytes: Uint8Array): NodeStatus {
  const malformed = (reason: string) => new NetworkError({ code: "STATUS_MALFORMED", reason });
  const { chainId, role, height, earliestHeight, agent, addresses } = decodeObject(bytes, malformed);
  if (!isText(chainId, MAX_CHAIN_ID_BYTES) || chainId === "") throw malformed("chainId");
  const known = ROLES.find((name) => name === role);
  if (known === undefined) throw malformed("role");
  if (!isHeight(height)) throw malformed("height");
  if (!isHeight(earliestHeight)) throw malformed("earliestHeight");
  if (!isText(agent, MAX_AGENT_BYTES)) throw malformed("agent");
  if (!isAddressList(addresses)) throw malformed("addresses");
  return { chainId, role: known, height, earliestHeight, agent, addresses };
}

export function encodePeers(peers: readonly PeerAddress[]): Uint8Array {
  const list = peers.slice(0, MAX_PEERS_PER_ANSWER).map(({ peer, addresses }) => ({
    peer,
    addresses: addresses.slice(0, MAX_ADDRESSES_PER_PEER),
  }));
  return encodeJson({ peers: list });
}

/** @throws NetworkError PEERS_MALFORMED */
export function decodePeers(bytes: Uint8Array): PeerAddress[] {
  const malformed = (reason: string) => new NetworkError({ code: "PEERS_MALFORMED", reason });
  const { peers } = decodeObject(bytes, malformed);
  if (!Array.isArray(peers) || peers.length > MAX_PEERS_PER_ANSWER) throw malformed("peers");
  return peers.map((entry: unknown) => {
    const { peer, addresses } = (entry ?? {}) as Record<string, unknown>;
    if (!isText(peer, MAX_PEER_ID_CHARS) || peer === "") throw malformed("peer");
    if (!isAddressList(addresses)) throw malformed("addresses");
    return { peer, addresses };
  });
}

function encodeJson(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

function decodeObject(bytes: Uint8Array, malformed: (reason: string) => NetworkError): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    throw malformed("not JSON");
  }
  if (typeof value !== "object" || value === null) throw malformed("not an object");
  return value as Record<string, unknown>;
}

function isText(value: unknown, maxBytes: number): value is string {
  return typeof value === "string" && Buffer.byteLength(value) <= maxBytes;
}

function isHeight(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isAddressList(value: unknown): value is string[] {
  return (
    Array.isArray(value) &&
    value.length <= MAX_ADDRESSES_PER_PEER &&
    value.every((address) => isText(address, MAX_ADDRESS_BYTES))
  );
}
