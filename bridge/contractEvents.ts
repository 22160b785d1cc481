import { getBytes, solidityPackedKeccak256 } from "ethers";
import type { BridgeEvents } from "#contracts/abi/Bridge.ts";
import type { OutboxEvents } from "#contracts/abi/Outbox.ts";
import { BridgeError } from "./bridgeError.ts";
import type { Anchor } from "./typedData.ts";

/** The anchor of an `Anchored` event: all that a proof under it needs. @throws BridgeError BRIDGE_HEIGHT_OUTSIDE beyond 2^53 - 1 */
export function anchorOfEvent(event: BridgeEvents["Anchored"]): Anchor {
  return {
    seq: event.seq,
    valsetNonce: event.valsetNonce,
    fromHeight: safeNumber(event.fromHeight),
    toHeight: safeNumber(event.toHeight),
    time: safeNumber(event.time),
    lastHeaderHash: getBytes(event.lastHeaderHash),
    root: getBytes(event.root),
  };
}

/** `Outbox.chain()` before its first event. */
export const EMPTY_OUTBOX_CHAIN: OutboxChain = { eventNonce: 0n, hash: `0x${"00".repeat(24)}` };

/** Where an outbox stands: the number of its latest event, and 24 bytes that stand for all of them. */
export interface OutboxChain {
  readonly eventNonce: bigint;
  /** 0x and 48 hex digits. */
  readonly hash: string;
}

/**
 * The chain after these events, in their order. An observer who has read a range of logs compares the result with the contract's `chain()` at the
 * same block: a node that left one out, made one up or changed a payload is found, unless it lies about that call too.
 * @throws BridgeError BRIDGE_EVENT_NONCE when a number is missing or twice
 */
export function outboxChainAfter(
  chain: OutboxChain,
  events: Iterable<Pick<OutboxEvents["OutboxEvent"], "eventNonce" | "emitter" | "kind" | "payloadHash">>,
): OutboxChain {
  let { eventNonce, hash } = chain;
  for (const event of events) {
    const expected = eventNonce + 1n;
    if (event.eventNonce !== expected)
      throw new BridgeError({ code: "BRIDGE_EVENT_NONCE", expected, given: event.eventNonce });
    eventNonce = expected;
    const values = [hash, eventNonce, event.emitter, event.kind, event.payloadHash];
    hash = solidityPackedKeccak256(OUTBOX_LINK, values).slice(0, EMPTY_OUTBOX_CHAIN.hash.length);
  }
  return { eventNonce, hash };
}

const OUTBOX_LINK = ["bytes24", "uint64", "address", "bytes32", "bytes32"];

function safeNumber(value: bigint): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER))
    throw new BridgeError({ code: "BRIDGE_HEIGHT_OUTSIDE", height: Number(value) });
  return Number(value);
}
