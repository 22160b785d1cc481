export interface TokenBucketOptions {
  /** Tokens added per second. */
  readonly perSecond: number;
  /** Tokens held at most, and at the start. */
  readonly burst: number;
}

export interface TokenBucket {
  /** Takes `count` tokens, or takes none and returns false. */
  take(count: number): boolean;
}

export function createTokenBucket({ perSecond, burst }: TokenBucketOptions, nowMs: () => number): TokenBucket {
  let tokens = burst;
  let filledMs = nowMs();
  return {
    take(count) {
      const now = nowMs();
      tokens = Math.min(burst, tokens + (Math.max(0, now - filledMs) * perSecond) / 1000);
      filledMs = now;
      if (tokens < count) return false;
      tokens -= count;
      return true;
    },
  };
}
