import type { Arguments, ArgumentValues } from "./argument.ts";
import type { RawJson, RpcId } from "./cometJson/goJson.ts";
import type { RpcConnection } from "./subscriptions.ts";

/** Where a call came from. */
export interface CallContext {
  readonly id: RpcId;
  /** Address and port of the other end. */
  readonly remote: string;
  /** Aborted when the other end is gone. */
  readonly signal: AbortSignal;
  /** Undefined over HTTP. */
  readonly connection: RpcConnection | undefined;
}

export type Result = object | RawJson;

/** One method of the RPC. Its arguments are listed in the order in which a list of params names them. */
export interface Method {
  readonly args: Arguments;
  readonly isWebsocketOnly: boolean;
  /** Whether the same question will always have this answer, so that a cache may keep it. */
  readonly isFinal: (values: Readonly<Record<string, unknown>>, result: Result) => boolean;
  readonly call: (values: Readonly<Record<string, unknown>>, context: CallContext) => Result | Promise<Result>;
}

export type Methods = Readonly<Record<string, Method>>;

export interface MethodOptions<A extends Arguments, R extends Result> {
  /** Never, if left out. */
  readonly isFinal?: (values: ArgumentValues<A>, result: R) => boolean;
  readonly websocketOnly?: boolean;
}

export function method<A extends Arguments, R extends Result>(
  args: A,
  call: (values: ArgumentValues<A>, context: CallContext) => R | Promise<R>,
  { isFinal = () => false, websocketOnly = false }: MethodOptions<A, R> = {},
): Method {
  return {
    args,
    isWebsocketOnly: websocketOnly,
    isFinal: (values, result) => isFinal(values as ArgumentValues<A>, result as R),
    call: (values, context) => call(values as ArgumentValues<A>, context),
  };
}

/** A method of the table by its name; names of every object, such as "constructor", are none. */
export function findMethod(methods: Methods, name: string): Method | undefined {
  return Object.hasOwn(methods, name) ? methods[name] : undefined;
}
