import { expect, test } from "vitest";
import { asksForTermsAlone, MAX_SEARCH_TOKENS, matchesQuery, parseTextQuery } from "./textQuery.ts";

/** What MongoDB's own tests of its parser expect (src/mongo/db/fts/fts_query_impl_test.cpp), and some more. */
test.each([
  ["this is fun", { terms: ["fun"] }],
  ["hello.world", { terms: ["hello", "world"] }],
  ["-really fun", { terms: ["fun"], negatedTerms: ["realli"] }],
  ["- really fun", { terms: ["realli", "fun"] }],
  ["--really fun", { terms: ["fun"], negatedTerms: ["realli"] }],
  ["really-fun", { terms: ["realli", "fun"] }],
  ["-really-fun-stuff", { negatedTerms: ["realli", "fun", "stuff"] }],
  ['doing a "phrase test" for fun', { terms: ["phrase", "test", "fun"], phrases: ["phrase test"] }],
  ['doing a "phrase-test" for fun', { terms: ["phrase", "test", "fun"], phrases: ["phrase-test"] }],
  ['doing a -"phrase test" for fun', { terms: ["fun"], negatedPhrases: ["phrase test"] }],
  ['doing a - "phrase test" for fun', { terms: ["phrase", "test", "fun"], phrases: ["phrase test"] }],
  ['doing a-"phrase test" for fun', { terms: ["phrase", "test", "fun"], phrases: ["phrase test"] }],
  [
    '-"really fun"-"stuff here" "another phrase"',
    { terms: ["anoth", "phrase"], phrases: ["another phrase"], negatedPhrases: ["really fun", "stuff here"] },
  ],
  [
    '"industry" -Melbourne -Physics',
    { terms: ["industri"], negatedTerms: ["melbourn", "physic"], phrases: ["industry"] },
  ],
  ['foo "-bar"', { terms: ["foo", "bar"], phrases: ["-bar"] }],
  ['foo -" -bar"', { terms: ["foo"], negatedPhrases: [" -bar"] }],
  ['foo "bar', { terms: ["foo", "bar"] }],
  ["the the THE", {}],
  ["meter meters METERING", { terms: ["meter"] }],
  ["", {}],
])("%j is read as MongoDB reads it", (text, expected) => {
  const { negatedTerms, ...query } = parseTextQuery(text);
  expect({ ...query, negatedTerms: [...negatedTerms] }).toEqual({
    terms: [],
    ids: [],
    negatedTerms: [],
    phrases: [],
    negatedPhrases: [],
    ...expected,
  });
});

test("ids among the words are told apart, in small letters", () => {
  const id = "0123456789abcdef".repeat(4);
  expect(parseTextQuery(`${id.toUpperCase()} "${id}" -${id} x${id} ${id}0`).ids).toEqual([id]);
});

const TEXTS = ["Smart meter, Terni", "Consommation d'énergie ÉLECTRIQUE"];

test.each([
  ['"smart meter"', true],
  ['"MART met"', true],
  ['"smart, meter"', false],
  ['"smart" "terni"', true],
  ['"smart" "rome"', false],
  // A phrase stands in one text, not in two.
  ['"terni consommation"', false],
  ['"energie electrique"', true],
  ['smart -"smart meter"', false],
  ['smart -"meter smart"', true],
  ["smart -rome", true],
  ["smart -meters", false],
  ["smart -the", true],
  ['smart ""', true],
])("a document with one of the words is found by %j: %s", (text, isFound) => {
  expect(matchesQuery(parseTextQuery(text), TEXTS)).toBe(isFound);
});

test("only words alone are decided by the index", () => {
  expect(asksForTermsAlone(parseTextQuery("smart meter"))).toBe(true);
  for (const text of ['"smart meter"', "smart -meter", 'smart -"meter"'])
    expect(asksForTermsAlone(parseTextQuery(text))).toBe(false);
});

test("so many words and phrases of each kind count, and no more", () => {
  const many = Array.from({ length: MAX_SEARCH_TOKENS + 1 }, (_, index) => `w${index}w`);
  expect(parseTextQuery(many.join(" ")).terms).toEqual(many.slice(0, MAX_SEARCH_TOKENS));
  expect(parseTextQuery(many.map((word) => `-${word}`).join(" ")).negatedTerms.size).toBe(MAX_SEARCH_TOKENS);
  expect(parseTextQuery(many.map((word) => `"${word}"`).join(" ")).phrases).toHaveLength(MAX_SEARCH_TOKENS);
  expect(parseTextQuery(many.map((word) => `-"${word}"`).join(" ")).negatedPhrases).toHaveLength(MAX_SEARCH_TOKENS);
});
