import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { BEHAVIOUR_NAMES, BEHAVIOURS } from "#consensus/sim/behaviours.ts";
import { FAULT_EFFECTS } from "#consensus/sim/effects.ts";

const SIM = new URL("../../consensus/sim/", import.meta.url);
const README = readFileSync(new URL("README.md", SIM), "utf8");

/** Cells of the rows of the table under a heading. */
function rows(heading: string): readonly (readonly string[])[] {
  const section = README.split(`\n## ${heading}\n`)[1]?.split("\n## ")[0] ?? "";
  const lines = section.split("\n").filter((line) => line.startsWith("| "));
  return lines.slice(1).map((line) => line.slice(2, -2).split(" | "));
}

const codes = (cell = "") => [...cell.matchAll(/`([^`]+)`/g)].map(([, code = ""]) => code);
const invariants = rows("Invariants").flatMap(([name]) => codes(name));

test("the README's behaviours are those of the table, each with its file and the invariants that watch it", () => {
  const table = rows("Byzantine behaviours");
  expect(table.flatMap(([name]) => codes(name))).toEqual(BEHAVIOUR_NAMES);
  for (const [name, needsVote, , file, watched] of table) {
    const [behaviour = ""] = codes(name) as (keyof typeof BEHAVIOURS)[];
    expect(needsVote).toBe(behaviour !== "" && BEHAVIOURS[behaviour].needsVote ? "yes" : "no");
    expect(existsSync(new URL(codes(file)[0] ?? "none", SIM))).toBe(true);
    expect(codes(watched).length).toBeGreaterThan(0);
    for (const invariant of codes(watched)) expect(invariants).toContain(invariant);
  }
});

test("the README's faults name every effect that is counted, and the invariants that watch them", () => {
  const table = rows("Faults");
  const effects = table.filter(([name]) => codes(name)[0] !== "byzantine").flatMap(([, , , effect]) => codes(effect));
  expect(effects.toSorted()).toEqual(Object.keys(FAULT_EFFECTS).toSorted());
  for (const [, , , , watched] of table)
    for (const invariant of codes(watched)) expect(invariants).toContain(invariant);
});

test("the README's invariants are those of the source", () => {
  const source = readFileSync(new URL("invariants.ts", SIM), "utf8");
  const union = /export type InvariantName =([^;]+);/.exec(source)?.[1] ?? "";
  expect(invariants).toEqual([...union.matchAll(/"([^"]+)"/g)].map(([, name]) => name));
});
