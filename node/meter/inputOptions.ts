import { nearestName } from "../configurationNearest.ts";
import { MeterSourceError } from "./source.ts";

/** Reads one object of options out of `meters.json`, and says in which of them a mistake is. Every method @throws MeterSourceError METER_OPTION_INVALID */
export class OptionReader {
  readonly #options: Readonly<Record<string, unknown>>;
  readonly #path: string;

  /** path: of the object, for messages: "modbus" or "modbus.devices[0]". names: every option there is. */
  constructor(options: unknown, path: string, names: readonly string[]) {
    this.#path = path;
    if (typeof options !== "object" || options === null || Array.isArray(options))
      throw invalid(path, options, "must be an object");
    this.#options = options as Readonly<Record<string, unknown>>;
    for (const name of Object.keys(this.#options)) {
      if (names.includes(name)) continue;
      const nearest = nearestName(name, names);
      throw invalid(`${path}.${name}`, this.#options[name], nearest === "" ? "is unknown" : `is unknown; ${nearest}?`);
    }
  }

  has(name: string): boolean {
    return this.#options[name] !== undefined;
  }

  raw(name: string): unknown {
    return this.#options[name];
  }

  /** pattern: of the whole text. Without a fallback the option is required. */
  text(name: string, limits: { readonly pattern: RegExp; readonly form: string; readonly fallback?: string }): string {
    const value = this.#options[name] ?? limits.fallback;
    if (typeof value === "string" && limits.pattern.test(value)) return value;
    throw this.fault(name, `must be ${limits.form}`);
  }

  optionalText(name: string, limits: { readonly pattern: RegExp; readonly form: string }): string | undefined {
    return this.has(name) ? this.text(name, limits) : undefined;
  }

  integer(name: string, limits: { readonly min: number; readonly max: number; readonly fallback?: number }): number {
    const value = this.#options[name] ?? limits.fallback;
    if (Number.isSafeInteger(value) && (value as number) >= limits.min && (value as number) <= limits.max)
      return value as number;
    throw this.fault(name, `must be an integer from ${limits.min} to ${limits.max}`);
  }

  boolean(name: string, fallback: boolean): boolean {
    const value = this.#options[name] ?? fallback;
    if (typeof value === "boolean") return value;
    throw this.fault(name, "must be true or false");
  }

  choice<T extends string>(name: string, choices: readonly T[], fallback?: T): T {
    const value = this.#options[name] ?? fallback;
    if (choices.includes(value as T)) return value as T;
    throw this.fault(name, `must be one of ${choices.join(", ")}`);
  }

  /** Each item is read by `read` with its own path. */
  list<T>(
    name: string,
    limits: { readonly min: number; readonly max: number },
    read: (item: unknown, path: string) => T,
  ): T[] {
    const value = this.#options[name] ?? [];
    if (!Array.isArray(value) || value.length < limits.min || value.length > limits.max)
      throw this.fault(name, `must be a list of ${limits.min} to ${limits.max} items`);
    return value.map((item, index) => read(item, `${this.#path}.${name}[${index}]`));
  }

  fault(name: string, reason: string): MeterSourceError {
    return invalid(`${this.#path}.${name}`, this.#options[name], reason);
  }
}

/** Characters of a wrong value that are shown. */
const MAX_SHOWN_CHARS = 120;

function invalid(option: string, value: unknown, reason: string): MeterSourceError {
  const shown = typeof value === "string" ? value.slice(0, MAX_SHOWN_CHARS) : value;
  return new MeterSourceError({ code: "METER_OPTION_INVALID", option, value: shown, reason });
}

/** Of an address to connect to: a name, or an IPv4 or IPv6 address. */
export const HOST = { pattern: /^[0-9A-Za-z.:_-]{1,253}$/, form: "a host name or an IP address" } as const;
/** Part of a meter id. */
export const ID_PART = {
  pattern: /^[0-9A-Za-z._-]{1,40}$/,
  form: "1 to 40 letters, digits, dots, dashes or underscores",
} as const;
/** Of a header: visible characters. */
export const SECRET = { pattern: /^[\x21-\x7e]{1,512}$/, form: "1 to 512 visible characters" } as const;
