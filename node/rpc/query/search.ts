import type { ResultEvent } from "#storage/db/blockResults.ts";
import type { ScannedAttribute, ScannedHeights } from "#storage/db/indexScan.ts";
import { compareDecimals, parseDecimal } from "./decimals.ts";
import { isOrdered } from "./match.ts";
import { compareMoments, parseDate, parseTime } from "./moments.ts";
import type { Condition, Query } from "./parser.ts";

/** What is searched: transactions or blocks, by the events of each. */
export interface SearchSpace<T> {
  /** The tag that stands for the height, which is no attribute of an event. */
  readonly heightTag: string;
  /** What may be found at all. */
  readonly heights: ScannedHeights;
  /** The same text for the same thing. */
  readonly keyOf: (item: T) => string;
  readonly heightOf: (item: T) => number;
  readonly all: (heights: ScannedHeights) => AsyncIterable<T>;
  /** `value` undefined: only the events know it. */
  readonly scan: (
    attribute: ScannedAttribute,
    heights: ScannedHeights,
  ) => AsyncIterable<T & { readonly value: string | undefined }>;
  /** Its own events; undefined when they are no longer kept. `cost`: how many entries reading them counts for. */
  readonly events: (item: T) => Promise<{ readonly events: readonly ResultEvent[]; readonly cost: number } | undefined>;
}

/** The search would look at more entries than it may. */
export class SearchTooWide extends Error {}

/**
 * What matches a query, in the order of nothing in particular. As in CometBFT's indexer (state/txindex/kv), all conditions but those of the height must hold
 * in one and the same event, of its indexed attributes only.
 * @throws SearchTooWide after `maxEntries` of the index
 */
export async function search<T>(query: Query, space: SearchSpace<T>, maxEntries: number): Promise<readonly T[]> {
  const ofHeight = query.filter(({ tag }) => tag === space.heightTag).map(toTest);
  const ofEvents = query.filter(({ tag }) => tag !== space.heightTag).map(toTest);
  const heights = narrowed(space.heights, ofHeight);
  const fits = (item: T) => ofHeight.every(({ holds }) => holds(space.heightOf(item).toString()));
  let looked = 0;
  /** The index did not say whether all that was found matches. */
  let isHidden = false;
  const look = (entries: number) => {
    looked += entries;
    if (looked > maxEntries) throw new SearchTooWide();
  };

  const equal = ofEvents.filter(({ condition }) => condition.operator === "=");
  const [first] = ofEvents;
  let found: ReadonlyMap<string, T>;
  if (first === undefined) found = await collect(space.all(heights), fits);
  else {
    // Equal values are found by themselves; without one, all values of a name are looked through.
    const [narrowest = first, ...others] = equal;
    found = await scan(narrowest);
    for (const other of others) {
      if (found.size === 0) break;
      const also = await scan(other);
      found = new Map([...found].filter(([key]) => also.has(key)));
    }
  }
  const items = [...found.values()];
  return ofEvents.length > 1 || isHidden ? verified(items) : items;

  async function collect(items: AsyncIterable<T>, isWanted: (item: T) => boolean): Promise<ReadonlyMap<string, T>> {
    const map = new Map<string, T>();
    for await (const item of items) {
      look(1);
      if (isWanted(item)) map.set(space.keyOf(item), item);
    }
    return map;
  }

  async function scan({ condition, holds }: Test): Promise<ReadonlyMap<string, T>> {
    const { tag: name, operator, argument } = condition;
    const attribute: ScannedAttribute =
      operator === "=" && argument !== undefined ? { name, value: argument.text } : { name };
    const map = new Map<string, T>();
    for await (const item of space.scan(attribute, heights)) {
      look(1);
      if (!fits(item)) continue;
      if (item.value === undefined && attribute.value === undefined) isHidden = true;
      if (item.value === undefined || holds(item.value)) map.set(space.keyOf(item), item);
    }
    return map;
  }

  async function verified(items: readonly T[]): Promise<readonly T[]> {
    const sure: T[] = [];
    for (const item of items) {
      const read = await space.events(item);
      look(read?.cost ?? 1);
      if (read?.events.some((event) => ofEvents.every((test) => holdsIn(event, test)))) sure.push(item);
    }
    return sure;
  }
}

interface Test {
  readonly condition: Condition;
  readonly holds: (value: string) => boolean;
}

function holdsIn({ type, attributes }: ResultEvent, { condition, holds }: Test): boolean {
  return attributes.some(({ key, value, index }) => index && `${type}.${key}` === condition.tag && holds(value));
}

function toTest(condition: Condition): Test {
  return { condition, holds: indexTest(condition) };
}

/** The index compares values as they are written; only ranges read numbers and times, and then the whole value. */
function indexTest({ operator, argument }: Condition): (value: string) => boolean {
  if (argument === undefined) return () => true;
  const { kind, text } = argument;
  if (operator === "=") return (value) => value === text;
  if (operator === "CONTAINS") return (value) => value.includes(text);
  if (kind === "number") return ordering(parseDecimal, compareDecimals);
  return ordering(kind === "time" ? parseTime : parseDate, compareMoments);

  function ordering<V>(parse: (text: string) => V | undefined, compare: (a: V, b: V) => number) {
    const bound = parse(text);
    return (value: string) => {
      const read = parse(value);
      return bound !== undefined && read !== undefined && isOrdered(operator, compare(read, bound));
    };
  }
}

/** The heights that the conditions leave, from..to; those that are no plain bounds are asked of each height later. */
function narrowed(heights: ScannedHeights, tests: readonly Test[]): ScannedHeights {
  let { from, to } = heights;
  for (const { condition } of tests) {
    const { operator, argument } = condition;
    if (argument?.kind !== "number") continue;
    const bound = Number(argument.text);
    if (operator === "=" || operator === ">" || operator === ">=") from = Math.max(from, Math.floor(bound));
    if (operator === "=" || operator === "<" || operator === "<=") to = Math.min(to, Math.ceil(bound));
  }
  // An empty range still has bounds that a key can be made of.
  return { from: Math.min(from, to + 1), to };
}
