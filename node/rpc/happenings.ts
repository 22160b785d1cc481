import type { CommittedBlock, Transition } from "#consensus/engine/ports.ts";

/** What subscribers are told about. */
export type Happening =
  | { readonly type: "block"; readonly committed: Pick<CommittedBlock, "block" | "blockId" | "response"> }
  | { readonly type: "transition"; readonly transition: Transition };

export interface Happenings {
  readonly tell: (happening: Happening) => void;
  readonly subscribe: (listener: (happening: Happening) => void) => () => void;
}

/** Between an engine and those who listen to it: exists before both. */
export function createHappenings(): Happenings {
  const listeners = new Set<(happening: Happening) => void>();
  return {
    tell(happening) {
      for (const listener of listeners) listener(happening);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
