/** Lets so many pieces of work run at once; the others wait in the order in which they came. */
export interface Turns {
  /** Undefined when too many wait already. */
  run<T>(work: () => Promise<T>): Promise<T> | undefined;
}

export function createTurns(maxRunning: number, maxWaiting: number): Turns {
  const waiting: (() => void)[] = [];
  let running = 0;

  async function runInTurn<T>(turn: Promise<void> | undefined, work: () => Promise<T>): Promise<T> {
    await turn;
    try {
      return await work();
    } finally {
      // The place is handed on, so that nobody who comes now takes it before those who wait.
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    }
  }

  return {
    run(work) {
      if (running < maxRunning) {
        running += 1;
        return runInTurn(undefined, work);
      }
      if (waiting.length >= maxWaiting) return undefined;
      return runInTurn(new Promise<void>((resolve) => waiting.push(resolve)), work);
    },
  };
}
