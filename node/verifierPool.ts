import { Worker } from "node:worker_threads";
import type { SignatureCheck } from "./verifierWire.ts";
import { packChecks } from "./verifierWire.ts";
import type { VerifyAnswer, VerifyJob } from "./verify.worker.ts";

/** Checks in one message to a worker: 64 hide the cost of the message (research/limits.md §1), 256 keep both cores even. */
export const MIN_CHECKS_PER_JOB = 64;
export const MAX_CHECKS_PER_JOB = 256;

/** Jobs a worker holds at once: one that runs and one that waits, so that a worker never idles for a round trip. */
const JOBS_PER_WORKER = 2;

/** Times a job is given to another worker after its worker died; then the pool gives it back unanswered. */
const MAX_JOB_ATTEMPTS = 3;

/** Workers that may die without one answer in between before the pool stops starting new ones. */
const MAX_BARREN_DEATHS = 6;

/** A run of checks of one caller. `settle` gets a verdict per check, or undefined if no worker could answer. */
export interface PoolRequest {
  readonly checks: readonly SignatureCheck[];
  settle(verdicts: Uint8Array | undefined): void;
}

export interface VerifierPool {
  /** False once the workers keep dying: nothing is accepted any more and the caller checks by itself. */
  readonly alive: boolean;
  /** Workers that died and were replaced. */
  readonly restarts: number;
  submit(request: PoolRequest): void;
  close(): Promise<void>;
}

interface Job {
  readonly id: number;
  readonly requests: readonly PoolRequest[];
  attempts: number;
}

interface PoolWorker {
  readonly thread: Worker;
  readonly jobs: Map<number, Job>;
}

/** Runs checks on `workers` threads. Requests are merged into jobs in their order; every request is settled exactly once. */
export function createVerifierPool(workers: number, workerUrl: URL): VerifierPool {
  const pool: PoolWorker[] = [];
  const requests: PoolRequest[] = [];
  const retries: Job[] = [];
  let nextJobId = 0;
  let barrenDeaths = 0;
  let restarts = 0;
  let state: "running" | "failed" | "closed" = "running";

  const spawn = () => {
    const worker: PoolWorker = { thread: new Worker(workerUrl), jobs: new Map() };
    worker.thread.on("message", (answer: VerifyAnswer) => onAnswer(worker, answer));
    // `exit` follows every `error`; the listener keeps the error from ending the process.
    worker.thread.on("error", () => undefined);
    worker.thread.once("exit", () => onExit(worker));
    pool.push(worker);
  };

  const onAnswer = (worker: PoolWorker, { id, verdicts }: VerifyAnswer) => {
    const job = worker.jobs.get(id);
    if (job === undefined) return;
    worker.jobs.delete(id);
    barrenDeaths = 0;
    let offset = 0;
    for (const request of job.requests) {
      request.settle(verdicts.subarray(offset, offset + request.checks.length));
      offset += request.checks.length;
    }
    dispatch();
  };

  const onExit = (worker: PoolWorker) => {
    pool.splice(pool.indexOf(worker), 1);
    const orphans = [...worker.jobs.values()];
    worker.jobs.clear();
    if (state === "closed") return giveUp(orphans);
    barrenDeaths += 1;
    for (const job of orphans)
      if (job.attempts < MAX_JOB_ATTEMPTS) retries.push(job);
      else giveUp([job]);
    if (barrenDeaths >= MAX_BARREN_DEATHS) {
      state = "failed";
      giveUp(retries.splice(0));
      for (const request of requests.splice(0)) request.settle(undefined);
      return;
    }
    restarts += 1;
    spawn();
    dispatch();
  };

  const dispatch = () => {
    while (retries.length > 0 || requests.length > 0) {
      const worker = leastBusy(pool);
      if (worker === undefined) return;
      const job = retries.shift() ?? nextJob(idleSlots(pool));
      job.attempts += 1;
      worker.jobs.set(job.id, job);
      const packed = packChecks(job.requests.flatMap((request) => request.checks));
      worker.thread.postMessage({ id: job.id, packed } satisfies VerifyJob, [packed]);
    }
  };

  const nextJob = (slots: number): Job => {
    let waiting = 0;
    for (const request of requests) waiting += request.checks.length;
    const target = Math.min(MAX_CHECKS_PER_JOB, Math.max(MIN_CHECKS_PER_JOB, Math.ceil(waiting / slots)));
    const taken: PoolRequest[] = [];
    let count = 0;
    while (requests[0] !== undefined && (count === 0 || count + requests[0].checks.length <= target)) {
      const request = requests.shift() as PoolRequest;
      count += request.checks.length;
      taken.push(request);
    }
    nextJobId += 1;
    return { id: nextJobId, requests: taken, attempts: 0 };
  };

  for (let i = 0; i < workers; i++) spawn();

  return {
    get alive() {
      return state === "running";
    },
    get restarts() {
      return restarts;
    },
    submit(request) {
      if (state !== "running") return request.settle(undefined);
      requests.push(request);
      dispatch();
    },
    async close() {
      state = "closed";
      for (const request of requests.splice(0)) request.settle(undefined);
      giveUp(retries.splice(0));
      await Promise.all(pool.map((worker) => worker.thread.terminate()));
    },
  };
}

function giveUp(jobs: readonly Job[]): void {
  for (const job of jobs) for (const request of job.requests) request.settle(undefined);
}

function idleSlots(pool: readonly PoolWorker[]): number {
  let slots = 0;
  for (const worker of pool) slots += Math.max(0, JOBS_PER_WORKER - worker.jobs.size);
  return Math.max(1, slots);
}

function leastBusy(pool: readonly PoolWorker[]): PoolWorker | undefined {
  let best: PoolWorker | undefined;
  for (const worker of pool)
    if (worker.jobs.size < JOBS_PER_WORKER && (best === undefined || worker.jobs.size < best.jobs.size)) best = worker;
  return best;
}
