import type { Logger } from "pino";
import { accountRecordKey, decodeAccountRecord } from "#consensus/application/accountRecord.ts";
import { LEDGER_CODES } from "#consensus/application/codes.ts";
import type { PrivateKey } from "#storage/crypto/keys.ts";
import { publicKeyOf } from "#storage/crypto/keys.ts";
import { amendIntervalMessage } from "#storage/types/amendInterval.ts";
import { txId } from "#storage/types/block.ts";
import { sealIntervalMessage } from "#storage/types/sealInterval.ts";
import { signEncoded, type UnsignedMessage } from "#storage/types/signEncoded.ts";
import { accountOfKey } from "#storage/types/transactionAccounts.ts";
import type { ClosedAmendment } from "../meter/amendments.ts";
import type { ClosedInterval } from "../meter/intervalBuilder.ts";
import { MAX_LIGHT_CONNECTIONS } from "../network/limits.ts";
import type { Network } from "../network/network.ts";
import { decodeSubmitVerdicts, encodeSubmission, MAX_PROOF_IDS, type SubmitVerdict } from "../serve/messages.ts";
import { deviceKeyOf } from "./meterKeys.ts";
import { isAmendment, type Outbox, type Sealable } from "./outbox.ts";
import { type Answer, decodeAnswer, type FullNodePeers } from "./peers.ts";
import type { Proofs, VerifiedTx } from "./proofs.ts";

/** Intervals of one meter in one transaction: one in normal running, more when a backlog has gathered. */
const MAX_INTERVALS_PER_TX = 32;

/** Intervals that wait in memory, about 1 KB each. What comes beyond waits in the outbox on disk: of 30 days without a network there are thousands. */
export const MAX_QUEUED_INTERVALS = 4096;

/** Taken from the outbox at a time. */
const REFILL_INTERVALS = 2 * MAX_INTERVALS_PER_TX;

/** A transaction that is in no block after this time is sent to a full node directly, which says why not. */
const RESEND_MS = 4_000;

/**
 * So often every full node says that the account has gone on without a transaction before it is signed anew. Each round asks another one for its proof, so
 * that nobody who keeps it back decides this.
 */
const STALE_ROUNDS = MAX_LIGHT_CONNECTIONS;

/** Accounts asked for at once; each is a request. */
const ACCOUNTS_AT_ONCE = 8;

/** Finality samples kept for the percentiles: they all go out with every look at the light node. */
const MAX_SAMPLES = 2_000;

const SEQUENCE_MISMATCH = LEDGER_CODES.SEQUENCE_MISMATCH[0];

const NAMES: ReadonlyMap<number, string> = new Map(Object.entries(LEDGER_CODES).map(([name, [code]]) => [code, name]));

/** What the ledger has against one interval or amendment, and not against the meter: the others of its transaction may be fine. */
const OF_ONE_ITEM: ReadonlySet<number> = new Set(
  Object.entries(LEDGER_CODES)
    .filter(([name]) => /^(INTERVAL|AMENDMENT|AMENDMENTS)_/.test(name) || name === "METER_NOT_VALID")
    .map(([, [code]]) => code),
);

/** One meter: its transactions go out one after another, because each carries the next sequence of the device's account. */
interface Lane {
  readonly meterId: string;
  readonly key: PrivateKey;
  readonly account: string;
  number: bigint | undefined;
  sequence: bigint;
  readonly queue: Sealable[];
  /** So many at the beginning of the queue go out one by one: the transaction that had all of them was refused. */
  singles: number;
  /** What the device has to say beside its intervals, which goes before them. */
  readonly notices: Notice[];
  /** More of this meter is queued in the outbox than here. */
  hasMore: boolean;
  /** No interval in the outbox that ends before is queued. */
  queuedFromMs: number;
  flight: Flight | undefined;
}

interface Notice {
  readonly message: UnsignedMessage;
  /** The ledger's code, when it is final. */
  readonly settled: (code: number) => void;
}

