/** A block that was announced, and that the full node asked does not have yet, is asked for again after this, in ms; then after twice as long. */
const ANNOUNCED_AGAIN_MS = 10;

/** When a light node asks for the newest block next. */
export interface HeaderPace {
  /** A header of this height came by gossip. Anybody's word: it hastens a few questions, and nothing else. */
  announced(height: number): void;
  /** How long to wait, in ms, having verified up to `reached`. */
  waitMs(reached: number): number;
}

/**
 * A header may be here before its block is with the full node that is asked for it. Waiting for the next poll would cost a second, which is more
 * than everything else on the way of an urgent configuration: so it is asked for again at once, and given up when the waits add up to a poll.
 */
export function createHeaderPace({ pollMs }: { readonly pollMs: number }): HeaderPace {
  let announcedHeight = 0;
  let againMs = ANNOUNCED_AGAIN_MS;
  let lastReached = 0;
  return {
    announced(height) {
      announcedHeight = Math.max(announcedHeight, height);
    },
    waitMs(reached) {
      if (reached > lastReached) againMs = ANNOUNCED_AGAIN_MS;
      lastReached = reached;
      if (reached >= announcedHeight || againMs >= pollMs) {
        announcedHeight = reached;
        againMs = ANNOUNCED_AGAIN_MS;
        return pollMs;
      }
      const waitMs = againMs;
      againMs *= 2;
      return waitMs;
    },
  };
}
