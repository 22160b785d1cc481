/** A line on a terminal that is written over; nothing where there is no terminal. */
export interface Progress {
  show(done: number, of: number, note: string): void;
  end(): void;
}

const BAR_WIDTH = 30;

export function createProgress(stream: NodeJS.WriteStream = process.stderr): Progress {
  const startedMs = performance.now();
  if (!stream.isTTY) return { show: () => undefined, end: () => undefined };
  return {
    show(done, of, note) {
      const filled = Math.round((BAR_WIDTH * done) / Math.max(1, of));
      const bar = "#".repeat(filled).padEnd(BAR_WIDTH, ".");
      const leftMs = done === 0 ? 0 : ((performance.now() - startedMs) / done) * (of - done);
      stream.write(`\r\x1b[K[${bar}] ${done}/${of}  ${note}  ${Math.ceil(leftMs / 1000)} s left`);
    },
    end: () => void stream.write("\r\x1b[K"),
  };
}
