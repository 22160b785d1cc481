import { stemEnglish } from "./englishStemmer.ts";
import { STOP_WORDS } from "./stopWords.ts";

/** Characters of a word that count; longer words are found by their beginning. */
export const MAX_TOKEN_CHARS = 64;

/** Words whose tokens are remembered, the last ones met: readings name the same few again and again. */
const MAX_KNOWN_WORDS = 4096;

/**
 * Runs of everything but what MongoDB's text index (version 3) takes for delimiters in English: characters with one of these Unicode properties, the apostrophe
 * excepted. Hyphen, which JavaScript does not know, has three characters that are no Dash.
 */
const WORD =
  /[^[\p{White_Space}\p{Dash}\u00ad\u30fb\uff65\p{Quotation_Mark}\p{Terminal_Punctuation}\p{Pattern_Syntax}\p{Sentence_Terminal}]--[']]+/gv;

const knownTokens = new Map<string, string | undefined>();

/** The words of a text as the index has them, stop words left out: in lower case, stemmed, then without diacritics. */
export function tokensOf(text: string): string[] {
  const tokens: string[] = [];
  for (const [word] of text.matchAll(WORD)) {
    const token = tokenOf(word.slice(0, MAX_TOKEN_CHARS));
    if (token !== undefined) tokens.push(token);
  }
  return tokens;
}

/** A text as phrases are looked for in it: in lower case, without diacritics. */
export function foldText(text: string): string {
  return text
    .toLowerCase()
    .normalize("NFD")
    .replace(/\p{Diacritic}/gu, "");
}

/** Undefined for a stop word. */
function tokenOf(word: string): string | undefined {
  if (knownTokens.has(word)) return knownTokens.get(word);
  const lower = word.toLowerCase();
  // Stop words and stems are of words with their diacritics.
  const token = STOP_WORDS.has(lower) ? undefined : foldText(stemEnglish(lower));
  if (knownTokens.size >= MAX_KNOWN_WORDS) knownTokens.clear();
  knownTokens.set(word, token);
  return token;
}

/**
 * What each word of one text counts for, as MongoDB scores it: repetitions count half each, the more the shorter the text is, and a text that is nothing but the
 * word counts a tenth more.
 */
export function scoreText(text: string): ReadonlyMap<string, number> {
  const tokens = tokensOf(text);
  const counts = new Map<string, number>();
  for (const token of tokens) counts.set(token, (counts.get(token) ?? 0) + 1);
  const lower = text.toLowerCase();
  const scores = new Map<string, number>();
  for (const [token, count] of counts) {
    const frequency = 2 - 2 ** (1 - count);
    const share = 0.5 * (count / tokens.length) + 0.5;
    scores.set(token, frequency * share * (token === lower ? 1.1 : 1));
  }
  return scores;
}
