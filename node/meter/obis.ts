import type { Quantity, ReadingKind } from "#storage/types/reading.ts";

/** What an object of an electricity meter measures, by the value groups C and D of its OBIS code (IEC 62056-6-1). */
export interface ObisMeaning {
  readonly quantity: Quantity;
  readonly kind: ReadingKind;
  readonly phase: number;
  /** Of interval, average and max, ms; 0 otherwise. */
  readonly periodMs: number;
  /**
   * Which part of the reading the object is. Power is one signed number, taken minus given; reactive energy comes whole or as the two
   * quadrants that it is the sum of.
   */
  readonly part: "whole" | "taken" | "given" | "firstQuadrant" | "secondQuadrant";
}

/** Demand is measured over quarters of an hour (eMUCS P1 §6.5). */
export const DEMAND_PERIOD_MS = 900_000;

/** The total and the three phases: value group C of a phase is that of the total plus this. */
const PHASES = [
  { phase: 0, c: 0 },
  { phase: 1, c: 20 },
  { phase: 2, c: 40 },
  { phase: 3, c: 60 },
];

const ELECTRICITY: ReadonlyMap<string, ObisMeaning> = new Map([
  ["1.8", whole("activeEnergyImport", "register")],
  ["2.8", whole("activeEnergyExport", "register")],
  ["3.8", whole("reactiveEnergyImport", "register")],
  ["4.8", whole("reactiveEnergyExport", "register")],
  ["5.8", { ...whole("reactiveEnergyImport", "register"), part: "firstQuadrant" }],
  ["6.8", { ...whole("reactiveEnergyImport", "register"), part: "secondQuadrant" }],
  ["7.8", { ...whole("reactiveEnergyExport", "register"), part: "firstQuadrant" }],
  ["8.8", { ...whole("reactiveEnergyExport", "register"), part: "secondQuadrant" }],
  ["1.4", { ...whole("activePower", "average"), periodMs: DEMAND_PERIOD_MS }],
  ["1.6", { ...whole("activePower", "max"), periodMs: DEMAND_PERIOD_MS }],
  ["14.7", whole("frequency", "instant")],
  ...PHASES.flatMap(({ phase, c }): [string, ObisMeaning][] => [
    [`${c + 1}.7`, { ...whole("activePower", "instant", phase), part: "taken" }],
    [`${c + 2}.7`, { ...whole("activePower", "instant", phase), part: "given" }],
    [`${c + 16}.7`, whole("activePower", "instant", phase)],
    [`${c + 11}.7`, whole("current", "instant", phase)],
    [`${c + 12}.7`, whole("voltage", "instant", phase)],
  ]),
]);

/** undefined: readings have no quantity for it. */
export function electricityMeaning(c: number, d: number): ObisMeaning | undefined {
  return ELECTRICITY.get(`${c}.${d}`);
}

function whole(quantity: Quantity, kind: ReadingKind, phase = 0): ObisMeaning {
  return { quantity, kind, phase, periodMs: 0, part: "whole" };
}

/** A unit as meters name it: a value in it, times 10^exponent, is in the thousandth that readings are in. */
export interface MeterUnit {
  readonly dimension: Dimension;
  readonly exponent: number;
}

export type Dimension = "Wh" | "varh" | "W" | "V" | "A" | "Hz" | "m3" | "J";

const DIMENSIONS: Readonly<Partial<Record<Quantity, Dimension>>> = {
  activeEnergyImport: "Wh",
  activeEnergyExport: "Wh",
  activePower: "W",
  reactiveEnergyImport: "varh",
  reactiveEnergyExport: "varh",
  voltage: "V",
  current: "A",
  frequency: "Hz",
  gasVolume: "m3",
  waterVolume: "m3",
  heat: "J",
};

export function isUnitOf(unit: MeterUnit, quantity: Quantity): boolean {
  return DIMENSIONS[quantity] === unit.dimension;
}

/** Lower case: meters write kVArh, kvarh, KWH. Readings are in mWh, mvarh, mW, mV, mA, mHz, mL and kJ. */
const UNIT_TEXTS: ReadonlyMap<string, MeterUnit> = new Map(
  Object.entries({
    mwh: { dimension: "Wh", exponent: 9 },
    kwh: { dimension: "Wh", exponent: 6 },
    wh: { dimension: "Wh", exponent: 3 },
    kvarh: { dimension: "varh", exponent: 6 },
    varh: { dimension: "varh", exponent: 3 },
    kw: { dimension: "W", exponent: 6 },
    w: { dimension: "W", exponent: 3 },
    kv: { dimension: "V", exponent: 6 },
    v: { dimension: "V", exponent: 3 },
    a: { dimension: "A", exponent: 3 },
    ma: { dimension: "A", exponent: 0 },
    hz: { dimension: "Hz", exponent: 3 },
    m3: { dimension: "m3", exponent: 6 },
    dm3: { dimension: "m3", exponent: 3 },
    l: { dimension: "m3", exponent: 3 },
    gj: { dimension: "J", exponent: 6 },
    mj: { dimension: "J", exponent: 3 },
    kj: { dimension: "J", exponent: 0 },
  } satisfies Record<string, MeterUnit>),
);

export function unitOfText(text: string): MeterUnit | undefined {
  return UNIT_TEXTS.get(text.toLowerCase());
}

/** The unit codes of COSEM (Blue Book, "enum unit") that meters push. */
const UNIT_CODES: ReadonlyMap<number, MeterUnit> = new Map([
  [13, { dimension: "m3", exponent: 6 }],
  [14, { dimension: "m3", exponent: 6 }],
  [19, { dimension: "m3", exponent: 3 }],
  [27, { dimension: "W", exponent: 3 }],
  [30, { dimension: "Wh", exponent: 3 }],
  [32, { dimension: "varh", exponent: 3 }],
  [33, { dimension: "A", exponent: 3 }],
  [35, { dimension: "V", exponent: 3 }],
  [44, { dimension: "Hz", exponent: 3 }],
]);

export function unitOfCode(code: number): MeterUnit | undefined {
  return UNIT_CODES.get(code);
}
