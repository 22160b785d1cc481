import { cliError } from "./cliError.ts";
import type { LedgerClient } from "./ledgerClient.ts";

/** Pages read at most for one list: 500 entries each. */
const MAX_PAGES = 2000;

/** All entries of a paged list, page after page. `field` names the list in the answer. */
export async function readAllPages<T>(client: LedgerClient, path: string, field: string): Promise<readonly T[]> {
  const entries: T[] = [];
  let after: string | null = null;
  for (let page = 0; page < MAX_PAGES; page++) {
    const query: string = after === null ? "" : `?after=${encodeURIComponent(after)}`;
    const answer: Record<string, unknown> = await client.get(`${path}${query}`);
    entries.push(...((answer[field] as readonly T[] | undefined) ?? []));
    if (typeof answer.next !== "string" || answer.next === after) return entries;
    after = answer.next;
  }
  throw cliError("failure", "LIST_TOO_LONG", `${path} has more than ${MAX_PAGES} pages`, "read it from the REST API");
}
