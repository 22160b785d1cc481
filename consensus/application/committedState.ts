import type { StateWrite } from "#consensus/abci.ts";
import type { StateTree } from "#storage/crypto/stateTree.ts";
import { treeGet, treeUpdate } from "#storage/crypto/stateTree.ts";
import type { AnyRecord, RecordKind, RecordOf } from "./stateRecords.ts";
import { decodeRecord, encodeRecord, recordKey } from "./stateRecords.ts";
import type { StateChange, StateReader } from "./workingState.ts";

/** Decoded records kept beside the tree, of each kind: 20 000 meters take about 20 MB. Beyond it the kind's cache starts anew. */
const MAX_DECODED_RECORDS = 32_768;

/** The state after the last commit: the tree of encoded values, and the decoded form of those in use. */
export class CommittedState implements StateReader {
  #tree: StateTree;
  readonly #decoded = new Map<RecordKind, Map<string, AnyRecord>>();

  constructor(tree: StateTree) {
    this.#tree = tree;
  }

  get tree(): StateTree {
    return this.#tree;
  }

  get<K extends RecordKind>(kind: K, id: string): RecordOf<K> | undefined {
    const known = this.#decoded.get(kind)?.get(id);
    if (known !== undefined) return known as RecordOf<K>;
    const bytes = treeGet(this.#tree, keyBytes(recordKey(kind, id)));
    if (bytes === undefined) return undefined;
    const record = decodeRecord(kind, bytes);
    this.#remember(kind, id, record);
    return record;
  }

  /** Takes the tree that `encodeChanges` led to, and the records behind it. */
  advance(tree: StateTree, changes: Iterable<StateChange>): void {
    this.#tree = tree;
    for (const { kind, id, record } of changes) {
      if (record === undefined) this.#decoded.get(kind)?.delete(id);
      else this.#remember(kind, id, record);
    }
  }

  #remember(kind: RecordKind, id: string, record: AnyRecord): void {
    let records = this.#decoded.get(kind);
    if (records === undefined) {
      records = new Map();
      this.#decoded.set(kind, records);
    }
    if (records.size >= MAX_DECODED_RECORDS) records.clear();
    records.set(id, record);
  }
}

/** The changes as bytes, and the tree with them. */
export function encodeChanges(
  tree: StateTree,
  changes: Iterable<StateChange>,
): { tree: StateTree; writes: StateWrite[] } {
  const writes: StateWrite[] = [];
  for (const { kind, id, record } of changes) {
    const key = keyBytes(recordKey(kind, id));
    writes.push({ key, value: record === undefined ? undefined : encodeRecord(kind, record) });
  }
  return { tree: treeUpdate(tree, writes), writes };
}

/** State keys are ASCII. What an outsider names otherwise must not become one of them, as it would by cutting characters to bytes. */
export function keyBytes(key: string): Uint8Array {
  return Buffer.from(key, "utf8");
}
