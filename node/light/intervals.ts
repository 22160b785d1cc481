import { FingerprintChain, type Interval } from "#storage/types/interval.ts";
import { commitSum } from "#storage/types/intervalHash.ts";
import {
  type IntervalOwner,
  intervalSumSalt,
  periodSeed,
  readingSaltKey,
  readingSalts,
} from "#storage/types/intervalSecrets.ts";
import type { Reading } from "#storage/types/reading.ts";
import { ReadingsRootStream } from "#storage/types/readingsRoot.ts";

/** A closed interval with what opens its commitment; salt and sum stay with the owner. */
export interface ClosedInterval extends Interval {
  readonly salt: Uint8Array;
  readonly commitment: Uint8Array;
}

interface OpenInterval {
  readonly startMs: number;
  readonly endMs: number;
  readonly periodStartMs: number;
  readonly chain: FingerprintChain;
  readonly root: ReadingsRootStream;
  readonly saltOf: (index: number) => Uint8Array;
  registerEnd: bigint | undefined;
}

/**
 * The readings of one meter, in order, cut into intervals (start, end] of fixed length. Memory is one hash chain and log n hashes,
 * whatever the number of readings. A reading behind the last closed interval is late: it is counted, never put into a closed one.
 */
export class MeterIntervals {
  readonly #owner: IntervalOwner;
  readonly #intervalMs: number;
  readonly #periodMs: number;
  #closedUntilMs: number;
  #open: OpenInterval | undefined;
  late = 0;

  constructor(owner: IntervalOwner, options: { intervalMs: number; periodMs: number; closedUntilMs: number }) {
    this.#owner = owner;
    this.#intervalMs = options.intervalMs;
    this.#periodMs = options.periodMs;
    this.#closedUntilMs = options.closedUntilMs;
  }

  /** The interval that this reading closes, if it is the first one of a later interval. */
  add(reading: Reading): ClosedInterval | undefined {
    const { timestampMs } = reading;
    if (timestampMs <= this.#closedUntilMs || timestampMs < (this.#open?.chain.lastTimestampMs ?? 0)) {
      this.late += 1;
      return undefined;
    }
    let closed: ClosedInterval | undefined;
    if (this.#open !== undefined && timestampMs > this.#open.endMs) closed = this.close();
    this.#open ??= this.#begin(timestampMs);
    const { chain, root, saltOf } = this.#open;
    root.append(saltOf(chain.count), reading.value, timestampMs);
    chain.append(reading.value, timestampMs);
    if (reading.registerValue !== undefined) this.#open.registerEnd = BigInt(reading.registerValue);
    return closed;
  }

  /** Closes the open interval, for a source that has ended; undefined if there is none. */
  close(): ClosedInterval | undefined {
    const open = this.#open;
    if (open === undefined) return undefined;
    this.#open = undefined;
    this.#closedUntilMs = open.endMs;
    const { startMs, endMs, periodStartMs, chain, root, registerEnd } = open;
    const sum = BigInt(chain.sum);
    const salt = intervalSumSalt(this.#owner, startMs, endMs);
    return {
      meterId: this.#owner.meterId,
      startMs,
      endMs,
      periodStartMs,
      count: chain.count,
      sum,
      fingerprint: chain.fingerprint(),
      readingsRoot: root.root(),
      salt,
      commitment: commitSum({ sum, count: chain.count, salt }),
      ...(registerEnd === undefined ? {} : { registerEnd }),
    };
  }

  #begin(timestampMs: number): OpenInterval {
    const endMs = Math.ceil(timestampMs / this.#intervalMs) * this.#intervalMs;
    const startMs = endMs - this.#intervalMs;
    const periodStartMs = Math.floor(startMs / this.#periodMs) * this.#periodMs;
    return {
      startMs,
      endMs,
      periodStartMs,
      chain: new FingerprintChain(periodSeed(this.#owner, periodStartMs)),
      root: new ReadingsRootStream(),
      saltOf: readingSalts(readingSaltKey(this.#owner, startMs, endMs)),
      registerEnd: undefined,
    };
  }
}
