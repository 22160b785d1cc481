import type { Quantity } from "#storage/types/reading.ts";

type Dimension =
  | "energy"
  | "power"
  | "reactiveEnergy"
  | "voltage"
  | "current"
  | "frequency"
  | "charge"
  | "volume"
  | "heat";

/** Dimension of each quantity, in the unit of storage/types/reading.ts: mWh, mW, mvarh, mV, mA, mHz, thousandths of a percent, mL, kJ. */
const DIMENSION: Readonly<Record<Quantity, Dimension>> = {
  activeEnergyImport: "energy",
  activeEnergyExport: "energy",
  activePower: "power",
  reactiveEnergyImport: "reactiveEnergy",
  reactiveEnergyExport: "reactiveEnergy",
  voltage: "voltage",
  current: "current",
  frequency: "frequency",
  stateOfCharge: "charge",
  gasVolume: "volume",
  waterVolume: "volume",
  heat: "heat",
};

/** Unit text, lower case → dimension and the power of ten to the ledger's unit; UN/CEFACT common codes beside the usual signs. */
const UNITS: ReadonlyMap<string, readonly [dimension: Dimension, exponent: number]> = new Map([
  ...units("energy", [
    ["wh", 3],
    ["whr", 3],
    ["kwh", 6],
    ["mwh", 9],
  ]),
  ...units("power", [
    ["w", 3],
    ["wtt", 3],
    ["kw", 6],
    ["kwt", 6],
    ["mw", 9],
    ["maw", 9],
  ]),
  ...units("reactiveEnergy", [
    ["varh", 3],
    ["kvarh", 6],
    ["k3", 6],
    ["mvarh", 9],
  ]),
  ...units("voltage", [
    ["mv", 0],
    ["2z", 0],
    ["v", 3],
    ["vlt", 3],
    ["kv", 6],
    ["kvt", 6],
  ]),
  ...units("current", [
    ["ma", 0],
    ["4k", 0],
    ["a", 3],
    ["amp", 3],
  ]),
  ...units("frequency", [
    ["hz", 3],
    ["htz", 3],
  ]),
  ...units("charge", [
    ["%", 3],
    ["percent", 3],
    ["p1", 3],
  ]),
  ...units("volume", [
    ["l", 3],
    ["ltr", 3],
    ["m3", 6],
    ["m³", 6],
    ["mtq", 6],
  ]),
  ...units("heat", [
    ["j", -3],
    ["joule", -3],
    ["jou", -3],
    ["kj", 0],
    ["kjo", 0],
    ["mj", 3],
    ["3b", 3],
    ["gj", 6],
    ["gv", 6],
  ]),
]);

/**
 * The power of ten that makes a value in `unit` one of `quantity` in the ledger's unit; undefined when the unit is unknown or of another dimension.
 * Case does not tell units apart, for meters write kwh and KWH: "mW" and "mWh" therefore are mega, and a milliwatt has no name here.
 */
export function unitExponent(quantity: Quantity, unit: string): number | undefined {
  const known = UNITS.get(unit.trim().toLowerCase());
  return known !== undefined && known[0] === DIMENSION[quantity] ? known[1] : undefined;
}

/** Whether a text is the name of any unit. */
export function isUnit(text: string): boolean {
  return UNITS.has(text.trim().toLowerCase());
}

function units(
  dimension: Dimension,
  list: readonly (readonly [unit: string, exponent: number])[],
): [string, readonly [Dimension, number]][] {
  return list.map(([unit, exponent]) => [unit, [dimension, exponent]]);
}
