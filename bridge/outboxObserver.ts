import { keccak256 } from "ethers";
import { BridgeError } from "./bridgeError.ts";
import { EMPTY_OUTBOX_CHAIN, type OutboxChain, outboxChainAfter } from "./contractEvents.ts";

/** One event of the outbox (contracts/src/Outbox.sol). */
export interface OutboxEvent {
  readonly nonce: bigint;
  /** 0x and hex. */
  readonly emitter: string;
  readonly kind: string;
  readonly payload: string;
}

/** The outbox at one Ethereum node. Every call may reject. */
export interface OutboxClient {
  chainId(): Promise<bigint>;
  /** The latest final block. */
  finalized(): Promise<number>;
  /** The outbox at that block: its latest number, and 24 bytes over all events (0x and hex). Undefined where it was not there yet. */
  chain(block: number): Promise<{ readonly eventNonce: bigint; readonly hash: string } | undefined>;
  /** Events of these blocks, in order. */
  events(fromBlock: number, toBlock: number): Promise<readonly OutboxEvent[]>;
}

/** The ledger's side. */
export interface EventVotes {
  /** The latest event that took effect; undefined: there is no bridge. */
  applied(): Promise<bigint | undefined>;
  /** Sends this validator's vote; resolves when it is on its way. */
  vote(fromNonce: bigint, events: readonly OutboxEvent[]): Promise<void>;
}

/** How far an observer has read, kept over restarts so that it need not begin at the outbox' first block. */
export interface ObserverCursor extends OutboxChain {
  readonly block: number;
}

export interface ObserverOptions {
  /** Of Ethereum. */
  readonly chainId: bigint;
  /** Events in one vote, and beyond the latest applied one, that the ledger takes. */
  readonly maxEvents: number;
  readonly window: number;
  /** After so long a vote that had no effect is sent again, in ms. */
  readonly voteAgainMs: number;
  readonly nowMs: () => number;
}

/**
 * What the observer does or why it does nothing: caughtUp: all final events are voted on; reading; waiting: for other validators' votes
 * incomplete: this node's logs are not what the outbox says they are; wrongChain; unreachable; noBridge
 */
export const OBSERVER_STATES = [
  "caughtUp",
  "reading",
  "waiting",
  "incomplete",
  "wrongChain",
  "unreachable",
  "noBridge",
] as const;

export interface ObserverReport {
  readonly state: (typeof OBSERVER_STATES)[number];
  readonly detail: string;
  readonly cursor: ObserverCursor;
  readonly applied: bigint | undefined;
}

const MAX_RANGE = 10_000;

/**
 * Reads the outbox' events from final blocks only, in ranges as large as the node gives them, and votes them onto the ledger. It believes logs when the outbox' own hash over
 * all events says that they are all there, so that a node that leaves some out or makes some up stops this observer and does nothing else. When Ethereum stands or forks nothing
 * becomes final, and nothing is voted.
 */
export class OutboxObserver {
  readonly #client: OutboxClient;
  readonly #votes: EventVotes;
  readonly #options: ObserverOptions;
  /** Verified. */
  #cursor: ObserverCursor;
  /** Verified events that have not taken effect. */
  #events: OutboxEvent[] = [];
  #range = MAX_RANGE;
  #voted: { readonly last: bigint; readonly applied: bigint; readonly atMs: number } | undefined;

  constructor(client: OutboxClient, votes: EventVotes, options: ObserverOptions, start: ObserverCursor) {
    this.#client = client;
    this.#votes = votes;
    this.#options = options;
    this.#cursor = start;
  }

  /** Behind events that took effect: what may be kept for the next start. */
  get cursor(): ObserverCursor {
    return this.#cursor;
  }

  /** Whether everything read has taken effect: then the cursor can be kept. */
  get isSettled(): boolean {
    return this.#events.length === 0;
  }

