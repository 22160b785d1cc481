import { multiaddr } from "@multiformats/multiaddr";
import type { NetworkClock } from "./clock.ts";
import { RECONNECT_FIRST_MS, RECONNECT_LAST_MS } from "./limits.ts";
import { NetworkError } from "./networkError.ts";

export interface DiallerPorts {
  readonly clock: NetworkClock;
  /** Connects and returns the peer's id; an existing connection will do. */
  dial(address: string): Promise<string>;
  isConnected(peer: string): boolean;
}

/** Keeps the connections to configured peers and seeds: dials, and after every loss dials again, without end. */
export interface Dialler {
  start(): void;
  /** The peer has passed the handshake: the next loss is retried quickly again. */
  onAdmitted(peer: string): void;
  onGone(peer: string): void;
  stop(): void;
}

interface Target {
  readonly address: string;
  peer: string | undefined;
  failures: number;
  dialling: boolean;
  cancel: (() => void) | undefined;
}

/** @throws NetworkError ADDRESS_MALFORMED for an address that is no multiaddr */
export function createDialler(addresses: readonly string[], { clock, dial, isConnected }: DiallerPorts): Dialler {
  const targets = [...new Set(addresses)].map(
    (address): Target => ({ address, peer: peerOf(address), failures: 0, dialling: false, cancel: undefined }),
  );
  let running = false;

  const attempt = async (target: Target): Promise<void> => {
    target.cancel = undefined;
    if (!running || target.dialling || (target.peer !== undefined && isConnected(target.peer))) return;
    target.dialling = true;
    try {
      target.peer = await dial(target.address);
    } catch {
      retry(target);
    } finally {
      target.dialling = false;
    }
    // The connection may be lost before its id was known here; `onGone` could not find the target then.
    if (target.peer !== undefined && target.cancel === undefined && !isConnected(target.peer)) retry(target);
  };

  const retry = (target: Target) => {
    if (!running || target.cancel !== undefined) return;
    const ms = reconnectDelayMs(target.failures, clock.random());
    target.failures += 1;
    target.cancel = clock.schedule(ms, () => void attempt(target));
  };

  return {
    start() {
      running = true;
      for (const target of targets) void attempt(target);
    },
    onAdmitted(peer) {
      for (const target of targets) if (target.peer === peer) target.failures = 0;
    },
    onGone(peer) {
      for (const target of targets) if (target.peer === peer) retry(target);
    },
    stop() {
      running = false;
      for (const target of targets) target.cancel?.();
    },
  };
}

/** Doubled from 0.5 s to 30 s, times 0.5 to 1.5: nodes that lost each other at once do not meet again at once. */
export function reconnectDelayMs(failures: number, chance: number): number {
  return Math.min(RECONNECT_LAST_MS, RECONNECT_FIRST_MS * 2 ** Math.min(failures, 10)) * (0.5 + chance);
}

/** The peer id at the end of an address, if it has one. */
export function peerOf(address: string): string | undefined {
  try {
    return multiaddr(address)
      .getComponents()
      .findLast(({ name }) => name === "p2p")?.value;
  } catch (cause) {
    throw new NetworkError({ code: "ADDRESS_MALFORMED", address }, { cause });
  }
}
