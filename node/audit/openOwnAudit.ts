import { existsSync } from "node:fs";
import { join } from "node:path";
import { openHeaderStore } from "#storage/db/headerStore.ts";
import { type LevelStore, openLevelStore } from "#storage/db/levelStore.ts";
import { createHeaderKeeper } from "../light/headers.ts";
import { createOwnAudit, type OwnAudit } from "./ownAudit.ts";

/** A light node's data, opened. */
export interface OpenOwnAudit extends AsyncDisposable {
  readonly audit: OwnAudit;
  readonly store: LevelStore;
  /** Folder of the reading log. */
  readonly readings: string;
}

/** Whether the folder has the data of a light node. */
export function hasOwnAudit(data: string): boolean {
  return existsSync(join(data, "light", "CURRENT"));
}

/**
 * What a stopped light node has. data: the data folder of its home.
 * @throws StoreError STORE_LOCKED while it runs, STORE_CORRUPT with file and offset
 */
export async function openOwnAudit(data: string, ledgerId: string): Promise<OpenOwnAudit> {
  const store = await openLevelStore(join(data, "light"));
  try {
    const headers = createHeaderKeeper(await openHeaderStore(store), store);
    await headers.open();
    const readings = join(data, "readings");
    return {
      store,
      readings,
      audit: createOwnAudit(ledgerId, { store, readings, header: headers.load, proofs: undefined }),
      [Symbol.asyncDispose]: () => store.close(),
    };
  } catch (error) {
    await store.close();
    throw error;
  }
}
