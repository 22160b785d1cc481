import type { AnyRecord, RecordKind, RecordOf } from "./stateRecords.ts";
import { recordKey } from "./stateRecords.ts";

/** What can be read: the committed state, or changes on top of one. Records are never changed in place. */
export interface StateReader {
  /** By full key; undefined when there is none. */
  read(kind: RecordKind, key: string): AnyRecord | undefined;
}

export interface StateChange {
  readonly kind: RecordKind;
  /** Absent: deleted. */
  readonly record: AnyRecord | undefined;
}

/** Changes on top of another state that does not see them until they are merged. */
export class WorkingState implements StateReader {
  readonly changes = new Map<string, StateChange>();
  readonly #base: StateReader;

  constructor(base: StateReader) {
    this.#base = base;
  }

  read(kind: RecordKind, key: string): AnyRecord | undefined {
    const change = this.changes.get(key);
    return change === undefined ? this.#base.read(kind, key) : change.record;
  }

  get<K extends RecordKind>(kind: K, id: string): RecordOf<K> | undefined {
    return this.read(kind, recordKey(kind, id)) as RecordOf<K> | undefined;
  }

  put<K extends RecordKind>(kind: K, id: string, record: RecordOf<K>): void {
    this.changes.set(recordKey(kind, id), { kind, record });
  }

  remove(kind: RecordKind, id: string): void {
    this.changes.set(recordKey(kind, id), { kind, record: undefined });
  }

  /** Takes over the changes of a state that was built on this one. */
  merge(changes: ReadonlyMap<string, StateChange>): void {
    for (const [key, change] of changes) this.changes.set(key, change);
  }
}
