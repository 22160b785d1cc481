import fc from "fast-check";
import { expect, test } from "vitest";
import type { ResultEvent } from "#storage/db/blockResults.ts";
import { scanTxPositions, scanTxs } from "#storage/db/indexScan.ts";
import { createMemoryStore } from "#storage/db/memoryStore.ts";
import { indexOperations } from "#storage/db/txIndex.ts";
import { MAX_ATTRIBUTE_VALUE_BYTES, type TxPosition } from "#storage/db/txIndexKeys.ts";
import { txId } from "#storage/types/block.ts";
import { parseQuery } from "./parser.ts";
import { type SearchSpace, SearchTooWide, search } from "./search.ts";

type Chain = readonly (readonly (readonly ResultEvent[])[])[];

/** Transactions by height (from 1) and index, each with its events. */
async function spaceOf(chain: Chain): Promise<SearchSpace<TxPosition>> {
  const store = createMemoryStore();
  for (const [i, txs] of chain.entries()) {
    const indexed = txs.map((events, index) => ({ txId: txId(Buffer.from(`${i}/${index}`)), events }));
    await store.batch(indexOperations(i + 1, indexed), { sync: false });
  }
  return {
    heightTag: "tx.height",
    heights: { from: 1, to: chain.length },
    keyOf: ({ height, index }) => `${height}/${index}`,
    heightOf: ({ height }) => height,
    all: (heights) => scanTxPositions(store, heights),
    scan: (attribute, heights) => scanTxs(store, attribute, heights),
    async events({ height, index }) {
      const events = chain[height - 1]?.[index];
      return events && { events, cost: 1 };
    },
  };
}

const event = (type: string, attributes: Record<string, string>, index = true): ResultEvent => ({
  type,
  attributes: Object.entries(attributes).map(([key, value]) => ({ key, value, index })),
});

const LONG = "7".repeat(MAX_ATTRIBUTE_VALUE_BYTES + 1);

const CHAIN: Chain = [
  [[event("seal", { meter: "a", wh: "5" }), event("seal", { meter: "b", wh: "50" })]],
  [[event("seal", { meter: "b", wh: "5.5" })], [event("seal", { meter: "a", wh: "x" })]],
  [],
  [[event("seal", { meter: LONG, at: "2026-11-21T00:00:00Z" })], [event("pay", { meter: "a" }, false)], []],
];

async function found(query: string, maxEntries = 1000): Promise<string> {
  const items = await search(parseQuery(query), await spaceOf(CHAIN), maxEntries);
  return items
    .map(({ height, index }) => `${height}/${index}`)
    .sort()
    .join(" ");
}

const CASES: readonly (readonly [query: string, found: string])[] = [
  ["tx.height > 0", "1/0 2/0 2/1 4/0 4/1 4/2"],
  ["tx.height = 2", "2/0 2/1"],
  ["tx.height >= 2 AND tx.height < 4", "2/0 2/1"],
  ["tx.height > 1 AND tx.height <= 1", ""],
  ["tx.height > 99999999999999999999", ""],
  ["tx.height = 2.5", ""],
  ["tx.height = '2'", "2/0 2/1"],
  ["tx.height EXISTS", "1/0 2/0 2/1 4/0 4/1 4/2"],
  ["seal.meter = 'a'", "1/0 2/1"],
  ["seal.meter = 'a' AND tx.height > 1", "2/1"],
  ["seal.wh = 5", "1/0"],
  ["seal.wh = '5'", "1/0"],
  ["seal.wh > 5", "1/0 2/0"],
  ["seal.wh > 5 AND seal.wh < 6", "2/0"],
  ["seal.wh >= 5.0", "1/0 2/0"],
  ["seal.meter EXISTS", "1/0 2/0 2/1 4/0"],
  ["seal.meter CONTAINS '777'", "4/0"],
  ["seal.meter CONTAINS '778'", ""],
  ["seal.meter > 1", ""],
  [`seal.meter = '${LONG}'`, "4/0"],
  ["seal.at > TIME 2026-11-20T23:59:59Z", "4/0"],
  ["seal.at >= DATE 2026-11-22", ""],
  // Both in one and the same event: at 1/0 the 50 belongs to b.
  ["seal.meter = 'a' AND seal.wh = 50", ""],
  ["seal.meter = 'b' AND seal.wh = 50", "1/0"],
  ["seal.meter = 'a' AND seal.wh EXISTS AND seal.wh > 4", "1/0"],
  // Not marked for the index.
  ["pay.meter = 'a'", ""],
  ["seal EXISTS", ""],
  ["tm.event = 'Tx'", ""],
];

