import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { openCellFiles } from "./cellFiles.ts";
import { paperFigures } from "./figures.ts";
import { paperTables } from "./paperTables.ts";
import { progressLine } from "./progress.ts";
import { markedPart, README_TABLES, readmeTables, withMarkedPart } from "./readmeTable.ts";
import { plain, shown } from "./summary.ts";
import { csvOf, latexOf, markdownOf } from "./tables.ts";
import { linearPlot, testData } from "./testPaper.ts";

const folder = mkdtempSync(join(tmpdir(), "energy-paper-test-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const TABLE = {
  id: "t",
  title: "A & B",
  columns: ["design", "x_1, µs"],
  rows: [
    ["a|b", "1 ± 2"],
    ['"quoted", 50 %', "{3}"],
  ],
};

test("one table becomes Markdown, CSV and LaTeX, and each escapes what is special to it", () => {
  expect(markdownOf(TABLE)).toBe('| design | x_1, µs |\n|---|---|\n| a\\|b | 1 ± 2 |\n| "quoted", 50 % | {3} |');
  expect(csvOf(TABLE)).toBe('design,"x_1, µs"\r\na|b,1 ± 2\r\n"""quoted"", 50 %",{3}\r\n');
  const latex = latexOf(TABLE);
  expect(latex).toContain("\\caption{A \\& B}");
  expect(latex).toContain("design & x\\_1, $\\mu$s \\\\");
  expect(latex).toContain('"quoted", 50 \\% & \\{3\\} \\\\');
  expect(latex).toContain("1 $\\pm$ 2");
  expect(latex).toContain("\\begin{tabular}{lr}");
});

test("figures have the digits that their interval leaves sense in", () => {
  expect(shown({ mean: 1234.5, halfWidth: 12, count: 3 })).toBe("1 235 ± 12");
  expect(shown({ mean: 0.01234, halfWidth: 0.001, count: 3 }, "s")).toBe("0.0123 ± 0.0010 s");
  expect(shown({ mean: 7, halfWidth: Number.NaN, count: 1 })).toBe("7.00");
  expect(shown(undefined)).toBe("–");
  expect([0, 5, 55.56, 1_234_567].map(plain)).toStrictEqual(["0", "5.00", "55.6", "1 234 567"]);
});

test("a cell that is finished is there for the next run, and another seed's are refused", () => {
  const settings = { isQuick: true, seed: 1, seconds: 2, window: 100 };
  const { base } = testData();
  const [cell] = base.cells as [(typeof base.cells)[number]];
  const files = openCellFiles(folder, settings);
  expect(files.load(cell.name)).toBeUndefined();
  files.save(cell);
  expect(openCellFiles(folder, settings).load(cell.name)).toStrictEqual(JSON.parse(JSON.stringify(cell)));
  expect(() => openCellFiles(folder, { ...settings, seed: 2 })).toThrow("other settings");
});

test("every table has as many cells in a row as columns, and says how the four rates are told apart", () => {
  const tables = paperTables(testData());
  for (const { id, columns, rows } of tables) {
    expect(rows.length, id).toBeGreaterThan(0);
    for (const row of rows) expect(row.length, `${id}: ${row[0]}`).toBe(columns.length);
    expect(rows.flat().join(" "), id).not.toMatch(/NaN|undefined|Infinity/);
  }
  const throughput = tables.find(({ id }) => id === "throughput");
  // 1000 updates a second of 180 readings each; one reading each where they are raw.
  expect(throughput?.rows.map(([design, , , , finalised]) => [design, finalised])).toStrictEqual([
    ["raw readings on chain", "1 000 ± 0"],
    ["BigchainDB model", "180 000 ± 0"],
    ["hybrid, fingerprints", "180 000 ± 0"],
    ["hybrid, readings root", "180 000 ± 0"],
    ["D5.1, second tier", "–"],
  ]);
});

test("a prosumer-year on chain is the bytes of an update times the updates of 365 days", () => {
  const costs = paperTables(testData()).find(({ id }) => id === "costs");
  expect(costs?.rows.map((row) => row[3])).toStrictEqual(["2 523", "14.0", "14.0", "14.0"]);
});

test("figures draw all that was measured, with D5.1's points and BEP-23's rate beside it", () => {
  const figures = new Map(paperFigures(testData()).map(({ id, plot }) => [id, plot]));
  expect([...figures.keys()]).toStrictEqual(["fig12", "fig26", "fig27", "finality"]);
  // The last half second of a run is not whole; 1000 in one are 2000 a second.
  expect(figures.get("fig12")?.series.map(({ points }) => points.length)).toStrictEqual([3, 3, 3, 3, 2]);
  const [first, , , last] = figures.get("fig12")?.series ?? [];
  expect(first?.points[1]).toStrictEqual({ x: expect.closeTo(0.705), y: 2_000, low: 2_000, high: 2_000 });
  expect(last?.points[1]?.x).toBeCloseTo(0.795);
  const paper = figures.get("fig27")?.series.find(({ name }) => name.startsWith("D5.1"));
  expect(paper?.points).toStrictEqual([{ x: 2_000, y: 540 }]);
  expect(figures.get("fig27")?.series[0]?.points).toMatchObject([{ x: 600, y: 0.6 }]);
});

test("a linear axis begins at 0 and reaches over error bars", () => {
  const svg = linearPlot([{ x: 1, y: 80, low: 60, high: 103 }]);
  expect(svg).toContain(">0<");
  expect(svg).toContain(">120<");
  expect(svg.match(/<path d="M[\d.]+,[\d.]+h8/g)).toHaveLength(1);
});

test("progress says how far it is and how long the rest may take", () => {
  expect(progressLine(1, 4, 60_000, "signing")).toBe("[######------------------] 1/4 · 3 min left · signing");
  expect(progressLine(0, 4, 10, "")).toBe("[------------------------] 0/4");
});

test("the README's tables are put between its markers, and only there", () => {
  const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
  const changed = withMarkedPart(readme, "new");
  expect(markedPart(changed)).toBe("new");
  expect(withMarkedPart(changed, markedPart(readme) ?? "")).toBe(readme);
  expect(() => withMarkedPart("no markers", "new")).toThrow(RangeError);
});

test("what the README has between its markers has the form that the generator gives", () => {
  const part = markedPart(readFileSync(new URL("../../README.md", import.meta.url), "utf8")) ?? "";
  const formOf = (text: string): readonly string[] =>
    text
      .split("\n")
      .map((line) => (line.startsWith("| ") ? line.replace(/(?<=\| )[–\d][^|a-z]*(µ?s |s )?(?=\|)/g, "N ") : line));
  const [source = "", ...made] = formOf(readmeTables(paperTables(testData()), "SOURCE"));
  const [shownSource = "", ...committed] = formOf(part);
  expect(source).toBe("SOURCE");
  expect(shownSource).toMatch(/^`npm run paper -- --quick`, \d{4}-\d\d-\d\d, commit [0-9a-f]{12}/);
  expect(committed).toStrictEqual(made);
  expect(README_TABLES.length).toBeGreaterThanOrEqual(3);
});