interface Flight {
  readonly id: Uint8Array;
  readonly tx: Uint8Array;
  readonly sequence: bigint;
  readonly intervals: readonly Sealable[];
  /** Instead of intervals. */
  readonly notice: Notice | undefined;
  /** Undefined: before this process began. */
  readonly sentMs: number | undefined;
  askedMs: number;
  isIncluded: boolean;
  staleRounds: number;
}

export interface SubmitterStats {
  /** Transactions, not intervals. */
  readonly sent: number;
  readonly finalised: number;
  readonly rejected: number;
  /** Meters whose device account the ledger does not know. */
  readonly unknownMeters: number;
  /** From sending to holding a verified header and path, seconds, latest MAX_SAMPLES. */
  readonly finalitySeconds: readonly number[];
}

export interface Submitter {
  /** What is in the outbox since now. */
  enqueue(items: readonly Sealable[]): void;
  /** A message of the meter's device in a transaction of its own; resolves to the ledger's code when that is final. Not kept over a restart. */
  notice(meterId: string, message: UnsignedMessage): Promise<number>;
  /** Called after every new header and now and then: asks for proofs, settles, sends what waits. */
  step(): Promise<void>;
  /** Whether everything that was queued is settled. */
  isDrained(): boolean;
  stats(): SubmitterStats;
}

