import { expect, test } from "vitest";
import { MAX_PRUNED_HEADERS, openHeaderStore } from "./headerStore.ts";
import { createMemoryStore } from "./memoryStore.ts";

const header = (height: number, bytes = 40) => ({ height, bytes: new Uint8Array(bytes).fill(height) });
const trusted = (height: number) => Buffer.from(`light block ${height}`);

test("headers and the trusted block are kept over opening again, and counted", async () => {
  const store = createMemoryStore();
  const headers = await openHeaderStore(store);
  expect(await headers.loadTrusted()).toBeUndefined();
  expect(await headers.range()).toBeUndefined();
  await headers.save([header(5), header(6), header(7)], trusted(7));
  await headers.save([header(8, 60), header(8, 50)], trusted(8));
  const again = await openHeaderStore(store);
  expect(await again.load(6)).toEqual(header(6).bytes);
  expect(await again.load(9)).toBeUndefined();
  expect(Buffer.from((await again.loadTrusted()) as Uint8Array).toString()).toBe("light block 8");
  expect(await again.range()).toEqual({ from: 5, to: 8 });
  expect(await again.report()).toEqual({ headers: 4, headerBytes: 170, storeBytes: await store.sizeBytes() });
});

test("a header that is stored again counts once, with its new size", async () => {
  const headers = await openHeaderStore(createMemoryStore());
  await headers.save([header(1), header(2)], trusted(2));
  await headers.save([header(2, 70)], trusted(2));
  expect(await headers.report()).toMatchObject({ headers: 2, headerBytes: 110 });
});

test("pruning to a checkpoint removes the headers below it, in batches of a bounded size", async () => {
  const headers = await openHeaderStore(createMemoryStore());
  const count = MAX_PRUNED_HEADERS + 5;
  await headers.save(
    Array.from({ length: count }, (_, height) => header(height + 1, 2)),
    trusted(count),
  );
  expect(await headers.prune(1)).toBe(0);
  expect(await headers.prune(count)).toBe(MAX_PRUNED_HEADERS);
  expect(await headers.prune(count)).toBe(4);
  expect(await headers.range()).toEqual({ from: count, to: count });
  expect(await headers.report()).toMatchObject({ headers: 1, headerBytes: 2 });
});
