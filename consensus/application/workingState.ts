import type { AnyRecord, RecordKind, RecordOf } from "./stateRecords.ts";

/** What can be read: the committed state, or changes on top of one. Records are never changed in place. */
export interface StateReader {
  get<K extends RecordKind>(kind: K, id: string): RecordOf<K> | undefined;
}

export interface StateChange {
  readonly kind: RecordKind;
  readonly id: string;
  /** Absent: deleted. */
  readonly record: AnyRecord | undefined;
}

/** What a key held before it was written: `changed` is false if it was read from the base. */
interface JournalEntry {
  readonly changes: Map<string, AnyRecord | undefined>;
  readonly id: string;
  readonly changed: boolean;
  readonly record: AnyRecord | undefined;
}

/**
 * Changes on top of another state that does not see them. One map per kind, so that no key has to be joined from its parts only to be
 * looked up; a journal takes back what a failed transaction wrote, so that a successful one costs no map of its own.
 */
export class WorkingState implements StateReader {
  readonly #base: StateReader;
  readonly #changes = new Map<RecordKind, Map<string, AnyRecord | undefined>>();
  #journal: JournalEntry[] = [];

  constructor(base: StateReader) {
    this.#base = base;
  }

  get<K extends RecordKind>(kind: K, id: string): RecordOf<K> | undefined {
    const changes = this.#changes.get(kind);
    if (changes !== undefined) {
      const record = changes.get(id);
      if (record !== undefined || changes.has(id)) return record as RecordOf<K> | undefined;
    }
    return this.#base.get(kind, id);
  }

  put<K extends RecordKind>(kind: K, id: string, record: RecordOf<K>): void {
    this.#write(kind, id, record);
  }

  remove(kind: RecordKind, id: string): void {
    this.#write(kind, id, undefined);
  }

  /** What is written from here on can be taken back. */
  begin(): void {
    this.#journal.length = 0;
  }

  rollback(): void {
    for (let entry = this.#journal.pop(); entry !== undefined; entry = this.#journal.pop()) {
      if (entry.changed) entry.changes.set(entry.id, entry.record);
      else entry.changes.delete(entry.id);
    }
  }

  /** Every changed record once, in the order in which kinds and records were first written. */
  *changes(): Generator<StateChange> {
    for (const [kind, changes] of this.#changes) for (const [id, record] of changes) yield { kind, id, record };
  }

  #write(kind: RecordKind, id: string, record: AnyRecord | undefined): void {
    let changes = this.#changes.get(kind);
    if (changes === undefined) {
      changes = new Map();
      this.#changes.set(kind, changes);
    }
    const before = changes.get(id);
    this.#journal.push({ changes, id, changed: before !== undefined || changes.has(id), record: before });
    changes.set(id, record);
  }
}
