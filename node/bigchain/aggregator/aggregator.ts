import type { Logger } from "pino";
import type { AssetStore } from "#storage/assets/assetStore.ts";
import type { AssetSigner } from "#storage/assets/buildTransaction.ts";
import type { PrivateKey } from "#storage/crypto/keys.ts";
import type { Store } from "#storage/db/store.ts";
import type { DecodedFrame } from "../../meter/frame.ts";
import { ALL_OUTBOX } from "./aggregatorRecords.ts";
import { createAggregatorState } from "./aggregatorState.ts";
import { meterSigner, newMeterRecord } from "./meterAsset.ts";
import { createSender, type SenderCounts } from "./sender.ts";

export interface AggregatorOptions {
  /** Length of an interval, ms. */
  readonly everyMs: number;
  /** An interval is told this long after its end, so that late readings are in it, ms. */
  readonly graceMs: number;
  /** Readings are kept this long, so that an interval can be told anew when one comes late, ms. */
  readonly keepMs: number;
}

export const QUARTER_HOUR_MS = 15 * 60_000;

export const DEFAULT_AGGREGATOR_OPTIONS: AggregatorOptions = {
  everyMs: QUARTER_HOUR_MS,
  graceMs: 60_000,
  keepMs: 7 * 24 * 3_600_000,
};

export interface AggregatorCounts extends SenderCounts {
  readonly readings: number;
  readonly duplicates: number;
  readonly tooLate: number;
  readonly tooEarly: number;
  readonly rejected: number;
}

export interface Aggregator extends AsyncDisposable {
  readonly counts: AggregatorCounts;
  /** Resolves when the readings are on disk: whoever sent them may forget them then. */
  offer(frame: DecodedFrame): Promise<void>;
  /** Puts what has ended into the outbox and sends it; to be called now and then. */
  tick(): Promise<void>;
  /** Resolves when everything in the outbox is on the chain. */
  idle(): Promise<void>;
}

/** How often old readings are looked for, in calls of `tick`. */
const TICKS_PER_PRUNE = 60;

/**
 * D5.1's smart-meter aggregator: readings of meters, by intervals of UTC, into an asset per meter (Figures 15 to 19). All that it must not forget is in `store`.
 * @param key what the meters' key pairs are derived from
 */
export async function createAggregator(
  options: AggregatorOptions,
  parts: {
    readonly store: Store;
    readonly assets: AssetStore;
    readonly key: PrivateKey;
    readonly nowMs: () => number;
    readonly log: Logger;
  },
): Promise<Aggregator> {
  const { store, assets, key, nowMs, log } = parts;
  const state = createAggregatorState(store, options);
  const signers = new Map<string, AssetSigner>();
  const signerOf = (meterId: string): AssetSigner => {
    const known = signers.get(meterId) ?? meterSigner(key, meterId);
    signers.set(meterId, known);
    return known;
  };
  const counts = { readings: 0, duplicates: 0, tooLate: 0, tooEarly: 0, rejected: 0 };
  const sender = createSender(state, assets, { signerOf, log });
  let ticks = 0;

  // What an earlier run left behind.
  const left = new Set<string>();
  for await (const [entry] of store.iterate(ALL_OUTBOX)) left.add(meterOfOutbox(entry));
  sender.kick([...left]);

  return {
    get counts() {
      return { ...counts, ...sender.counts };
    },

    async offer({ readings, rejected }) {
      const { taken, duplicates, tooLate, tooEarly } = await state.take(readings, nowMs());
      counts.readings += taken;
      counts.duplicates += duplicates;
      counts.tooLate += tooLate;
      counts.tooEarly += tooEarly;
      counts.rejected += rejected.length;
      for (const { reason, text } of rejected) log.warn({ reason, text }, "A value was not understood");
      if (tooLate > 0) log.warn({ readings: tooLate }, "Readings came too late to be told");
      if (tooEarly > 0)
        log.warn({ readings: tooEarly }, "Readings are from the future: a meter's clock is wrong, or this one");
    },

    async tick() {
      const now = nowMs();
      const meters = await state.closeIntervals(now - options.graceMs, (meterId) =>
        newMeterRecord(signerOf(meterId), meterId),
      );
      sender.kick(meters);
      ticks += 1;
      if (ticks % TICKS_PER_PRUNE === 0) await state.prune(now);
    },

    idle: () => sender.idle(),

    [Symbol.asyncDispose]: () => sender[Symbol.asyncDispose](),
  };
}

/** First byte of the bucket, then the meter id up to its end. */
function meterOfOutbox(key: Uint8Array): string {
  return Buffer.from(key).toString("latin1", 1, key.indexOf(0, 1));
}
