/** A table as data, from which Markdown, CSV and LaTeX are made. */
export interface Table {
  /** Name of its files. */
  readonly id: string;
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** What a reader has to know to read it. */
  readonly note?: string;
}

export function markdownOf({ columns, rows }: Pick<Table, "columns" | "rows">): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(columns), `|${columns.map(() => "---").join("|")}|`, ...rows.map(line)].join("\n");
}

/** RFC 4180. */
export function csvOf({ columns, rows }: Table): string {
  const cellOf = (cell: string): string => (/[",\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
  return `${[columns, ...rows].map((row) => row.map(cellOf).join(",")).join("\r\n")}\r\n`;
}

/** With rules of the package booktabs; words in the first column, figures in the others. */
export function latexOf({ id, title, columns, rows, note }: Table): string {
  const line = (cells: readonly string[]): string => `${cells.map(escapeLatex).join(" & ")} \\\\`;
  return [
    "\\begin{table}",
    "\\centering",
    `\\caption{${escapeLatex(title)}${note === undefined ? "" : `. ${escapeLatex(note)}`}}`,
    `\\label{tab:${id}}`,
    `\\begin{tabular}{l${"r".repeat(columns.length - 1)}}`,
    "\\toprule",
    line(columns),
    "\\midrule",
    ...rows.map(line),
    "\\bottomrule",
    "\\end{tabular}",
    "\\end{table}",
    "",
  ].join("\n");
}

const LATEX: Readonly<Record<string, string>> = {
  "\\": "\\textbackslash{}",
  "~": "\\textasciitilde{}",
  "^": "\\textasciicircum{}",
  "±": "$\\pm$",
  µ: "$\\mu$",
  "€": "\\texteuro{}",
  "×": "$\\times$",
  "÷": "$\\div$",
  "–": "--",
};

/** Character by character, so that what one replacement wrote is not replaced again. */
function escapeLatex(text: string): string {
  return text.replace(/[\\~^±µ€×÷–&%$#_{}]/g, (character) => LATEX[character] ?? `\\${character}`);
}
