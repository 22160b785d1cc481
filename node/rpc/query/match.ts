import { compareDecimals, parseDecimal } from "./decimals.ts";
import { compareMoments, parseDate, parseTime } from "./moments.ts";
import type { Condition, Operator, Query } from "./parser.ts";

/** Values of an event's attributes under `type.key`, of all events together. */
export type EventValues = Readonly<Record<string, readonly string[]>>;

export type EventMatcher = (events: EventValues) => boolean;

/**
 * Whether what happened matches a subscription (CometBFT libs/pubsub/query). Conditions need not hold in one and the same event here,
 * unlike in a search of the index.
 */
export function compileQuery(query: Query): EventMatcher {
  const conditions = query.map(compileCondition);
  return (events) => Object.keys(events).length > 0 && conditions.every((holds) => holds(events));
}

function compileCondition({ tag, operator, argument }: Condition): EventMatcher {
  const holds = argument === undefined ? () => true : valueTest(operator, argument.kind, argument.text);
  return (events) => {
    for (const [name, values] of Object.entries(events)) {
      if (name === tag && values.some(holds)) return true;
      // A tag that is an event's type alone is compared with an empty value, so that `transfer EXISTS` holds.
      if (name.slice(0, name.lastIndexOf(".")) === tag && name.includes(".") && holds("")) return true;
    }
    return false;
  };
}

/** Whether one attribute value satisfies a condition's operator and argument. */
function valueTest(operator: Operator, kind: string, text: string): (value: string) => boolean {
  if (operator === "CONTAINS") return (value) => value.includes(text);
  if (kind === "string") return (value) => value === text;
  if (kind === "number") {
    const wanted = parseDecimal(text);
    return (value) => {
      const decimal = leadingNumber(value);
      return wanted !== undefined && decimal !== undefined && isOrdered(operator, compareDecimals(decimal, wanted));
    };
  }
  const parse = kind === "time" ? parseTime : parseDate;
  const wanted = parse(text);
  return (value) => {
    const moment = parse(value);
    return wanted !== undefined && moment !== undefined && isOrdered(operator, compareMoments(moment, wanted));
  };
}

/** `8atom` counts as 8, and what begins with a sign as no number, as in CometBFT. */
function leadingNumber(value: string) {
  const digits = /^\d+(\.\d+)?/.exec(value)?.[0];
  return digits === undefined ? undefined : parseDecimal(digits);
}

/** Whether a comparison's outcome (negative, zero, positive) is what the operator asks for. */
export function isOrdered(operator: Operator, comparison: number): boolean {
  switch (operator) {
    case "=":
      return comparison === 0;
    case "<":
      return comparison < 0;
    case "<=":
      return comparison <= 0;
    case ">":
      return comparison > 0;
    case ">=":
      return comparison >= 0;
    case "CONTAINS":
    case "EXISTS":
      return false;
  }
}
