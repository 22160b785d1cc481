import {
  type Argument,
  ArgumentFault,
  bytesOfHex,
  cannotUnmarshal,
  kindOf,
  parseArgumentJson,
  writtenForm,
} from "./argument.ts";

const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;
const INTEGER = /^-?(0|[1-9]\d*)$/;
const BASE64_PREFIX = /^[A-Za-z0-9+/]*/;
const EMPTY: Uint8Array = new Uint8Array(0);

const MAX_INT64 = 2n ** 63n - 1n;
const MIN_INT64 = -(2n ** 63n);
const MAX_UINT64 = 2n ** 64n - 1n;

/** 64-bit integers are texts in JSON and plain in a URI. */
function integer<A>(goType: string, min: bigint, max: bigint, absent: A): Argument<bigint | A> {
  const ofDigits = (digits: string): bigint => {
    if (INTEGER.test(digits)) {
      const number = BigInt(digits);
      if (number >= min && number <= max) return number;
    }
    if (NUMBER.test(digits)) throw cannotUnmarshal(`number ${digits}`, goType);
    throw new ArgumentFault(`invalid character '${Array.from(digits)[0] ?? ""}' looking for beginning of value`);
  };
  const notText = (written: string) =>
    new ArgumentFault(`invalid 64-bit integer encoding ${JSON.stringify(written)}, expected string`);
  return {
    absent,
    goKind: goType,
    ofJson: (value) => {
      if (typeof value !== "string") throw notText(writtenForm(value));
      return ofDigits(value);
    },
    ofText: (text) => {
      if (/^-?\d+$/.test(text)) return ofDigits(text);
      if (text.length < 2 || !text.startsWith('"') || !text.endsWith('"')) throw notText(text);
      return ofDigits(text.slice(1, -1));
    },
  };
}

/** A height or number where 0 stands for "not given". */
export const INT64: Argument<bigint> = integer<bigint>("int64", MIN_INT64, MAX_INT64, 0n);

/** A height or page that may be left out. */
export const OPTIONAL_INT64: Argument<bigint | undefined> = integer("int64", MIN_INT64, MAX_INT64, undefined);

export const OPTIONAL_INT: Argument<bigint | undefined> = integer("int", MIN_INT64, MAX_INT64, undefined);

export const UINT: Argument<bigint> = integer<bigint>("uint", 0n, MAX_UINT64, 0n);

const ofJsonText =
  <T>(argument: Pick<Argument<T>, "ofJson">) =>
  (text: string): T =>
    argument.ofJson(parseArgumentJson(text));

const readBoolean = (value: unknown): boolean => {
  if (typeof value === "boolean") return value;
  throw cannotUnmarshal(kindOf(value), "bool");
};

export const BOOLEAN: Argument<boolean> = {
  absent: false,
  goKind: "bool",
  ofJson: readBoolean,
  ofText: ofJsonText({ ofJson: readBoolean }),
};

const readString = (value: unknown): string => {
  if (typeof value === "string") return value;
  throw cannotUnmarshal(kindOf(value), "string");
};

export const STRING: Argument<string> = {
  absent: "",
  goKind: "string",
  ofJson: readString,
  ofText: ofJsonText({ ofJson: readString }),
  ofBytes: (bytes) => Buffer.from(bytes).toString("utf8"),
};

/** Base64 in JSON; 0x… or a text in quotes in a URI. */
function bytes(goType: string): Argument<Uint8Array> {
  const read = (value: unknown): Uint8Array => {
    if (typeof value !== "string") throw cannotUnmarshal(kindOf(value), goType);
    return bytesOfBase64(value);
  };
  return {
    absent: EMPTY,
    goKind: "slice",
    ofJson: read,
    ofText: ofJsonText({ ofJson: read }),
    ofBytes: (given) => given,
    takesQuotedText: true,
  };
}

export const BYTES = bytes("[]uint8");
export const TRANSACTION = bytes("types.Tx");

const readHex = (value: unknown): Uint8Array => {
  if (typeof value !== "string") throw new ArgumentFault(`invalid hex string: ${writtenForm(value)}`);
  return bytesOfHex(value);
};

/** Hex in JSON; as BYTES in a URI. */
export const HEX_BYTES: Argument<Uint8Array> = { ...BYTES, ofJson: readHex, ofText: ofJsonText({ ofJson: readHex }) };

/** Any JSON: the method reads it. */
export const JSON_VALUE: Argument<unknown> = {
  absent: undefined,
  goKind: "interface",
  ofJson: (value) => value,
  ofText: parseArgumentJson,
};

/** Standard base64 with padding; line breaks are skipped as Go does. */
function bytesOfBase64(text: string): Uint8Array {
  const digits = text.replace(/[\r\n]/g, "");
  const padding = /={0,2}$/.exec(digits)?.[0].length ?? 0;
  const valid = BASE64_PREFIX.exec(digits)?.[0].length ?? 0;
  if (valid !== digits.length - padding) throw new ArgumentFault(`illegal base64 data at input byte ${valid}`);
  if (digits.length % 4 !== 0) throw new ArgumentFault(`illegal base64 data at input byte ${digits.length - padding}`);
  return new Uint8Array(Buffer.from(digits, "base64"));
}
