import type { QueryRequest, QueryResponse } from "#consensus/abci.ts";
import { treeProve } from "#storage/crypto/stateProof.ts";
import { treeGet } from "#storage/crypto/stateTree.ts";
import { MAX_TX_BYTES, MAX_UNOPENED_INTERVALS } from "#storage/limits.ts";
import { canonicalAccount } from "#storage/types/transactionAccounts.ts";
import { encodeAncestorAnswer, encodeStateAnswer } from "./appHash.ts";
import { keyBytes } from "./committedState.ts";
import { answerCosmosQuery, COSMOS_QUERY_PATHS, SIMULATE } from "./cosmosQueries.ts";
import type { QuerySource, QueryVersion } from "./queryTypes.ts";
import { found, notFound } from "./queryTypes.ts";
import type { RecordKind } from "./stateRecords.ts";
import { decodeRecord, outputId, periodId, recordKey, recordKindOf, SINGLE, unopenedId } from "./stateRecords.ts";

/** Data of a query: a key, an id or a small JSON object. */
const MAX_QUERY_BYTES = 1024;

/** A simulated transaction in its request. */
const MAX_SIMULATE_BYTES = MAX_TX_BYTES + 16;

/** Entries of one page of a list. */
export const MAX_QUERY_PAGE = 500;

type Id = string | undefined;

/** Paths that answer one record, and how their data names it; undefined data is not what the path asks for. */
const RECORD_QUERIES: Record<string, { kind: RecordKind; idOf: (data: string) => Id }> = {
  "/edream/params": { kind: "params", idOf: single },
  "/edream/regulators": { kind: "regulators", idOf: single },
  "/edream/validators": { kind: "validators", idOf: single },
  "/edream/account": { kind: "account", idOf: canonicalAccount },
  "/edream/member": { kind: "member", idOf: canonicalAccount },
  "/edream/meter": { kind: "meter", idOf: anyId },
  "/edream/chain": { kind: "chain", idOf: anyId },
  "/edream/period": { kind: "period", idOf: periodOf },
  "/edream/output": { kind: "output", idOf: outputOf },
};

const LIST_QUERIES = {
  "/edream/members": "member",
  "/edream/meters": "meter",
  "/edream/outputs": "output",
  "/edream/validator-votes": "vote",
  "/edream/exclusions": "exclusion",
} as const;

/** Every path that is answered. */
export const QUERY_PATHS: readonly string[] = [
  ...Object.keys(RECORD_QUERIES),
  ...Object.keys(LIST_QUERIES),
  "/edream/unopened",
  "/edream/state",
  "/edream/ancestor",
  ...COSMOS_QUERY_PATHS,
];

/**
 * Answers what an ABCI query asks (consensus/application/README.md, "Queries"). Never throws, changes nothing. Values are JSON; with
 * `prove`, a single record is answered as its raw state value with the proof to the app hash in the header of `height + 1`.
 */
export function answerQuery(request: QueryRequest, source: QuerySource): QueryResponse {
  const latest = source.versions.at(-1);
  if (latest === undefined) return notFound(0, "INTERNAL", "the chain has not begun");
  if (request.data.length > (request.path === SIMULATE ? MAX_SIMULATE_BYTES : MAX_QUERY_BYTES))
    return notFound(latest.height, "QUERY_MALFORMED", "data too long");
  const version = request.height === 0 ? latest : source.versions.find(({ height }) => height === request.height);
  if (version === undefined)
    return notFound(latest.height, "QUERY_HEIGHT_UNAVAILABLE", `height ${request.height}, latest ${latest.height}`);

  const recordQuery = Object.hasOwn(RECORD_QUERIES, request.path) ? RECORD_QUERIES[request.path] : undefined;
  if (recordQuery !== undefined) return answerRecord(request, recordQuery, version, source);
  if (Object.hasOwn(LIST_QUERIES, request.path)) return answerList(request, source, latest);
  if (request.path === "/edream/unopened") return answerUnopened(request, latest);
  if (request.path === "/edream/state") return answerState(request, version);
  if (request.path === "/edream/ancestor") return answerAncestor(request, source, version);
  return (
    answerCosmosQuery(request, version, source) ??
    notFound(version.height, "QUERY_PATH_UNKNOWN", request.path.slice(0, 80))
  );
}

function answerRecord(
  request: QueryRequest,
  { kind, idOf }: { kind: RecordKind; idOf: (data: string) => Id },
  version: QueryVersion,
  source: QuerySource,
): QueryResponse {
  const id = idOf(textOf(request.data));
  if (id === undefined) return notFound(version.height, "QUERY_MALFORMED", `not what ${request.path} asks for`);
  const key = keyBytes(recordKey(kind, id));
  if (request.prove) return answerProved(key, version);
  const bytes = treeGet(version.tree, key);
  if (bytes === undefined) return notFound(version.height, "QUERY_NOT_FOUND", recordKey(kind, id));
  const record = decodeRecord(kind, bytes);
  const more = kind === "account" ? { pendingSequence: source.pendingSequence(id) ?? undefined } : {};
  return found(version.height, { key, value: jsonBytes({ id, ...record, ...more }) });
}

