/** The network's time and chance, passed in so that tests decide about both. */
export interface NetworkClock {
  /** Milliseconds that never go back. */
  nowMs(): number;
  /** Runs `run` once after `ms` unless cancelled. */
  schedule(ms: number, run: () => void): () => void;
  /** Uniform in [0, 1): spreads reconnections and discovery. */
  random(): number;
}

export const systemClock: NetworkClock = {
  nowMs: () => performance.now(),
  schedule(ms, run) {
    const timer = setTimeout(run, ms);
    timer.unref();
    return () => clearTimeout(timer);
  },
  random: Math.random,
};
