import { rpcError } from "./rpcError.ts";

/** How one argument of a method is read: from the JSON of a request, or from the text of a URI. */
export interface Argument<T> {
  /** What the method gets when the argument is not given. */
  readonly absent: T;
  /** Of the value in `params`. @throws ArgumentFault */
  readonly ofJson: (value: unknown) => T;
  /** Of a text that is neither empty nor read by the rules that all URIs share. @throws ArgumentFault */
  readonly ofText: (text: string) => T;
  /** Go's name of the type, for messages. */
  readonly goKind: string;
  /** Whether 0x… is read as these bytes. */
  readonly ofBytes?: (bytes: Uint8Array) => T;
  /** Whether "…" is read as the bytes of the text. */
  readonly takesQuotedText?: boolean;
}

/** An argument is not what the method takes; becomes the `data` of an answer. */
export class ArgumentFault extends Error {}

/** What a JSON decoder in Go calls the kind of a value. */
export function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (typeof value === "boolean") return "bool";
  return Array.isArray(value) ? "array" : typeof value;
}

export function cannotUnmarshal(what: string, goType: string): ArgumentFault {
  return new ArgumentFault(`json: cannot unmarshal ${what} into Go value of type ${goType}`);
}

/** The value as it may have been written; what is inside objects and lists is not repeated. */
export function writtenForm(value: unknown): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return value.length === 0 ? "[]" : "[…]";
  return Object.keys(value).length === 0 ? "{}" : "{…}";
}

/** JSON in a URI. @throws ArgumentFault */
export function parseArgumentJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ArgumentFault(`invalid character '${Array.from(text)[0] ?? ""}' looking for beginning of value`);
  }
}

export type Arguments = Readonly<Record<string, Argument<unknown>>>;

export type ArgumentValues<A extends Arguments> = {
  readonly [Name in keyof A]: A[Name] extends Argument<infer T> ? T : never;
};

/** Reads `params`: an object by name, or a list in order. Absent and null mean no argument. @throws RpcError RPC_INVALID_PARAMS */
export function readParams(args: Arguments, params: unknown): Readonly<Record<string, unknown>> {
  return asInvalidParams("error converting json params to arguments", () => {
    if (params === undefined || params === null) return readNamed(args, {});
    if (Array.isArray(params)) return readListed(args, params);
    if (typeof params === "object") return readNamed(args, params as Record<string, unknown>);
    const kind = kindOf(params);
    const reason = `json: cannot unmarshal ${kind} into Go value of type []json.RawMessage`;
    throw new ArgumentFault(`unknown type for JSON params: ${reason}. Expected map or array`);
  });
}

/** Reads the arguments of a URI; a text of a name that the method does not know is ignored. @throws RpcError RPC_INVALID_PARAMS */
export function readQuery(args: Arguments, query: URLSearchParams): Readonly<Record<string, unknown>> {
  return asInvalidParams("error converting http params to arguments", () =>
    Object.fromEntries(
      Object.entries(args).map(([name, argument]) => [name, readText(argument, query.get(name) ?? "")]),
    ),
  );
}

function readNamed(args: Arguments, params: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(args).map(([name, argument]) => [
      name,
      Object.hasOwn(params, name) ? readJson(argument, params[name]) : argument.absent,
    ]),
  );
}

function readListed(args: Arguments, params: readonly unknown[]): Readonly<Record<string, unknown>> {
  const names = Object.keys(args);
  if (names.length !== params.length)
    throw new ArgumentFault(`expected ${names.length} parameters ([${names.join(" ")}]), got ${params.length}`);
  return Object.fromEntries(
    Object.entries(args).map(([name, argument], index) => [name, readJson(argument, params[index])]),
  );
}

function readJson<T>(argument: Argument<T>, value: unknown): T {
  return value === null ? argument.absent : argument.ofJson(value);
}

const HEX_TEXT = /^0x/i;

function readText<T>(argument: Argument<T>, text: string): T {
  if (text === "") return argument.absent;
  if (HEX_TEXT.test(text)) {
    if (argument.ofBytes === undefined)
      throw new ArgumentFault(`got a hex string arg, but expected '${argument.goKind}'`);
    return argument.ofBytes(bytesOfHex(text.slice(2)));
  }
  if (argument.takesQuotedText && argument.ofBytes !== undefined && text.startsWith('"') && text.endsWith('"'))
    return argument.ofBytes(Buffer.from(String(parseArgumentJson(text)), "utf8"));
  return argument.ofText(text);
}

/** @throws ArgumentFault in the words of Go's encoding/hex */
export function bytesOfHex(text: string): Uint8Array {
  const wrong = Array.from(text).find((character) => !/[0-9a-fA-F]/.test(character));
  if (wrong !== undefined) {
    const number = (wrong.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
    throw new ArgumentFault(`encoding/hex: invalid byte: U+${number} '${wrong}'`);
  }
  if (text.length % 2 === 1) throw new ArgumentFault("encoding/hex: odd length hex string");
  return new Uint8Array(Buffer.from(text, "hex"));
}

function asInvalidParams<T>(context: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ArgumentFault)) throw error;
    throw rpcError("RPC_INVALID_PARAMS", `${context}: ${error.message}`);
  }
}
