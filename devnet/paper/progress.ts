export interface Progress {
  say(text: string): void;
  /** One step is done. */
  advance(): void;
  end(): void;
}

const WIDTH = 24;

/** A bar on standard error with what is being done and how long the rest may take; on anything but a terminal, a line a step. */
export function createProgress(steps: number): Progress {
  const beganMs = performance.now();
  let done = 0;
  const show = (text: string): void => {
    if (process.stderr.isTTY)
      process.stderr.write(`\r\u001b[2K${progressLine(done, steps, performance.now() - beganMs, text)}`);
  };
  return {
    say: show,
    advance() {
      done += 1;
      if (process.stderr.isTTY) show("");
      else process.stderr.write(`${progressLine(done, steps, performance.now() - beganMs, "")}\n`);
    },
    end() {
      if (process.stderr.isTTY) process.stderr.write("\r\u001b[2K");
    },
  };
}

/** `[######------------------] 5/20 · 3 min left · what`. */
export function progressLine(done: number, steps: number, elapsedMs: number, text: string): string {
  const filled = Math.round((WIDTH * done) / steps);
  const leftMs = done === 0 ? undefined : (elapsedMs / done) * (steps - done);
  const left = leftMs === undefined ? "" : ` · ${Math.ceil(leftMs / 60_000)} min left`;
  return `[${"#".repeat(filled)}${"-".repeat(WIDTH - filled)}] ${done}/${steps}${left}${text === "" ? "" : ` · ${text}`}`;
}
