import type { CliIo } from "./io.ts";

/** A line on standard error that is drawn over itself while people watch. */
export interface Progress {
  readonly show: (text: string) => void;
  readonly bar: (done: number, total: number, what: string) => void;
  /** Removes the line. */
  readonly end: () => void;
}

const BAR_CHARS = 24;
const LINE_CHARS = 79;

/** Nothing is drawn where nobody watches. */
export function createProgress(io: CliIo, isQuiet: boolean): Progress {
  const isShown = io.colour && !isQuiet;
  let last = "";
  const show = (text: string): void => {
    if (!isShown || text === last) return;
    last = text;
    io.err(`\r${text.slice(0, LINE_CHARS).padEnd(LINE_CHARS)}`);
  };
  return {
    show,
    bar(done, total, what) {
      const filled = Math.round((done / Math.max(total, 1)) * BAR_CHARS);
      const percent = Math.floor((100 * done) / Math.max(total, 1));
      show(`${"█".repeat(filled).padEnd(BAR_CHARS, "░")} ${percent} % of ${total.toLocaleString("en")} ${what}`);
    },
    end() {
      if (last !== "") io.err(`\r${" ".repeat(LINE_CHARS)}\r`);
    },
  };
}
