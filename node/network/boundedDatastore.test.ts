import { expect, test } from "vitest";
import { createBoundedDatastore } from "./boundedDatastore.ts";

type Key = Parameters<ReturnType<typeof createBoundedDatastore>["put"]>[0];
const key = (name: string) => ({ toString: () => name }) as Key;

async function all<T>(source: Iterable<T> | AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

test("beyond its size the store forgets what was written longest ago", async () => {
  const store = createBoundedDatastore(2);
  for (const name of ["/a", "/b", "/a", "/c"]) await store.put(key(name), Uint8Array.of(name.length));
  expect([store.has(key("/a")), store.has(key("/b")), store.has(key("/c"))]).toEqual([true, false, true]);
  expect(() => store.get(key("/b"))).toThrow(expect.objectContaining({ name: "NotFoundError" }));
});

test("a value at the size limit is kept and one byte more is DATASTORE_VALUE_TOO_LARGE", () => {
  const store = createBoundedDatastore(2);
  expect(store.put(key("/a"), new Uint8Array(16_384))).toBeDefined();
  expect(() => store.put(key("/b"), new Uint8Array(16_385))).toThrow(
    expect.objectContaining({ code: "DATASTORE_VALUE_TOO_LARGE" }),
  );
});

test("queries filter by prefix and filter, order, skip and cut; batches write and delete", async () => {
  const store = createBoundedDatastore(10);
  const batch = store.batch();
  for (const name of ["/x/1", "/x/2", "/x/3", "/y/1"]) batch.put(key(name), Uint8Array.of(Number(name.at(-1))));
  batch.delete(key("/x/2"));
  await batch.commit();
  const names = async (query: object) => (await all(store.query(query))).map((pair) => pair.key.toString());
  expect(await names({ prefix: "/x" })).toEqual(["/x/1", "/x/3"]);
  expect(await names({ orders: [() => 0], offset: 1, limit: 1 })).toEqual(["/x/3"]);
  expect(await names({ filters: [({ value }: { value: Uint8Array }) => value[0] === 1] })).toEqual(["/x/1", "/y/1"]);
  expect((await all(store.queryKeys({ prefix: "/y" }))).map(String)).toEqual(["/y/1"]);
  await all(store.deleteMany([key("/x/1")]));
  await all(store.putMany([{ key: key("/z"), value: Uint8Array.of(9) }]));
  expect(await all(store.getMany([key("/z")]))).toMatchObject([{ value: Uint8Array.of(9) }]);
});
