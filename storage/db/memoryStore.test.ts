import { createMemoryStore } from "./memoryStore.ts";
import { testStore } from "./storeSuite.ts";

testStore("memory", false, async () => {
  const store = createMemoryStore();
  return { store, dispose: () => store.close() };
});
