import { checkedDate, checkedTime } from "./moments.ts";
import { queryError } from "./queryError.ts";

export type TokenKind =
  | "tag"
  | "string"
  | "number"
  | "time"
  | "date"
  | "AND"
  | "CONTAINS"
  | "EXISTS"
  | "="
  | "<"
  | "<="
  | ">"
  | ">=";

export interface Token {
  readonly kind: TokenKind;
  /** Without the quotes of a string and the word before a time or date. */
  readonly text: string;
  /** Where it begins, in bytes of UTF-8. */
  readonly offset: number;
}

const WORDS: Readonly<Record<string, TokenKind>> = { AND: "AND", EXISTS: "EXISTS", CONTAINS: "CONTAINS" };
const FIRST_OF_TAG = /[\p{L}\p{Nd}_]/u;
const OF_TAG = /[\p{L}\p{Nd}_.-]/u;
const DIGIT = /[0-9]/;
const OF_TIME = /[-T:+Z0-9]/;
const OF_DATE = /[-0-9]/;
const SPACE = /[\t\n\v\f\r \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]/;

/** Cuts a query into tokens (CometBFT libs/pubsub/query/syntax), one at a time, so that the first fault is the one reported. */
export class QueryScanner {
  readonly #characters: readonly string[];
  #at = 0;
  /** Offset in bytes of the next character, and of the token that `next` looked for last. */
  #bytes = 0;
  #start = 0;

  constructor(text: string) {
    this.#characters = Array.from(text);
  }

  /** Where the token that `next` looked for last begins, also when there was none. */
  get offset(): number {
    return this.#start;
  }

  /** Undefined at the end. @throws QueryError, whose reason has no offset: the caller knows what it was looking for */
  next(): Token | undefined {
    this.#takeWhile(SPACE);
    this.#start = this.#bytes;
    const first = this.#take();
    if (first === undefined) return undefined;
    if (DIGIT.test(first)) return this.#token("number", this.#number(first));
    if (FIRST_OF_TAG.test(first)) return this.#word(first);
    if (first === "'") return this.#token("string", this.#string());
    if (first === "=") return this.#token("=", first);
    if (first === "<" || first === ">") {
      const text = this.#peek() === "=" ? `${first}${this.#take()}` : first;
      return this.#token(text as TokenKind, text);
    }
    throw queryError(`invalid input ${first} at offset ${this.#bytes}`);
  }

  #number(first: string): string {
    const whole = first + this.#takeWhile(DIGIT);
    return this.#peek() === "." ? `${whole}${this.#take()}${this.#takeWhile(DIGIT)}` : whole;
  }

  #string(): string {
    let text = "";
    for (let next = this.#take(); next !== "'"; next = this.#take()) {
      if (next === undefined) throw queryError("EOF");
      text += next;
    }
    return text;
  }

  #word(first: string): Token {
    const text = first + this.#takeWhile(OF_TAG);
    // TIME and DATE begin a moment only before a space, which is part of the word.
    if ((text === "TIME" || text === "DATE") && this.#peek() === " ") {
      this.#take();
      if (text === "TIME") return this.#token("time", checkedTime(this.#takeWhile(OF_TIME)));
      return this.#token("date", checkedDate(this.#takeWhile(OF_DATE)));
    }
    return this.#token(Object.hasOwn(WORDS, text) ? (WORDS[text] as TokenKind) : "tag", text);
  }

  #token(kind: TokenKind, text: string): Token {
    return { kind, text, offset: this.#start };
  }

  #peek(): string | undefined {
    return this.#characters[this.#at];
  }

  #take(): string | undefined {
    const character = this.#characters[this.#at];
    if (character === undefined) return undefined;
    this.#at += 1;
    this.#bytes += Buffer.byteLength(character, "utf8");
    return character;
  }

  #takeWhile(pattern: RegExp): string {
    let text = "";
    for (let next = this.#peek(); next !== undefined && pattern.test(next); next = this.#peek()) {
      text += next;
      this.#take();
    }
    return text;
  }
}
