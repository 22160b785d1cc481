/**
 * Who may write: one writer at a time, in the order of their epochs. Everything a writer writes carries a write time of its epoch, and Cassandra keeps
 * the cell with the highest. So what a writer of an earlier epoch still has under way loses against what a later one wrote, whenever it
 * arrives; and nothing is acknowledged before the row below was seen to name this writer still. The clocks of writers decide nothing.
 */
export interface LeaseState {
  /** Counts changes of this row. */
  readonly version: bigint;
  /** First write time of the writer that took it last, in Cassandra's microseconds. */
  readonly epoch: bigint;
  /** Who writes, or who was handed it; null when nobody does. */
  readonly holder: string | null;
  /** Who waits. */
  readonly wanted: string | null;
}

/** The row. Both see all that was changed before, and change nothing halfway: a lightweight transaction and a serial read. */
export interface LeaseTable {
  read(): Promise<LeaseState>;
  /** True when `next` stands there now, false when its version is not the one after that which stood there. */
  swap(next: LeaseState): Promise<boolean>;
}

export interface LeasePorts {
  /** Of this writer, of no other one ever. */
  readonly name: string;
  readonly nowUs: () => bigint;
  readonly monotonicMs: () => number;
  readonly wait: (ms: number) => Promise<void>;
}

/** Another writer has taken it: nothing that was written since the last confirmation may be acknowledged. */
export class LeaseLost extends Error {
  override readonly name = "LeaseLost";
}

/** Write times of one epoch, and the least between two. */
const EPOCH_SPAN = 1n << 20n;
/** Write times follow the clock so far: what somebody deletes with CQL can be put again. */
const BEHIND_US = 5_000_000n;
/** A holder whose row stays as it is for so long is taken to be dead. */
const TAKEOVER_MS = 10_000;
/** A holder at work changes its row at least so often, as seen when it confirms. */
const BEAT_MS = 2000;
/** Not handed over before: what a writer learns about the partitions is lost with it. */
const MIN_HOLD_MS = 1000;
const POLL_MS = 50;

export class WriterLease {
  readonly #table: LeaseTable;
  readonly #ports: LeasePorts;
  /** The row as it was last seen; undefined before the first look. */
  #state: LeaseState | undefined;
  #isHeld = false;
  /** The last epoch of this writer, and how many of its write times were given. */
  #epoch = -1n;
  #given = 0n;
  #heldSinceMs = 0;
  #beatMs = 0;

  constructor(table: LeaseTable, ports: LeasePorts) {
    this.#table = table;
    this.#ports = ports;
  }

  /**
   * Waits until this writer holds it. False: others may have written since it held it last, and what it knows of the partitions is void.
   * @throws what the table throws
   */
  async hold(): Promise<boolean> {
    const { name, wait, monotonicMs } = this.#ports;
    if (this.#isHeld && !this.#isUsedUp()) return true;
    let seen = { version: -1n, sinceMs: 0 };
    for (;;) {
      const state = this.#state ?? (await this.#table.read());
      this.#state = undefined;
      const nowMs = monotonicMs();
      if (seen.version !== state.version) seen = { version: state.version, sinceMs: nowMs };
      const isFree = state.holder === null || state.holder === name;
      if (isFree || nowMs - seen.sinceMs >= TAKEOVER_MS) {
        // Every writer takes an epoch of its own: where ours stands, nobody else had it.
        const isOurs = state.epoch === this.#epoch;
        if (await this.#take(state)) return isOurs;
      } else if (state.wanted === null) await this.#swap({ ...state, wanted: name });
      else await wait(POLL_MS);
    }
  }

  /** For everything that is written together. Higher than all before, in this and in earlier epochs. Only between hold and confirm. */
  writeTime(): bigint {
    this.#given += 1n;
    return this.#epoch + this.#given;
  }

  /**
   * After writing, before anything is acknowledged: whoever writes next sees it. Also tells others that this writer is alive.
   * @throws LeaseLost; what the table throws
   */
  async confirm(): Promise<void> {
    for (;;) {
      const state = await this.#table.read();
      this.#state = state;
      if (state.holder !== this.#ports.name || state.epoch !== this.#epoch) {
        this.#isHeld = false;
        this.#state = undefined;
        throw new LeaseLost("another writer has taken over");
      }
      if (this.#ports.monotonicMs() - this.#beatMs < BEAT_MS || (await this.#swap(state))) return;
    }
  }

  /** When nothing is being written: to whoever waits, after a while of holding it. */
  async yield(): Promise<void> {
    const isLong = this.#ports.monotonicMs() - this.#heldSinceMs >= MIN_HOLD_MS;
    if (this.#isHeld && isLong && (this.#state?.wanted ?? null) !== null) await this.release();
  }

  /** When nothing is being written. @throws what the table throws */
  async release(): Promise<void> {
    while (this.#isHeld) {
      const state = this.#state ?? (await this.#table.read());
      this.#state = undefined;
      const isOurs = state.holder === this.#ports.name && state.epoch === this.#epoch;
      if (!isOurs || (await this.#swap({ ...state, holder: state.wanted, wanted: null }))) this.#isHeld = false;
    }
  }

  async #take(state: LeaseState): Promise<boolean> {
    const { name, nowUs, monotonicMs } = this.#ports;
    const continues = state.epoch === this.#epoch && !this.#isUsedUp();
    const [behind, now] = [state.epoch + 2n * EPOCH_SPAN, nowUs()];
    const epoch = continues ? state.epoch : now > behind ? now : behind;
    const wanted = state.wanted === name ? null : state.wanted;
    if (!(await this.#swap({ ...state, epoch, holder: name, wanted }))) return false;
    if (!continues) [this.#epoch, this.#given] = [epoch, 0n];
    this.#isHeld = true;
    this.#heldSinceMs = monotonicMs();
    return true;
  }

  #isUsedUp(): boolean {
    return this.#given >= EPOCH_SPAN || this.#ports.nowUs() - (this.#epoch + this.#given) > BEHIND_US;
  }

  /** `state` with the version after it. */
  async #swap(state: LeaseState): Promise<boolean> {
    const next = { ...state, version: state.version + 1n };
    const isDone = await this.#table.swap(next);
    if (isDone) this.#beatMs = this.#ports.monotonicMs();
    this.#state = isDone ? next : undefined;
    return isDone;
  }
}