test.each(CASES)("%s", async (query, expected) => {
  expect(await found(query)).toBe(expected);
});

test("a search looks at so many entries and no more", async () => {
  // Six transactions; four entries of the name, one of the value.
  expect(await found("tx.height > 0", 6)).not.toBe("");
  await expect(found("tx.height > 0", 5)).rejects.toBeInstanceOf(SearchTooWide);
  expect(await found("seal.wh > 0", 4)).not.toBe("");
  await expect(found("seal.wh > 0", 3)).rejects.toBeInstanceOf(SearchTooWide);
  expect(await found("seal.wh = 50", 1)).toBe("1/0");
  // What has to be looked up in the events counts as well.
  await expect(found("seal.meter = 'b' AND seal.wh = 50", 2)).rejects.toBeInstanceOf(SearchTooWide);
});

const KEYS = ["a", "b"] as const;
const VALUES = ["1", "2", "10", "x"] as const;
const anyEvent = fc.record({
  type: fc.constantFrom("e", "f"),
  attributes: fc.array(
    fc.record({ key: fc.constantFrom(...KEYS), value: fc.constantFrom(...VALUES), index: fc.boolean() }),
    { maxLength: 3 },
  ),
});
const anyChain = fc.array(fc.array(fc.array(anyEvent, { maxLength: 3 }), { maxLength: 3 }), { maxLength: 4 });

interface AnyCondition {
  readonly text: string;
  /** On a height where the tag is undefined. */
  readonly tag: string | undefined;
  readonly holds: (value: string) => boolean;
}

const numeric = (compare: (a: number, b: number) => boolean, bound: string) => (value: string) =>
  /^\d+$/.test(value) && compare(Number(value), Number(bound));

interface ConditionParts {
  readonly tag: string | undefined;
  readonly operator: "=" | "<" | ">=" | "CONTAINS" | "EXISTS";
  readonly value: string;
}

function conditionOf({ tag, operator, value }: ConditionParts): AnyCondition {
  const name = tag ?? "tx.height";
  switch (operator) {
    case "<":
      return { tag, text: `${name} < ${value}`, holds: numeric((a, b) => a < b, value) };
    case ">=":
      return { tag, text: `${name} >= ${value}`, holds: numeric((a, b) => a >= b, value) };
    case "CONTAINS":
      return { tag, text: `${name} CONTAINS '${value}'`, holds: (text) => text.includes(value) };
    case "EXISTS":
      return { tag, text: `${name} EXISTS`, holds: () => true };
    case "=":
      return { tag, text: `${name} = ${value}`, holds: (text) => text === value };
  }
}

const anyTag = fc.tuple(fc.constantFrom("e", "f"), fc.constantFrom(...KEYS)).map((names) => names.join("."));
const anyCondition = fc
  .record({
    tag: fc.option(anyTag, { nil: undefined, freq: 3 }),
    operator: fc.constantFrom("=" as const, "<" as const, ">=" as const, "CONTAINS" as const, "EXISTS" as const),
    value: fc.constantFrom("1", "2", "10"),
  })
  .map(conditionOf);

/** The meaning of a query, said without an index. */
function matches(events: readonly ResultEvent[], height: number, conditions: readonly AnyCondition[]): boolean {
  const ofEvents = conditions.filter(({ tag }) => tag !== undefined);
  if (conditions.some(({ tag, holds }) => tag === undefined && !holds(String(height)))) return false;
  if (ofEvents.length === 0) return true;
  return events.some(({ type, attributes }) =>
    ofEvents.every(({ tag, holds }) =>
      attributes.some(({ key, value, index }) => index && `${type}.${key}` === tag && holds(value)),
    ),
  );
}

test("the index finds exactly what looking at every transaction finds", async () => {
  await fc.assert(
    fc.asyncProperty(anyChain, fc.array(anyCondition, { minLength: 1, maxLength: 3 }), async (chain, conditions) => {
      const query = parseQuery(conditions.map(({ text }) => text).join(" AND "));
      const items = await search(query, await spaceOf(chain), 1000);
      const keys = items.map(({ height, index }) => `${height}/${index}`).sort();
      const expected = chain.flatMap((txs, i) =>
        txs.flatMap((events, index) => (matches(events, i + 1, conditions) ? [`${i + 1}/${index}`] : [])),
      );
      expect(keys).toEqual(expected.sort());
    }),
    { numRuns: 500 },
  );
});
