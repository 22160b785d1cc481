import type { StateWrite } from "#consensus/abci.ts";
import type { StateTree } from "#storage/crypto/stateTree.ts";
import { treeGet, treeUpdate } from "#storage/crypto/stateTree.ts";
import type { AnyRecord, RecordKind } from "./stateRecords.ts";
import { decodeRecord, encodeRecord } from "./stateRecords.ts";
import type { StateChange, StateReader } from "./workingState.ts";

/** Decoded records kept beside the tree: those of 20 000 meters, about 20 MB. Beyond it the cache starts anew. */
const MAX_DECODED_RECORDS = 65_536;

/** The state after the last commit: the tree of encoded values, and the decoded form of those in use. */
export class CommittedState implements StateReader {
  #tree: StateTree;
  readonly #decoded = new Map<string, AnyRecord>();

  constructor(tree: StateTree) {
    this.#tree = tree;
  }

  get tree(): StateTree {
    return this.#tree;
  }

  read(kind: RecordKind, key: string): AnyRecord | undefined {
    const known = this.#decoded.get(key);
    if (known !== undefined) return known;
    const bytes = treeGet(this.#tree, keyBytes(key));
    if (bytes === undefined) return undefined;
    return this.#remember(key, decodeRecord(kind, bytes));
  }

  /** Takes the tree that `encodeChanges` led to, and the records behind it. */
  advance(tree: StateTree, changes: ReadonlyMap<string, StateChange>): void {
    this.#tree = tree;
    for (const [key, { record }] of changes) {
      if (record === undefined) this.#decoded.delete(key);
      else this.#remember(key, record);
    }
  }

  #remember(key: string, record: AnyRecord): AnyRecord {
    if (this.#decoded.size >= MAX_DECODED_RECORDS) this.#decoded.clear();
    this.#decoded.set(key, record);
    return record;
  }
}

/** The changes as bytes, and the tree with them. */
export function encodeChanges(
  tree: StateTree,
  changes: ReadonlyMap<string, StateChange>,
): { tree: StateTree; writes: StateWrite[] } {
  const writes: StateWrite[] = [];
  for (const [key, { kind, record }] of changes)
    writes.push({ key: keyBytes(key), value: record === undefined ? undefined : encodeRecord(kind, record) });
  return { tree: treeUpdate(tree, writes), writes };
}

/** State keys are ASCII. */
export function keyBytes(key: string): Uint8Array {
  return Buffer.from(key, "latin1");
}
