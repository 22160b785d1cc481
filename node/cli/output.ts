import type { CliIo } from "./io.ts";

/** Rows under their column names, columns aligned with two spaces between; numbers are right-aligned. Without rows, `(none)`. */
export function table(columns: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  if (rows.length === 0) return "(none)\n";
  const cells = [columns, ...rows.map((row) => row.map(String))];
  const widths = columns.map((_, column) => Math.max(...cells.map((row) => (row[column] ?? "").length)));
  const isNumeric = columns.map((_, column) => rows.every((row) => /^-?[\d.,]+$/.test(String(row[column] ?? ""))));
  const lines = cells.map((row) =>
    row
      .map((cell, column) =>
        isNumeric[column] ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
      )
      .join("  ")
      .trimEnd(),
  );
  return `${lines.join("\n")}\n`;
}

/** Names and values in two columns; values that are undefined are left out. */
export function facts(pairs: readonly (readonly [name: string, value: string | number | undefined])[]): string {
  const shown = pairs.filter(([, value]) => value !== undefined);
  const width = Math.max(...shown.map(([name]) => name.length));
  return shown.map(([name, value]) => `${name.padEnd(width)}  ${value}\n`).join("");
}

const COLOURS = { red: 31, green: 32, yellow: 33, bold: 1, dim: 2 } as const;

export function paint(io: CliIo, colour: keyof typeof COLOURS, text: string): string {
  return io.colour ? `\x1b[${COLOURS[colour]}m${text}\x1b[0m` : text;
}

/** One JSON value on standard output with `--json`, else the text for people. */
export function show(io: CliIo, json: boolean, value: unknown, text: () => string): void {
  io.out(json ? `${JSON.stringify(value)}\n` : text());
}

/** Control characters of foreign texts (logs, memos, monikers) would reach the terminal; they are shown as escapes. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return text.replace(/[\x00-\x1f\x7f-\x9f]/g, (character) => JSON.stringify(character).slice(1, -1));
}
