import { type Percentiles, percentilesOf } from "./statistics.ts";

/** A signed transaction of one meter, and the name by which it is found when it is final. */
export interface Update {
  readonly id: string;
  readonly bytes: Uint8Array;
}

/** Of one meter, in their order; each may need the one before to be final. All go to one lane, that is to one validator. */
export interface MeterUpdates {
  readonly lane: number;
  readonly updates: readonly Update[];
}

/** Where updates are handed to, and who tells that they are final. */
export interface UpdateSink {
  readonly lanes: number;
  /** Updates in one submission, submissions of a lane under way at once, and the least time from one of a worker's to its next, in ms. */
  readonly batch: number;
  readonly parallel: number;
  readonly pauseMs: number;
  /** Resolves when they are accepted or refused; the number refused. */
  submit(lane: number, updates: readonly Update[]): Promise<number>;
  /** Until the signal is aborted. `lane`: only updates of it are meant, if given. */
  follow(onFinal: (ids: readonly string[], lane?: number) => void, signal: AbortSignal): Promise<void>;
}

export interface OfferOptions {
  /** Updates handed over and not final, at most; and one of each meter. */
  readonly window: number;
  readonly warmUpSeconds: number;
  readonly seconds: number;
  /** Processor time so far, in seconds: of the validators, all together, and of whoever offers. */
  readonly cpuNow: () => { readonly validators: number; readonly generator: number };
  readonly signal: AbortSignal;
}

export interface OfferedUpdates {
  readonly seconds: number;
  readonly finalised: number;
  readonly finalisedPerSecond: number;
  readonly acceptedPerSecond: number;
  readonly refused: number;
  /** Final in all, before, in and behind the window. */
  readonly finalInAll: number;
  /** Handed over, and not final 10 s after the end. */
  readonly lost: number;
  /** From the hand-over until the answer, and until it is seen in a block; seconds. */
  readonly acceptanceSeconds: Percentiles;
  readonly finalitySeconds: Percentiles;
  /** Updates that became final in each half second from the first hand-over, warm-up included, while updates are handed over. */
  readonly series: readonly number[];
  /** Processor seconds an update. */
  readonly cpuPerUpdate: { readonly validators: number; readonly generator: number };
  /** The updates signed beforehand did not last for the whole window. */
  readonly ranOut: boolean;
}

/** Of one value of `series`. */
export const SERIES_MS = 500;

/** How long a run may go on without a single figure. */
const MAX_WAIT_MS = 60_000;

const DRAIN_MS = 10_000;

interface Flying {
  readonly atMs: number;
  readonly meter: number;
}

/**
 * Hands updates over as fast as they become final, `window` ahead, each meter one at a time, so that a meter whose update rests on its last one and
 * a meter whose does not are offered alike. Measures from the first update that is final after the warm-up, which is not counted.
 */
