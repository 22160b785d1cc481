import type { QueryRequest, QueryResponse } from "#consensus/abci.ts";
import { treeProve } from "#storage/crypto/stateProof.ts";
import { treeGet } from "#storage/crypto/stateTree.ts";
import { MAX_TX_BYTES } from "#storage/limits.ts";
import { canonicalAccount } from "#storage/types/transactionAccounts.ts";
import { encodeAncestorAnswer, encodeStateAnswer } from "./appHash.ts";
import { keyBytes } from "./committedState.ts";
import { answerCosmosQuery, COSMOS_QUERY_PATHS, SIMULATE } from "./cosmosQueries.ts";
import { answerListQuery, LIST_PATHS } from "./queryLists.ts";
import type { QuerySource, QueryVersion } from "./queryTypes.ts";
import { found, isMeterName, jsonBytes, notFound, textOf } from "./queryTypes.ts";
import { registryDeviceId } from "./registryStanding.ts";
import type { RecordKind } from "./stateRecords.ts";
import {
  decodeRecord,
  numberedId,
  outputId,
  periodId,
  recordKey,
  registryId,
  SINGLE,
  setId,
  tallyId,
} from "./stateRecords.ts";

/** Data of a query: a key, an id or a small JSON object. */
const MAX_QUERY_BYTES = 1024;

/** A simulated transaction in its request. */
const MAX_SIMULATE_BYTES = MAX_TX_BYTES + 16;

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
  "/edream/meter-counts": { kind: "counts", idOf: anyId },
  "/edream/amended-interval": { kind: "amended", idOf: idOfMeter(/^[0-9]{1,15}$/) },
  "/edream/erasure": { kind: "erasure", idOf: numberOfMeter },
  "/edream/archive": { kind: "archive", idOf: idOfMeter(/^[0-9]{1,15}-[0-9]{1,15}-[0-9]{1,10}$/) },
  "/edream/flag": { kind: "flag", idOf: numberOfMeter },
  "/edream/configuration": { kind: "configuration", idOf: numberOfMeter },
  "/edream/configuration-payload": { kind: "payload", idOf: numberOfMeter },
  "/edream/bridge": { kind: "bridge", idOf: single },
  "/edream/bridge-key": { kind: "bridgeKey", idOf: addressOfHex },
  "/edream/bridge-sets": { kind: "bridgeSets", idOf: single },
  "/edream/bridge-set": { kind: "bridgeSet", idOf: numberedBy(setId) },
  "/edream/ethereum": { kind: "ethereum", idOf: single },
  "/edream/ethereum-tally": { kind: "tally", idOf: numberedBy(tallyId) },
  "/edream/ethereum-event": { kind: "ethereumEvent", idOf: numberedBy(tallyId) },
  "/edream/registry-issuer": { kind: "registryIssuer", idOf: registryIdBy(/^[1-9][0-9]{0,19}$/, (number) => number) },
  "/edream/registry-device": { kind: "registryDevice", idOf: registryIdBy(/^.+$/, registryDeviceId) },
};

/** Every path that is answered. */
export const QUERY_PATHS: readonly string[] = [
  ...Object.keys(RECORD_QUERIES),
  ...LIST_PATHS,
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
  if (LIST_PATHS.includes(request.path)) return answerListQuery(request, source, latest);
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

function anyId(data: string): Id {
  return isMeterName(data) ? data : undefined;
}

/** A consensus address, 20 bytes of hex. */
function addressOfHex(data: string): Id {
  return /^[0-9a-fA-F]{40}$/.test(data) ? data.toLowerCase() : undefined;
}

/** A decimal number. */
function numberedBy(idOf: (number: bigint) => string): (data: string) => Id {
  return (data) => (/^[0-9]{1,20}$/.test(data) ? idOf(BigInt(data)) : undefined);
}

/** `<since> <what>`, for a registry that counts since that height. */
function registryIdBy(form: RegExp, idOf: (what: string) => string): (data: string) => Id {
  return (data) => {
    const match = /^([0-9]{1,16}) (.*)$/s.exec(data);
    const what = match?.[2] ?? "";
    return match !== null && form.test(what) ? registryId(BigInt(match[1] ?? ""), idOf(what)) : undefined;
  };
}

function single(data: string): Id {
  return data === "" ? SINGLE : undefined;
}

/** `<tx id as hex>:<index>` */
function outputOf(data: string): Id {
  const match = /^([0-9a-fA-F]{64}):([0-9]{1,10})$/.exec(data);
  return match === null ? undefined : outputId((match[1] ?? "").toLowerCase(), Number(match[2]));
}

/** `<what follows the meter's id in the record's> <meter id>` */
function idOfMeter(form: RegExp): (data: string) => Id {
  return (data) => {
    const space = data.indexOf(" ");
    const meterId = data.slice(space + 1);
    return form.test(data.slice(0, Math.max(space, 0))) && meterId !== ""
      ? `${meterId}/${data.slice(0, space)}`
      : undefined;
  };
}

/** `<number> <meter id>` */
function numberOfMeter(data: string): Id {
  const match = /^([0-9]{1,15}) (.+)$/.exec(data);
  return match === null ? undefined : numberedId(match[2] ?? "", BigInt(match[1] ?? ""));
}

/** `<period start in ms> <meter id>` */
function periodOf(data: string): Id {
  const match = /^([0-9]{1,15}) (.+)$/.exec(data);
  return match === null ? undefined : periodId(match[2] ?? "", Number(match[1]));
}
