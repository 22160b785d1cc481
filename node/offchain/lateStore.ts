import type {
  PutCounts,
  ReadingSeries,
  ReadingStore,
  StoredReading,
  TimeRange,
} from "#storage/offchain/readingStore.ts";
import { ReadingStoreError } from "#storage/offchain/readingStore.ts";
import type { Reading } from "#storage/types/reading.ts";

/** What a node does with its store. */
export type NodeStore = Pick<ReadingStore, "put" | "series" | "read">;

/**
 * A store that need not be there when the node starts: each use tries to open it until it is. Meters are read meanwhile.
 * @throws every use: what opening throws, ReadingStoreError READING_STORE_UNREACHABLE among it
 */
export class LateStore implements NodeStore, AsyncDisposable {
  readonly #open: () => Promise<ReadingStore>;
  #opening: Promise<ReadingStore> | undefined;
  #isClosed = false;

  constructor(open: () => Promise<ReadingStore>) {
    this.#open = open;
  }

  /** Opens it unless it is open. */
  opened(): Promise<ReadingStore> {
    if (this.#isClosed) throw new ReadingStoreError({ code: "READING_STORE_CLOSED" });
    this.#opening ??= this.#open().catch((error: unknown) => {
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }

  async put(readings: readonly Reading[]): Promise<PutCounts> {
    return (await this.opened()).put(readings);
  }

  async *series(meterId?: string): AsyncGenerator<ReadingSeries> {
    yield* (await this.opened()).series(meterId);
  }

  async *read(series: ReadingSeries, range?: TimeRange): AsyncGenerator<StoredReading> {
    yield* (await this.opened()).read(series, range);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    const store = await this.#opening?.catch(() => undefined);
    await store?.close();
  }
}
