import { QueryError, queryError } from "./queryError.ts";
import { QueryScanner, type Token, type TokenKind } from "./scanner.ts";

export type Operator = "=" | "<" | "<=" | ">" | ">=" | "CONTAINS" | "EXISTS";
export type ArgumentKind = "string" | "number" | "time" | "date";

export interface Condition {
  /** `type.key` of an event's attribute. */
  readonly tag: string;
  readonly operator: Operator;
  /** Undefined for EXISTS only. */
  readonly argument: { readonly kind: ArgumentKind; readonly text: string } | undefined;
}

/** All of them must hold. */
export type Query = readonly Condition[];

const OPERATORS = ["<=", ">=", "<", ">", "=", "CONTAINS", "EXISTS"] as const;
const ORDERED = ["number", "time", "date"] as const;

const NAMES: Readonly<Record<TokenKind, string>> = {
  tag: "tag",
  string: "string",
  number: "number",
  time: "timestamp",
  date: "datestamp",
  AND: "AND operator",
  CONTAINS: "CONTAINS operator",
  EXISTS: "EXISTS operator",
  "=": "= operator",
  "<": "< operator",
  "<=": "<= operator",
  ">": "> operator",
  ">=": ">= operator",
};

/**
 * Parses a query of events (CometBFT libs/pubsub/query/syntax): conditions joined by AND, each a tag with =, <, <=, >, >=, CONTAINS or
 * EXISTS, and a value in single quotes, a number, TIME or DATE.
 * @throws QueryError with CometBFT's words
 */
export function parseQuery(text: string): Query {
  const scanner = new QueryScanner(text);
  const conditions = [parseCondition(scanner)];
  for (;;) {
    const token = nextAfterCondition(scanner);
    if (token === undefined) return conditions;
    // CometBFT prints the number of the token that it wants here, not its name.
    if (token.kind !== "AND") throw queryError(`offset ${token.offset}: got ${NAMES[token.kind]}, want 6`);
    conditions.push(parseCondition(scanner));
  }
}

/** The query with single spaces: two texts that mean the same subscription have the same. */
export function formatQuery(query: Query): string {
  return query
    .map(({ tag, operator, argument }) =>
      argument === undefined ? `${tag} ${operator}` : `${tag} ${operator} ${formatArgument(argument)}`,
    )
    .join(" AND ");
}

function formatArgument({ kind, text }: NonNullable<Condition["argument"]>): string {
  if (kind === "string") return `'${text}'`;
  if (kind === "number") return text;
  return `${kind.toUpperCase()} ${text}`;
}

function parseCondition(scanner: QueryScanner): Condition {
  const tag = require(scanner, ["tag"]).text;
  const operator = require(scanner, OPERATORS).kind as Operator;
  if (operator === "EXISTS") return { tag, operator, argument: undefined };
  const { kind, text } = require(scanner, kindsAfter(operator));
  return { tag, operator, argument: { kind: kind as ArgumentKind, text } };
}

function kindsAfter(operator: Operator): readonly ArgumentKind[] {
  if (operator === "CONTAINS") return ["string"];
  return operator === "=" ? [...ORDERED, "string"] : ORDERED;
}

function require(scanner: QueryScanner, kinds: readonly TokenKind[]): Token {
  let token: Token | undefined;
  try {
    token = scanner.next();
  } catch (error) {
    if (!(error instanceof QueryError)) throw error;
    throw queryError(`offset ${scanner.offset}: ${error.details.reason}`);
  }
  if (token === undefined) throw queryError(`offset ${scanner.offset}: EOF`);
  if (kinds.includes(token.kind)) return token;
  throw queryError(`offset ${token.offset}: got ${NAMES[token.kind]}, wanted ${labelOf(kinds)}`);
}

/** Whatever follows a condition that is no token is called so, without the scanner's reason. */
function nextAfterCondition(scanner: QueryScanner): Token | undefined {
  try {
    return scanner.next();
  } catch (error) {
    if (!(error instanceof QueryError)) throw error;
    throw queryError(`offset ${scanner.offset}: got invalid token, want 6`);
  }
}

function labelOf(kinds: readonly TokenKind[]): string {
  const names = kinds.map((kind) => NAMES[kind]);
  const last = names.pop() ?? "";
  return names.length === 0 ? last : `${names.join(", ")} or ${last}`;
}
