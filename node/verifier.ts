import { verifySignature } from "#storage/crypto/keys.ts";
import { LedgerError } from "#storage/error.ts";
import { checkKey, createLruCache } from "./verifierCache.ts";
import { createVerifierPool, MIN_CHECKS_PER_JOB } from "./verifierPool.ts";
import type { SignatureCheck } from "./verifierWire.ts";
import { isPackable } from "./verifierWire.ts";

export type { SignatureCheck } from "./verifierWire.ts";

export interface VerifierOptions {
  /** Threads; 0 checks on the calling thread, for light nodes that cannot spare 10 MB a thread. */
  readonly workers: number;
  /** Checks that may wait for a worker. A caller beyond it waits until there is room. */
  readonly maxQueued?: number;
  /** Verdicts remembered, about 150 bytes each. */
  readonly cacheSize?: number;
  /** The worker's module; another one only in tests. */
  readonly workerUrl?: URL;
}

/** 16 384 checks of 250 B are 4 MB and 0.4 s of two cores: a longer queue would only add delay. */
export const DEFAULT_MAX_QUEUED_CHECKS = 16_384;

/** Three blocks of 20 000 transactions: mempool, proposal and execution ask about the same signatures. */
export const DEFAULT_CACHED_VERDICTS = 65_536;

export interface VerifierCounters {
  readonly checked: number;
  readonly invalid: number;
  /** Answers of `verifyNow` from the cache, and those that had to be computed on the calling thread. */
  readonly cacheHits: number;
  readonly cacheMisses: number;
  readonly workerRestarts: number;
  readonly queued: number;
}

/** The signature checks of the node: in batches on worker threads, each one once (DESIGN.md §11). */
export interface Verifier extends AsyncDisposable {
  readonly counters: VerifierCounters;
  /**
   * One verdict per check, in their order, and remembered for `verifyNow`. Waits while the queue is full.
   * @throws VerifierError VERIFIER_CLOSED
   */
  verifyBatch(checks: readonly SignatureCheck[]): Promise<boolean[]>;
  /** The verdict at once: from the cache, else computed here, on the calling thread, in about 0.05 ms. */
  verifyNow(check: SignatureCheck): boolean;
  /** The remembered verdict of `checkKey(check)`. */
  verdictOf(key: string): boolean | undefined;
}

export type VerifierErrorDetails = { readonly code: "VERIFIER_CLOSED" };

export class VerifierError extends LedgerError<VerifierErrorDetails> {}

export function createVerifier(options: VerifierOptions): Verifier {
  const maxQueued = options.maxQueued ?? DEFAULT_MAX_QUEUED_CHECKS;
  const workerUrl = options.workerUrl ?? new URL("./verify.worker.ts", import.meta.url);
  const verdicts = createLruCache<boolean>(options.cacheSize ?? DEFAULT_CACHED_VERDICTS);
  const pool = options.workers > 0 ? createVerifierPool(options.workers, workerUrl) : undefined;
  const counts = { checked: 0, invalid: 0, cacheHits: 0, cacheMisses: 0 };
  const waiting: (() => void)[] = [];
  let queued = 0;
  let closed = false;
  let inlineTurn: Promise<void> = Promise.resolve();

  const remember = (check: SignatureCheck, valid: boolean): boolean => {
    counts.checked += 1;
    if (!valid) counts.invalid += 1;
    const key = checkKey(check);
    if (key !== undefined) verdicts.set(key, valid);
    return valid;
  };

  const verifyHere = (check: SignatureCheck) => verifySignature(check.publicKey, check.message, check.signature);

  /** Counts the checks in, first come first served; a batch larger than the whole queue goes when the queue is empty. */
  const enter = async (count: number): Promise<void> => {
    while (queued > 0 && queued + count > maxQueued) await new Promise<void>((resolve) => waiting.push(resolve));
    if (closed) throw new VerifierError({ code: "VERIFIER_CLOSED" });
    queued += count;
  };

  const leave = (count: number): void => {
    queued -= count;
    for (const resolve of waiting.splice(0)) resolve();
  };

  const verifySlice = async (checks: readonly SignatureCheck[]): Promise<boolean[]> => {
    if (pool?.alive) {
      const bytes = await new Promise<Uint8Array | undefined>((settle) => pool.submit({ checks, settle }));
      if (bytes !== undefined) return checks.map((check, index) => remember(check, bytes[index] === 1));
    }
    if (closed) throw new VerifierError({ code: "VERIFIER_CLOSED" });
    // One slice after the other: 64 signatures take about 3 ms, and the event loop gets its turn in between.
    inlineTurn = inlineTurn.then(() => new Promise((resolve) => setImmediate(resolve)));
    await inlineTurn;
    return checks.map((check) => remember(check, verifyHere(check)));
  };

  return {
    get counters() {
      return { ...counts, workerRestarts: pool?.restarts ?? 0, queued };
    },

    async verifyBatch(checks) {
      if (closed) throw new VerifierError({ code: "VERIFIER_CLOSED" });
      const results = checks.map((check) => (isPackable(check) ? verdicts.get(checkKey(check) ?? "") : false));
      const open = checks.flatMap((_check, index) => (results[index] === undefined ? [index] : []));
      if (open.length > 0) {
        await enter(open.length);
        try {
          const slices: Promise<void>[] = [];
          for (let start = 0; start < open.length; start += MIN_CHECKS_PER_JOB) {
            const indexes = open.slice(start, start + MIN_CHECKS_PER_JOB);
            const slice = verifySlice(indexes.map((index) => checks[index] as SignatureCheck));
            slices.push(
              slice.then((answers) => {
                for (const [at, index] of indexes.entries()) results[index] = answers[at];
              }),
            );
          }
          await Promise.all(slices);
        } finally {
          leave(open.length);
        }
      }
      return results.map((result) => result === true);
    },

    verifyNow(check) {
      const key = checkKey(check);
      if (key === undefined) return false;
      const known = verdicts.get(key);
      if (known !== undefined) {
        counts.cacheHits += 1;
        return known;
      }
      counts.cacheMisses += 1;
      return remember(check, verifyHere(check));
    },

    verdictOf: (key) => verdicts.get(key),

    async [Symbol.asyncDispose]() {
      if (closed) return;
      closed = true;
      for (const resolve of waiting.splice(0)) resolve();
      await pool?.close();
    },
  };
}
