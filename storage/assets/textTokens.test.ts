import { expect, test } from "vitest";
import { foldText, MAX_TOKEN_CHARS, scoreText, tokensOf } from "./textTokens.ts";

test.each([
  ["Meters are metering: METERED energy", ["meter", "meter", "meter", "energi"]],
  ["the of and isn't", []],
  ["hello.world/foo-bar", ["hello", "world", "foo", "bar"]],
  ["a_b 0.5512 x=1", ["a_b", "0", "5512", "x", "1"]],
  ["the dog's bone, the dogs' bones", ["dog", "bone", "dog", "bone"]],
  ["l’énergie “Straße”", ["l", "energi", "straße"]],
  ["Café CAFÉ cafe\u0301", ["cafe", "cafe", "cafe"]],
  // A stop word is one with its diacritics only.
  ["thé the", ["the"]],
  ["soft\u00adhyphen 電力、計 ｡", ["soft", "hyphen", "電力", "計"]],
  ["🔌 plug⚡cable", ["🔌", "plug", "cabl"]],
  ["", []],
])("the words of %j", (text, tokens) => {
  expect(tokensOf(text)).toEqual(tokens);
});

test("a word counts by its first characters", () => {
  expect(tokensOf("q".repeat(MAX_TOKEN_CHARS + 9))).toEqual(["q".repeat(MAX_TOKEN_CHARS)]);
});

test("texts are folded for phrases: case, diacritics, and what Unicode calls a diacritic in ASCII", () => {
  expect(foldText("Übergröße Łódź a^b`c")).toBe("ubergroße łodz abc");
});

// By hand from MongoDB's formula, src/mongo/db/fts/fts_spec.cpp: repetitions 1, 1/2, 1/4 …, times 0.5 · count / words + 0.5, times 1.1 for the whole text.
test.each([
  ["coffee", { coffe: 1 }],
  ["coff", { coff: 1.1 }],
  ["Coffee shopping", { coffe: 0.75, shop: 0.75 }],
  ["coffee and cream, coffee", { coffe: 1.5 * (1 / 3 + 0.5), cream: 0.5 / 3 + 0.5 }],
  ["tea tea tea", { tea: 1.75 }],
])("what the words of %j count for", (text, scores) => {
  expect(Object.fromEntries(scoreText(text))).toEqual(scores);
});
