/** A table with aligned columns; numbers right, text left. */
export function formatTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => stripColour(row[column] ?? "").length)),
  );
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, column) => {
        const padding = " ".repeat((widths[column] ?? 0) - stripColour(cell).length);
        return /^[\d.,–-]/.test(stripColour(cell)) ? padding + cell : cell + padding;
      })
      .join("  ")
      .trimEnd();
  return [line(header), ...rows.map(line)].join("\n");
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character is what a colour code starts with
const COLOUR = /\u001b\[[0-9;]*m/g;

function stripColour(text: string): string {
  return text.replace(COLOUR, "");
}

/**
 * Draws frames on a terminal in place of the last one; without a terminal each frame is a plain paragraph, so that a log
 * file stays readable. Returns a function that draws and one that leaves the last frame standing.
 */
export function createScreen(output: NodeJS.WriteStream): { draw(frame: string): void; close(): void } {
  let lines = 0;
  const terminal = output.isTTY === true;
  return {
    draw(frame) {
      const width = output.columns ?? 120;
      const shown = terminal
        ? frame
            .split("\n")
            .map((line) => (stripColour(line).length > width ? line.slice(0, width) : line))
            .join("\n")
        : frame;
      if (terminal && lines > 0) output.write(`\u001b[${lines}A\u001b[0J`);
      output.write(`${shown}\n`);
      lines = shown.split("\n").length;
    },
    close() {
      lines = 0;
    },
  };
}

export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  if (bytes < 1024 ** 2) return `${(bytes / 1024).toFixed(1)} KiB`;
  return `${(bytes / 1024 ** 2).toFixed(1)} MiB`;
}