export function createSubmitter(
  options: {
    readonly chainId: string;
    readonly meterKey: PrivateKey;
    readonly clearSums: (meterId: string) => boolean;
  },
  parts: {
    readonly network: Pick<Network, "publishTxs" | "protocols" | "penalise">;
    readonly peers: Pick<FullNodePeers, "ask" | "askAll" | "rotate">;
    readonly proofs: Proofs;
    readonly outbox: Outbox;
    readonly log: Logger;
    nowMs(): number;
  },
): Submitter {
  const { network, peers, proofs, outbox, log } = parts;
  const lanes = new Map<string, Lane>();
  const stats = { sent: 0, finalised: 0, rejected: 0 };
  const finalitySeconds: number[] = [];
  let isStepping = false;
  let isResumed = false;
  /** In the queues of all lanes. */
  let queued = 0;
  for (const meterId of outbox.queuedMeters()) laneOf(meterId).hasMore = true;

  function laneOf(meterId: string): Lane {
    const known = lanes.get(meterId);
    if (known !== undefined) return known;
    const key = deviceKeyOf(options.meterKey, meterId);
    const account = accountOfKey(publicKeyOf(key));
    const lane: Lane = {
      ...{ meterId, key, account, number: undefined, sequence: 0n },
      ...{ queue: [], singles: 0, notices: [], hasMore: false, queuedFromMs: 0, flight: undefined },
    };
    lanes.set(meterId, lane);
    return lane;
  }

  /** The account's number and sequence, proved under a verified app hash. */
  async function loadAccount(lane: Lane): Promise<void> {
    const key = accountRecordKey(lane.account);
    const answer = await proofs.state("/edream/account", Buffer.from(lane.account), key);
    if (answer?.value === undefined) return;
    const account = decodeAccountRecord(answer.value);
    lane.number = account.number;
    lane.sequence = account.sequence;
  }

  /** The oldest that wait in the outbox. What comes meanwhile is queued behind them. */
  async function refill(lane: Lane): Promise<void> {
    if (!lane.hasMore || lane.queue.length > 0 || lane.flight !== undefined) return;
    lane.hasMore = false;
    // Each of many meters has a small share of the memory, and one that the ledger does not know keeps none from going on.
    const limit = Math.max(1, Math.min(REFILL_INTERVALS, Math.floor(MAX_QUEUED_INTERVALS / lanes.size)));
    const found = await outbox.queuedOf(lane.meterId, lane.queuedFromMs, limit);
    const meanwhile = lane.queue.splice(0);
    queued -= meanwhile.length;
    lane.queuedFromMs = found.find((item) => !isAmendment(item))?.endMs ?? lane.queuedFromMs;
    if (found.length === limit || meanwhile.length > 0 || found.some((item) => !isAmendment(item))) lane.hasMore = true;
    lane.queue.push(...found.map(compact));
    queued += found.length;
  }

  /** What was on its way when the process before ended: the same transactions go on, because the ledger may have them. */
  async function resume(): Promise<void> {
    if (isResumed) return;
    for (const lane of lanes.values()) {
      const kept = lane.hasMore ? await outbox.flightOf(lane.meterId) : undefined;
      if (kept === undefined) continue;
      const { tx, sequence, accountNumber, intervals } = kept;
      Object.assign(lane, { number: accountNumber, sequence });
      const askedMs = parts.nowMs() - RESEND_MS - 1;
      const state = { notice: undefined, sentMs: undefined, askedMs, isIncluded: false, staleRounds: 0 };
      lane.flight = { id: txId(tx), tx, sequence, intervals: intervals.map(compact), ...state };
    }
    isResumed = true;
  }

  /** The meter's next transaction, off the queue. */
  function nextFlight(lane: Lane): Flight | undefined {
    if (lane.number === undefined || lane.flight !== undefined) return undefined;
    const notice = lane.notices.shift();
    if (notice !== undefined) return flightOf(lane, [notice.message], [], notice);
    return lane.queue.length > 0 ? nextIntervals(lane) : undefined;
  }

  function nextIntervals(lane: Lane): Flight {
    // An amendment needs its interval on the ledger: it goes in a transaction of its own, behind it.
    const kind = isAmendment(lane.queue[0] as Sealable);
    const end = lane.queue.findIndex((item) => isAmendment(item) !== kind);
    const most = lane.singles > 0 ? 1 : MAX_INTERVALS_PER_TX;
    const intervals = lane.queue.splice(0, Math.min(most, end < 0 ? lane.queue.length : end));
    lane.singles = Math.max(0, lane.singles - 1);
    queued -= intervals.length;
    const clearSums = options.clearSums(lane.meterId);
    const messages = intervals.map((item) =>
      isAmendment(item) ? amendMessage(lane.account, item, clearSums) : sealMessage(lane.account, item, clearSums),
    );
    return flightOf(lane, messages, intervals, undefined);
  }

  function flightOf(
    lane: Lane,
    messages: readonly UnsignedMessage[],
    intervals: readonly Sealable[],
    notice: Notice | undefined,
  ): Flight {
    const { sequence } = lane;
    const tx = signEncoded({
      messages,
      chainId: options.chainId,
      signers: [{ privateKey: lane.key, accountNumber: lane.number ?? 0n, sequence }],
    });
    const now = parts.nowMs();
    const state = { notice, sentMs: now, askedMs: now, isIncluded: false, staleRounds: 0 };
    return { id: txId(tx), tx, sequence, intervals, ...state };
  }

  /** Sends what waits, of all meters: on disk first, in one write. */
  async function sendNext(): Promise<void> {
    const next: { readonly lane: Lane; readonly flight: Flight }[] = [];
    for (const lane of lanes.values()) {
      if (lane.number !== undefined) await refill(lane);
      const flight = nextFlight(lane);
      if (flight !== undefined) next.push({ lane, flight });
    }
    if (next.length === 0) return;
    const kept = next.flatMap(({ lane, flight: { tx, sequence, intervals } }) =>
      intervals.length === 0
        ? []
        : [{ meterId: lane.meterId, tx, sequence, intervals, accountNumber: lane.number as bigint }],
    );
    try {
      await outbox.keepFlights(kept);
    } catch (error) {
      for (const { lane, flight } of next) requeue(lane, flight);
      throw error;
    }
    for (const { lane, flight } of next) lane.flight = flight;
    stats.sent += next.length;
    network.publishTxs(next.map(({ flight }) => flight.tx));
  }

  function requeue(lane: Lane, { notice, intervals }: Flight): void {
    if (notice !== undefined) lane.notices.unshift(notice);
    lane.queue.unshift(...intervals);
    queued += intervals.length;
  }

  async function settle(lane: Lane, flight: Flight, found: VerifiedTx): Promise<void> {
    if (!flight.isIncluded) {
      flight.isIncluded = true;
      if (finalitySeconds.length >= MAX_SAMPLES) finalitySeconds.shift();
      if (flight.sentMs !== undefined) finalitySeconds.push((parts.nowMs() - flight.sentMs) / 1000);
    }
    if (found.code === undefined) return;
    lane.flight = undefined;
    if (found.code === 0) {
      const { height, inclusion } = found.proof;
      const id = Buffer.from(flight.id).toString("hex");
      // Not one more than was read: what was read meanwhile may count this transaction already.
      lane.sequence = flight.sequence + 1n;
      stats.finalised += 1;
      if (flight.notice !== undefined) return flight.notice.settled(0);
      const outcome = { state: "final", txId: id, height, index: inclusion.index } as const;
      await outbox.settle(flight.intervals, outcome, found.proof, flight.tx);
      return;
    }
    await refuse(lane, flight, found.code, "");
  }

  /**
   * Refused for its sequence: the account is read anew and the same intervals go again. Refused for one of its intervals: they go again one by one, so
   * that only that one is given up. Refused for anything else: for good.
   */
  async function refuse(lane: Lane, flight: Flight, code: number, reason: string): Promise<void> {
    lane.flight = undefined;
    lane.number = undefined;
    const isDivisible = OF_ONE_ITEM.has(code) && flight.intervals.length > 1;
    if (code === SEQUENCE_MISMATCH || isDivisible) {
      requeue(lane, flight);
      if (isDivisible || lane.singles > 0) lane.singles += flight.intervals.length;
      return;
    }
    stats.rejected += 1;
    if (flight.notice !== undefined) return flight.notice.settled(code);
    const name = NAMES.get(code) ?? String(code);
    log.warn(
      { meter: lane.meterId, code: name, reason, intervals: flight.intervals.map(({ endMs }) => endMs) },
      "The ledger refused an interval: its readings are kept, `energy-ledger meter unsealed` lists it",
    );
    await outbox.settle(flight.intervals, { state: "rejected", code: name }, undefined);
  }

  async function askForProofs(): Promise<void> {
    const flying = [...lanes.values()].filter((lane) => lane.flight !== undefined);
    for (let from = 0; from < flying.length; from += MAX_PROOF_IDS) {
      const slice = flying.slice(from, from + MAX_PROOF_IDS);
      const ids = slice.flatMap(({ flight }) => (flight === undefined ? [] : [flight.id]));
      for (const found of await proofs.transactions(ids)) {
        const lane = slice.find(({ flight }) => flight && Buffer.compare(flight.id, found.proof.txId) === 0);
        if (lane?.flight !== undefined) await settle(lane, lane.flight, found);
      }
    }
  }

  async function resend(): Promise<void> {
    const now = parts.nowMs();
    const overdue = [...lanes.values()].filter(
      ({ flight }) => flight !== undefined && now - flight.askedMs > RESEND_MS,
    );
    // The full node that is asked for proofs may be one that keeps them back.
    if (overdue.length > 0) peers.rotate();
    for (const lane of overdue.slice(0, MAX_PROOF_IDS)) {
      const { flight } = lane;
      if (flight === undefined) continue;
      flight.askedMs = now;
      if (flight.isIncluded) continue;
      const submission = encodeSubmission([flight.tx]);
      const first = await peers.ask(network.protocols.submit, submission);
      if (refusalIn(first) === undefined) continue;
      // One node's word is not enough to give an interval up: all of them must refuse it, and the sequence is read with proof.
      const refusals = (await peers.askAll(network.protocols.submit, submission)).map(refusalIn);
      await loadAccount(lane);
      const hasGoneOn = lane.sequence !== flight.sequence;
      const isStale = hasGoneOn && refusals.every((each) => each?.code === SEQUENCE_MISMATCH);
      flight.staleRounds = isStale ? flight.staleRounds + 1 : 0;
      const isRefused = refusals.every((each) => each !== undefined && each.code !== SEQUENCE_MISMATCH);
      const [verdict] = refusals;
      if (flight.staleRounds >= STALE_ROUNDS) await refuse(lane, flight, SEQUENCE_MISMATCH, "");
      else if (!hasGoneOn && isRefused && verdict !== undefined) await refuse(lane, flight, verdict.code, verdict.log);
    }
  }

  /** Why a full node takes the transaction for wrong; undefined if it took it, or may take it later. */
  function refusalIn({ peer, answer }: Answer): SubmitVerdict | undefined {
    const [verdict] = decodeAnswer(network, peer, () => decodeSubmitVerdicts(answer));
    return verdict === undefined || verdict.code === 0 || verdict.log.startsWith("MEMPOOL") ? undefined : verdict;
  }

  async function openAccounts(): Promise<void> {
    const unknown = [...lanes.values()].filter(
      (lane) => lane.number === undefined && (lane.queue.length > 0 || lane.notices.length > 0 || lane.hasMore),
    );
    for (let from = 0; from < unknown.length; from += ACCOUNTS_AT_ONCE)
      await Promise.all(unknown.slice(from, from + ACCOUNTS_AT_ONCE).map(loadAccount));
  }

  return {
    enqueue(items) {
      for (const item of items) {
        const lane = laneOf(item.meterId);
        if (queued >= MAX_QUEUED_INTERVALS) lane.hasMore = true;
        if (lane.hasMore) continue;
        lane.queue.push(compact(item));
        queued += 1;
      }
    },

    notice(meterId, message) {
      const { promise, resolve } = Promise.withResolvers<number>();
      laneOf(meterId).notices.push({ message, settled: resolve });
      return promise;
    },

    async step() {
      if (isStepping) return;
      isStepping = true;
      try {
        await resume();
        await askForProofs();
        await openAccounts();
        await sendNext();
        await resend();
      } catch (error) {
        log.debug({ err: (error as Error).message }, "Will ask again");
      } finally {
        isStepping = false;
      }
    },

    isDrained: () =>
      [...lanes.values()].every(
        ({ queue, notices, hasMore, flight }) =>
          queue.length === 0 && notices.length === 0 && !hasMore && flight === undefined,
      ),

    stats() {
      const unknownMeters = [...lanes.values()].filter((lane) => lane.number === undefined).length;
      return { ...stats, unknownMeters, finalitySeconds };
    },
  };
}

