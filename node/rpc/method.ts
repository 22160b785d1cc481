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
  /** Whether the answer to these arguments stays the same, so that a cache may keep it. */
  readonly isCacheable: (values: Readonly<Record<string, unknown>>) => boolean;
  readonly call: (values: Readonly<Record<string, unknown>>, context: CallContext) => Result | Promise<Result>;
}

export type Methods = Readonly<Record<string, Method>>;

export interface MethodOptions<A extends Arguments> {
  /** The answer may be kept for a day, unless one of these arguments was left out (CometBFT rpc/core/routes.go). */
  readonly cacheable?: readonly (keyof A & string)[];
  readonly websocketOnly?: boolean;
}

export function method<A extends Arguments>(
  args: A,
  call: (values: ArgumentValues<A>, context: CallContext) => Result | Promise<Result>,
  options: MethodOptions<A> = {},
): Method {
  const { cacheable, websocketOnly = false } = options;
  return {
    args,
    isWebsocketOnly: websocketOnly,
    isCacheable: (values) =>
      cacheable !== undefined && cacheable.every((name) => values[name] !== undefined && values[name] !== 0n),
    call: (values, context) => call(values as ArgumentValues<A>, context),
  };
}

/** A method of the table by its name; names of every object, such as "constructor", are none. */
export function findMethod(methods: Methods, name: string): Method | undefined {
  return Object.hasOwn(methods, name) ? methods[name] : undefined;
}