export async function offerUpdates(
  sink: UpdateSink,
  meters: readonly MeterUpdates[],
  options: OfferOptions,
): Promise<OfferedUpdates> {
  const { window, warmUpSeconds, seconds, cpuNow, signal } = options;
  const flying = new Map<string, Flying>();
  const next = meters.map(() => 0);
  const ready: number[][] = Array.from({ length: sink.lanes }, () => []);
  for (const [meter, { lane }] of meters.entries()) ready[lane]?.push(meter);
  const [acceptance, finality, series]: [number[], number[], number[]] = [[], [], []];
  const measured = { firstMs: Number.NaN, lastMs: Number.NaN, accepted: 0 };
  let [refused, finalInAll, ranOut, gate] = [0, 0, false, Promise.withResolvers<void>()];
  let [cpuBefore, cpuAfter] = [cpuNow(), cpuNow()];
  const beganMs = performance.now();
  // On a machine that stands still for seconds the window waits for its first figure.
  const endsMs = (): number => (finality.length > 0 ? measured.firstMs + seconds * 1000 : beganMs + MAX_WAIT_MS);
  const isRunning = (): boolean => performance.now() < endsMs() && !signal.aborted && !ranOut;
  const openGate = (): void => {
    gate.resolve();
    gate = Promise.withResolvers<void>();
  };

  const onFinal = (ids: readonly string[], lane?: number): void => {
    const nowMs = performance.now();
    const isMeasured = nowMs >= measured.firstMs && isRunning();
    let ours = 0;
    for (const id of ids) {
      const own = flying.get(id);
      const of = own && meters[own.meter];
      if (own === undefined || of === undefined || (lane !== undefined && lane !== of.lane)) continue;
      flying.delete(id);
      ours += 1;
      finalInAll += 1;
      ready[of.lane]?.push(own.meter);
      if (isMeasured) finality.push((nowMs - own.atMs) / 1000);
    }
    if (ours === 0) return;
    const part = Math.floor((nowMs - beganMs) / SERIES_MS);
    if (isRunning()) series[part] = (series[part] ?? 0) + ours;
    if (Number.isNaN(measured.firstMs) && nowMs - beganMs >= warmUpSeconds * 1000) {
      measured.firstMs = nowMs;
      cpuBefore = cpuNow();
    } else if (isMeasured) {
      measured.lastMs = nowMs;
    }
    openGate();
  };

  const take = (lane: number): readonly Update[] => {
    const queue = ready[lane] ?? [];
    const free = Math.min(sink.batch, window - flying.size, queue.length);
    const taken: Update[] = [];
    const atMs = performance.now();
    for (const meter of queue.splice(0, Math.max(0, free))) {
      const update = meters[meter]?.updates[next[meter] as number];
      next[meter] = (next[meter] as number) + 1;
      if (update === undefined) {
        ranOut = true;
        continue;
      }
      flying.set(update.id, { atMs, meter });
      taken.push(update);
    }
    return taken;
  };

  const work = async (lane: number): Promise<void> => {
    while (isRunning()) {
      const updates = take(lane);
      if (updates.length === 0) {
        await Promise.race([gate.promise, pause(100)]);
        continue;
      }
      const sentMs = performance.now();
      const no = await sink.submit(lane, updates);
      const nowMs = performance.now();
      refused += no;
      if (nowMs >= measured.firstMs && isRunning()) {
        measured.accepted += updates.length - no;
        for (const _ of updates) acceptance.push((nowMs - sentMs) / 1000);
      }
      if (sink.pauseMs > nowMs - sentMs) await pause(sink.pauseMs - (nowMs - sentMs));
    }
  };

  const stop = new AbortController();
  const following = sink.follow(onFinal, AbortSignal.any([stop.signal, signal]));
  const workers = ready.flatMap((_, lane) => Array.from({ length: sink.parallel }, () => work(lane)));
  const watch = (async () => {
    while (isRunning()) await pause(20);
    cpuAfter = cpuNow();
    openGate();
  })();
  await Promise.race([Promise.all([...workers, watch]), following]);
  const drainedByMs = performance.now() + DRAIN_MS;
  while (flying.size > refused && performance.now() < drainedByMs && !signal.aborted) await pause(20);
  stop.abort();
  await following;
  signal.throwIfAborted();

  const lasted = (measured.lastMs - measured.firstMs) / 1000;
  const count = finality.length;
  if (!(lasted > 0)) throw new Error(`nothing became final in ${MAX_WAIT_MS / 1000} s; ${refused} refused`);
  return {
    seconds: lasted,
    finalised: count,
    finalisedPerSecond: count / lasted,
    acceptedPerSecond: measured.accepted / lasted,
    refused,
    finalInAll,
    lost: flying.size - refused,
    acceptanceSeconds: percentilesOf(acceptance),
    finalitySeconds: percentilesOf(finality),
    series: Array.from(series, (each) => each ?? 0),
    cpuPerUpdate: {
      validators: (cpuAfter.validators - cpuBefore.validators) / count,
      generator: (cpuAfter.generator - cpuBefore.generator) / count,
    },
    ranOut,
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