  /** Reads one range, votes at most once. Never throws for what Ethereum says or does not say. */
  async tick(): Promise<ObserverReport> {
    let applied: bigint | undefined;
    try {
      applied = await this.#votes.applied();
      if (applied === undefined) return this.#report("noBridge", "", applied);
      const last = applied;
      this.#events = this.#events.filter(({ nonce }) => nonce > last);
      const chainId = await this.#client.chainId();
      if (chainId !== this.#options.chainId)
        return this.#report("wrongChain", `chain ${chainId}, not ${this.#options.chainId}`, applied);
      const finalized = await this.#client.finalized();
      // A few votes are ahead at most: what cannot be voted on yet need not be read yet.
      if (this.#events.length < this.#options.window && finalized > this.#cursor.block) {
        const fault = await this.#read(finalized, applied);
        if (fault !== undefined) return this.#report("incomplete", fault, applied);
      }
      await this.#vote(applied);
      if (this.#cursor.block < finalized)
        return this.#report("reading", `block ${this.#cursor.block} of ${finalized}`, applied);
      return this.#report(this.#events.length === 0 ? "caughtUp" : "waiting", "", applied);
    } catch (error) {
      return this.#report(
        "unreachable",
        (error instanceof Error ? error.message : String(error)).slice(0, 200),
        applied,
      );
    }
  }

  async #read(finalized: number, applied: bigint): Promise<string | undefined> {
    const { block, eventNonce, hash } = this.#cursor;
    const to = Math.min(finalized, block + this.#range);
    let events: readonly OutboxEvent[];
    try {
      events = await this.#client.events(block + 1, to);
    } catch (error) {
      // Nodes limit what they answer at once, each in its own words: half of it next time.
      if (this.#range === 1) throw error;
      this.#range = Math.max(1, Math.floor(this.#range / 4));
      return undefined;
    }
    const next = chainAfter({ eventNonce, hash }, events);
    if (next === undefined) return `events of blocks ${block + 1} to ${to} do not follow event ${eventNonce}`;
    const said = (await this.#client.chain(to)) ?? EMPTY_OUTBOX_CHAIN;
    if (said.eventNonce !== next.eventNonce || said.hash.toLowerCase() !== next.hash)
      return `logs up to block ${to} end with event ${next.eventNonce}, the outbox with ${said.eventNonce}`;
    this.#cursor = { block: to, ...next };
    this.#events.push(...events.filter(({ nonce }) => nonce > applied));
    this.#range = Math.min(MAX_RANGE, this.#range * 2);
    return undefined;
  }

  async #vote(applied: bigint): Promise<void> {
    const { maxEvents, window, voteAgainMs, nowMs } = this.#options;
    const before = this.#voted;
    const hasMoved = before === undefined || applied > before.applied;
    const isLate = before !== undefined && nowMs() - before.atMs >= voteAgainMs;
    // From the first event that has no effect yet when a vote seems lost; else behind what was voted on already.
    const from = before === undefined || isLate ? applied : before.last > applied ? before.last : applied;
    const events = this.#events
      .filter(({ nonce }) => nonce > from && nonce <= applied + BigInt(window))
      .slice(0, maxEvents);
    const [first] = events;
    const last = events.at(-1);
    if (first === undefined || last === undefined) {
      if (hasMoved && before !== undefined) this.#voted = { ...before, applied, atMs: nowMs() };
      return;
    }
    await this.#votes.vote(first.nonce, events);
    this.#voted = { last: last.nonce, applied, atMs: nowMs() };
  }

  #report(state: ObserverReport["state"], detail: string, applied: bigint | undefined): ObserverReport {
    return { state, detail, cursor: this.#cursor, applied };
  }
}

/** Undefined where numbers are missing or twice. What a log says of its payload's hash is not asked: it is computed. */
function chainAfter(before: OutboxChain, events: readonly OutboxEvent[]): OutboxChain | undefined {
  try {
    return outboxChainAfter(
      before,
      events.map(({ nonce, emitter, kind, payload }) => ({
        eventNonce: nonce,
        emitter,
        kind,
        payloadHash: keccak256(payload),
      })),
    );
  } catch (error) {
    if (error instanceof BridgeError) return undefined;
    throw error;
  }
}
