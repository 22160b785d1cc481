import { LedgerError } from "#storage/error.ts";
import { bytesFromBase64, bytesFromHex, publicKeyFromJson } from "#storage/types/keyJson.ts";
import { parseTimestamp, type Timestamp, ZERO_TIME } from "#storage/types/time.ts";
import { ArgumentFault, cannotUnmarshal, kindOf, writtenForm } from "../argument.ts";

const MAX_UINT32 = 2 ** 32 - 1;

/** Reads the fields of one object that Go's JSON wrote. As in Go, a field that is absent or null has its type's zero value. */
export class JsonFields {
  readonly #fields: Readonly<Record<string, unknown>>;

  /** `name` is Go's, for messages. @throws ArgumentFault */
  constructor(json: unknown, name: string) {
    if (typeof json !== "object" || json === null || Array.isArray(json)) throw cannotUnmarshal(kindOf(json), name);
    this.#fields = json as Readonly<Record<string, unknown>>;
  }

  /** Undefined where there is none. @throws ArgumentFault */
  object(name: string): JsonFields | undefined {
    const value = this.#value(name);
    return value === undefined ? undefined : new JsonFields(value, name);
  }

  /** Where there is none, one without fields. @throws ArgumentFault */
  objectOrEmpty(name: string): JsonFields {
    return this.object(name) ?? new JsonFields({}, name);
  }

  /** @throws ArgumentFault */
  list(name: string, maxItems: number): readonly JsonFields[] {
    const value = this.#value(name) ?? [];
    if (!Array.isArray(value)) throw cannotUnmarshal(kindOf(value), `[]${name}`);
    if (value.length > maxItems) throw new ArgumentFault(`${name} has ${value.length} items, at most ${maxItems}`);
    return value.map((item) => new JsonFields(item, name));
  }

  /** Texts in base64. @throws ArgumentFault */
  base64List(name: string, maxItems: number): readonly Uint8Array[] {
    const value = this.#value(name) ?? [];
    if (!Array.isArray(value)) throw cannotUnmarshal(kindOf(value), `[]${name}`);
    if (value.length > maxItems) throw new ArgumentFault(`${name} has ${value.length} items, at most ${maxItems}`);
    return value.map((item) => asFault(() => bytesFromBase64(item, name)));
  }

  /** A 64-bit integer, written as a text. @throws ArgumentFault */
  int64(name: string): bigint {
    const value = this.#value(name) ?? "0";
    if (typeof value !== "string" || !/^-?\d{1,19}$/.test(value))
      throw new ArgumentFault(`invalid 64-bit integer encoding ${JSON.stringify(writtenForm(value))}, expected string`);
    const number = BigInt(value);
    if (BigInt.asIntN(64, number) !== number) throw cannotUnmarshal(`number ${value}`, "int64");
    return number;
  }

  /** A height. @throws ArgumentFault, also beyond 2^53 */
  height(name: string): number {
    const height = Number(this.int64(name));
    if (!Number.isSafeInteger(height)) throw cannotUnmarshal(`number ${height}`, "height");
    return height;
  }

  /** A number of at most 32 bits. @throws ArgumentFault */
  integer(name: string): number {
    const value = this.#value(name) ?? 0;
    if (typeof value !== "number" || !Number.isInteger(value) || Math.abs(value) > MAX_UINT32)
      throw cannotUnmarshal(typeof value === "number" ? `number ${value}` : kindOf(value), "int32");
    return value;
  }

  /** @throws ArgumentFault */
  text(name: string): string {
    const value = this.#value(name) ?? "";
    if (typeof value !== "string") throw cannotUnmarshal(kindOf(value), "string");
    return value;
  }

  /** @throws ArgumentFault */
  boolean(name: string): boolean {
    const value = this.#value(name) ?? false;
    if (typeof value !== "boolean") throw cannotUnmarshal(kindOf(value), "bool");
    return value;
  }

  /** @throws ArgumentFault */
  hex(name: string): Uint8Array {
    return asFault(() => bytesFromHex(this.text(name), name));
  }

  /** @throws ArgumentFault */
  base64(name: string): Uint8Array {
    return asFault(() => bytesFromBase64(this.text(name), name));
  }

  /** @throws ArgumentFault */
  time(name: string): Timestamp {
    const text = this.text(name);
    return text === "" ? ZERO_TIME : asFault(() => parseTimestamp(text));
  }

  /** @throws ArgumentFault */
  publicKey(name: string) {
    return asFault(() => publicKeyFromJson(this.#value(name), name));
  }

  #value(name: string): unknown {
    return Object.hasOwn(this.#fields, name) ? (this.#fields[name] ?? undefined) : undefined;
  }
}

/** What storage's readers refuse, as a fault of the argument. */
function asFault<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof LedgerError) throw new ArgumentFault(error.message);
    throw error;
  }
}
