/** Meters that are watched; those beyond are heard like any other, and not missed. */
const MAX_WATCHED_METERS = 100_000;
/** After this long a meter is gone rather than late, and nobody is asked for it any more. */
const GONE_MS = 3_600_000;

/** When each meter was heard last, to notice the one whose notifications stay away. */
export class LastHeard {
  /** In the order in which they were heard: the first is the longest silent. */
  readonly #heard = new Map<string, number>();

  note(meterId: string, nowMs: number): void {
    if (!this.#heard.delete(meterId) && this.#heard.size >= MAX_WATCHED_METERS) return;
    this.#heard.set(meterId, nowMs);
  }

  /** When the longest silent meter was heard; 0 while none is known. */
  silentSinceMs(nowMs: number): number {
    for (const [meterId, heardMs] of this.#heard) {
      if (nowMs - heardMs <= GONE_MS) return heardMs;
      this.#heard.delete(meterId);
    }
    return 0;
  }
}
