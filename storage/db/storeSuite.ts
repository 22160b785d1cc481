import fc from "fast-check";
import { expect, test } from "vitest";
import type { KeyRange, Store, StoreOperation } from "./store.ts";
import { MAX_STORE_KEY_BYTES } from "./store.ts";
import { StoreError } from "./storeError.ts";

export interface StoreUnderTest {
  readonly store: Store;
  /** Closes the store and opens what it left. */
  readonly reopen?: () => Promise<Store>;
  readonly dispose: () => Promise<void>;
}

const ALL = { gte: Uint8Array.of(), lt: Uint8Array.of(0xff, 0xff, 0xff) };

/** The claims every Store must meet; those on opening again only where something outlives the process. */
export function testStore(name: string, isPersistent: boolean, open: () => Promise<StoreUnderTest>): void {
  const withStore = (claim: string, run: (subject: StoreUnderTest) => Promise<void>) =>
    test(`${name}: ${claim}`, async () => {
      const subject = await open();
      try {
        await run(subject);
      } finally {
        await subject.dispose();
      }
    });

  withStore("a missing key is undefined and an empty value is not", async ({ store }) => {
    await store.batch([put("a", "")], { sync: false });
    expect(await store.get(bytes("a"))).toEqual(bytes(""));
    expect(await store.get(bytes("b"))).toBeUndefined();
  });

  withStore("keys come in the order of their bytes, unsigned, shorter first", async ({ store }) => {
    const keys = [[0x80], [], [0x7f, 0xff], [0x7f], [0xff], [0x00], [0x00, 0x00]].map((key) => Uint8Array.from(key));
    await store.batch(
      keys.filter((key) => key.length > 0).map((key) => ({ type: "put", key, value: key })),
      { sync: false },
    );
    expect(await keysOf(store, ALL)).toEqual(["00", "0000", "7f", "7fff", "80", "ff"]);
  });

  withStore("a range includes its start, excludes its end, and can be reversed and limited", async ({ store }) => {
    await store.batch(
      [..."abcdef"].map((key) => put(key, key)),
      { sync: false },
    );
    const range = { gte: bytes("b"), lt: bytes("e") };
    expect(await keysOf(store, range)).toEqual(["62", "63", "64"]);
    expect(await keysOf(store, { ...range, reverse: true })).toEqual(["64", "63", "62"]);
    expect(await keysOf(store, { ...range, limit: 2 })).toEqual(["62", "63"]);
    expect(await keysOf(store, { ...range, reverse: true, limit: 2 })).toEqual(["64", "63"]);
    expect(await keysOf(store, { ...range, limit: 0 })).toEqual([]);
    expect(await keysOf(store, { gte: bytes("e"), lt: bytes("b") })).toEqual([]);
  });

  withStore("a batch is applied in order, the last write of a key wins", async ({ store }) => {
    await store.batch([put("a", "1"), del("a"), put("b", "1"), put("b", "2"), put("c", "1"), del("c")], { sync: true });
    expect(await keysOf(store, ALL)).toEqual(["62"]);
    expect(await store.get(bytes("b"))).toEqual(bytes("2"));
  });

  withStore("a batch with an operation that is refused changes nothing", async ({ store }) => {
    await store.batch([put("a", "1")], { sync: false });
    const tooLong = { type: "put", key: new Uint8Array(MAX_STORE_KEY_BYTES + 1), value: bytes("x") } as const;
    const refused = store.batch([put("a", "2"), put("b", "2"), tooLong], { sync: false });
    await expect(refused).rejects.toMatchObject({ code: "STORE_KEY_TOO_LONG" });
    expect(await store.get(bytes("a"))).toEqual(bytes("1"));
    expect(await keysOf(store, ALL)).toEqual(["61"]);
    await store.batch([put("c".repeat(MAX_STORE_KEY_BYTES), "at the limit")], { sync: false });
    expect((await keysOf(store, ALL)).length).toBe(2);
  });

  withStore("an iterator shows the entries as they were when it was made", async ({ store }) => {
    await store.batch([put("a", "1"), put("b", "1"), put("c", "1")], { sync: false });
    const entries = store.iterate(ALL);
    await store.batch([del("a"), put("b", "2"), put("d", "2")], { sync: false });
    const seen: string[] = [];
    for await (const [key, value] of entries) seen.push(`${text(key)}=${text(value)}`);
    expect(seen).toEqual(["a=1", "b=1", "c=1"]);
    expect(await keysOf(store, ALL)).toEqual(["62", "63", "64"]);
  });

  withStore("an iterator that is left early holds nothing open", async ({ store }) => {
    await store.batch([put("a", "1"), put("b", "1")], { sync: false });
    for await (const [key] of store.iterate(ALL)) {
      expect(text(key)).toBe("a");
      break;
    }
    await store.close();
  });

  withStore("bytes are copied on the way in and on the way out", async ({ store }) => {
    const key = bytes("k");
    const value = bytes("value");
    const written = store.batch([{ type: "put", key, value }], { sync: false });
    key.fill(0);
    value.fill(0);
    await written;
    const read = await store.get(bytes("k"));
    expect(read).toEqual(bytes("value"));
    read?.fill(0);
    for await (const [, seen] of store.iterate(ALL)) seen.fill(0);
    expect(await store.get(bytes("k"))).toEqual(bytes("value"));
  });

  withStore("many entries are read in order across the chunks of an iterator", async ({ store }) => {
    const count = 3000;
    await store.batch(
      Array.from({ length: count }, (_, index) => put(String(index).padStart(6, "0"), `${index}`)),
      { sync: true },
    );
    let next = 0;
    for await (const [key, value] of store.iterate(ALL)) {
      expect(text(key)).toBe(String(next).padStart(6, "0"));
      expect(text(value)).toBe(`${next}`);
      next++;
    }
    expect(next).toBe(count);
    expect(await store.sizeBytes()).toBeGreaterThan(count * 6);
  });

  withStore("a closed store answers STORE_CLOSED, and may be closed again", async ({ store }) => {
    await store.batch([put("a", "1"), put("b", "2")], { sync: false });
    const begun = store.iterate(ALL)[Symbol.asyncIterator]();
    expect((await begun.next()).done).toBe(false);
    await store.close();
    await store.close();
    await expect(store.get(bytes("a"))).rejects.toMatchObject({ code: "STORE_CLOSED" });
    await expect(store.batch([put("a", "2")], { sync: true })).rejects.toMatchObject({ code: "STORE_CLOSED" });
    await expect(store.sizeBytes()).rejects.toMatchObject({ code: "STORE_CLOSED" });
    expect(() => store.iterate(ALL)).toThrow(StoreError);
    await expect(begun.next()).rejects.toMatchObject({ code: "STORE_CLOSED" });
  });

  if (isPersistent)
    withStore("what was written is there after opening again", async ({ store, reopen }) => {
      await store.batch([put("a", "1"), put("b", "2"), put("c", "3")], { sync: true });
      await store.batch([del("b")], { sync: false });
      const again = await (reopen as () => Promise<Store>)();
      expect(await keysOf(again, ALL)).toEqual(["61", "63"]);
      expect(await again.get(bytes("c"))).toEqual(bytes("3"));
    });

  withStore("any run of batches reads like a sorted map", async ({ store }) => {
    const key = fc.uint8Array({ minLength: 1, maxLength: 3, max: 3 });
    const value = fc.uint8Array({ maxLength: 4 });
    const operation = fc.oneof(
      fc.record({ type: fc.constant("put" as const), key, value }),
      fc.record({ type: fc.constant("del" as const), key }),
    );
    const range = fc.record({ gte: key, lt: key, reverse: fc.boolean(), limit: fc.nat(6) });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(operation, { maxLength: 12 }), { maxLength: 4 }),
        range,
        async (batches, part) => {
          const model = new Map<string, string>();
          for await (const [existing] of store.iterate(ALL))
            await store.batch([{ type: "del", key: existing }], { sync: false });
          for (const operations of batches) {
            await store.batch(operations, { sync: false });
            for (const each of operations) {
              if (each.type === "put") model.set(hex(each.key), hex(each.value));
              else model.delete(hex(each.key));
            }
          }
          const inRange = [...model]
            .filter(([hexKey]) => hexKey >= hex(part.gte) && hexKey < hex(part.lt))
            .sort(([a], [b]) => (a < b ? -1 : 1));
          if (part.reverse) inRange.reverse();
          const seen: [string, string][] = [];
          for await (const [entryKey, entryValue] of store.iterate(part)) seen.push([hex(entryKey), hex(entryValue)]);
          expect(seen).toEqual(inRange.slice(0, part.limit));
        },
      ),
      { numRuns: 60 },
    );
  });
}

function bytes(ascii: string): Uint8Array {
  return Uint8Array.from(Buffer.from(ascii, "latin1"));
}

function text(value: Uint8Array): string {
  return Buffer.from(value).toString("latin1");
}

function hex(value: Uint8Array): string {
  return Buffer.from(value).toString("hex");
}

function put(key: string, value: string): StoreOperation {
  return { type: "put", key: bytes(key), value: bytes(value) };
}

function del(key: string): StoreOperation {
  return { type: "del", key: bytes(key) };
}

async function keysOf(store: Store, range: KeyRange): Promise<string[]> {
  const keys: string[] = [];
  for await (const [key] of store.iterate(range)) keys.push(hex(key));
  return keys;
}
