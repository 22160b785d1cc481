/** Publishers remembered: each start of a publisher is a new one. */
const MAX_PUBLISHERS = 1000;

/** Numbers seen ahead of what is checked, per publisher: more than a publisher ever has unconfirmed. */
const MAX_AHEAD = 100_000;

interface Publisher {
  /** Up to this number all were looked for. */
  checked: number;
  /** Seen, and beyond `checked`. */
  readonly seen: Set<number>;
}

/**
 * Notices messages that a broker confirmed and never delivered. Each message says its number and up to which number its publisher had
 * confirmations when it was sent; the queue keeps order, so by the time it arrives all those must have been seen. What was confirmed before the
 * first message seen of a publisher may have gone to an earlier consumer, and is not looked for.
 */
export class SequenceTracker {
  readonly #publishers = new Map<string, Publisher>();
  #missing = 0;

  get missing(): number {
    return this.#missing;
  }

  /** Gives the numbers that are missing, as far as they were not known to be. */
  note(publisherId: string, sequence: number, confirmed: number): readonly number[] {
    let publisher = this.#publishers.get(publisherId);
    if (publisher === undefined) {
      publisher = { checked: confirmed, seen: new Set() };
      this.#publishers.set(publisherId, publisher);
      const [oldest] = this.#publishers.keys();
      if (this.#publishers.size > MAX_PUBLISHERS) this.#publishers.delete(oldest as string);
    }
    const { seen } = publisher;
    if (sequence > publisher.checked && seen.size < MAX_AHEAD) seen.add(sequence);
    const missing: number[] = [];
    // A number far ahead is no message of ours, and must not make this loop for hours.
    const until = Math.min(confirmed, publisher.checked + MAX_AHEAD);
    for (; publisher.checked < until; publisher.checked++)
      if (!seen.delete(publisher.checked + 1)) missing.push(publisher.checked + 1);
    this.#missing += missing.length;
    return missing;
  }
}
