import { setTimeout as delay } from "node:timers/promises";
import type { Reading } from "#storage/types/reading.ts";
import { type Percentiles, percentilesOf, round, Samples } from "./samples.ts";
import { dueBy, dueMs } from "./schedule.ts";

/** What readings are handed to: resolves when they are acknowledged. */
export type Publish = (reading: Reading) => Promise<void>;

export interface OfferedReadings {
  /** Handed over per second. */
  readonly queuedPerSecond: number;
  /** Acknowledged per second, from the first hand-over to the last acknowledgement. */
  readonly durablePerSecond: number;
  readonly durable: number;
  /** The queue said that it is full. */
  readonly refused: number;
  /** Milliseconds from the hand-over until the acknowledgement. */
  readonly acknowledgementMs: Percentiles;
  /** The same from when the reading was due: the generator's own delays are in it. Equal to it in a closed loop. */
  readonly acknowledgementFromDueMs: Percentiles;
}

/** Every reading is a publish of its own, at a fixed rate. */
export async function offerOpenLoop(
  publish: Publish,
  readingOf: (item: number) => Reading,
  options: { readonly perSecond: number; readonly seconds: number; readonly first: number },
): Promise<OfferedReadings> {
  const schedule = { perSecond: options.perSecond, total: Math.round(options.perSecond * options.seconds) };
  const meter = createAckMeter();
  const beganMs = performance.now();
  let handedOver = 0;
  while (handedOver < schedule.total) {
    const due = dueBy(schedule, performance.now() - beganMs);
    for (; handedOver < due; handedOver++)
      void meter.send(publish, readingOf(options.first + handedOver), beganMs + dueMs(schedule, handedOver));
    if (handedOver < schedule.total) await sleepUntil(beganMs + dueMs(schedule, handedOver));
  }
  const queuedSeconds = (performance.now() - beganMs) / 1000;
  return meter.result(beganMs, queuedSeconds);
}

/** At most `window` readings unacknowledged, each a publish of its own. */
export async function offerWindow(
  publish: Publish,
  readingOf: (item: number) => Reading,
  options: { readonly window: number; readonly seconds: number; readonly first: number },
): Promise<OfferedReadings> {
  const meter = createAckMeter();
  const beganMs = performance.now();
  const endsMs = beganMs + options.seconds * 1000;
  let next = options.first;
  const work = async (): Promise<void> => {
    while (performance.now() < endsMs) await meter.send(publish, readingOf(next++), performance.now());
  };
  await Promise.all(Array.from({ length: options.window }, work));
  return meter.result(beganMs, (performance.now() - beganMs) / 1000);
}

function createAckMeter(): {
  send(publish: Publish, reading: Reading, dueAtMs: number): Promise<void>;
  result(beganMs: number, queuedSeconds: number): Promise<OfferedReadings>;
} {
  const [fromHandOver, fromDue] = [new Samples(), new Samples()];
  const answered = Promise.withResolvers<void>();
  let [sent, answers, refused, lastAckMs] = [0, 0, 0, 0];
  let [isComplete, failure]: [boolean, Error | undefined] = [false, undefined];
  const answer = (): void => {
    answers += 1;
    if (isComplete && answers === sent) answered.resolve();
  };
  return {
    send(publish, reading, dueAtMs) {
      sent += 1;
      const handedOverMs = performance.now();
      return publish(reading).then(
        () => {
          lastAckMs = performance.now();
          fromHandOver.add(lastAckMs - handedOverMs);
          fromDue.add(lastAckMs - dueAtMs);
          answer();
        },
        (error: Error & { code?: string }) => {
          if (error.code === "READING_QUEUE_FULL") refused += 1;
          else failure ??= error;
          answer();
        },
      );
    },
    async result(beganMs, queuedSeconds) {
      isComplete = true;
      if (answers < sent) await answered.promise;
      if (failure !== undefined) throw failure;
      return {
        queuedPerSecond: Math.round(sent / queuedSeconds),
        durablePerSecond: Math.round((fromHandOver.count * 1000) / Math.max(1, lastAckMs - beganMs)),
        durable: fromHandOver.count,
        refused,
        acknowledgementMs: percentilesOf(fromHandOver.values()),
        acknowledgementFromDueMs: percentilesOf(fromDue.values()),
      };
    },
  };
}

/**
 * A millisecond at least, and what fell due meanwhile comes late by that: turning in circles for those microseconds would take a processor away from the
 * threads that write and sync.
 */
async function sleepUntil(atMs: number): Promise<void> {
  await delay(Math.max(1, atMs - performance.now()));
}

/** Processor time of this process for what `work` did, µs an item. */
export async function cpuMicroseconds(items: number, work: () => Promise<void>): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return round((user + system) / items, 2);
}
