import type { BlockResults } from "#storage/db/blockResults.ts";
import { MAX_QUERY_BYTES, MAX_RUNNING_SEARCHES, MAX_SEARCHED_ENTRIES, MAX_WAITING_SEARCHES } from "../limits.ts";
import type { ChainPort } from "../ports.ts";
import { parseQuery, type Query } from "../query/parser.ts";
import { QueryError } from "../query/queryError.ts";
import { type SearchSpace, SearchTooWide, search } from "../query/search.ts";
import { methodError } from "../rpcError.ts";
import { createTurns } from "../turns.ts";

/** @throws RpcError */
export function readSearchQuery(text: string): Query {
  if (Buffer.byteLength(text, "utf8") > MAX_QUERY_BYTES) throw methodError("maximum query length exceeded");
  try {
    return parseQuery(text);
  } catch (error) {
    if (error instanceof QueryError) throw methodError(error.details.reason);
    throw error;
  }
}

export type RunSearch = <T>(query: Query, space: SearchSpace<T>) => Promise<readonly T[]>;

/** Searches of transactions and of blocks wait for each other. What it answers with @throws RpcError */
export function createSearches(): RunSearch {
  const turns = createTurns(MAX_RUNNING_SEARCHES, MAX_WAITING_SEARCHES);
  return (query, space) => {
    const running = turns.run(() => runSearch(query, space));
    if (running === undefined) throw methodError("too many searches wait already: try again later");
    return running;
  };
}

async function runSearch<T>(query: Query, space: SearchSpace<T>): Promise<readonly T[]> {
  try {
    return await search(query, space, MAX_SEARCHED_ENTRIES);
  } catch (error) {
    if (!(error instanceof SearchTooWide)) throw error;
    const hint = `narrow it by ${space.heightTag} or by a value`;
    throw methodError(`the query looks at more than ${MAX_SEARCHED_ENTRIES} entries of the index: ${hint}`);
  }
}

/** @throws RpcError */
export function ordered<T>(items: readonly T[], compare: (a: T, b: T) => number, orderBy: string): readonly T[] {
  if (orderBy !== "asc" && orderBy !== "desc")
    throw methodError("expected order_by to be either `asc` or `desc` or empty");
  return items.toSorted(orderBy === "asc" ? compare : (a, b) => compare(b, a));
}

/** Reads the results of a height once for all its transactions that come one after another. */
export function resultsByHeight(chain: ChainPort) {
  let last: { readonly height: number; readonly found: BlockResults | undefined } | undefined;
  return async (height: number): Promise<{ readonly found: BlockResults | undefined; readonly cost: number }> => {
    if (last?.height === height) return { found: last.found, cost: 1 };
    last = { height, found: await chain.results(height) };
    return { found: last.found, cost: 1 + (last.found?.txResults.length ?? 0) };
  };
}