function answerState(request: QueryRequest, version: QueryVersion): QueryResponse {
  if (request.prove) return answerProved(request.data, version);
  const value = treeGet(version.tree, request.data);
  if (value === undefined) return notFound(version.height, "QUERY_NOT_FOUND", textOf(request.data));
  return found(version.height, { key: request.data, value });
}

/** An absent key is an answer too: an empty value with the proof of absence. No state value is empty. */
function answerProved(key: Uint8Array, version: QueryVersion): QueryResponse {
  const value = treeGet(version.tree, key) ?? new Uint8Array(0);
  return found(version.height, { key, value, proof: encodeStateAnswer(version.roots, treeProve(version.tree, key)) });
}

function answerAncestor(request: QueryRequest, source: QuerySource, version: QueryVersion): QueryResponse {
  const text = textOf(request.data);
  if (!/^[0-9]{1,16}$/.test(text)) return notFound(version.height, "QUERY_MALFORMED", "not a height");
  const proved = source.ancestors.prove(Number(text), version.roots.ancestorCount);
  if (proved === undefined) return notFound(version.height, "QUERY_NOT_FOUND", `block ${text} is no ancestor yet`);
  const value = jsonBytes({ height: Number(text), hash: proved.hash, initialHeight: source.ancestors.initialHeight });
  if (!request.prove) return found(version.height, { key: request.data, value });
  return found(version.height, {
    key: request.data,
    value: proved.hash,
    proof: encodeAncestorAnswer(version.roots, proved.proof),
  });
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

/**
 * Data: {"meter", "after", "limit"}. The intervals of the meter whose committed sum was not opened yet, by end; at most
 * MAX_UNOPENED_INTERVALS, so that reading them all is bounded. Always of the latest state, without proof.
 */
function answerUnopened(request: QueryRequest, version: QueryVersion): QueryResponse {
  const options = readListOptions(request.data);
  if (options === undefined) return notFound(version.height, "QUERY_MALFORMED", "not a JSON object of list options");
  const { meter, after, limit } = options;
  if (anyId(meter) === undefined || !/^[0-9]{0,15}$/.test(after))
    return notFound(version.height, "QUERY_MALFORMED", "unopened intervals need a meter, and after is a time in ms");
  const open: { id: string; endMs: bigint; readingCount: number; sumCommitment: Uint8Array }[] = [];
  for (let slot = 0; slot < MAX_UNOPENED_INTERVALS; slot++) {
    const bytes = treeGet(version.tree, keyBytes(recordKey("unopened", unopenedId(meter, slot))));
    if (bytes === undefined) continue;
    const { endMs, readingCount, sumCommitment } = decodeRecord("unopened", bytes);
    if (endMs > Number(after)) open.push({ id: endMs.toString(), endMs, readingCount, sumCommitment });
  }
  open.sort((a, b) => Number(a.endMs - b.endMs));
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

/** bigint as decimal text, bytes as hex, protobuf's own fields left out. */
export function jsonBytes(value: unknown): Uint8Array {
  // `this[key]` is the value before a Buffer's own toJSON has changed it.
  const text = JSON.stringify(value, function (this: Record<string, unknown>, key, inner: unknown) {
    if (key === "$typeName" || key === "$unknown") return undefined;
    if (typeof inner === "bigint") return inner.toString();
    const before = this[key];
    return before instanceof Uint8Array ? Buffer.from(before).toString("hex") : inner;
  });
  return Buffer.from(text, "utf8");
}

function textOf(data: Uint8Array): string {
  return Buffer.from(data.buffer, data.byteOffset, data.length).toString("utf8");
}

function single(data: string): Id {
  return data === "" ? SINGLE : undefined;
}

function anyId(data: string): Id {
  return recordKindOf(`meter/${data}`) !== undefined && data !== "" ? data : undefined;
}

/** `<tx id as hex>:<index>` */
function outputOf(data: string): Id {
  const match = /^([0-9a-fA-F]{64}):([0-9]{1,10})$/.exec(data);
  return match === null ? undefined : outputId((match[1] ?? "").toLowerCase(), Number(match[2]));
}

/** `<period start in ms> <meter id>` */
function periodOf(data: string): Id {
  const match = /^([0-9]{1,15}) (.+)$/.exec(data);
  return match === null ? undefined : periodId(match[2] ?? "", Number(match[1]));
}
