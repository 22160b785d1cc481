import { cliError } from "../cli/cliError.ts";
import type { HomeKey } from "./homeKey.ts";

/**
 * One value that an action or a query takes: a flag or argument of its command, a field of the JSON body or query of its route. It arrives as text
 * on both ways; `parse` throws CliError with exit `usage`.
 */
export interface Param<T> {
  /** What stands in <…> in the help text: address, amount, file … */
  readonly value: string;
  readonly about: string;
  readonly parse: (text: string) => T;
  readonly isOptional: boolean;
  /** text: as given. file: a command reads the named file, a request has its JSON inline. switch: there or not. */
  readonly kind: "text" | "file" | "switch";
  readonly maxChars: number;
  /** What a command takes from the key it acts with when the flag is absent; a request must say it. */
  readonly ofHome: ((key: HomeKey) => string) | undefined;
  /** The action's part at home (`ActionDefinition.atHome`) makes it when the flag is absent; a request must say it. */
  readonly isMadeAtHome?: boolean;
}

export type Params = Readonly<Record<string, Param<unknown>>>;

export type Values<P extends Params> = { readonly [K in keyof P]: P[K] extends Param<infer T> ? T : never };

/** By name of the parameter. */
export type Texts = Readonly<Record<string, string | undefined>>;

const MAX_TEXT_CHARS = 256;

export function text<T>(value: string, about: string, parse: (text: string) => T): Param<T> {
  return { value, about, parse, isOptional: false, kind: "text", maxChars: MAX_TEXT_CHARS, ofHome: undefined };
}

/** A file, or the same JSON in a request; `maxChars` bounds it. */
export function file<T>(about: string, maxChars: number, parse: (text: string) => T): Param<T> {
  return { value: "file", about, parse, isOptional: false, kind: "file", maxChars, ofHome: undefined };
}

export function flag(about: string): Param<boolean> {
  return {
    ...{ value: "", about, isOptional: true, kind: "switch", maxChars: MAX_TEXT_CHARS, ofHome: undefined },
    parse: (given) => given === "true",
  };
}

/** Undefined where it is not given. */
export function optional<T>(param: Param<T>): Param<T | undefined> {
  return { ...param, isOptional: true };
}

/** As it was given, or as the key of the home says. */
export function ownUnlessGiven<T>(param: Param<T>, ofHome: (key: HomeKey) => string): Param<T> {
  return { ...param, ofHome };
}

/** As it was given, or as the action makes it at home. */
export function madeAtHomeUnlessGiven<T>(param: Param<T>): Param<T> {
  return { ...param, isMadeAtHome: true };
}

/** Several, with commas between. */
export function list<T>(param: Param<T>, most: number): Param<readonly T[]> {
  return {
    ...param,
    value: `${param.value},…`,
    maxChars: most * (MAX_TEXT_CHARS + 1),
    parse(given) {
      const parts = given.split(",").map((part) => part.trim());
      if (parts.length > most) throw paramError("LIST_TOO_LONG", `more than ${most} at once`, "give fewer at once");
      return parts.map((part) => param.parse(part));
    },
  };
}

/** @throws CliError PARAMETER_MISSING, PARAMETER_TOO_LONG, PARAMETER_UNKNOWN, and what the parameters' own parsers throw */
export function readValues<P extends Params>(params: P, texts: Texts): Values<P> {
  const unknown = Object.keys(texts).find((name) => !Object.hasOwn(params, name));
  if (unknown !== undefined)
    throw paramError("PARAMETER_UNKNOWN", `there is no ${unknown}`, `give ${Object.keys(params).join(", ") || "none"}`);
  const values = Object.entries(params).map(([name, param]) => [name, paramValue(name, param, texts[name])]);
  return Object.fromEntries(values) as Values<P>;
}

/** Parses what was given, so that nothing is begun for the sake of values that are none. @throws as readValues, but for what is missing */
export function checkGiven(params: Params, texts: Texts): void {
  for (const [name, param] of Object.entries(params))
    if (texts[name] !== undefined) paramValue(name, param, texts[name]);
}

function paramValue(name: string, param: Param<unknown>, given: string | undefined): unknown {
  if (given === undefined) {
    if (param.kind === "switch") return false;
    if (param.isOptional) return undefined;
    throw paramError("PARAMETER_MISSING", `${name} is missing`, `give ${name}: ${param.about}`);
  }
  if (given.length > param.maxChars)
    throw paramError(
      "PARAMETER_TOO_LONG",
      `${name} has more than ${param.maxChars} characters`,
      `give ${name}: ${param.about}`,
    );
  return param.parse(given);
}

function paramError(code: string, message: string, hint: string) {
  return cliError("usage", code, message, hint);
}
