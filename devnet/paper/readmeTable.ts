import { markdownOf, type Table } from "./tables.ts";

const BEGIN = "<!-- npm run paper -- --quick --readme: begin -->";
const END = "<!-- npm run paper: end -->";

/** The tables of a README, and where they come from; the same form each time. */
export function readmeTables(tables: readonly Table[], source: string): string {
  const shown = README_TABLES.map((id) => {
    const table = tables.find((each) => each.id === id);
    if (table === undefined) throw new RangeError(`no table ${id}`);
    return `${table.title}:\n\n${markdownOf(table)}`;
  });
  return [source, ...shown].join("\n\n");
}

export const README_TABLES = ["throughput", "bigchaindb", "costs", "tampering"];

/** What stands between the markers; undefined where they are not both there, once and in order. */
export function markedPart(readme: string): string | undefined {
  const parts = readme.split(BEGIN);
  const [inner, ...others] = parts[1]?.split(END) ?? [];
  return parts.length === 2 && others.length === 1 ? inner?.trim() : undefined;
}

/** The README with another part between its markers. @throws RangeError where there are none */
export function withMarkedPart(readme: string, part: string): string {
  const old = markedPart(readme);
  if (old === undefined) throw new RangeError("the README has no place for the tables");
  const from = readme.indexOf(BEGIN) + BEGIN.length;
  return `${readme.slice(0, from)}\n\n${part}\n\n${readme.slice(readme.indexOf(END))}`;
}
