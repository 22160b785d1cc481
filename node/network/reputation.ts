import { createLruCache } from "../verifierCache.ts";
import type { NetworkClock } from "./clock.ts";
import { BAN_MS, BAN_POINTS, FORGIVEN_POINTS_PER_SECOND, MAX_REPUTATIONS } from "./limits.ts";

/** What a peer can do wrong, with its points; BAN_POINTS make a ban. None of it happens between honest nodes of one version. */
export const OFFENCE_POINTS = {
  /** Gossip beyond the rate, per RPC. Half a point: an honest burst may brush the limit, a flood is over in 200 RPCs. */
  GOSSIP_FLOOD: 0.5,
  /** Gossip that a validator rejected: it was not validated before it was sent on. */
  GOSSIP_INVALID: 10,
  /** Bytes that are no GossipSub RPC. */
  GOSSIP_GARBAGE: 20,
  /** A frame that breaks the framing or a limit, on any protocol. The second one is the last. */
  FRAME_VIOLATION: 60,
  /** Consensus bytes beyond the rate, per message. */
  CONSENSUS_FLOOD: 0.5,
  /** A consensus message the engine cannot accept from any honest peer. */
  CONSENSUS_INVALID: 10,
  /** Requests beyond the rate, per request. */
  REQUEST_FLOOD: 2,
  /** A request or an answer that is malformed. */
  REQUEST_INVALID: 20,
  /** A block, header or proof that does not verify. */
  LIE: 100,
} as const;

export type Offence = keyof typeof OFFENCE_POINTS;

export interface Reputation {
  /** Adds the offence's points. True if the peer is banned now and was not before. */
  penalise(peer: string, offence: Offence): boolean;
  /** Points that are not forgiven yet. */
  pointsOf(peer: string): number;
  isBanned(peer: string): boolean;
}

interface Record {
  points: number;
  updatedMs: number;
  bannedUntilMs: number;
}

/** Counts the offences of peers. Points are forgiven as time passes, a ban ends after BAN_MS. */
export function createReputation(clock: NetworkClock, banMs = BAN_MS): Reputation {
  const records = createLruCache<Record>(MAX_REPUTATIONS);

  const current = (record: Record): number => {
    const seconds = (clock.nowMs() - record.updatedMs) / 1000;
    return Math.max(0, record.points - seconds * FORGIVEN_POINTS_PER_SECOND);
  };

  return {
    penalise(peer, offence) {
      const now = clock.nowMs();
      const record = records.get(peer) ?? { points: 0, updatedMs: now, bannedUntilMs: 0 };
      const points = current(record) + OFFENCE_POINTS[offence];
      const wasBanned = record.bannedUntilMs > now;
      const bans = points >= BAN_POINTS && !wasBanned;
      records.set(peer, {
        points: Math.min(points, BAN_POINTS),
        updatedMs: now,
        bannedUntilMs: bans ? now + banMs : record.bannedUntilMs,
      });
      return bans;
    },
    pointsOf(peer) {
      const record = records.get(peer);
      return record === undefined ? 0 : current(record);
    },
    isBanned(peer) {
      const record = records.get(peer);
      return record !== undefined && record.bannedUntilMs > clock.nowMs();
    },
  };
}
