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

/** The unit codes of COSEM (Blue Book, "enum unit") that meters push, as the texts of `units.ts`. */
const UNIT_CODES: ReadonlyMap<number, string> = new Map([
  [13, "m3"],
  [14, "m3"],
  [19, "L"],
  [27, "W"],
  [29, "var"],
  [30, "Wh"],
  [32, "varh"],
  [33, "A"],
  [35, "V"],
  [44, "Hz"],
]);

/** undefined: not one that meters of energy, gas and water are known to send. */
export function unitOfCode(code: number): string | undefined {
  return UNIT_CODES.get(code);
}
