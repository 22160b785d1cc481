import type { QueryRequest, QueryResponse } from "#consensus/abci.ts";
import { treeGet } from "#storage/crypto/stateTree.ts";
import { canonicalAccount } from "#storage/types/transactionAccounts.ts";
import { keyBytes } from "./committedState.ts";
import type { ListedOfMeter } from "./queryIndex.ts";
import type { QuerySource, QueryVersion } from "./queryTypes.ts";
import { found, isMeterName, jsonBytes, notFound, textOf } from "./queryTypes.ts";
import { decodeRecord, recordKey } from "./stateRecords.ts";

/** Entries of one page of a list. */
export const MAX_QUERY_PAGE = 500;

const LIST_QUERIES = {
  "/edream/members": "member",
  "/edream/meters": "meter",
  "/edream/outputs": "output",
  "/edream/validator-votes": "vote",
  "/edream/exclusions": "exclusion",
  "/edream/bridge-keys": "bridgeKey",
} as const;

/** Lists of one meter's records; the configurations' without their payloads, which are records of their own. */
const METER_LIST_QUERIES: Record<string, ListedOfMeter> = {
  "/edream/amended-intervals": "amended",
  "/edream/erasures": "erasure",
  "/edream/archives": "archive",
  "/edream/flags": "flag",
  "/edream/configurations": "configuration",
};

/** Every path that is answered here. */
export const LIST_PATHS: readonly string[] = [
  ...Object.keys(LIST_QUERIES),
  ...Object.keys(METER_LIST_QUERIES),
  "/edream/unopened",
];

/** A page of a list, always of the latest state and without proof; `request.path` is one of LIST_PATHS. */
export function answerListQuery(request: QueryRequest, source: QuerySource, latest: QueryVersion): QueryResponse {
  const kind = Object.hasOwn(METER_LIST_QUERIES, request.path) ? METER_LIST_QUERIES[request.path] : undefined;
  if (kind !== undefined) return answerMeterList(request, kind, source, latest);
  if (request.path === "/edream/unopened") return answerUnopened(request, source, latest);
  return answerList(request, source, latest);
}

/** Data: nothing, or {"after", "limit", and for outputs "account"}. Always of the latest state, without proof. */
function answerList(request: QueryRequest, source: QuerySource, version: QueryVersion): QueryResponse {
  const options = readListOptions(request.data);
  if (options === undefined) return notFound(version.height, "QUERY_MALFORMED", "not a JSON object of list options");
  const kind = LIST_QUERIES[request.path as keyof typeof LIST_QUERIES];
  const { after, limit } = options;
  let ids: string[];
  if (kind === "output") {
    const account = canonicalAccount(options.account);
    if (account === undefined) return notFound(version.height, "QUERY_MALFORMED", "outputs need an account");
    ids = source.index.outputsOf(account, after.replace(":", "/"), limit);
  } else ids = source.index.list(kind, after, limit);
  const entries = ids.flatMap((id) => {
    const bytes = treeGet(version.tree, keyBytes(recordKey(kind, id)));
    if (bytes === undefined) return [];
    return [{ id: kind === "output" ? id.replace("/", ":") : id, ...decodeRecord(kind, bytes) }];
  });
  return found(version.height, {
    value: jsonBytes({ entries, next: ids.length === limit ? entries.at(-1)?.id : undefined }),
  });
}

/** Data: {"meter", "after", "limit"}. Ids are what `/edream/erasure` and so on take before the meter's. Always of the latest state, without proof. */
function answerMeterList(
  request: QueryRequest,
  kind: ListedOfMeter,
  source: QuerySource,
  version: QueryVersion,
): QueryResponse {
  const options = readListOptions(request.data);
  if (options === undefined || !isMeterName(options.meter))
    return notFound(version.height, "QUERY_MALFORMED", "not a JSON object of list options with a meter");
  const { meter, after, limit } = options;
  const ids = source.index.ofMeter(kind, meter, after, limit);
  const entries = ids.flatMap((id) => {
    const bytes = treeGet(version.tree, keyBytes(recordKey(kind, `${meter}/${id}`)));
    return bytes === undefined ? [] : [{ id, ...decodeRecord(kind, bytes) }];
  });
  return found(version.height, {
    value: jsonBytes({ entries, next: ids.length === limit ? entries.at(-1)?.id : undefined }),
  });
}

/**
 * Data: {"meter", "after", "limit"}. The intervals of the meter whose committed sum was not opened yet, and their amendments, by end and number;
 * slots are used again, so that reading them all is bounded. The id is the end, of an amendment with `.` and its number behind it.
 * Always of the latest state, without proof.
 */
function answerUnopened(request: QueryRequest, source: QuerySource, version: QueryVersion): QueryResponse {
  const options = readListOptions(request.data);
  if (options === undefined) return notFound(version.height, "QUERY_MALFORMED", "not a JSON object of list options");
  const { meter, after, limit } = options;
  const behind = /^([0-9]{0,15})(?:\.([0-9]{1,10}))?$/.exec(after);
  if (!isMeterName(meter) || behind === null)
    return notFound(version.height, "QUERY_MALFORMED", "unopened intervals need a meter, and after is a time in ms");
  const [afterMs, afterAmendment] = [BigInt(behind[1] || "0"), Number(behind[2] ?? 0)];
  const open = source.index.ofMeter("unopened", meter, "", Number.POSITIVE_INFINITY).flatMap((slot) => {
    const bytes = treeGet(version.tree, keyBytes(recordKey("unopened", `${meter}/${slot}`)));
    if (bytes === undefined) return [];
    const { endMs, readingCount, sumCommitment, amendment } = decodeRecord("unopened", bytes);
    if (endMs < afterMs || (endMs === afterMs && amendment <= afterAmendment)) return [];
    const id = amendment === 0 ? `${endMs}` : `${endMs}.${amendment}`;
    return [{ id, endMs, amendment, readingCount, sumCommitment }];
  });
  open.sort((a, b) => Number(a.endMs - b.endMs) || a.amendment - b.amendment);
  const entries = open.slice(0, limit);
  return found(version.height, {
    value: jsonBytes({ entries, next: open.length > limit ? entries.at(-1)?.id : undefined }),
  });
}

interface ListOptions {
  readonly after: string;
  readonly limit: number;
  readonly account: string;
  readonly meter: string;
}

function readListOptions(data: Uint8Array): ListOptions | undefined {
  let json: unknown = {};
  if (data.length > 0) {
    try {
      json = JSON.parse(textOf(data));
    } catch {
      return undefined;
    }
  }
  if (typeof json !== "object" || json === null || Array.isArray(json)) return undefined;
  const { after = "", limit = MAX_QUERY_PAGE, account = "", meter = "" } = json as Record<string, unknown>;
  if (typeof after !== "string" || typeof account !== "string" || typeof meter !== "string") return undefined;
  if (typeof limit !== "number" || !Number.isInteger(limit) || limit < 1 || limit > MAX_QUERY_PAGE) return undefined;
  return { after, limit, account, meter };
}
