import { readFileSync } from "node:fs";
import { QUANTITIES, type Quantity } from "#storage/types/reading.ts";
import { OptionReader } from "../inputOptions.ts";
import { unitExponent } from "../units.ts";

export const REGISTER_TYPES = ["int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64"] as const;
export type RegisterType = (typeof REGISTER_TYPES)[number];
export type WordOrder = "big" | "little";
export type ReadFunction = 3 | 4;

/** One register of a meter: value in the ledger's unit = raw × factor × 10^exponent. */
export interface Register {
  readonly function: ReadFunction;
  /** Zero-based, as it stands in the request. */
  readonly address: number;
  readonly type: RegisterType;
  readonly wordOrder: WordOrder;
  readonly quantity: Quantity;
  readonly phase: number;
  readonly tariff: number;
  /** To the ledger's unit, unit of the map included. */
  readonly exponent: number;
  /** Of a current transformer, or -1 where a meter counts the other way round. */
  readonly factor: bigint;
}

/** Where a meter says which one it is; a type of registers, or a text. */
export interface Identity {
  readonly function: ReadFunction;
  readonly address: number;
  readonly type: RegisterType | "ascii";
  readonly words: number;
}

/** A meter's registers as data (README.md): what is built in, and what a user's own file may say. */
export interface RegisterMap {
  readonly name: string;
  readonly identity: Identity | undefined;
  /** Most registers of one request. */
  readonly maxWords: number;
  /** Registers without a meaning that are read along rather than asked around. */
  readonly maxGapWords: number;
  /** The bits by which a register of this type says that it has no value. */
  readonly sentinels: ReadonlyMap<RegisterType, bigint>;
  readonly registers: readonly Register[];
}

export const BUILT_IN_MAPS = [
  "eastron-sdm630",
  "eastron-sdm120",
  "eastron-sdm72v2",
  "eastron-sdm230",
  "carlogavazzi-em340",
  "abb-b-series",
  "schneider-iem3000",
] as const;

/** Modbus application protocol 1.1b3 §6.3: 125 registers in one answer. */
const MAX_WORDS = 125;
const MAX_REGISTERS = 500;
const MAX_IDENTITY_WORDS = 20;
/** Largest ratio of a current transformer. */
const MAX_FACTOR = 100_000;
const MAP_NAMES = [
  "name",
  "vendor",
  "model",
  "function",
  "wordOrder",
  "maxWords",
  "maxGapWords",
  "identity",
  "sentinels",
  "registers",
];
const REGISTER_NAMES = [
  "function",
  "address",
  "type",
  "wordOrder",
  "quantity",
  "phase",
  "tariff",
  "unit",
  "exponent",
  "factor",
];

export function wordsOf(type: RegisterType): number {
  return Number.parseInt(type.replace(/\D+/, ""), 10) / 16;
}

export function loadBuiltInMap(name: (typeof BUILT_IN_MAPS)[number]): RegisterMap {
  return parseRegisterMap(JSON.parse(readFileSync(new URL(`./maps/${name}.json`, import.meta.url), "utf8")), name);
}

/**
 * A map out of its JSON. path: what stands before the option in a message.
 * @throws MeterSourceError METER_OPTION_INVALID
 */
export function parseRegisterMap(json: unknown, path: string): RegisterMap {
  const map = new OptionReader(json, path, MAP_NAMES);
  const defaults = { function: readFunction(map, 4), wordOrder: map.choice("wordOrder", ["big", "little"], "big") };
  return {
    name: map.text("name", { pattern: /^[\x21-\x7e]{1,64}$/, form: "1 to 64 visible characters" }),
    identity: map.has("identity") ? readIdentity(map.raw("identity"), `${path}.identity`) : undefined,
    maxWords: map.integer("maxWords", { min: 4, max: MAX_WORDS, fallback: 40 }),
    maxGapWords: map.integer("maxGapWords", { min: 0, max: MAX_WORDS, fallback: 0 }),
    sentinels: readSentinels(map, path),
    registers: map.list("registers", { min: 1, max: MAX_REGISTERS }, (item, at) => readRegister(item, at, defaults)),
  };
}

function readRegister(
  json: unknown,
  path: string,
  defaults: { function: ReadFunction; wordOrder: WordOrder },
): Register {
  const register = new OptionReader(json, path, REGISTER_NAMES);
  const type = register.choice("type", REGISTER_TYPES);
  const quantity = register.choice("quantity", QUANTITIES);
  const unit = register.text("unit", { pattern: /^\S{1,10}$/, form: "a unit" });
  const unitPower = unitExponent(quantity, unit);
  if (unitPower === undefined) throw register.fault("unit", `is no unit of ${quantity}`);
  const factor = register.integer("factor", { min: -MAX_FACTOR, max: MAX_FACTOR, fallback: 1 });
  if (factor === 0) throw register.fault("factor", "must not be 0");
  return {
    function: readFunction(register, defaults.function),
    address: readAddress(register, wordsOf(type)),
    type,
    wordOrder: register.choice("wordOrder", ["big", "little"], defaults.wordOrder),
    quantity,
    phase: register.integer("phase", { min: 0, max: 3, fallback: 0 }),
    tariff: register.integer("tariff", { min: 0, max: 4, fallback: 0 }),
    exponent: unitPower + register.integer("exponent", { min: -12, max: 12, fallback: 0 }),
    factor: BigInt(factor),
  };
}

function readIdentity(json: unknown, path: string): Identity {
  const identity = new OptionReader(json, path, ["function", "address", "type", "words"]);
  const type = identity.choice("type", [...REGISTER_TYPES, "ascii"] as const);
  const words = type === "ascii" ? identity.integer("words", { min: 1, max: MAX_IDENTITY_WORDS }) : wordsOf(type);
  return { function: readFunction(identity, 3), address: readAddress(identity, words), type, words };
}

function readSentinels(map: OptionReader, path: string): ReadonlyMap<RegisterType, bigint> {
  const sentinels = new OptionReader(map.raw("sentinels") ?? {}, `${path}.sentinels`, REGISTER_TYPES);
  const known = REGISTER_TYPES.filter((type) => sentinels.has(type));
  return new Map(
    known.map((type) => {
      const digits = wordsOf(type) * 4;
      const hex = sentinels.text(type, {
        pattern: new RegExp(`^[0-9a-f]{${digits}}$`),
        form: `${digits} lower-case hex digits`,
      });
      return [type, BigInt(`0x${hex}`)];
    }),
  );
}

function readFunction(options: OptionReader, fallback: ReadFunction): ReadFunction {
  return options.integer("function", { min: 3, max: 4, fallback }) as ReadFunction;
}

function readAddress(options: OptionReader, words: number): number {
  return options.integer("address", { min: 0, max: 0x1_0000 - words });
}