/**
 * The interval in bytes of its own. Hashes are cut from Node's buffer pool, 8 KiB at a time, and one that is kept keeps all of its piece:
 * 4096 waiting intervals would hold up to 32 MB for 1 MB of hashes.
 */
function compact(item: Sealable): Sealable {
  // Its leaves are on disk, and nothing here needs them.
  const { fingerprint, readingsRoot, salt, commitment, leaves: _, ...rest } = item;
  return {
    ...rest,
    fingerprint: new Uint8Array(fingerprint),
    readingsRoot: new Uint8Array(readingsRoot),
    salt: new Uint8Array(salt),
    commitment: new Uint8Array(commitment),
  };
}

function amendMessage(signer: string, item: ClosedAmendment, clearSums: boolean) {
  const { meterId, startMs, endMs, amendment, count, previousFingerprint, fingerprint, readingsRoot } = item;
  const energy = clearSums ? { sumMwh: item.sum } : { sumCommitment: item.commitment };
  return amendIntervalMessage({
    ...{ signer, meterId, startMs, endMs, amendment, previousFingerprint, fingerprint, readingsRoot, energy },
    readingCount: count,
  });
}

function sealMessage(signer: string, interval: ClosedInterval, clearSums: boolean) {
  return sealIntervalMessage({
    signer,
    meterId: interval.meterId,
    intervalStartMs: interval.startMs,
    intervalEndMs: interval.endMs,
    readingCount: interval.count,
    fingerprint: interval.fingerprint,
    readingsRoot: interval.readingsRoot,
    energy: clearSums ? { sumMwh: interval.sum } : { sumCommitment: interval.commitment },
    ...(interval.registerEnd === undefined ? {} : { registerEndMwh: interval.registerEnd }),
  });
}
