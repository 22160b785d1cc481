import type { DecodedFrame } from "./frame.ts";
import { type MeterSource, type SourceItem, SourceTally } from "./source.ts";

export interface LiveSourceOptions {
  readonly nowMs: () => number;
  /** Values offered and not yet on disk; beyond it `offer` waits. Default 10 000. */
  readonly maxPending?: number;
  /** How often the clock is told to the meters behind, in ms. Default 1000. */
  readonly tickMs?: number;
}

/** A source into which a protocol's transport puts what it decoded. */
export interface LiveSource extends MeterSource {
  /** Frames that wait because too much is pending; a transport that cannot make its sender wait refuses above a number of its own. */
  readonly waitingFrames: number;
  /**
   * Resolves when every reading of the frame is on disk, so that its sender may be told; waits while too much is pending. Rejects when the source
   * has ended before: the sender must send it again.
   */
  offer(frame: DecodedFrame): Promise<void>;
}

export class SourceEndedError extends Error {}

interface Waiting {
  readonly frame: DecodedFrame;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Frames are handed on in the order in which they were offered. */
export function createLiveSource(options: LiveSourceOptions): LiveSource {
  const { nowMs, maxPending = 10_000, tickMs = 1000 } = options;
  const tally = new SourceTally();
  const meters = new Set<string>();
  const waiting: Waiting[] = [];
  /** Handed on, and not on disk yet. */
  const pending = new Set<Waiting>();
  let pendingReadings = 0;
  let isDue = false;
  let hasEnded = false;
  let wake = Promise.withResolvers<void>();

  function end(): void {
    hasEnded = true;
    for (const { reject } of [...pending, ...waiting.splice(0)])
      reject(new SourceEndedError("the node stopped before the readings were on disk"));
    pending.clear();
  }

  function* handOn(next: Waiting): Generator<SourceItem> {
    const { readings, rejected } = next.frame;
    for (const part of rejected) {
      tally.reject(part.reason);
      yield { type: "rejected", row: tally.rows, ...part };
    }
    let left = readings.length;
    if (left === 0) return next.resolve();
    pending.add(next);
    pendingReadings += left;
    for (const reading of readings) {
      tally.accept(reading.value);
      meters.add(reading.meterId);
      let isDurable = false;
      const durable = (): void => {
        if (isDurable) return;
        isDurable = true;
        pendingReadings -= 1;
        left -= 1;
        wake.resolve();
        if (left > 0) return;
        pending.delete(next);
        next.resolve();
      };
      yield { type: "reading", reading, durable };
    }
  }

  return {
    get waitingFrames() {
      return waiting.length;
    },

    offer(frame) {
      if (hasEnded) return Promise.reject(new SourceEndedError("the node is stopping"));
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      waiting.push({ frame, resolve, reject });
      wake.resolve();
      return promise;
    },

    async *readings(signal): AsyncGenerator<SourceItem> {
      const timer = setInterval(() => {
        isDue = true;
        wake.resolve();
      }, tickMs);
      const stop = () => wake.resolve();
      signal.addEventListener("abort", stop, { once: true });
      try {
        while (!signal.aborted) {
          const next = pendingReadings < maxPending ? waiting.shift() : undefined;
          if (next !== undefined) {
            yield* handOn(next);
            continue;
          }
          // The clock is told behind what came before it.
          if (isDue && waiting.length === 0) {
            isDue = false;
            yield { type: "time", nowMs: nowMs() };
            continue;
          }
          await wake.promise;
          wake = Promise.withResolvers<void>();
        }
      } finally {
        clearInterval(timer);
        signal.removeEventListener("abort", stop);
        end();
      }
    },

    account: () => tally.account({ gaps: 0, meters: meters.size }),
  };
}
