import { createRequire } from "node:module";

/** What is used of the npm package `solc`, the compiler itself as WebAssembly; it has no types of its own. */
export interface Solc {
  version(): string;
  compile(
    input: string,
    callbacks?: { readonly import: (path: string) => { contents: string } | { error: string } },
  ): string;
}

/** 9 MB of WebAssembly: loaded where it is needed only. It hangs its own handlers on the process, which are taken off again. */
export function loadSolc(): Solc {
  const before = new Map(EVENTS.map((event) => [event, new Set(process.listeners(event))]));
  const solc = createRequire(import.meta.url)("solc") as Solc;
  for (const event of EVENTS)
    for (const listener of process.listeners(event))
      if (!before.get(event)?.has(listener)) process.removeListener(event, listener as () => void);
  return solc;
}

const EVENTS = ["uncaughtException", "unhandledRejection"] as unknown as readonly "beforeExit"[];
