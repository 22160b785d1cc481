import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Resvg } from "@resvg/resvg-js";
import { plotSvg } from "../bench/ingest/prosumerPlot.ts";
import { paperFigures } from "./figures.ts";
import { type PaperData, paperTables } from "./paperTables.ts";
import { type RunFacts, reportMarkdown } from "./report.ts";
import { csvOf, latexOf, type Table } from "./tables.ts";

/** Pixels of a plot's unit, for print. */
const PNG_SCALE = 2;

/** report.md, report.json; tables as CSV and LaTeX; figures as SVG and PNG. */
export function writePaper(output: string, facts: RunFacts, data: PaperData): readonly Table[] {
  const tables = paperTables(data);
  const figures = paperFigures(data);
  for (const folder of ["tables", "figures"]) mkdirSync(join(output, folder), { recursive: true });
  for (const table of tables) {
    writeFileSync(join(output, "tables", `${table.id}.csv`), csvOf(table));
    writeFileSync(join(output, "tables", `${table.id}.tex`), latexOf(table));
  }
  for (const { id, plot } of figures) {
    const svg = plotSvg([plot]);
    writeFileSync(join(output, "figures", `${id}.svg`), svg);
    writeFileSync(join(output, "figures", `${id}.png`), pngOf(svg));
  }
  const report = reportMarkdown(
    facts,
    data,
    tables,
    figures.map(({ id }) => id),
  );
  writeFileSync(join(output, "report.md"), report);
  writeFileSync(join(output, "report.json"), `${JSON.stringify({ ...facts, ...data, tables, figures }, null, 2)}\n`);
  return tables;
}

/** Letters need a font of the system; without any there are none in the picture. */
function pngOf(svg: string): Uint8Array {
  const font = { defaultFontFamily: "DejaVu Sans", sansSerifFamily: "DejaVu Sans" };
  return new Resvg(svg, { font, fitTo: { mode: "zoom", value: PNG_SCALE } }).render().asPng();
}
