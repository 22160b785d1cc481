import { foldText, tokensOf } from "./textTokens.ts";

/** Words of one search that count, and as many phrases. */
export const MAX_SEARCH_TOKENS = 32;

/** A search as MongoDB reads its `$search`. */
export interface TextQuery {
  /** A document must have one of these; those of phrases are among them. */
  readonly terms: readonly string[];
  /** Ids of transactions among the words, in lower case: a document has its own as a text, which the index need not keep. */
  readonly ids: readonly string[];
  /** … none of these … */
  readonly negatedTerms: ReadonlySet<string>;
  /** … each of these somewhere in one of its texts, as it stands there but for case and diacritics … */
  readonly phrases: readonly string[];
  /** … and none of these. */
  readonly negatedPhrases: readonly string[];
}

/** The parser looks for these only; every other delimiter is one of the words'. */
const PIECE = /[\n\v\f\r ]+|-|"|[^\n\v\f\r "-]+/g;

const ID = /(?<![0-9a-z_])[0-9a-f]{64}(?![0-9a-z_])/g;

/**
 * Words, any of which will do; `"phrases"`, all of which must be there; `-word` and `-"phrase"`, which must not. A hyphen inside of a word parts it. What
 * is negated goes on to the next space: `-a-b` is neither. A phrase without its end counts as words.
 */
export function parseTextQuery(text: string): TextQuery {
  const wanted: string[] = [];
  const unwanted: string[] = [];
  const phrases: string[] = [];
  const negatedPhrases: string[] = [];
  let isNegated = false;
  let phraseStart: number | undefined;
  let isAfterSpace = true;
  for (const { 0: piece, index } of text.matchAll(PIECE)) {
    if (/^[\n\v\f\r ]/.test(piece)) {
      isAfterSpace = true;
      continue;
    }
    const isInPhrase = phraseStart !== undefined;
    if (piece === "-") {
      if (!isInPhrase && isAfterSpace) isNegated = true;
    } else if (piece === '"') {
      if (phraseStart !== undefined) {
        (isNegated ? negatedPhrases : phrases).push(foldText(text.slice(phraseStart, index)));
        phraseStart = undefined;
      } else {
        if (isAfterSpace) isNegated = false;
        phraseStart = index + 1;
      }
    } else if (!(isInPhrase && isNegated)) {
      if (isAfterSpace) isNegated = false;
      (isNegated ? unwanted : wanted).push(piece);
    }
    isAfterSpace = false;
  }
  return {
    terms: [...new Set(wanted.flatMap(tokensOf))].slice(0, MAX_SEARCH_TOKENS),
    ids: [...new Set(wanted.flatMap((piece) => piece.toLowerCase().match(ID) ?? []))].slice(0, MAX_SEARCH_TOKENS),
    negatedTerms: new Set(unwanted.flatMap(tokensOf).slice(0, MAX_SEARCH_TOKENS)),
    phrases: phrases.slice(0, MAX_SEARCH_TOKENS),
    negatedPhrases: negatedPhrases.slice(0, MAX_SEARCH_TOKENS),
  };
}

/** Whether the index's word that a document has one of the terms is the last: nothing else is asked for. */
export function asksForTermsAlone({ negatedTerms, phrases, negatedPhrases }: TextQuery): boolean {
  return negatedTerms.size === 0 && phrases.length === 0 && negatedPhrases.length === 0;
}

/** Whether a document that has one of the terms is found. `texts`: all of its texts. */
export function matchesQuery({ negatedTerms, phrases, negatedPhrases }: TextQuery, texts: readonly string[]): boolean {
  if (negatedTerms.size > 0 && texts.some((text) => tokensOf(text).some((token) => negatedTerms.has(token))))
    return false;
  const folded = texts.map(foldText);
  const stands = (phrase: string) => folded.some((text) => text.includes(phrase));
  return phrases.every(stands) && !negatedPhrases.some(stands);
}
