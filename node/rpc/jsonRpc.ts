import { LedgerError } from "#storage/error.ts";
import { readParams, readQuery } from "./argument.ts";
import { errorText, type RpcId, resultText, URI_ID } from "./cometJson/goJson.ts";
import { MAX_BATCH_REQUESTS } from "./limits.ts";
import { type CallContext, findMethod, type Method, type Methods } from "./method.ts";
import { RpcError, rpcError } from "./rpcError.ts";

/** A request that has an id: one without is a notification, which is never answered and so not executed either. */
interface RpcRequest {
  readonly id: Exclude<RpcId, undefined>;
  readonly method: string;
  readonly params: unknown;
}

export interface Answer {
  readonly status: number;
  /** Empty: there is nothing to say. */
  readonly text: string;
  /** The answer will not change. */
  readonly isCacheable: boolean;
}

export interface Dispatcher {
  /** Answers the body of a POST: one request or a batch. */
  answerBody(body: string, context: Omit<CallContext, "id">): Promise<Answer>;
  /** Answers one websocket message; undefined for a notification. */
  answerMessage(text: string, context: Omit<CallContext, "id">): Promise<string | undefined>;
  /** Answers `/method?name=value`. Undefined: there is no such method. */
  answerUri(name: string, query: URLSearchParams, context: Omit<CallContext, "id">): Promise<Answer> | undefined;
}

/** Parses requests and calls methods (CometBFT rpc/jsonrpc/server). `onFault` is told of errors that are ours. */
export function createDispatcher(methods: Methods, onFault: (method: string, error: unknown) => void): Dispatcher {
  /** The text of the answer, and whether it may be kept. */
  async function call(name: string, method: Method, values: Readonly<Record<string, unknown>>, context: CallContext) {
    const { id } = context;
    try {
      const result = await method.call(values, context);
      return { text: resultText(id, result), isError: false, isCacheable: method.isFinal(values, result) };
    } catch (error) {
      if (error instanceof RpcError) return { text: errorText(id, error.body), isError: true, isCacheable: false };
      onFault(name, error);
      const data = error instanceof LedgerError ? error.message : "the node could not answer this request";
      const { body } = rpcError("RPC_INTERNAL_ERROR", data);
      return { text: errorText(id, body), isError: true, isCacheable: false };
    }
  }

  async function answerRequest(request: RpcRequest, context: Omit<CallContext, "id">) {
    const { id, params } = request;
    const method = findMethod(methods, request.method);
    if (method === undefined || (method.isWebsocketOnly && context.connection === undefined))
      return { text: errorText(id, rpcError("RPC_METHOD_NOT_FOUND").body), isCacheable: false };
    let values: Readonly<Record<string, unknown>>;
    try {
      values = readParams(method.args, params);
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      // Over a websocket CometBFT has another code for the same fault.
      const { body } = context.connection === undefined ? error : rpcError("RPC_INTERNAL_ERROR", error.details.data);
      return { text: errorText(id, body), isCacheable: false };
    }
    return call(request.method, method, values, { ...context, id });
  }

  return {
    async answerBody(body, context) {
      let requests: readonly (RpcRequest | undefined)[];
      try {
        requests = readBody(body);
      } catch (error) {
        if (!(error instanceof RpcError)) throw error;
        const status = error.details.code === "RPC_PARSE_ERROR" ? 500 : 200;
        return { status, text: errorText(undefined, error.body), isCacheable: false };
      }
      const texts: string[] = [];
      let isCacheable = true;
      for (const request of requests) {
        if (request === undefined) continue;
        const answer = await answerRequest(request, context);
        texts.push(answer.text);
        isCacheable &&= answer.isCacheable;
      }
      // One answer stands alone, even of a batch.
      const text = texts.length > 1 ? `[${texts.join(",")}]` : (texts[0] ?? "");
      return { status: 200, text, isCacheable: isCacheable && texts.length > 0 };
    },

    async answerMessage(text, context) {
      try {
        const request = readRequest(parseJson(text));
        return request && (await answerRequest(request, context)).text;
      } catch (error) {
        if (!(error instanceof RpcError)) throw error;
        return errorText(undefined, error.body);
      }
    },

    answerUri(name, query, context) {
      const method = findMethod(methods, name);
      return method && answerUri(name, method, query, context);
    },
  };

  async function answerUri(name: string, method: Method, query: URLSearchParams, context: Omit<CallContext, "id">) {
    const refuse = (status: number, { body }: RpcError): Answer => {
      return { status, text: errorText(URI_ID, body), isCacheable: false };
    };
    if (method.isWebsocketOnly) return refuse(404, rpcError("RPC_METHOD_NOT_FOUND"));
    try {
      const values = readQuery(method.args, query);
      const { text, isError, isCacheable } = await call(name, method, values, { ...context, id: URI_ID });
      return { status: isError ? 500 : 200, text, isCacheable };
    } catch (error) {
      if (error instanceof RpcError) return refuse(500, error);
      throw error;
    }
  }
}

/** The requests of a body, undefined for each notification. @throws RpcError RPC_PARSE_ERROR, RPC_INVALID_REQUEST */
function readBody(body: string): readonly (RpcRequest | undefined)[] {
  const json = parseJson(body);
  if (!Array.isArray(json)) return [readRequest(json)];
  if (json.length > MAX_BATCH_REQUESTS) {
    const data = `batch request exceeds maximum (${MAX_BATCH_REQUESTS}) allowed number of requests`;
    throw rpcError("RPC_INVALID_REQUEST", data);
  }
  return json.map(readRequest);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    // The parser repeats what stands around the fault; its first words name it.
    const [reason = ""] = (error as Error).message.split(/, ".*|, \.\.\./s);
    throw parseError(reason);
  }
}

/** @throws RpcError RPC_PARSE_ERROR */
function readRequest(json: unknown): RpcRequest | undefined {
  if (json === null) return undefined;
  if (typeof json !== "object" || Array.isArray(json))
    throw parseError(`json: cannot unmarshal ${Array.isArray(json) ? "array" : typeof json} into a request`);
  const { id, method = "", params } = json as Record<string, unknown>;
  if (method !== null && typeof method !== "string")
    throw parseError(`json: cannot unmarshal ${typeof method} into Go struct field .method of type string`);
  const readId = idOf(id);
  return readId === undefined ? undefined : { id: readId, method: method ?? "", params };
}

/** A number is cut to a whole one, as CometBFT does. */
function idOf(id: unknown): RpcId {
  if (id === undefined || id === null || typeof id === "string") return id ?? undefined;
  if (typeof id === "number") return clamp(Number.isFinite(id) ? BigInt(Math.trunc(id)) : 0n);
  const written = typeof id === "boolean" ? `(${id}) is of unknown type (bool)` : "is neither text nor number";
  throw parseError(`json-rpc ID ${written}`);
}

function clamp(number: bigint): bigint {
  return BigInt.asIntN(64, number) === number ? number : number > 0n ? 2n ** 63n - 1n : -(2n ** 63n);
}

function parseError(reason: string): RpcError {
  return rpcError("RPC_PARSE_ERROR", `error unmarshaling request: ${reason}`);
}
