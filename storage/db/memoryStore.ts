import { checkOperation, type KeyRange, type Store, type StoreEntry, type StoreOperation } from "./store.ts";
import { StoreError } from "./storeError.ts";

/** A Store that is gone with the process: for tests, the simulator, and light nodes without a disk. */
export function createMemoryStore(): Store {
  // Keys are latin1 strings: they compare as their bytes do, and a Map finds them by value.
  const values = new Map<string, Uint8Array>();
  let sortedKeys: string[] = [];
  let isSorted = true;
  let isClosed = false;

  function checkOpen(): void {
    if (isClosed) throw new StoreError({ code: "STORE_CLOSED" });
  }

  function entriesOf(range: KeyRange): readonly (readonly [string, Uint8Array])[] {
    if (!isSorted) {
      sortedKeys = [...values.keys()].sort((a, b) => (a < b ? -1 : 1));
      isSorted = true;
    }
    const keys = sortedKeys.slice(lowerBound(sortedKeys, latin1(range.gte)), lowerBound(sortedKeys, latin1(range.lt)));
    if (range.reverse === true) keys.reverse();
    return keys.slice(0, range.limit).map((key) => [key, values.get(key) as Uint8Array] as const);
  }

  return {
    async get(key) {
      checkOpen();
      return values.get(latin1(key))?.slice();
    },

    async batch(operations: readonly StoreOperation[]) {
      checkOpen();
      for (const operation of operations) checkOperation(operation);
      for (const operation of operations) {
        const key = latin1(operation.key);
        if (operation.type === "put") {
          if (!values.has(key)) isSorted = false;
          values.set(key, operation.value.slice());
        } else if (values.delete(key)) isSorted = false;
      }
    },

    iterate(range) {
      checkOpen();
      // Values are replaced, never changed, so holding on to them is a snapshot.
      const entries = entriesOf(range);
      async function* read(): AsyncGenerator<StoreEntry> {
        for (const [key, value] of entries) {
          checkOpen();
          yield [Uint8Array.from(Buffer.from(key, "latin1")), value.slice()];
        }
      }
      return read();
    },

    async sizeBytes() {
      checkOpen();
      let bytes = 0;
      for (const [key, value] of values) bytes += key.length + value.length;
      return bytes;
    },

    async close() {
      isClosed = true;
    },
  };
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

/** Index of the first key not below `key`. */
function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
