/** A place in the line: `begin` waits until everyone drawn before has ended and the gate is open. */
export interface MempoolTurn {
  begin(): Promise<void>;
  end(): void;
}

export interface MempoolLock {
  draw(): MempoolTurn;
  /** Resolves while nobody has closed the gate. */
  open(): Promise<void>;
  close(): void;
  reopen(): void;
}

/** Turns in the order they were drawn, and a gate that stops them all while a block is committed. */
export function createMempoolLock(): MempoolLock {
  let last: Promise<void> = Promise.resolve();
  let gate: { readonly opened: Promise<void>; open(): void } | undefined;

  const open = async (): Promise<void> => {
    while (gate !== undefined) await gate.opened;
  };

  return {
    draw() {
      const before = last;
      const { promise, resolve } = Promise.withResolvers<void>();
      last = promise;
      return {
        async begin() {
          await before;
          await open();
        },
        // Whoever gives up before `begin` still keeps its successors behind its predecessors.
        end: () => void before.then(resolve),
      };
    },
    open,
    close() {
      if (gate !== undefined) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      gate = { opened: promise, open: resolve };
    },
    reopen() {
      gate?.open();
      gate = undefined;
    },
  };
}
