import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { stemEnglish } from "./englishStemmer.ts";

const STEMS = JSON.parse(readFileSync(new URL("../testdata/english-stems.json", import.meta.url), "utf8")) as Record<
  string,
  string
>;

test("words have the stems that libstemmer gives them", () => {
  const words = Object.keys(STEMS);
  expect(words.length).toBeGreaterThan(1500);
  expect(Object.fromEntries(words.map((word) => [word, stemEnglish(word)]))).toEqual(STEMS);
});

test("every text has a stem, which is not longer than the text and one letter more", () => {
  const letters = fc.string({ unit: fc.constantFrom(..."aeiouybdglmnrst'é-0".split("")), maxLength: 12 });
  fc.assert(fc.property(fc.oneof(letters, fc.string()), (word) => stemEnglish(word).length <= word.length + 1));
});
