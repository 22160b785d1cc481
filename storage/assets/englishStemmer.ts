/**
 * The English stemmer of Snowball ("Porter2"), which MongoDB's text index uses: https://snowballstem.org/algorithms/english/stemmer.html, as libstemmer 2.2
 * has it. The word is in lower case. Names of steps and regions are the algorithm's own.
 */
export function stemEnglish(word: string): string {
  const irregular = IRREGULAR.get(word);
  if (irregular !== undefined) return irregular;
  if (word.length < 3) return word;
  const marked = markConsonantY(word.startsWith("'") ? word.slice(1) : word);
  const regions = regionsOf(marked);
  let stem = step1a(marked);
  if (!INVARIANT_AFTER_1A.has(stem)) {
    stem = step1c(step1b(stem, regions));
    stem = step5(step4(step3(step2(stem, regions), regions), regions), regions);
  }
  return stem.replaceAll("Y", "y");
}

/** Where R1 and R2 begin; they stay there while the word gets shorter. */
interface Regions {
  readonly r1: number;
  readonly r2: number;
}

const IRREGULAR: ReadonlyMap<string, string> = new Map([
  ["skis", "ski"],
  ["skies", "sky"],
  ["dying", "die"],
  ["lying", "lie"],
  ["tying", "tie"],
  ["idly", "idl"],
  ["gently", "gentl"],
  ["ugly", "ugli"],
  ["early", "earli"],
  ["only", "onli"],
  ["singly", "singl"],
  ...["sky", "news", "howe", "atlas", "cosmos", "bias", "andes"].map((word) => [word, word] as const),
]);

const INVARIANT_AFTER_1A: ReadonlySet<string> = new Set(
  "inning outing canning herring earring proceed exceed succeed".split(" "),
);

const VOWEL = /[aeiouy]/;

/** A y that stands at the beginning or after a vowel is a consonant, and from here on a capital. */
function markConsonantY(word: string): string {
  return word.includes("y") ? word.replace(/^y|(?<=[aeiouy])y/g, consonantAfter()) : word;
}

/** Of two y after each other the first decides: once it is a consonant, the second does not follow a vowel. */
function consonantAfter(): (found: string, offset: number) => string {
  let last = -2;
  return (found, offset) => {
    if (last === offset - 1) return found;
    last = offset;
    return "Y";
  };
}

function regionsOf(word: string): Regions {
  const special = /^(?:gener|commun|arsen)/.exec(word)?.[0].length;
  const r1 = special ?? regionAfter(word, 0);
  return { r1, r2: regionAfter(word, r1) };
}

/** Behind the first consonant that follows a vowel, from `start` on; the end of the word where there is none. */
function regionAfter(word: string, start: number): number {
  const found = /[aeiouy][^aeiouy]/.exec(word.slice(start));
  return found === null ? word.length : start + found.index + 2;
}

/** Ends in a short syllable. */
function isShort(stem: string): boolean {
  return /[^aeiouy][aeiouy][^aeiouywxY]$|^[aeiouy][^aeiouy]$/.test(stem);
}

function step1a(word: string): string {
  const stem = word.replace(/'s'$|'s$|'$/, "");
  if (stem.endsWith("sses")) return stem.slice(0, -2);
  if (/ie[ds]$/.test(stem)) return stem.slice(0, stem.length > 4 ? -2 : -1);
  if (/[us]s$/.test(stem)) return stem;
  return stem.endsWith("s") && VOWEL.test(stem.slice(0, -2)) ? stem.slice(0, -1) : stem;
}

function step1b(word: string, { r1 }: Regions): string {
  const ee = /eed(?:ly)?$/.exec(word);
  if (ee !== null) return ee.index >= r1 ? `${word.slice(0, ee.index)}ee` : word;
  const suffix = /(?:ed|ing)(?:ly)?$/.exec(word);
  const stem = suffix === null ? word : word.slice(0, suffix.index);
  if (suffix === null || !VOWEL.test(stem)) return word;
  if (/(?:at|bl|iz)$/.test(stem)) return `${stem}e`;
  if (/(?:bb|dd|ff|gg|mm|nn|pp|rr|tt)$/.test(stem)) return stem.slice(0, -1);
  return stem.length === r1 && isShort(stem) ? `${stem}e` : stem;
}

function step1c(word: string): string {
  return /.[^aeiouy][yY]$/su.test(word) ? `${word.slice(0, -1)}i` : word;
}

const STEP_2: ReadonlyMap<string, string> = new Map([
  ["tional", "tion"],
  ["enci", "ence"],
  ["anci", "ance"],
  ["abli", "able"],
  ["entli", "ent"],
  ["izer", "ize"],
  ["ization", "ize"],
  ["ational", "ate"],
  ["ation", "ate"],
  ["ator", "ate"],
  ["alism", "al"],
  ["aliti", "al"],
  ["alli", "al"],
  ["fulness", "ful"],
  ["ousli", "ous"],
  ["ousness", "ous"],
  ["iveness", "ive"],
  ["iviti", "ive"],
  ["biliti", "ble"],
  ["bli", "ble"],
  ["fulli", "ful"],
  ["lessli", "less"],
]);

function step2(word: string, { r1 }: Regions): string {
  const suffix = longestSuffix(word, STEP_2, 7) ?? /ogi$|li$/.exec(word)?.[0];
  if (suffix === undefined || word.length - suffix.length < r1) return word;
  const stem = word.slice(0, -suffix.length);
  if (suffix === "ogi") return stem.endsWith("l") ? `${stem}og` : word;
  if (suffix === "li") return /[cdeghkmnrt]$/.test(stem) ? stem : word;
  return stem + STEP_2.get(suffix);
}

const STEP_3: ReadonlyMap<string, string> = new Map([
  ["tional", "tion"],
  ["ational", "ate"],
  ["alize", "al"],
  ["icate", "ic"],
  ["iciti", "ic"],
  ["ical", "ic"],
  ["ful", ""],
  ["ness", ""],
  ["ative", ""],
]);

function step3(word: string, { r1, r2 }: Regions): string {
  const suffix = longestSuffix(word, STEP_3, 7);
  if (suffix === undefined || word.length - suffix.length < r1) return word;
  const stem = word.slice(0, -suffix.length);
  return suffix === "ative" && stem.length < r2 ? word : stem + STEP_3.get(suffix);
}

const STEP_4: ReadonlyMap<string, string> = new Map(
  "al ance ence er ic able ible ant ement ment ent ism ate iti ous ive ize ion"
    .split(" ")
    .map((suffix) => [suffix, ""]),
);

function step4(word: string, { r2 }: Regions): string {
  const suffix = longestSuffix(word, STEP_4, 5);
  if (suffix === undefined || word.length - suffix.length < r2) return word;
  const stem = word.slice(0, -suffix.length);
  return suffix === "ion" && !/[st]$/.test(stem) ? word : stem;
}

function step5(word: string, { r1, r2 }: Regions): string {
  const stem = word.slice(0, -1);
  if (word.endsWith("e")) return stem.length >= r2 || (stem.length >= r1 && !isShort(stem)) ? stem : word;
  return word.endsWith("ll") && stem.length >= r2 ? stem : word;
}

/** The longest ending of a word that is in the table. */
function longestSuffix(word: string, table: ReadonlyMap<string, string>, maxLength: number): string | undefined {
  for (let length = Math.min(maxLength, word.length); length >= 2; length--) {
    const suffix = word.slice(-length);
    if (table.has(suffix)) return suffix;
  }
  return undefined;
}
