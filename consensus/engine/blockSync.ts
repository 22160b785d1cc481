/**
 * Chooses whom to ask for which committed blocks. A pure client: it neither sends nor verifies. It believes a peer's height only as
 * long as that peer delivers: one that claims blocks and does not send them is left out for a while, one that sends false blocks
 * for good, so a poisoned maximum (CometBFT #5803) costs one request. Only a peer's latest status counts, so lowering it
 * (GHSA-22qq-3xwm-r5x4) leaves no height behind that nobody can serve.
 */
export interface BlockSync {
  /** A peer can serve the blocks `base` to `last`. */
  onStatus(peer: string, base: number, last: number): void;
  forget(peer: string): void;
  /** The next request for blocks from `height` on, or undefined: one is under way, or nobody has them. The request counts as under way. */
  next(height: number, nowMs: number): BlockRequest | undefined;
  /** The answer to the request under way was good for `applied` blocks; 0 counts as a failure. */
  onApplied(peer: string, applied: number, nowMs: number): void;
  /** The request under way failed; `isLie`: what came was false. */
  onFailure(peer: string, isLie: boolean, nowMs: number): void;
  /** Highest block that a peer in good standing claims to have; 0 when none does. */
  bestHeight(nowMs: number): number;
}

export interface BlockRequest {
  readonly peer: string;
  readonly fromHeight: number;
  readonly count: number;
}

/** Blocks in one request: bounds what one answer can hold in memory. */
export const SYNC_BATCH_BLOCKS = 16;

/** A peer that did not deliver is asked again after this time, doubled with each further failure up to the maximum. */
const BACKOFF_MS = 2_000;
const BACKOFF_MAX_MS = 60_000;

/** Names of liars remembered: whoever can make up peers without end gains one request each. */
const LIARS_MAX = 1000;

interface SyncPeer {
  base: number;
  last: number;
  failures: number;
  /** Not asked and not believed before this time. */
  usableFromMs: number;
}

export function createBlockSync(): BlockSync {
  const peers = new Map<string, SyncPeer>();
  const liars = new Set<string>();
  let underWay: BlockRequest | undefined;
  let turn = 0;

  function usable(nowMs: number): [string, SyncPeer][] {
    return [...peers].filter(([name, peer]) => peer.usableFromMs <= nowMs && !liars.has(name));
  }

  function fail(peer: string, nowMs: number): void {
    const known = peers.get(peer);
    if (known === undefined) return;
    known.usableFromMs = nowMs + Math.min(BACKOFF_MS * 2 ** known.failures, BACKOFF_MAX_MS);
    known.failures = Math.min(known.failures + 1, 16);
  }

  return {
    onStatus(name, base, last) {
      const known = peers.get(name);
      if (known === undefined) peers.set(name, { base, last, failures: 0, usableFromMs: 0 });
      else Object.assign(known, { base, last });
    },

    forget(name) {
      peers.delete(name);
      if (underWay?.peer === name) underWay = undefined;
    },

    next(height, nowMs) {
      if (underWay !== undefined) return undefined;
      const able = usable(nowMs).filter(([, peer]) => peer.base > 0 && peer.base <= height && peer.last >= height);
      const chosen = able[turn++ % Math.max(1, able.length)];
      if (chosen === undefined) return undefined;
      const [peer, { last }] = chosen;
      underWay = { peer, fromHeight: height, count: Math.min(SYNC_BATCH_BLOCKS, last - height + 1) };
      return underWay;
    },

    onApplied(peer, applied, nowMs) {
      if (underWay?.peer === peer) underWay = undefined;
      const known = peers.get(peer);
      if (applied === 0) fail(peer, nowMs);
      else if (known !== undefined) known.failures = 0;
    },

    onFailure(peer, isLie, nowMs) {
      if (underWay?.peer === peer) underWay = undefined;
      if (isLie) {
        liars.add(peer);
        const [oldest] = liars;
        if (liars.size > LIARS_MAX && oldest !== undefined) liars.delete(oldest);
      }
      fail(peer, nowMs);
    },

    bestHeight: (nowMs) => usable(nowMs).reduce((best, [, peer]) => Math.max(best, peer.last), 0),
  };
}
