import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { COMETBFT_VECTORS } from "../cometbftVectors.ts";
import { compareDecimals, parseDecimal } from "./decimals.ts";
import { compileQuery } from "./match.ts";
import { formatQuery, parseQuery } from "./parser.ts";
import { QueryError } from "./queryError.ts";

function reasonOf(text: string): string {
  try {
    return `parsed: ${formatQuery(parseQuery(text))}`;
  } catch (error) {
    expect(error).toBeInstanceOf(QueryError);
    return (error as QueryError).details.reason;
  }
}

/** Go explains a time it cannot read in words of its own parser; that it refuses it at this place is what counts. */
function withoutTimeFault(reason: string): string {
  return reason.replace(/(invalid (?:TIME|DATE) value): .*/, "$1");
}

describe("against CometBFT's parser", () => {
  test.each(COMETBFT_VECTORS.queries.map((vector) => [vector.query, vector] as const))("%j", (text, vector) => {
    if (vector.text !== undefined) expect(formatQuery(parseQuery(text))).toBe(vector.text);
    else expect(withoutTimeFault(reasonOf(text))).toBe(withoutTimeFault(vector.error ?? ""));
  });

  test("subscriptions match the same events", () => {
    for (const { query, events, matches } of COMETBFT_VECTORS.matches)
      expect({ query, events, matches: compileQuery(parseQuery(query))(events) }).toEqual({ query, events, matches });
    expect(COMETBFT_VECTORS.matches.filter(({ matches }) => matches).length).toBeGreaterThan(20);
  });
});

const word = fc.stringMatching(/^[a-z][a-z_]{0,8}\.[a-z][a-z_-]{0,8}$/);
const moment = fc
  .date({ min: new Date("1900-01-02"), max: new Date("2999-12-30"), noInvalidDate: true })
  .map((date) => date.toISOString());
const condition = fc.oneof(
  fc.tuple(word, fc.stringMatching(/^[^'\n]{0,10}$/)).map(([tag, text]) => `${tag} = '${text}'`),
  fc.tuple(word, fc.stringMatching(/^[^'\n]{0,10}$/)).map(([tag, text]) => `${tag} CONTAINS '${text}'`),
  fc.tuple(word, fc.constantFrom("<", "<=", ">", ">=", "="), fc.nat()).map((parts) => parts.join(" ")),
  fc
    .tuple(word, fc.constantFrom("<", ">="), moment)
    .map(([tag, operator, text]) => `${tag} ${operator} TIME ${text.slice(0, 19)}Z`),
  fc.tuple(word, moment).map(([tag, text]) => `${tag} > DATE ${text.slice(0, 10)}`),
  word.map((tag) => `${tag} EXISTS`),
);
const query = fc.array(condition, { minLength: 1, maxLength: 5 }).map((list) => list.join(" AND "));

test("what is written in normal form is read as written", () => {
  fc.assert(
    fc.property(query, (text) => {
      expect(formatQuery(parseQuery(text))).toBe(text);
    }),
    { numRuns: 500 },
  );
});

test("no text makes the parser or the matcher fail otherwise than with QUERY_MALFORMED", () => {
  const pieces = fc.constantFrom(
    "a.b",
    " ",
    "=",
    "<",
    ">",
    "'",
    "AND",
    "EXISTS",
    "CONTAINS",
    "TIME ",
    "DATE ",
    "5",
    ".",
    "-",
    "é",
    "\0",
    "\ud800",
  );
  const noise = fc.oneof(
    fc.string({ maxLength: 60 }),
    fc.string({ unit: "binary", maxLength: 60 }),
    fc.array(pieces, { maxLength: 20 }).map((list) => list.join("")),
  );
  const events = fc.dictionary(fc.string({ maxLength: 5 }), fc.array(fc.string({ maxLength: 5 }), { maxLength: 3 }));
  fc.assert(
    fc.property(
      fc.oneof(
        noise,
        fc.tuple(query, noise).map(([good, bad]) => good + bad),
      ),
      events,
      (text, happened) => {
        try {
          compileQuery(parseQuery(text))(happened);
        } catch (error) {
          if (!(error instanceof QueryError)) throw error;
        }
      },
    ),
    { numRuns: 3000 },
  );
});

test("decimals are compared exactly, however long", () => {
  const decimal = fc.tuple(fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }), fc.nat(6));
  fc.assert(
    fc.property(decimal, decimal, ([a, left], [b, right]) => {
      const scaled = [a * 10n ** BigInt(6 - left), b * 10n ** BigInt(6 - right)] as const;
      const expected = scaled[0] < scaled[1] ? -1 : scaled[0] > scaled[1] ? 1 : 0;
      expect(compareDecimals({ whole: a, places: left }, { whole: b, places: right })).toBe(expected);
    }),
  );
  expect(parseDecimal("-1.50")).toEqual({ whole: -150n, places: 2 });
  for (const text of ["", ".5", "1e5", "0x5", "5 ", "NaN", "1".repeat(101)]) expect(parseDecimal(text)).toBeUndefined();
});
