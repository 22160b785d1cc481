import { readFileSync } from "node:fs";
import { QUANTITIES, type Quantity } from "#storage/types/reading.ts";
import { OptionReader } from "../inputOptions.ts";
import { unitExponent } from "../units.ts";

/** What an attribute of an entity measures. */
export interface AttributeMeaning {
  readonly quantity: Quantity;
  /** Implied where the message names none. */
  readonly unit: string;
  /** Of a value that is one number; one per phase names them L1, L2, L3. */
  readonly phase: number;
}

export type AttributeTable = ReadonlyMap<string, AttributeMeaning>;

const MAX_ATTRIBUTES = 500;

/** Smart Data Models (ACMeasurement, ThreePhaseAcMeasurement) and the SMX of D5.1 Figure 16. */
export const BUILT_IN_ATTRIBUTES: AttributeTable = new Map(
  Object.entries(JSON.parse(readFileSync(new URL("./attributes.json", import.meta.url), "utf8"))).map(
    ([name, json]) => [name, readMeaning(json, name)],
  ),
);

/** The built-in table with a user's own rows over it. @throws MeterSourceError METER_OPTION_INVALID */
export function readAttributes(json: unknown, path: string): AttributeTable {
  if (json === undefined) return BUILT_IN_ATTRIBUTES;
  const names = typeof json === "object" && json !== null ? Object.keys(json) : [];
  const reader = new OptionReader(json, path, names);
  if (names.length > MAX_ATTRIBUTES) throw reader.fault("", `has more than ${MAX_ATTRIBUTES} attributes`);
  return new Map([
    ...BUILT_IN_ATTRIBUTES,
    ...names.map((name) => [name, readMeaning(reader.raw(name), `${path}.${name}`)] as const),
  ]);
}

function readMeaning(json: unknown, path: string): AttributeMeaning {
  const reader = new OptionReader(json, path, ["quantity", "unit", "phase"]);
  const quantity = reader.choice("quantity", QUANTITIES);
  const unit = reader.text("unit", { pattern: /^\S{1,10}$/, form: "a unit" });
  if (unitExponent(quantity, unit) === undefined) throw reader.fault("unit", `is no unit of ${quantity}`);
  return { quantity, unit, phase: reader.integer("phase", { min: 0, max: 3, fallback: 0 }) };
}
