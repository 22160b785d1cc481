import { type Answer, abortAnswer } from "./answers.ts";

/** One argument of a request: how its text becomes a value. The text of a thrown ArgumentFault is what the client reads. */
export interface ArgumentKind<T> {
  readonly read: (text: string) => T;
  readonly isRequired?: boolean;
}

class ArgumentFault extends Error {}

/** A request that cannot be answered, with the answer that says so. */
export class RequestRefused extends Error {
  readonly answer: Answer;

  constructor(answer: Answer) {
    super("request refused");
    this.answer = answer;
  }
}

const MISSING = "Missing required parameter in the JSON body or the post body or the query string";

type ArgumentValues<Kinds extends Readonly<Record<string, ArgumentKind<unknown>>>> = {
  readonly [Name in keyof Kinds]: Kinds[Name] extends {
    readonly isRequired: true;
    readonly read: (text: string) => infer T;
  }
    ? T
    : Kinds[Name] extends ArgumentKind<infer T>
      ? T | undefined
      : never;
};

/**
 * Reads the arguments of a query in the order of `kinds`; the first that is wrong is answered with 400, as flask-restful's parser does. With `isStrict`
 * further ones are an error too. Of an argument that is there twice the first counts.
 * @throws RequestRefused
 */
export function readArguments<const Kinds extends Readonly<Record<string, ArgumentKind<unknown>>>>(
  query: URLSearchParams,
  kinds: Kinds,
  { isStrict = false }: { readonly isStrict?: boolean } = {},
): ArgumentValues<Kinds> {
  const values: Record<string, unknown> = {};
  for (const [name, { read, isRequired = false }] of Object.entries(kinds)) {
    const text = query.get(name);
    if (text === null) {
      if (isRequired) throw new RequestRefused(abortAnswer(400, { [name]: MISSING }));
      continue;
    }
    try {
      values[name] = read(text);
    } catch (error) {
      if (!(error instanceof ArgumentFault)) throw error;
      throw new RequestRefused(abortAnswer(400, { [name]: error.message }));
    }
  }
  const unknown = new Set([...query.keys()].filter((name) => !Object.hasOwn(kinds, name)));
  if (isStrict && unknown.size > 0)
    throw new RequestRefused(abortAnswer(400, `Unknown arguments: ${[...unknown].join(", ")}`));
  return values as ArgumentValues<Kinds>;
}

export const TEXT: ArgumentKind<string> = { read: (text) => text };

/** The real server's expressions are unanchored at some places (research: `[1-9a-zA-Z^OIl]`); these are its own. */
export const ASSET_ID: ArgumentKind<string> = {
  read: (text) => matching(text.toLowerCase(), /^[0-9a-f]{64}$/, "Invalid hash"),
};

export const PUBLIC_KEY: ArgumentKind<string> = {
  read: (text) => matching(text, /^[1-9a-zA-Z^OIl]{43,44}$/, "Invalid base58 ed25519 key"),
};

export const BOOLEAN: ArgumentKind<boolean> = {
  read: (text) =>
    matching(text.toLowerCase(), /^(true|false)$/, 'Boolean value must be "true" or "false" (lowercase)') === "true",
};

export const OPERATION: ArgumentKind<"CREATE" | "TRANSFER"> = {
  read: (text) =>
    matching(text.toUpperCase(), /^(CREATE|TRANSFER)$/, 'Operation must be "CREATE" or "TRANSFER"') as
      | "CREATE"
      | "TRANSFER",
};

export const MODE: ArgumentKind<"async" | "sync" | "commit"> = {
  read: (text) =>
    matching(text, /^(async|sync|commit)$/, 'Mode must be "async", "sync" or "commit"') as "async" | "sync" | "commit",
};

/** Python's int(): a sign, spaces around and single underscores between digits are allowed. */
export const INTEGER: ArgumentKind<number> = {
  read: (text) => {
    const fault = `invalid literal for int() with base 10: ${pythonText(text)}`;
    const value = Number(matching(text, /^\s*[+-]?\d+(_\d+)*\s*$/, fault).replaceAll("_", ""));
    return Math.max(-Number.MAX_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, value));
  },
};

/** Ours: Unix ms, or RFC 3339 with a zone. */
export const TIME: ArgumentKind<number> = {
  read: (text) => {
    const isNumber = /^\d{1,15}$/.test(text);
    const isTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/.test(text);
    const value = isNumber ? Number(text) : isTime ? Date.parse(text) : Number.NaN;
    if (Number.isNaN(value) || value < 0)
      throw new ArgumentFault("must be Unix milliseconds or a time like 2026-11-21T10:15:00Z");
    return value;
  },
};

/** Ours: entries of one page. */
export function pageSize(max: number): ArgumentKind<number> {
  return {
    read: (text) => {
      const value = /^\d{1,9}$/.test(text) ? Number(text) : 0;
      if (value < 1 || value > max) throw new ArgumentFault(`must be a whole number from 1 to ${max}`);
      return value;
    },
  };
}

/** Ours: the cursor in the header X-Next-After of the page before. */
export const CURSOR: ArgumentKind<string> = {
  read: (text) => matching(text, /^[0-9a-f-]{1,64}$/, "must be the X-Next-After of the page before"),
};

export function required<T>(kind: ArgumentKind<T>): ArgumentKind<T> & { readonly isRequired: true } {
  return { ...kind, isRequired: true };
}

function matching(text: string, pattern: RegExp, fault: string): string {
  if (!pattern.test(text)) throw new ArgumentFault(fault);
  return text;
}

/** Python's repr of a text: single quotes, unless there are only single ones inside. */
function pythonText(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll("\r", "\\r").replaceAll("\t", "\\t");
  return quote + (quote === "'" ? escaped.replaceAll("'", "\\'") : escaped) + quote;
}
