/** Work that is wanted again and again, done once at a time: what was wanted meanwhile is done once more behind it. */
export interface OneAtATime {
  want(): void;
  /** No further work begins; settles when that which is under way has ended. */
  stop(): Promise<void>;
}

/** `work` that rejects is told to `onError`, and the next time it is wanted it is tried again. */
export function oneAtATime(work: () => Promise<void>, onError: (error: unknown) => void): OneAtATime {
  let running: Promise<void> | undefined;
  let isWanted = false;
  let isStopped = false;
  const run = async () => {
    while (isWanted && !isStopped) {
      isWanted = false;
      await work().catch(onError);
    }
    running = undefined;
  };
  return {
    want() {
      isWanted = true;
      running ??= run();
    },
    async stop() {
      isStopped = true;
      await running;
    },
  };
}
