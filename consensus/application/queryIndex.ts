import type { Output } from "#storage/proto/gen/edream/ledger/v1/state_pb.ts";
import type { AnyRecord, RecordKind } from "./stateRecords.ts";
import type { StateChange, StateReader } from "./workingState.ts";

/** Lists that queries walk and rules never read: derived from the state, kept in memory, built anew at start. */
export class QueryIndex {
  readonly #ids = {
    member: new Set<string>(),
    meter: new Set<string>(),
    vote: new Set<string>(),
    exclusion: new Set<string>(),
    bridgeKey: new Set<string>(),
  };
  readonly #outputs = new Map<string, Set<string>>();
  /** By kind, then by meter: what follows the meter id in the record's. */
  readonly #ofMeter: { readonly [K in ListedOfMeter]: Map<string, Set<string>> } = {
    unopened: new Map(),
    amended: new Map(),
    erasure: new Map(),
    archive: new Map(),
    flag: new Map(),
    configuration: new Map(),
  };

  /** Whether records of this kind are in any list. */
  static lists(kind: RecordKind): boolean {
    return isListed(kind) || kind === "output" || isListedOfMeter(kind);
  }

  /** To be called before the committed state takes the changes: of a deleted output only that still knows the accounts. */
  apply(changes: Iterable<StateChange>, before: StateReader): void {
    for (const { kind, id, record } of changes) {
      if (!QueryIndex.lists(kind)) continue;
      if (record === undefined) this.remove(kind, id, before.get(kind, id));
      else this.add(kind, id, record);
    }
  }

  add(kind: RecordKind, id: string, record: AnyRecord): void {
    if (isListed(kind)) this.#ids[kind].add(id);
    if (isListedOfMeter(kind)) {
      const [meterId, rest] = splitMeterId(id);
      addTo(this.#ofMeter[kind], meterId, rest);
    }
    if (kind !== "output") return;
    for (const account of (record as Output).accounts) addTo(this.#outputs, account, id);
  }

  remove(kind: RecordKind, id: string, record: AnyRecord | undefined): void {
    if (isListed(kind)) this.#ids[kind].delete(id);
    if (isListedOfMeter(kind)) {
      const [meterId, rest] = splitMeterId(id);
      removeFrom(this.#ofMeter[kind], meterId, rest);
    }
    if (kind !== "output" || record === undefined) return;
    for (const account of (record as Output).accounts) removeFrom(this.#outputs, account, id);
  }

  /** At most `limit` ids behind `after`, in order. */
  list(kind: Listed, after: string, limit: number): string[] {
    return page(this.#ids[kind], after, limit);
  }

  /** Ids of the unspent outputs that `account` can sign for, `<tx id>/<index>`. */
  outputsOf(account: string, after: string, limit: number): string[] {
    return page(this.#outputs.get(account) ?? [], after, limit);
  }

  /** What follows the meter's id in the ids of its records of this kind, in order of the text. */
  ofMeter(kind: ListedOfMeter, meterId: string, after: string, limit: number): string[] {
    return page(this.#ofMeter[kind].get(meterId) ?? [], after, limit);
  }
}

type Listed = "member" | "meter" | "vote" | "exclusion" | "bridgeKey";

function isListed(kind: RecordKind): kind is Listed {
  return kind === "member" || kind === "meter" || kind === "vote" || kind === "exclusion" || kind === "bridgeKey";
}

export type ListedOfMeter = "unopened" | "amended" | "erasure" | "archive" | "flag" | "configuration";

function isListedOfMeter(kind: RecordKind): kind is ListedOfMeter {
  return (
    kind === "unopened" ||
    kind === "amended" ||
    kind === "erasure" ||
    kind === "archive" ||
    kind === "flag" ||
    kind === "configuration"
  );
}

/** A meter id may contain slashes, what follows it contains none. */
function splitMeterId(id: string): [meterId: string, rest: string] {
  const slash = id.lastIndexOf("/");
  return [id.slice(0, slash), id.slice(slash + 1)];
}

function addTo(lists: Map<string, Set<string>>, key: string, id: string): void {
  const ids = lists.get(key);
  if (ids === undefined) lists.set(key, new Set([id]));
  else ids.add(id);
}

function removeFrom(lists: Map<string, Set<string>>, key: string, id: string): void {
  const ids = lists.get(key);
  ids?.delete(id);
  if (ids?.size === 0) lists.delete(key);
}

/** One pass that keeps the `limit` smallest: a member's list is rarely long, and queries are not consensus. */
function page(ids: Iterable<string>, after: string, limit: number): string[] {
  const behind: string[] = [];
  for (const id of ids) if (id > after) behind.push(id);
  return behind.sort().slice(0, limit);
}
