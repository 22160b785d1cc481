/** How the text of one option becomes a value, whether it comes from a flag, the environment or config.json. */
export interface OptionKind<T> {
  /** What stands after the flag in help texts; undefined for a switch. */
  readonly placeholder: string | undefined;
  /** Answers undefined for a text or JSON value that is not allowed. */
  readonly read: (value: unknown) => T | undefined;
  /** Completes the sentence "must be …". */
  readonly expected: string;
}

export interface OptionSpec<T> {
  readonly kind: OptionKind<T>;
  readonly default: T;
  /** Unit of the value, empty where it has none. */
  readonly unit: string;
  readonly description: string;
}

export const TEXT: OptionKind<string> = {
  placeholder: "text",
  expected: "a text",
  read: (value) => (typeof value === "string" ? value : undefined),
};

export const FILE_PATH: OptionKind<string> = { ...TEXT, placeholder: "path", expected: "a path" };

/** Items are separated by commas; in config.json an array of texts is allowed too. */
export const LIST: OptionKind<readonly string[]> = {
  placeholder: "a,b",
  expected: "a list of texts separated by commas",
  read: (value) => {
    if (typeof value === "string")
      return value
        .split(",")
        .map((item) => item.trim())
        .filter((item) => item !== "");
    return Array.isArray(value) && value.every((item) => typeof item === "string") ? (value as string[]) : undefined;
  },
};

export const SWITCH: OptionKind<boolean> = {
  placeholder: undefined,
  expected: "true or false",
  read: (value) => {
    if (typeof value === "boolean") return value;
    if (value === "true" || value === "1") return true;
    return value === "false" || value === "0" ? false : undefined;
  },
};

export const HEX_HASH: OptionKind<string> = {
  placeholder: "hex",
  expected: "64 hexadecimal digits",
  read: (value) =>
    typeof value === "string" && (value === "" || /^[0-9a-fA-F]{64}$/.test(value)) ? value.toLowerCase() : undefined,
};

export function integer(min: number, max: number): OptionKind<number> {
  return {
    placeholder: "n",
    expected: `a whole number from ${min} to ${max}`,
    read: (value) => {
      const number = typeof value === "string" && /^-?\d{1,16}$/.test(value) ? Number(value) : value;
      if (typeof number !== "number" || !Number.isSafeInteger(number)) return undefined;
      return number >= min && number <= max ? number : undefined;
    },
  };
}

export function choice<const T extends string>(...allowed: readonly T[]): OptionKind<T> {
  return {
    placeholder: allowed.join("|"),
    expected: `one of ${allowed.join(", ")}`,
    read: (value) => allowed.find((item) => item === value),
  };
}
